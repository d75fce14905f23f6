"""Captions as cues: read SubRip and WebVTT files, write WebVTT, whole or in segments. Pure.

In: a sidecar's bytes, or cues from the pictures (cea608.py). Out: WebVTT texts. What can go wrong: `CaptionsBroken`, a
file that is not UTF-8 (which is all MediaConvert takes, too) or in which no cue can be read.

Style and place are left out, as MediaConvert leaves them out unless StylePassthrough asks for them: cues are plain
text, and what would be markup to a player is escaped. A cue that reaches over the end of a segment is in both, with its
own times, as RFC 8216bis asks in 3.1.4.
"""

from __future__ import annotations

import bisect
import dataclasses
import html
import itertools
import re
from collections.abc import Iterator, Sequence

TICKS_PER_SECOND = 90_000  # of X-TIMESTAMP-MAP


class CaptionsBroken(Exception):
    """Captions cannot be read; the message says why."""


@dataclasses.dataclass(frozen=True)
class Cue:
    start_ms: int
    end_ms: int
    text: str  # plain, lines parted by "\n"


# --- reading ---------------------------------------------------------------------------------------------------------

_TIME = r"(?:(\d{1,3}):)?(\d{1,2}):(\d{1,2})[.,](\d{1,3})"
_TIMING = re.compile(rf"^\s*{_TIME}\s*-->\s*{_TIME}(?:\s.*)?$")
_TAG = re.compile(r"</?[A-Za-z][^<>]*>|<\d[\d:.]*>|\{\\[^{}]*\}")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


def read(kind: str, data: bytes) -> list[Cue]:
    """The cues of a file of MediaConvert's SourceType SRT or WEBVTT, in time order."""
    try:
        text = data.decode("utf-16" if data.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise CaptionsBroken(f"not UTF-8: {error.reason} at byte {error.start}") from error
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    if kind == "WEBVTT" and not lines[0].startswith("WEBVTT"):
        raise CaptionsBroken("does not begin with WEBVTT")
    cues = [cue for cue in _cues(lines, web=kind == "WEBVTT") if cue.text and cue.end_ms > cue.start_ms]
    if not cues:
        raise CaptionsBroken(f"no cue can be read as {kind} in {len(lines)} lines")
    return sorted(cues, key=lambda cue: (cue.start_ms, cue.end_ms))


def _cues(lines: Sequence[str], web: bool) -> Iterator[Cue]:
    """A timing line begins a cue. In WebVTT a blank line ends it; in SubRip only the next cue does."""
    starts = [index for index, line in enumerate(lines) if _TIMING.match(line)]
    for start, following in itertools.pairwise([*starts, len(lines)]):
        times = _TIMING.match(lines[start]).groups()
        text = list(lines[start + 1 : following])
        if not web and following < len(lines) and text and text[-1].strip().isdigit():
            text.pop()  # the next cue's number
        if web:
            text = list(itertools.takewhile(str.strip, text))
        yield Cue(_milliseconds(times[:4]), _milliseconds(times[4:]), _plain("\n".join(text)))


def _milliseconds(parts: Sequence[str | None]) -> int:
    hours, minutes, seconds, fraction = parts
    return ((int(hours or 0) * 60 + int(minutes)) * 60 + int(seconds)) * 1000 + int(fraction.ljust(3, "0"))


def _plain(text: str) -> str:
    plain = _CONTROL.sub("", html.unescape(_TAG.sub("", text)))
    return "\n".join(line for line in map(str.strip, plain.split("\n")) if line)


def shifted(cues: Sequence[Cue], by_ms: int, end_ms: int) -> list[Cue]:
    """Moved by TimeDelta, and cut to the film, which ends at `end_ms`."""
    moved = (Cue(max(0, cue.start_ms + by_ms), min(end_ms, cue.end_ms + by_ms), cue.text) for cue in cues)
    return [cue for cue in moved if cue.end_ms > cue.start_ms]


# --- writing ---------------------------------------------------------------------------------------------------------


def as_vtt(cues: Sequence[Cue], map_ticks: int | None = None) -> str:
    """A WebVTT file. `map_ticks`: which media time, in ticks of 90 kHz, cue time 0 is; HLS segments say so."""
    head = "WEBVTT\n" if map_ticks is None else f"WEBVTT\nX-TIMESTAMP-MAP=MPEGTS:{map_ticks},LOCAL:00:00:00.000\n"
    blocks = (f"{_stamp(cue.start_ms)} --> {_stamp(cue.end_ms)}\n{_escaped(cue.text)}\n" for cue in cues)
    return "\n".join([head, *blocks])


def segments(cues: Sequence[Cue], spans_ms: Sequence[tuple[int, int]], map_ticks: int = 0) -> Iterator[str]:
    """One file for each span of the film, with every cue that is shown in it; cues must be in time order."""
    starts = [cue.start_ms for cue in cues]
    ends = list(itertools.accumulate((cue.end_ms for cue in cues), max))  # the latest end so far
    for start, end in spans_ms:
        first, last = bisect.bisect_right(ends, start), bisect.bisect_left(starts, end)
        yield as_vtt([cue for cue in cues[first:last] if cue.end_ms > start], map_ticks)


def _stamp(milliseconds: int) -> str:
    seconds, rest = divmod(milliseconds, 1000)
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}.{rest:03d}"


def _escaped(text: str) -> str:
    return html.escape(text, quote=False)
