"""HDR10's static metadata: from the source or the job into the encoders and the init segment. Pure.

In: ffprobe's side data of the picture, or MediaConvert's Hdr10Metadata. Out: parameters of x265 and SVT-AV1, and the
boxes mdcv and clli. ffmpeg passes these from a frame to the encoder, but not through its `split` filter (9.0), and here
every picture is split; so what is known is told to each.

Units are MediaConvert's and the standards': primaries in 0.00002, luminance in 0.0001 candela per square metre.
"""

from __future__ import annotations

import dataclasses
import struct
from collections.abc import Mapping
from fractions import Fraction
from typing import Any


@dataclasses.dataclass(frozen=True)
class Metadata:
    """Mastering display: x and y of green, blue, red and white, highest and lowest luminance; then light levels."""

    mastering: tuple[int, ...] | None  # ten numbers in the order of SMPTE ST 2086's SEI message
    max_content: int = 0
    max_average: int = 0


def probed(side_data: list[Mapping[str, Any]]) -> Metadata | None:
    found = {entry.get("side_data_type", ""): entry for entry in reversed(side_data)}
    display = found.get("Mastering display metadata", {})
    light = found.get("Content light level metadata", {})
    mastering = None
    if "red_x" in display:
        chroma = [display[f"{name}_{axis}"] for name in ("green", "blue", "red", "white_point") for axis in "xy"]
        luminance = [display.get(f"{end}_luminance", "0/1") for end in ("max", "min")]
        mastering = (*(_times(text, 50_000) for text in chroma), *(_times(text, 10_000) for text in luminance))
    if mastering is None and not light:
        return None
    return Metadata(mastering, int(light.get("max_content", 0)), int(light.get("max_average", 0)))


def _times(text: str, unit: int) -> int:
    numerator, _, denominator = str(text).partition("/")
    return round(Fraction(int(numerator), int(denominator or 1) or 1) * unit)


def configured(settings: Mapping[str, int] | None) -> Metadata | None:
    """MediaConvert's Hdr10Metadata; None when the job has none."""
    if not settings:
        return None
    names = [f"{name}{axis}" for name in ("GreenPrimary", "BluePrimary", "RedPrimary", "WhitePoint") for axis in "XY"]
    numbers = tuple(settings.get(name, 0) for name in (*names, "MaxLuminance", "MinLuminance"))
    light = settings.get("MaxContentLightLevel", 0), settings.get("MaxFrameAverageLightLevel", 0)
    return Metadata(numbers if any(numbers) else None, *light)


def x265_parameters(metadata: Metadata | None) -> list[str]:
    if metadata is None:
        return []
    found = ["hdr10=1"]
    if metadata.mastering:
        gx, gy, bx, by, rx, ry, wx, wy, high, low = metadata.mastering
        found.append(f"master-display=G({gx},{gy})B({bx},{by})R({rx},{ry})WP({wx},{wy})L({high},{low})")
    if metadata.max_content:
        found.append(f"max-cll={metadata.max_content},{metadata.max_average}")
    return found


def svtav1_parameters(metadata: Metadata | None) -> list[str]:
    if metadata is None:
        return []
    found = []
    if metadata.mastering:
        gx, gy, bx, by, rx, ry, wx, wy = (f"{number / 50_000:.5f}" for number in metadata.mastering[:8])
        high, low = (f"{number / 10_000:.4f}" for number in metadata.mastering[8:])
        found.append(f"mastering-display=G({gx},{gy})B({bx},{by})R({rx},{ry})WP({wx},{wy})L({high},{low})")
    if metadata.max_content:
        found.append(f"content-light={metadata.max_content},{metadata.max_average}")
    return found


# --- the init segment ------------------------------------------------------------------------------------------------

_CONTAINERS = (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd")


def described(init: bytes, metadata: Metadata | None) -> bytes:
    """An init segment whose sample entry has the boxes of the metadata; one that has them already stays as it is."""
    if metadata is None or b"mdcv" in init or b"clli" in init:
        return init
    added = b"".join(_boxes(metadata))
    ancestors, start, end = [], 0, len(init)
    for kind in _CONTAINERS:
        start, end = _child(init, start, end, kind)
        ancestors.append(start)
        start += 16 if kind == b"stsd" else 8
    entry, size = start, struct.unpack_from(">I", init, start)[0]
    patched = bytearray(init)
    for at in (*ancestors, entry):
        struct.pack_into(">I", patched, at, struct.unpack_from(">I", init, at)[0] + len(added))
    return bytes(patched[: entry + size]) + added + bytes(patched[entry + size :])


def _boxes(metadata: Metadata) -> list[bytes]:
    """ISO/IEC 14496-12: mdcv has green, blue and red as the SEI message, luminance in 0.0001 cd/m2."""
    found = [b""]
    if metadata.mastering:
        found.append(struct.pack(">I4s8H2I", 32, b"mdcv", *metadata.mastering))
    if metadata.max_content:
        found.append(struct.pack(">I4s2H", 12, b"clli", metadata.max_content, metadata.max_average))
    return found


def _child(data: bytes, start: int, end: int, kind: bytes) -> tuple[int, int]:
    """Where a box begins and ends among those of a range."""
    while start + 8 <= end:
        size, found = struct.unpack_from(">I4s", data, start)
        if found == kind:
            return start, start + size
        start += max(8, size)
    raise ValueError(f"no {kind.decode()} in the init segment")
