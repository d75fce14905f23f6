"""Cut an input: MediaConvert's InputClippings as stretches of the source, in frames and seconds. Pure.

In: the input's clippings and how it counts its timecodes, the source's frame rate and length. Out: stretches in the
order of the film. What can go wrong: `JobRefused` 1040, a timecode that is not in the source, clips that overlap or go
back (a decoder goes forward).

"The frame corresponding to the End timecode value is included in the clip."
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from pipeline.local.mediaconvert.planned import JobRefused


@dataclasses.dataclass(frozen=True)
class Stretch:
    """Of the source, in seconds from its first frame; `end` is where the frame after the last begins, None its end."""

    start: Fraction
    end: Fraction | None

    def __str__(self) -> str:
        return f"{float(self.start):.3f}-{'' if self.end is None else f'{float(self.end):.3f}'}"


def stretches(source: Mapping[str, Any], rate: Fraction | None, embedded: str | None) -> tuple[Stretch, ...]:
    """`embedded`: the source's own first timecode. Empty when the whole film is wanted."""
    clippings = source.get("InputClippings", [])
    if not clippings:
        return ()
    if rate is None:
        raise JobRefused(1040, "Inputs[0].InputClippings: the source has no frame rate to count timecodes by")
    zero = _first_frame(source, rate, embedded)
    found: list[Stretch] = []
    for number, clipping in enumerate(clippings):
        place = f"Inputs[0].InputClippings[{number}]"
        start = _frames(clipping.get("StartTimecode"), rate, zero, place)
        end = _frames(clipping.get("EndTimecode"), rate, zero, place)
        stretch = Stretch((start or 0) / rate, None if end is None else (end + 1) / rate)
        before = found[-1] if found else None
        if stretch.end is not None and stretch.end <= stretch.start:
            raise JobRefused(1040, f"{place}: the clip ends before it starts")
        if before and (before.end is None or stretch.start < before.end):
            raise JobRefused(1040, f"{place}: the clip starts before the one in front of it ends ({before})")
        found.append(stretch)
    return tuple(found)


def _first_frame(source: Mapping[str, Any], rate: Fraction, embedded: str | None) -> int:
    """The number of the source's first frame, as its timecodes count. "If you don't specify a value for Timecode
    source, the service will use Embedded by default", and one without timecodes begins at zero."""
    way = source.get("TimecodeSource", "EMBEDDED")
    text = {"ZEROBASED": None, "SPECIFIEDSTART": source.get("TimecodeStart"), "EMBEDDED": embedded}[way]
    return frame_number(text, rate) if text else 0


def _frames(timecode: str | None, rate: Fraction, zero: int, place: str) -> int | None:
    if timecode is None:
        return None
    frames = frame_number(timecode, rate) - zero
    if frames < 0:
        raise JobRefused(1040, f"{place}: {timecode} is before the source's first frame")
    return frames


def frame_number(timecode: str, rate: Fraction) -> int:
    """Frames from 00:00:00:00. A semicolon drops numbers: two a minute (four at 59.94), but for every tenth."""
    hours, minutes, seconds, frames = (int(part) for part in re.split("[:;]", timecode))
    nominal = round(rate)
    number = ((hours * 60 + minutes) * 60 + seconds) * nominal + frames
    if ";" not in timecode:
        return number
    all_minutes = hours * 60 + minutes
    return number - (nominal // 15) * (all_minutes - all_minutes // 10)


def length(clips: Sequence[Stretch], whole: float | None) -> float | None:
    """How long the film is after cutting; `whole` is how long the source is."""
    seconds = 0.0
    for clip in clips:
        end = whole if clip.end is None else float(clip.end) if whole is None else min(float(clip.end), whole)
        if end is None:
            return None
        seconds += max(0.0, end - float(clip.start))
    return seconds


# --- filters ---------------------------------------------------------------------------------------------------------


def cut_picture(stream: Any, clips: Sequence[Stretch], rate: Fraction) -> Any:
    """The frames that begin within the stretches, one after the other on a clock from 0."""
    if not clips:
        return stream
    half = float(1 / rate / 2)  # a frame's time is rounded to its container's ticks
    if clips[-1].end is not None:  # so that nothing behind it is decoded
        stream = stream.filter("trim", end=f"{float(clips[-1].end) - half:.6f}")
    wanted = "+".join(_within(clip, half) for clip in clips)
    moved, at = [], Fraction(0)
    for clip in clips:
        moved.append(f"gte(T,{float(clip.start) - half:.6f})*{float(clip.start - at):.6f}")
        at = clip.end or clip.start
    return stream.filter("select", wanted).filter("setpts", f"PTS-({'+'.join(moved)})/TB")


def _within(clip: Stretch, half: float) -> str:
    begins = f"gte(t,{float(clip.start) - half:.6f})"
    return begins if clip.end is None else f"{begins}*lt(t,{float(clip.end) - half:.6f})"
