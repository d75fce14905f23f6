"""The picture's codecs: which settings belong to which, and what each needs to be encoded. Pure.

In: an output's VideoDescription.CodecSettings. Out: its settings, depth, GOP and encoder options. What can go wrong:
`JobRefused` 1040.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from pipeline.local.mediaconvert import av1, encoders, hdr, hevc
from pipeline.local.mediaconvert.planned import Picture

SETTINGS = {"H_264": "H264Settings", "H_265": "H265Settings", "AV1": "Av1Settings"}


def settings_of(codec: Mapping[str, Any]) -> Mapping[str, Any]:
    return codec[SETTINGS[codec["Codec"]]]


def depth_of(codec: Mapping[str, Any]) -> int:
    """Bits of each sample."""
    settings = settings_of(codec)
    return {"H_264": lambda _: 8, "H_265": hevc.depth, "AV1": av1.depth}[codec["Codec"]](settings)


def max_bitrate(codec: Mapping[str, Any]) -> int:
    return encoders.max_bitrate(settings_of(codec))


def gop_frames(codec: Mapping[str, Any], rate: Fraction) -> int:
    settings = settings_of(codec)
    return encoders.gop_frames(settings | {"GopSizeUnits": "FRAMES"} if _av1_gop(codec) else settings, rate)


def _av1_gop(codec: Mapping[str, Any]) -> bool:
    """Av1Settings.GopSize: "Specify the GOP length (keyframe interval) in frames"."""
    return codec["Codec"] == "AV1" and "GopSize" in codec["Av1Settings"]


def options(
    place: str,
    codec: Mapping[str, Any],
    picture: Picture,
    rate: Fraction,
    gop: int,
    seconds: float | None = None,
    metadata: hdr.Metadata | None = None,
) -> dict[str, Any]:
    """`seconds`: the film's length. `metadata`: what an HDR picture says of its mastering."""
    settings = settings_of(codec)
    if codec["Codec"] == "H_265":
        return hevc.options(place, settings, picture, rate, gop, seconds, metadata)
    if codec["Codec"] == "AV1":
        return av1.options(settings, picture, gop, metadata)
    return encoders.x264_options(place, settings, picture, rate, gop, seconds)
