"""Choose the rungs of the ladder this source can fill.

A rung is a box with a bitrate cap (profiles.toml). The picture is fitted into the box with its own aspect (turned
upright for portrait), never enlarged, and every side is even because 4:2:0 chroma needs it. A 2.39:1 film keeps its
1080p rung (1920x804), which a choice by height alone would lose; it gets the share of the cap that its area fills.
Where the source lies well between two boxes, its own size becomes the top rung, so that nobody sees less than was
uploaded.
"""

from __future__ import annotations

import dataclasses
from fractions import Fraction

from pipeline.media.errors import SourceRejected
from pipeline.media.profiles import Box
from pipeline.media.source import VideoTrack


@dataclasses.dataclass(frozen=True)
class Rung:
    """One planned quality. width and height in pixels, even; quality is MediaConvert's QVBR level, 1 to 10.

    name is the rendition's in every manifest: `1080p` in H.264, `1080p_hevc` and `1080p_av1` beside it. codec is h264,
    hevc or av1; video_range SDR, PQ or HLG.
    """

    name: str
    width: int
    height: int
    frame_rate: Fraction
    max_bitrate_bps: int
    quality: float
    codec: str = "h264"
    video_range: str = "SDR"


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
_FASTEST = 61
_SLOWEST_VARIABLE = Fraction(23)  # a variable film that averages less has pauses; its moving parts are faster


def rungs_for(
    video: VideoTrack, boxes: tuple[Box, ...], codec: str = "h264", video_range: str = "SDR"
) -> tuple[Rung, ...]:
    """The ladder, best first: at least one rung, none larger than the source. Raises SourceRejected."""
    _check_size(video)
    smaller = [box for box in boxes if _scale(video, box) <= 1]
    larger = [box for box in boxes if box not in smaller]
    # A very wide or tall picture, fitted into a box, can fall below MediaConvert's smallest side.
    rungs = [rung for rung in (_rung(video, box, _scale(video, box)) for box in smaller) if _is_encodable(rung)]
    if larger and (not rungs or Fraction(_longer(rungs[0]), _longer(video)) < _OWN_SIZE_BELOW):
        least = rungs[0].max_bitrate_bps if rungs else _LEAST_BITRATE
        rungs.insert(0, _own_size_rung(video, larger[-1], least))
    if not rungs:
        raise _size_refused(video, f"fitted into {boxes[0].name}, its shorter side falls below {_SMALLEST_SIDE}")
    suffix = "" if codec == "h264" else f"_{codec}"
    return tuple(
        dataclasses.replace(rung, name=rung.name + suffix, codec=codec, video_range=video_range)
        for rung in _without_repeats(rungs)
    )


def frame_rate_for(video: VideoTrack) -> Fraction:
    """The constant rate of the best rung: snapped to a standard one, never above 60.

    A variable rate's average lies below what its moving parts have, so it is snapped upwards: a frame shown twice
    costs no bits, a dropped one is seen.
    """
    rate = video.frame_rate
    while rate > _FASTEST:
        rate /= 2
    nearest = min(STANDARD_RATES, key=lambda standard: abs(standard - rate))
    if video.variable_rate and (nearest < _SLOWEST_VARIABLE or abs(nearest - rate) > rate / 100):
        least = max(rate, _SLOWEST_VARIABLE)
        return next((standard for standard in STANDARD_RATES if standard >= least), STANDARD_RATES[-1])
    return nearest


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
    cap = box.max_bitrate_bps * (Fraction(3, 2) if rate > 30 else 1)
    filled = min(Fraction(1), Fraction(width * height, box.width * box.height))
    # In whole kilobits: a cap is a promise to networks, not a measurement.
    least = min(_LEAST_BITRATE, box.max_bitrate_bps)
    return Rung(box.name, width, height, rate, max(least, int(cap * filled) // 1000 * 1000), box.quality)


def _own_size_rung(video: VideoTrack, box: Box, least: int) -> Rung:
    """The source's own size, with the share of the box's bitrate that its area fills, but never below the next rung."""
    rung = _rung(video, box, Fraction(1))
    return dataclasses.replace(
        rung, name=f"{rung.width}x{rung.height}", max_bitrate_bps=max(least, rung.max_bitrate_bps)
    )


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
