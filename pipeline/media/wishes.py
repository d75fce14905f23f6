"""Wishes: what `My Film.json` beside a film asks for, read with every mistake named by field, line and column.

In: the file's bytes, anybody's. Out: what it says, normalised: {title, description, language, tags, profile,
poster_at_ms, captions_language, audio_languages, publish}, each only where it is said. What can go wrong: the file says
what nobody can follow (SourceRejected, INPUT_SIDECAR_WRONG, every mistake at once). The film is not published then: to
publish what its owner may have asked to hold would be worse. `heard` applies the wishes that concern the film's sound.

`schema` is the same rules as a JSON Schema, for editors that complete and check while somebody writes. A test holds the
two together. Languages: BCP 47 in its form, not looked up in the registry.
"""

from __future__ import annotations

import dataclasses
import difflib
import json
import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Protocol

from pipeline.media import bcp47, located_json
from pipeline.media.errors import SourceRejected
from pipeline.media.languages import three_letters
from pipeline.media.located_json import JsonBroken, Value
from pipeline.media.source import Source

#: Ten times what all fields together can hold.
MOST_BYTES = 256 * 1024
_MOST_PROBLEMS = 20
_LAST_MS = 359_999_999
_TIME = r"(?:(?:([0-9]{1,2}):)?([0-5]?[0-9]):)?([0-5]?[0-9])(\.[0-9]{1,3})?"
_TIMECODE = re.compile(r"[0-9]{1,2}:[0-9]{2}:[0-9]{2}[:;][0-9]{2,3}")
_TAG = r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{1,8}){0,5}"
#: What nobody sees in a line of text, or in several.
_LINE_CONTROLS = "\\u0000-\\u001f\\u007f-\\u009f\\ufeff"
_TEXT_CONTROLS = "\\u0000-\\u0008\\u000b\\u000c\\u000e-\\u001f\\u007f-\\u009f\\ufeff"

Problem = tuple[Value, str]


class _Kind(Protocol):
    """What a field may hold, three times: as a schema, as the problems of a value, and as what is made of it."""

    def schema(self) -> dict[str, Any]: ...

    def problems(self, value: Value) -> Iterator[Problem]: ...

    def read(self, value: Value) -> Any: ...


@dataclasses.dataclass(frozen=True)
class _Text:
    """Text of at most `most` characters; of one line unless lines."""

    most: int
    lines: bool = False

    def schema(self) -> dict[str, Any]:
        hidden = _TEXT_CONTROLS if self.lines else _LINE_CONTROLS
        pattern = f"^(?=[^{hidden}]*?[^\\s{hidden}])[^{hidden}]*$"
        return {"type": "string", "minLength": 1, "maxLength": self.most, "pattern": pattern}

    def problems(self, value: Value) -> Iterator[Problem]:
        text = value.content
        if not isinstance(text, str):
            yield value, f"{_shown(value)} is no text; text stands in double quotes"
        elif len(text) > self.most:
            yield value, f"is {len(text)} characters long; at most {self.most} are taken"
        elif hidden := re.search(f"[{_TEXT_CONTROLS if self.lines else _LINE_CONTROLS}]", text):
            what = "a line break" if hidden.group() in "\r\n" else f"a hidden character (U+{ord(hidden.group()):04X})"
            yield value, f"there is {what} in it"
        elif not text.strip():
            yield value, "is empty; leave the field out instead"

    def read(self, value: Value) -> str:
        return str(value.content).replace("\r\n", "\n").replace("\r", "\n").strip()


@dataclasses.dataclass(frozen=True)
class _Language:
    def schema(self) -> dict[str, Any]:
        return {"type": "string", "pattern": f"^{_TAG}$"}

    def problems(self, value: Value) -> Iterator[Problem]:
        text = value.content
        if isinstance(text, str) and re.fullmatch(_TAG, text):
            return
        meant = bcp47.tag(text) if isinstance(text, str) else bcp47.UNKNOWN
        hint = f'; did you mean "{meant}"?' if meant != bcp47.UNKNOWN else ', such as "en" or "pt-BR"'
        yield value, f"{_shown(value)} is no language tag{hint}"

    def read(self, value: Value) -> str:
        return bcp47.tag(value.content)


@dataclasses.dataclass(frozen=True)
class _Choice:
    words: tuple[str, ...]

    def schema(self) -> dict[str, Any]:
        return {"enum": list(self.words)}

    def problems(self, value: Value) -> Iterator[Problem]:
        if isinstance(value.content, str) and value.content in self.words:
            return
        meant = _meant(value.content, self.words) if isinstance(value.content, str) else ""
        yield value, f"{_shown(value)}: {meant}" if meant else f"{_shown(value)} should be {_listed(self.words)}"

    def read(self, value: Value) -> str:
        return str(value.content)


@dataclasses.dataclass(frozen=True)
class _Time:
    """Seconds, or a clock's time, in; milliseconds out."""

    def schema(self) -> dict[str, Any]:
        number = {"type": "number", "minimum": 0, "maximum": _LAST_MS / 1000}
        return {"anyOf": [number, {"type": "string", "pattern": f"^{_TIME}$"}]}

    def problems(self, value: Value) -> Iterator[Problem]:
        time = value.content
        if isinstance(time, str):
            if _TIMECODE.fullmatch(time):
                yield value, f'{_shown(value)} counts frames; write seconds: "00:01:05.5"'
            elif not re.fullmatch(_TIME, time):
                yield value, f'{_shown(value)} is no time; write "00:01:05.5", or seconds: 65.5'
        elif isinstance(time, bool) or not isinstance(time, int | float):
            yield value, f'{_shown(value)} is no time; write "00:01:05.5", or seconds: 65.5'
        elif not 0 <= time <= _LAST_MS / 1000:
            yield value, f"{_shown(value)} seconds are not between 0 and 100 hours"

    def read(self, value: Value) -> int:
        if not isinstance(value.content, str):
            return round(1000 * value.content)
        found = re.fullmatch(_TIME, value.content)
        assert found  # problems() has asked the same
        hours, minutes, seconds, rest = found.groups()
        whole = (int(hours or 0) * 60 + int(minutes or 0)) * 60 + int(seconds)
        return 1000 * whole + int((rest or ".")[1:].ljust(3, "0"))


@dataclasses.dataclass(frozen=True)
class _List:
    item: _Kind
    most: int
    example: str
    unique: bool = False

    def schema(self) -> dict[str, Any]:
        unique = {"uniqueItems": True} if self.unique else {}
        return {"type": "array", "items": self.item.schema(), "minItems": 1, "maxItems": self.most, **unique}

    def problems(self, value: Value) -> Iterator[Problem]:
        if not value.is_array:
            yield value, f"{_shown(value)} should be a list: {self.example}"
            return
        if not 1 <= len(value.content) <= self.most:
            said = f"{len(value.content)} are too many; at most {self.most} are taken"
            yield value, said if value.content else "is empty; leave the field out instead"
        seen: set[Any] = set()
        for number, item in enumerate(value.content, 1):
            for at, said in self.item.problems(item):
                yield at, f"item {number}: {said}"
            if self.unique and isinstance(item.content, str):
                if item.content in seen:
                    yield item, f"item {number}: {_shown(item)} is there twice"
                seen.add(item.content)

    def read(self, value: Value) -> list[Any]:
        items = [self.item.read(item) for item in value.content]
        return list(dict.fromkeys(items)) if self.unique else items


@dataclasses.dataclass(frozen=True)
class _Field:
    """One field: what it is for, what it may hold, an example, and its name among the wishes where that differs."""

    about: str
    kind: _Kind
    example: Any
    wish: str = ""


def _fields(profiles: Collection[str]) -> Mapping[str, _Field]:
    languages = _List(_Language(), 32, '["en", "fr"]')
    return {
        "title": _Field("What viewers read above the film. Without it: the file's name.", _Text(200), "My Film"),
        "description": _Field(
            "What viewers read below the title. May have several lines.", _Text(2000, lines=True), "Two friends."
        ),
        "language": _Field(
            "The film's language, a tag of BCP 47. Also that of its first sound, where the film does not say.",
            _Language(),
            "en",
        ),
        "tags": _Field(
            "Words to find the film by, for programs that read asset.json.",
            _List(_Text(60), 30, '["drama", "short"]', unique=True),
            ["drama", "short"],
        ),
        "profile": _Field(
            "How the film is encoded: one of the pipeline's profiles.", _Choice(tuple(profiles)), "default"
        ),
        "poster_time": _Field(
            "The moment of the film that becomes its poster: hours, minutes and seconds, or seconds.",
            _Time(),
            "00:01:05.5",
            "poster_at_ms",
        ),
        "captions_language": _Field(
            "The language of caption files whose names have none, a tag of BCP 47.", _Language(), "en"
        ),
        "audio_languages": _Field(
            'The languages of the film\'s sound tracks, in their order, whatever the film says; "und" leaves one as '
            "the film says.",
            languages,
            ["en", "fr"],
        ),
        "publish": _Field(
            '"hold" keeps the film back, once it is ready, until somebody approves it.',
            _Choice(("now", "hold")),
            "now",
        ),
    }


def read(data: bytes, name: str, profiles: Collection[str]) -> dict[str, Any]:
    """The wishes in a sidecar called `name`, where `profiles` may be chosen. Raises SourceRejected, with all mistakes.

    poster_at_ms in milliseconds; languages are tags of BCP 47; a field that the file does not have is not there.
    """
    if len(data) > MOST_BYTES:
        raise _wrong(name, [f"{name}: is larger than {MOST_BYTES // 1024} KiB; it should hold a few lines"])
    try:
        document = located_json.parse(_text(data))
    except JsonBroken as error:
        raise _wrong(name, [f"{name}, {error}"]) from error
    fields = _fields(profiles)
    problems = sorted(_problems(document, fields), key=lambda problem: (problem[0], problem[1]))
    if problems:
        raise _wrong(name, [f"{name}, line {line}, column {column}{said}" for line, column, said in problems])
    given = {member.name: member.value for member in document.content if member.name in fields}
    return {field.wish or key: field.kind.read(given[key]) for key, field in fields.items() if key in given}


def schema(profiles: Collection[str]) -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of the sidecar, where `profiles` may be chosen."""
    properties = {
        key: {"description": field.about, **field.kind.schema(), "examples": [field.example]}
        for key, field in _fields(profiles).items()
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "My Film.json",
        "description": "What a film's owner asks for, in a file beside the film: every field may be left out.",
        "type": "object",
        "properties": {"$schema": {"description": "For editors.", "type": "string"}, **properties},
        "additionalProperties": False,
    }


def heard(source: Source, wished: Mapping[str, Any]) -> tuple[Source, tuple[str, ...]]:
    """The source with its sounds' languages as its owner names them, and a sentence for each name that fits no track.

    The owner is believed before the file: editing programs write "eng" into everything. `language` is a guess about the
    first track only, so there the file is believed first. Of a tag only the language counts: a sound has no script.
    """
    tags = list(wished.get("audio_languages", []))
    if not tags and "language" in wished and source.audio and source.audio[0].language == "und":
        tags = [bcp47.UNKNOWN] * (source.audio[0].number - 1) + [wished["language"]]
    named = {number: three_letters(tag) for number, tag in enumerate(tags, 1) if tag != bcp47.UNKNOWN}
    unknown = [tags[number - 1] for number, code in named.items() if code == bcp47.UNKNOWN]
    tracks = tuple(
        dataclasses.replace(track, language=named[track.number])
        if named.get(track.number, bcp47.UNKNOWN) != bcp47.UNKNOWN
        else track
        for track in source.audio
    )
    warnings = [f'the language "{tag}" of a sound is not known; write its code of three letters' for tag in unknown]
    surplus = [tags[number - 1] for number in named if number not in {track.number for track in source.audio}]
    if "audio_languages" in wished and surplus:
        there = {0: "no sound track", 1: "1 sound track"}.get(len(tracks), f"{len(tracks)} sound tracks")
        listed = ", ".join(f'"{tag}"' for tag in surplus)
        warnings.append(f"audio_languages: {listed} is for a track that is not there; the film has {there}")
    return dataclasses.replace(source, audio=tracks), tuple(warnings)


def clock(milliseconds: int) -> str:
    """A moment as people write it: 00:01:05.5."""
    seconds, rest = divmod(milliseconds, 1000)
    whole = f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
    return f"{whole}.{rest:03d}".rstrip("0") if rest else whole


# --- mistakes ---------------------------------------------------------------------------------------------------------


def _problems(document: Value, fields: Mapping[str, _Field]) -> Iterator[tuple[int, int, str]]:
    if not document.is_object:
        yield document.line, document.column, ': should be fields in braces: {"title": "My Film"}'
        return
    first: dict[str, int] = {}
    for member in document.content:
        where = f", {json.dumps(member.name[:60], ensure_ascii=False)}"
        if member.name in first:
            yield member.line, member.column, f"{where}: is there twice; the first is in line {first[member.name]}"
        elif member.name == "$schema":
            if not isinstance(member.value.content, str):
                yield member.value.line, member.value.column, f"{where}: {_shown(member.value)} is no text"
        elif member.name not in fields:
            said = _meant(member.name, tuple(fields)) or f"the fields are {', '.join(fields)}"
            yield member.line, member.column, f"{where}: no such field; {said}"
        else:
            for at, said in fields[member.name].kind.problems(member.value):
                comma = "," if said.startswith("item ") else ":"
                yield at.line, at.column, f"{where}{comma} {said}"
        first.setdefault(member.name, member.line)


def _text(data: bytes) -> str:
    """The file's text: UTF-8, or UTF-16 and UTF-32, which Windows' editor calls Unicode. Raises JsonBroken."""
    if not data.strip():
        raise JsonBroken(1, 1, 'the file is empty; it should hold fields in braces: {"title": "My Film"}')
    encoding = json.detect_encoding(data)
    try:
        return data.decode(encoding).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode(encoding, "replace")
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        raise JsonBroken(line, column, "this letter is not in UTF-8; save the file as UTF-8") from error


def _shown(value: Value) -> str:
    if value.is_object or value.is_array:
        return "an object" if value.is_object else "a list"
    text = json.dumps(value.content, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _meant(word: str, known: tuple[str, ...]) -> str:
    lower = {name.lower(): name for name in known}
    spelled = re.sub(r"[\s-]", "_", word.strip().lower())
    close = [lower[spelled]] if spelled in lower else []
    close = close or [lower[each] for each in difflib.get_close_matches(spelled, lower, n=1, cutoff=0.6)]
    return f'did you mean "{close[0]}"?' if close else ""


def _listed(words: tuple[str, ...]) -> str:
    quoted = [f'"{word}"' for word in words]
    return f"{', '.join(quoted[:-1])} or {quoted[-1]}" if len(quoted) > 1 else quoted[0]


def _wrong(name: str, problems: list[str]) -> SourceRejected:
    more = len(problems) - _MOST_PROBLEMS
    told = [*problems[:_MOST_PROBLEMS], *([f"{name}: and {more} more mistakes"] if more > 0 else [])]
    return SourceRejected("INPUT_SIDECAR_WRONG", "\n".join(told), {"file": name, "problems": told})
