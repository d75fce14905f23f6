"""Captions: SubRip and WebVTT sidecars in, one clean WebVTT file out.

Real sidecars are sloppy: Windows encodings, commas or dots, missing hours, missing numbers, cues without end. Every
cue that can be understood is kept; one that cannot is dropped and reported with its line. A file in which nothing
can be understood is refused, so that nobody publishes an empty track believing it speaks.

Source of the output format: W3C WebVTT; its HLS timestamp map: RFC 8216 section 3.5.
"""

from __future__ import annotations

import dataclasses
import html
import itertools
import re
from collections.abc import Iterator

from pipeline.media.errors import SourceRejected

_TIME = r"(?:(\d{1,3}):)?(\d{1,2}):(\d{1,2})(?:[.,](\d{1,9}))?"
_TIMING = re.compile(rf"^\s*{_TIME}\s*-{{1,2}}>\s*{_TIME}(?P<settings>.*)$")
_BROKEN_TIMING = re.compile(r"^\s*-?\d+[:.,]\S*\s*-{1,2}>|-{1,2}>\s*-?\d[\d:.,]+\s*$")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_KEPT_TAG = re.compile(r"&lt;(/?)([biu])&gt;", re.IGNORECASE)
_OTHER_TAG = re.compile(r"</?(?:font|c|v|lang|ruby|rt|span)\b[^>]*>|\{\\[^}]*\}|<\d[\d:.]*>", re.IGNORECASE)
_HEADER = "WEBVTT\nX-TIMESTAMP-MAP=LOCAL:00:00:00.000,MPEGTS:0\n"

#: What a viewer reads in the menu, each language in its own words.
LABELS = {
    "ar": "العربية", "bg": "Български", "cs": "Čeština", "da": "Dansk", "de": "Deutsch", "el": "Ελληνικά",
    "en": "English", "es": "Español", "et": "Eesti", "fa": "فارسی", "fi": "Suomi", "fr": "Français",
    "he": "עברית", "hi": "हिन्दी", "hr": "Hrvatski", "hu": "Magyar", "id": "Indonesia", "it": "Italiano",
    "ja": "日本語", "ko": "한국어", "lt": "Lietuvių", "lv": "Latviešu", "nb": "Norsk bokmål", "nl": "Nederlands",
    "no": "Norsk", "pl": "Polski", "pt": "Português", "ro": "Română", "ru": "Русский", "sk": "Slovenčina",
    "sl": "Slovenščina", "sr": "Српски", "sv": "Svenska", "th": "ไทย", "tr": "Türkçe", "uk": "Українська",
    "vi": "Tiếng Việt", "zh": "中文",
}  # fmt: skip


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
        blocks = [f"{_stamp(cue.start_ms)} --> {_stamp(cue.end_ms)}\n{cue.text}\n" for cue in self.cues]
        return "\n".join([_HEADER, *blocks])


def parse(data: bytes, name: str, duration_ms: int) -> Captions:
    """Read a sidecar. Cues after the film's end are dropped. Raises SourceRejected when no cue can be understood."""
    lines = _decode(data).replace("\r\n", "\n").replace("\r", "\n").split("\n")
    cues: list[Cue] = []
    warnings: list[str] = []
    for number, timing, text in _blocks(lines, warnings):
        cue = _cue(timing, text)
        if cue is None:
            warnings.append(f"line {number}: the cue ends before it starts; dropped")
        elif cue.start_ms >= duration_ms:
            warnings.append(f"line {number}: the cue starts after the film's end; dropped")
        elif not cue.text:
            warnings.append(f"line {number}: the cue has no text; dropped")
        else:
            cues.append(dataclasses.replace(cue, end_ms=min(cue.end_ms, duration_ms)))
    if not cues:
        raise SourceRejected(
            "INPUT_CAPTIONS_UNREADABLE",
            f"no caption could be read in {name}",
            {"file": name, "lines": len(lines), "first_warnings": warnings[:5]},
        )
    return Captions(tuple(sorted(cues, key=lambda cue: (cue.start_ms, cue.end_ms))), tuple(warnings[:50]))


def label(language: str, marks: frozenset[str] | set[str] | list[str]) -> str:
    base = LABELS.get(language.split("-")[0].lower(), language if language != "und" else "Captions")
    region = f" ({language.split('-', 1)[1]})" if "-" in language else ""
    suffix = {"forced": " (forced)", "sdh": " (SDH)", "cc": " (CC)"}
    return base + region + "".join(suffix[mark] for mark in sorted(marks))


def _decode(data: bytes) -> str:
    """UTF-8 with or without mark, UTF-16 with mark, else Windows-1252, which has a meaning for nearly every byte."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", "replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace")


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
    start, end = _milliseconds(match.groups()[0:4]), _milliseconds(match.groups()[4:8])
    return Cue(start, end, _clean("\n".join(text))) if end > start else None


def _milliseconds(parts: tuple[str | None, ...]) -> int:
    hours, minutes, seconds, fraction = parts
    return ((int(hours or 0) * 60 + int(minutes or 0)) * 60 + int(seconds or 0)) * 1000 + int(
        (fraction or "0").ljust(3, "0")[:3]
    )


def _clean(text: str) -> str:
    """Keep bold, italic and underline; everything else is text and must not become markup in a player's page."""
    plain = html.escape(_CONTROL.sub("", html.unescape(_OTHER_TAG.sub("", text))), quote=False)
    cleaned = _KEPT_TAG.sub(r"<\1\2>", plain).replace("-->", "→")
    # A line that cleaning has emptied would end the cue, and what follows it would be no cue.
    return "\n".join(line for line in map(str.strip, cleaned.split("\n")) if line)


def _stamp(milliseconds: int) -> str:
    seconds, rest = divmod(milliseconds, 1000)
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}.{rest:03d}"
