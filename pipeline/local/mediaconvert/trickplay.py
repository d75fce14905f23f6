"""Plan images for trick play: MediaConvert's ImageBasedTrickPlay as grids of thumbnails. Pure.

In: the settings of a CMAF, HLS or DASH group and its renditions. Out: `Tiles`, one for each set of images; what they
look like in playlists is in manifests.py. What can go wrong: `JobRefused` 1040, a grid higher or wider than an image
may be, or a group without a picture.

AWS documents the settings and not the files. What is ours to choose stands here: a set's files are
`<base>_thumbnail_000000001.jpg` (`_fullframe` for whole frames, `_thumbnail2` for a second variant) and its playlist
`<base>_thumbnail.m3u8`; a default grid is 3 by 3 with a thumbnail at every I-frame. Readers find the files through the
manifests, which name them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Any

from pipeline.local.mediaconvert.planned import JobRefused, Picture, Tiles, VideoRendition

DEFAULT_WIDTH = 312  # ThumbnailWidth: "Default is 312"
DEFAULT_GRID = 3
LARGEST_SIDE = 4096  # ThumbnailHeight: "a total tile height greater than 4096 ... will be rejected"


def tile_sets(
    index: int,
    settings: Mapping[str, Any],
    base: str,
    video: Sequence[VideoRendition],
    segment_seconds: Fraction,
    picture: Callable[[str, Mapping[str, Any]], Picture],
) -> tuple[Tiles, ...]:
    """`segment_seconds` is how long the group's segments really are; `picture` places the source in a frame with the
    Width and Height given."""
    place = f"OutputGroups[{index}]"
    wanted = list(_wanted(settings))
    if wanted and not video:
        raise JobRefused(1040, f"{place}: ImageBasedTrickPlay needs a video output in the same group")
    return tuple(
        _tiles(f"{place} {name}", base + name, f"tiles-{index}-{number}", one, video, segment_seconds, picture)
        for number, (name, one) in enumerate(wanted)
    )


def _wanted(settings: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The end of the name and the settings of every set of images."""
    kind = settings.get("ImageBasedTrickPlay", "NONE")
    if kind in ("THUMBNAIL", "THUMBNAIL_AND_FULLFRAME"):
        yield "_thumbnail", {}
    if kind == "THUMBNAIL_AND_FULLFRAME":
        yield "_fullframe", {"ThumbnailWidth": None, "TileWidth": 1, "TileHeight": 1}
    if kind == "ADVANCED":
        yield "_thumbnail", settings.get("ImageBasedTrickPlaySettings", {})
    if kind == "VARIANTS":
        for number, one in enumerate(settings.get("ImageBasedTrickPlayVariants", []), 1):
            yield f"_thumbnail{number if number > 1 else ''}", one


def _tiles(
    place: str,
    name: str,
    file: str,
    settings: Mapping[str, Any],
    video: Sequence[VideoRendition],
    segment_seconds: Fraction,
    picture: Callable[[str, Mapping[str, Any]], Picture],
) -> Tiles:
    largest = max(video, key=lambda rendition: rendition.picture.frame)
    columns, rows = settings.get("TileWidth", DEFAULT_GRID), settings.get("TileHeight", DEFAULT_GRID)
    if settings.get("ThumbnailWidth", DEFAULT_WIDTH) is None:
        thumbnail = largest.picture
    else:
        size = {"Width": settings.get("ThumbnailWidth", DEFAULT_WIDTH)}
        size |= {"Height": settings["ThumbnailHeight"]} if "ThumbnailHeight" in settings else {}
        thumbnail = picture(place, size)
    width, height = thumbnail.frame
    if max(width * columns, height * rows) > LARGEST_SIDE:
        raise JobRefused(
            1040,
            f"{place}: {columns}x{rows} thumbnails of {width}x{height} make an image of {width * columns}x"
            f"{height * rows}; neither side may be larger than {LARGEST_SIDE}",
        )
    return Tiles(
        name=name, file=file, picture=thumbnail, columns=columns, rows=rows,
        every_seconds=_interval(settings, video, segment_seconds),
        by_segment=settings.get("IntervalCadence") == "FOLLOW_SEGMENTATION",
    )  # fmt: skip


def _interval(settings: Mapping[str, Any], video: Sequence[VideoRendition], segment_seconds: Fraction) -> Fraction:
    """Seconds from thumbnail to thumbnail, a whole number of frames: "MediaConvert automatically rounds the interval
    to align with the output frame rate"."""
    fastest = max(video, key=lambda rendition: rendition.frame_rate)
    cadence = settings.get("IntervalCadence", "FOLLOW_IFRAME")
    if cadence == "FOLLOW_SEGMENTATION":
        return segment_seconds
    if cadence == "FOLLOW_IFRAME":
        return fastest.gop_frames / fastest.frame_rate
    wanted = Fraction(str(settings["ThumbnailInterval"]))
    return max(1, round(wanted * fastest.frame_rate)) / fastest.frame_rate
