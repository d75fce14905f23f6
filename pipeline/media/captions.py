"""Captions: SubRip and WebVTT sidecars in, one clean WebVTT file out.

Real sidecars are sloppy: Windows encodings, commas or dots, missing hours, missing or wrong numbers, no blank lines,
cues without end or after the film. Every cue that can be understood is kept; one that cannot is dropped and reported
with its line. A file in which nothing can be understood is refused, so that nobody publishes an empty track believing
it speaks.

Sidecars are anybody's text. Bold, italic and underline stay, all other markup becomes text, and every expression here
takes time in proportion to the file's length, which has a limit.

Source of the output format: W3C WebVTT; its HLS timestamp map: RFC 8216 section 3.5.
"""

from __future__ import annotations

import dataclasses
import html
import itertools
import re
from collections.abc import Iterator

from pipeline.media import bcp47, charsets
from pipeline.media.errors import SourceRejected
from pipeline.media.manifest import CaptionTrack

#: Ten times what the words of the longest film need.
MOST_BYTES = 4 * 1024 * 1024
#: Of one film: more do not fit into the state of an execution, whose keys may have 1,024 bytes each.
MOST_SIDECARS = 40
_MOST_WARNINGS = 50
_MOST_REPORTED = 5
_ARROW = r"\s*(?:[-\u2013\u2014]{1,3}>|\u2192)"
_TIME = r"(?:(\d{1,3}):)?(\d{1,2}):(\d{1,2})(?:[.,] ?(\d{1,9})|:(\d{3}))?"
_TIMING = re.compile(rf"^\s*{_TIME}{_ARROW}\s*{_TIME}(?!\d)")
_BROKEN_TIMING = re.compile(rf"^\s*-?\d+[:.,][^\s>]*{_ARROW}|(?:->|\u2192)\s*-?\d[\d:.,]+\s*$")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_KEPT_TAG = re.compile(r"&lt;(/?)([biu])&gt;", re.IGNORECASE)
# No "<" within a tag, no brace within an override: a file of opened ones would take the square of its length.
_OTHER_TAG = re.compile(r"</?(?:font|c|v|lang|ruby|rt|span)\b[^<>]*>|\{\\[^{}]*\}|<\d[\d:.]*>", re.IGNORECASE)
_LONG_NUMBER = re.compile(r"&#\d{8,}")  # no character; int() refuses thousands of digits with an error of its own
_HEADER = "WEBVTT\nX-TIMESTAMP-MAP=LOCAL:00:00:00.000,MPEGTS:0\n"


@dataclasses.dataclass(frozen=True)
class Cue:
    start_ms: int
    end_ms: int
    text: str


@dataclasses.dataclass(frozen=True)
class Captions:
    """cues in time order; warnings name the line of what was dropped or changed."""

    cues: tuple[Cue, ...]
    warnings: tuple[str, ...]

    def as_vtt(self) -> str:
        blocks = [f"{stamp(cue.start_ms)} --> {stamp(cue.end_ms)}\n{cue.text}\n" for cue in self.cues]
        return "\n".join([_HEADER, *blocks])


def parse(data: bytes, name: str, duration_ms: int, language: str = "und") -> Captions:
    """Read a sidecar. language (BCP 47) helps to guess the encoding of older files.

    Cues after the film's end are dropped. Raises SourceRejected when no cue can be understood.
    """
    if len(data) > MOST_BYTES:
        raise _unreadable(f"{name} is too long for captions: more than {MOST_BYTES} bytes", {"file": name})
    decoded, guess = charsets.decode(data, language)
    lines = decoded.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    cues: list[Cue] = []
    warnings: list[str] = [guess] if guess else []
    late: list[int] = []
    for number, timing, text in _blocks(lines, warnings):
        cue = _cue(timing, text)
        if cue is None:
            warnings.append(f"line {number}: the cue ends before it starts; dropped")
        elif cue.start_ms >= duration_ms:
            late.append(number)
        elif not cue.text:
            warnings.append(f"line {number}: the cue has no text; dropped")
        else:
            cues.append(dataclasses.replace(cue, end_ms=min(cue.end_ms, duration_ms)))
    if late:
        more = f" and {len(late) - 1} more" if len(late) > 1 else ""
        warnings.append(f"line {late[0]}{more}: the cue starts after the film's end; dropped")
    if not cues:
        raise _unreadable(
            f"no caption could be read in {name}", {"file": name, "lines": len(lines), "first_warnings": warnings[:5]}
        )
    in_time = tuple(sorted(cues, key=lambda cue: (cue.start_ms, cue.end_ms)))
    return Captions(in_time, tuple(warnings[:_MOST_WARNINGS]))


def _unreadable(message: str, evidence: dict[str, object]) -> SourceRejected:
    return SourceRejected("INPUT_CAPTIONS_UNREADABLE", message, evidence)


def label(language: str, marks: frozenset[str] | set[str] | list[str]) -> str:
    """What a viewer reads in the menu: Français (forced)."""
    suffix = {"forced": " (forced)", "sdh": " (SDH)", "cc": " (CC)"}
    return bcp47.label(language) + "".join(suffix[mark] for mark in sorted(marks))


def track(language: str, marks: list[str], taken: set[str]) -> CaptionTrack:
    """Where a sidecar's rendition lies, and what it is called.

    Two of one language (film.en.srt and film.en.vtt) both stay, the second with a number; taken grows by its name.
    """
    base = "-".join([language.lower(), *marks])
    name, number = base, 1
    while name in taken:
        number += 1
        name = f"{base}-{number}"
    taken.add(name)
    return CaptionTrack(
        language=language,
        label=label(language, marks) + (f" {number}" if number > 1 else ""),
        vtt=f"captions/{name}.vtt",
        playlist=f"captions/{name}.m3u8",
        forced="forced" in marks,
        sdh=bool({"sdh", "cc"} & set(marks)),
    )


def reported(warnings: tuple[str, ...], name: str, language: str) -> list[str]:
    """What the receipt says of one sidecar: the first warnings, and how many more there are."""
    if language == bcp47.UNKNOWN:
        stem, _, suffix = name.rpartition(".")
        example = f"name it like {stem}.en.{suffix}"
        warnings = (f"no language in the file's name, so that viewers cannot choose by it; {example}", *warnings)
    more = len(warnings) - _MOST_REPORTED
    return [*warnings[:_MOST_REPORTED], *([f"and {more} more"] if more > 0 else [])]


def _blocks(lines: list[str], warnings: list[str]) -> Iterator[tuple[int, re.Match[str], list[str]]]:
    """Yield (line number, timing match, text lines). A timing line begins a cue, whatever stands before it.

    In WebVTT a blank line ends a cue, because a NOTE or STYLE block may follow. SubRip has no such blocks: there, text
    after a blank line still belongs to its cue, and to drop it would lose speech.
    """
    web = lines[0].startswith("WEBVTT")
    starts = [index for index, line in enumerate(lines) if _TIMING.match(line) or _BROKEN_TIMING.search(line)]
    for start, following in itertools.pairwise([*starts, len(lines)]):
        match = _TIMING.match(lines[start])
        if not match:
            warnings.append(f"line {start + 1}: {lines[start].strip()[:60]!r} is no timing; dropped")
            continue
        text = [line.strip() for line in lines[start + 1 : following]]
        if following < len(lines) and text and text[-1].isdigit():
            text.pop()  # the next cue's number
        if web:
            text = list(itertools.takewhile(bool, text))
        yield start + 1, match, [line for line in text if line]


def _cue(match: re.Match[str], text: list[str]) -> Cue | None:
    start, end = _milliseconds(match.groups()[0:5]), _milliseconds(match.groups()[5:10])
    return Cue(start, end, _clean("\n".join(text))) if end > start else None


def _milliseconds(parts: tuple[str | None, ...]) -> int:
    hours, minutes, seconds, fraction, thousandths = parts
    whole = (int(hours or 0) * 60 + int(minutes or 0)) * 60 + int(seconds or 0)
    return whole * 1000 + int((fraction or thousandths or "0").ljust(3, "0")[:3])


def _clean(text: str) -> str:
    """Keep bold, italic and underline; everything else is text and must not become markup in a player's page."""
    unescaped = html.unescape(_LONG_NUMBER.sub("", _OTHER_TAG.sub("", text)))
    plain = html.escape(_CONTROL.sub("", unescaped), quote=False)
    cleaned = _KEPT_TAG.sub(r"<\1\2>", plain).replace("-->", "→")
    # A line that cleaning has emptied would end the cue, and what follows it would be no cue.
    return "\n".join(line for line in map(str.strip, cleaned.split("\n")) if line)


def stamp(milliseconds: int) -> str:
    """A time as WebVTT writes it: 01:02:03.400."""
    seconds, rest = divmod(milliseconds, 1000)
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}.{rest:03d}"
