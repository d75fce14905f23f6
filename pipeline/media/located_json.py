"""JSON whose every value knows its line and column, so that whoever wrote it by hand can be told where to look.

In: text. Out: `Value`s. What can go wrong: `JsonBroken`, with the place and a sentence that says what stands there and
what should. Python's json module knows no places, and takes what JSON is not: NaN, two members of one name.

Line ends may be Windows' or a Macintosh's. A document may be 32 levels deep, a number 100 digits long: nobody means
more, and Python's own limits speak of other things. Source: RFC 8259.
"""

from __future__ import annotations

import dataclasses
import json
import re
from typing import Any

_MOST_LEVELS = 32
_MOST_DIGITS = 100
_SPACE = re.compile(r"[ \t\n]*")
_STRING = re.compile(r'"(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9A-Fa-f]{4}))*"')
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_WORD = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]*|-Infinity")
_LITERALS = {"true": True, "false": False, "null": None}
_SURROGATE = re.compile("[\ud800-\udfff]")
_OTHER_QUOTES = "'`\u2018\u2019\u201a\u201c\u201d\u201e\u00ab\u00bb"


class JsonBroken(ValueError):
    """Text that is no JSON. line and column count from 1, column in characters; said is the sentence without them."""

    def __init__(self, line: int, column: int, said: str) -> None:
        super().__init__(f"line {line}, column {column}: {said}")
        self.line, self.column, self.said = line, column, said


@dataclasses.dataclass(frozen=True)
class Value:
    """One value. content is text, a number, true, false or None; of an array a tuple of Values, of an object a tuple
    of Members, those of one name as often as they are there."""

    content: Any
    line: int
    column: int

    @property
    def is_object(self) -> bool:
        return isinstance(self.content, Object)

    @property
    def is_array(self) -> bool:
        return isinstance(self.content, tuple) and not self.is_object


@dataclasses.dataclass(frozen=True)
class Member:
    """A name of an object, where it stands, and its value."""

    name: str
    value: Value
    line: int
    column: int


class Object(tuple[Member, ...]):
    """The members of an object, in the order they are written."""


def parse(text: str) -> Value:
    """Raises JsonBroken at the first thing that is no JSON."""
    reader = _Reader(text.replace("\r\n", "\n").replace("\r", "\n"))
    value = reader.value(0)
    reader.skip()
    if reader.at < len(reader.text):
        raise reader.broken("the file should end here, and goes on")
    return value


@dataclasses.dataclass
class _Reader:
    text: str
    at: int = 0

    def skip(self) -> None:
        found = _SPACE.match(self.text, self.at)
        self.at = found.end() if found else self.at

    def place(self, at: int) -> tuple[int, int]:
        return self.text.count("\n", 0, at) + 1, at - self.text.rfind("\n", 0, at)

    def broken(self, said: str, at: int | None = None) -> JsonBroken:
        return JsonBroken(*self.place(self.at if at is None else at), said)

    def next(self) -> str:
        self.skip()
        return self.text[self.at : self.at + 1]

    def value(self, level: int) -> Value:
        sign, start = self.next(), self.at
        if level > _MOST_LEVELS:
            raise self.broken(f"brackets are more than {_MOST_LEVELS} levels deep")
        if sign in ("{", "["):
            content: Any = self.object(level) if sign == "{" else self.array(level)
        elif sign == '"':
            content = self.string()
        elif number := _NUMBER.match(self.text, self.at):
            content = self.number(number)
        else:
            content = self.word(sign)
        return Value(content, *self.place(start))

    def object(self, level: int) -> Object:
        members: list[Member] = []
        self.at += 1
        while self.more("}", bool(members)):
            start = self.at
            if self.text[start] != '"':
                raise self.no_name()
            name = self.string()
            if self.next() != ":":
                raise self.broken(f'a colon is missing after "{name[:40]}"')
            self.at += 1
            members.append(Member(name, self.value(level + 1), *self.place(start)))
        return Object(members)

    def array(self, level: int) -> tuple[Value, ...]:
        values: list[Value] = []
        self.at += 1
        while self.more("]", bool(values)):
            values.append(self.value(level + 1))
        return tuple(values)

    def more(self, end: str, comma: bool) -> bool:
        """Whether another member begins here; past the bracket where none does."""
        sign = self.next()
        if sign == end:
            self.at += 1
            return False
        if comma and sign == ",":
            before = self.at
            self.at += 1
            if self.next() == end:
                raise self.broken(f"there is a comma too many before {end}", before)
            sign = self.next()
        elif comma and sign:
            raise self.comment() or self.broken(f"a comma or {end} is missing before this")
        if not sign:
            raise self.broken(f"the file ends here, and {end} is missing")
        return True

    def string(self) -> str:
        found = _STRING.match(self.text, self.at)
        if not found:
            raise self.no_string()
        text: str = json.loads(found.group())
        if _SURROGATE.search(text):
            raise self.broken("there is half of a character in this text: \\u with D8 to DF after it comes in pairs")
        self.at = found.end()
        return text

    def number(self, found: re.Match[str]) -> int | float:
        if len(found.group()) > _MOST_DIGITS:
            raise self.broken("this number is too long")
        if re.match(r"[0-9A-Za-z_.:]", self.text[found.end() : found.end() + 1]):
            raise self.broken("this is no number; text stands in double quotes")
        self.at = found.end()
        return float(found.group()) if found.group(1) or found.group(2) else int(found.group())

    def word(self, sign: str) -> Any:
        found = _WORD.match(self.text, self.at)
        if found and found.group() in _LITERALS:
            self.at = found.end()
            return _LITERALS[found.group()]
        if found:
            word = found.group()[:40]
            meant = f"; write {word.lower()}" if word.lower() in _LITERALS else "; text stands in double quotes"
            raise self.broken(f"{word} is no value in JSON{meant}")
        if sign and sign in _OTHER_QUOTES:
            raise self.broken('text stands in double quotes: "')
        if not sign:
            raise self.broken("the file ends here, and a value is missing")
        raise self.comment() or self.broken(f"a value is missing before {_shown(sign)}")

    # --- what should have been ----------------------------------------------------------------------------------------

    def no_name(self) -> JsonBroken:
        sign = self.text[self.at]
        if sign == ",":
            return self.broken("there is a comma too many")
        return self.comment() or self.broken('a name stands in double quotes: "title"')

    def no_string(self) -> JsonBroken:
        """Where a text goes wrong: an escape that is none, a line that ends in it, or no end."""
        at = self.at + 1
        while at < len(self.text) and self.text[at] != '"' and self.text[at] >= " ":
            if self.text[at] == "\\":
                if not re.match(r'\\(?:["\\/bfnrt]|u[0-9A-Fa-f]{4})', self.text[at : at + 6]):
                    return self.broken('after \\ comes one of n t " \\ / u; write \\\\ for one \\', at)
                at += 1
            at += 1
        if self.text[at : at + 1] == "\t":
            return self.broken("there is a tabulator in a text; write \\t", at)
        if self.text[at : at + 1] in ("\n", ""):
            return self.broken('a " is missing at the end of this text; write \\n for a new line in it')
        return self.broken(f"there is a character in this text that nobody sees ({_shown(self.text[at])})", at)

    def comment(self) -> JsonBroken | None:
        if self.text[self.at : self.at + 2] in ("//", "/*") or self.text[self.at : self.at + 1] == "#":
            return self.broken("JSON has no comments")
        return None


def _shown(sign: str) -> str:
    return sign if sign.isprintable() else f"U+{ord(sign):04X}"
