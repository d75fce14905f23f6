"""Bring a sound to a loudness: MediaConvert's AudioNormalizationSettings. Pure.

In: the settings, and what ffmpeg's ebur128 filter printed while the sound was decoded once. Out: a gain, and the peak
that a limiter must hold. What can go wrong: nothing; a sound too quiet or too short to measure is left as it is.

Two passes, not one: the sound is decoded and measured first (some 100 times faster than it plays), then all of it gets
the same gain. ffmpeg's one-pass loudnorm turns the gain up and down as it goes, which breathes audibly, misses the
target in short films and works at 192 kHz. A limiter follows only where the gain would push peaks over the threshold.

The measure is BS.1770's: blocks of 400 ms, a quarter new each, gated at -70 LUFS and then at 10 LU below the mean of
what is left. ITU_BS_1770_1 is the ungated mean; 2, 3 and 4 differ in peaks and channels, not in the gates.
"""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

ABSOLUTE_GATE, RELATIVE_GATE = -70.0, -10.0
PARTIAL_BLOCKS = 3  # the filter's first three blocks reach back before the beginning
KEYS = {"blocks": "lavfi.r128.M", "peak": "lavfi.r128.true_peak"}


@dataclasses.dataclass(frozen=True)
class Wanted:
    """What a job wants: LUFS, the level below which nothing is corrected, and dBFS that peaks must not exceed."""

    target: float
    gate: float
    peak: float
    gated: bool


@dataclasses.dataclass(frozen=True)
class Measured:
    loudness: float | None  # LUFS; None for silence and for less than half a second
    peak: float  # true peak in dBFS


def wanted(settings: Mapping[str, Any] | None) -> Wanted | None:
    """None when there is nothing to correct."""
    if not settings or settings.get("AlgorithmControl", "CORRECT_AUDIO") != "CORRECT_AUDIO":
        return None
    return Wanted(
        target=float(settings.get("TargetLkfs", -24.0)),
        gate=float(settings.get("CorrectionGateLevel", ABSOLUTE_GATE)),
        peak=float(settings.get("TruePeakLimiterThreshold", 0.0)),
        gated=settings.get("Algorithm") != "ITU_BS_1770_1",
    )


def read(folder: Path, stem: str, wish: Wanted) -> Measured:
    """From the two files that the analysis wrote for a sound."""
    blocks = list(_values(folder / f"{stem}.blocks", KEYS["blocks"]))[PARTIAL_BLOCKS:]
    peak = max(_values(folder / f"{stem}.peak", KEYS["peak"]), default=0.0)
    return Measured(integrated(blocks, wish.gated), 20 * math.log10(peak) if peak > 0 else -math.inf)


def _values(path: Path, key: str) -> Iterable[float]:
    pattern = re.compile(rf"{re.escape(key)}=(-?[\d.]+)")
    with path.open() as lines:
        for line in lines:
            if found := pattern.match(line):
                yield float(found.group(1))


def integrated(blocks: list[float], gated: bool = True) -> float | None:
    """Loudness of a whole sound from its blocks' loudness, in LUFS."""
    powers = [10 ** (block / 10) for block in blocks if not gated or block > ABSOLUTE_GATE]
    if not powers:
        return None
    mean = sum(powers) / len(powers)
    if gated:
        threshold = mean * 10 ** (RELATIVE_GATE / 10)
        powers = [power for power in powers if power > threshold]
        mean = sum(powers) / len(powers)
    loudness = 10 * math.log10(mean) if mean > 0 else -math.inf
    return loudness if loudness > ABSOLUTE_GATE else None


def gain_db(wish: Wanted, measured: Measured) -> float:
    if measured.loudness is None or measured.loudness < wish.gate:
        return 0.0
    return round(wish.target - measured.loudness, 2)


def limited(wish: Wanted, measured: Measured) -> bool:
    """Whether peaks would exceed the threshold after the gain."""
    return measured.peak + gain_db(wish, measured) > wish.peak
