"""Choose the rungs of the ladder this source can fill.

A rung is a box with a bitrate cap. The picture is fitted into the box with its own aspect (turned upright for
portrait), never enlarged, and every side is even because 4:2:0 chroma needs it. A 2.39:1 film keeps its 1080p rung
(1920x804), which a choice by height alone would lose. Where the source lies well between two boxes, its own size
becomes the top rung, so that nobody sees less than was uploaded.

Caps and QVBR levels are those of AWS's own VOD templates (video-on-demand-on-aws 6.1: 8.5, 6.0, 3.5, 1.5 and
0.4 Mb/s at levels 9, 8, 8, 7, 7).
"""

from __future__ import annotations

import dataclasses
from fractions import Fraction

from pipeline.media.errors import SourceRejected
from pipeline.media.source import VideoTrack


@dataclasses.dataclass(frozen=True)
class Box:
    """What a rung may fill. width >= height: portrait pictures turn the box. Bitrate at 30 frames per second."""

    name: str
    width: int
    height: int
    max_bitrate_bps: int
    quality: int


@dataclasses.dataclass(frozen=True)
class Rung:
    """One planned quality. width and height in pixels, even; quality is MediaConvert's QVBR level, 1 to 10."""

    name: str
    width: int
    height: int
    frame_rate: Fraction
    max_bitrate_bps: int
    quality: int


BOXES = (
    Box("1080p", 1920, 1080, 8_500_000, 9),
    Box("720p", 1280, 720, 6_000_000, 8),
    Box("540p", 960, 540, 3_500_000, 8),
    Box("360p", 640, 360, 1_500_000, 7),
    Box("270p", 480, 270, 400_000, 7),
)

#: Frame rates players and editors know. A measured rate is snapped to the nearest of them.
STANDARD_RATES = tuple(
    Fraction(rate)
    for rate in (
        "10",
        "12",
        "25/2",
        "15",
        "20",
        "24000/1001",
        "24",
        "25",
        "30000/1001",
        "30",
        "48",
        "50",
        "60000/1001",
        "60",
    )
)
_LEAST_BITRATE = 200_000
_SMALLEST_SIDE = 32  # MediaConvert's own limit for an output's Width and Height
_LARGEST_SIDE = 8192
_OWN_SIZE_BELOW = Fraction(9, 10)  # a top rung under 90 % of the source's width asks for one at the source's own size
_SMOOTH_FROM_HEIGHT = 720  # 50 and 60 frames per second are worth their bits from here up


def rungs_for(video: VideoTrack) -> tuple[Rung, ...]:
    """The ladder, best first: at least one rung, none larger than the source. Raises SourceRejected."""
    _check_size(video)
    smaller = [box for box in BOXES if _scale(video, box) <= 1]
    larger = [box for box in BOXES if box not in smaller]
    # A very wide or tall picture, fitted into a box, can fall below MediaConvert's smallest side.
    rungs = [rung for rung in (_rung(video, box, _scale(video, box)) for box in smaller) if _is_encodable(rung)]
    if larger and (not rungs or Fraction(_longer(rungs[0]), _longer(video)) < _OWN_SIZE_BELOW):
        least = rungs[0].max_bitrate_bps if rungs else _LEAST_BITRATE
        rungs.insert(0, _own_size_rung(video, larger[-1], least))
    if not rungs:
        raise _size_refused(video, f"fitted into {BOXES[0].name}, its shorter side falls below {_SMALLEST_SIDE}")
    return tuple(_without_repeats(rungs))


def frame_rate_for(video: VideoTrack) -> Fraction:
    """The constant rate of the best rung: variable and odd rates snapped to a standard one, never above 60."""
    rate = video.frame_rate
    while rate > 61:
        rate /= 2
    return min(STANDARD_RATES, key=lambda standard: abs(standard - rate))


def _check_size(video: VideoTrack) -> None:
    if min(video.width, video.height) < _SMALLEST_SIDE or _longer(video) > _LARGEST_SIDE:
        raise _size_refused(video, f"each side must lie between {_SMALLEST_SIDE} and {_LARGEST_SIDE}")


def _size_refused(video: VideoTrack, why: str) -> SourceRejected:
    return SourceRejected(
        "POLICY_PICTURE_SIZE",
        f"the picture is {video.width}x{video.height} pixels; {why}",
        {"width": video.width, "height": video.height},
    )


def _longer(picture: VideoTrack | Rung) -> int:
    return max(picture.width, picture.height)


def _is_encodable(rung: Rung) -> bool:
    return min(rung.width, rung.height) >= _SMALLEST_SIDE


def _scale(video: VideoTrack, box: Box) -> Fraction:
    """How much the picture must shrink to fit the box; above 1 it would have to grow."""
    width, height = max(video.width, video.height), min(video.width, video.height)
    return min(Fraction(box.width, width), Fraction(box.height, height))


def _rung(video: VideoTrack, box: Box, scale: Fraction) -> Rung:
    width, height = _even(video.width * scale, video.width), _even(video.height * scale, video.height)
    rate = frame_rate_for(video)
    if rate > 30 and box.height < _SMOOTH_FROM_HEIGHT:
        rate /= 2
    cap = box.max_bitrate_bps * 3 // 2 if rate > 30 else box.max_bitrate_bps
    return Rung(box.name, width, height, rate, cap, box.quality)


def _own_size_rung(video: VideoTrack, box: Box, least: int) -> Rung:
    """The source's own size, with the share of the box's bitrate that its area fills, but never below the next rung."""
    rung = _rung(video, box, Fraction(1))
    filled = Fraction(rung.width * rung.height, box.width * box.height)
    cap = max(least, int(rung.max_bitrate_bps * min(Fraction(1), filled)))
    return dataclasses.replace(rung, name=f"{rung.width}x{rung.height}", max_bitrate_bps=cap)


def _without_repeats(rungs: list[Rung]) -> list[Rung]:
    """Two boxes can give the same size: the better one stays."""
    kept: dict[tuple[int, int], Rung] = {}
    for rung in rungs:
        kept.setdefault((rung.width, rung.height), rung)
    return list(kept.values())


def _even(length: Fraction, most: int) -> int:
    """The nearest even number; the next lower one where that would enlarge the source by a line."""
    nearest = 2 * round(length / 2)
    return nearest if nearest <= most else nearest - 2
