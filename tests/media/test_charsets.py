"""Letters survive, whichever program wrote the file and whichever country it stood in."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.media import charsets

#: Spoken lines with the letters that tell encodings apart.
LINES = {
    "fr": "« L’été où le cœur à Noël s’éveille, ça ira. »",
    "de": "Über Größe lässt sich streiten, sagte Frau Meißner.",
    "pl": "Zażółć gęślą jaźń, Śpiew Łucji Żabińskiej.",
    "cs": "Příliš žluťoučký kůň úpěl ďábelské ódy, Šárko.",
    "hu": "Árvíztűrő tükörfúrógép, Őrség.",
    "ru": "Съешь же ещё этих мягких французских булок, Анна.",
    "el": "Ξεσκεπάζω την ψυχοφθόρα βδελυγμία.",
    "tr": "Pİjamalı hasta yağız şoföre çabucak güvendi.",
    "he": "דג סקרן שט בים מאוכזב",
    "ja": "いろはにほへと、東京の空は青い。",
    "zh": "你好，世界。我们走吧！",
    "zh-Hant": "你好，世界。我們走吧！",
    "ko": "안녕하세요, 세계여.",
}
CUE = "1\n00:00:01,000 --> 00:00:03,500\n{}\n\n2\n00:00:04,000 --> 00:00:06,000\n{}\n"
OLD = [
    ("fr", "cp1252"), ("fr", "iso8859_15"), ("de", "cp1252"), ("de", "iso8859_1"), ("pl", "cp1250"),
    ("pl", "iso8859_2"), ("cs", "cp1250"), ("cs", "iso8859_2"), ("hu", "cp1250"), ("hu", "iso8859_2"), ("ru", "cp1251"),
    ("ru", "koi8_r"), ("ru", "iso8859_5"), ("el", "cp1253"), ("el", "iso8859_7"), ("tr", "cp1254"),
    ("tr", "iso8859_9"), ("he", "cp1255"), ("he", "iso8859_8"), ("ja", "cp932"), ("ja", "euc_jp"), ("zh", "gb2312"),
    ("zh-Hant", "big5"), ("ko", "euc_kr"),
]  # fmt: skip


def cue(language: str, encoding: str = "utf-8") -> str:
    """A cue in letters that the encoding has: ISO 8859-1 and -15 have no curly quotes."""
    line = LINES[language]
    if encoding.startswith("iso8859"):
        line = line.replace("\u2019", "'")
    return CUE.format(line, line)


@pytest.mark.parametrize(("language", "encoding"), OLD)
def test_the_old_encodings_of_a_language_are_told_apart(language, encoding):
    text = cue(language, encoding)
    read, guess = charsets.decode(text.encode(encoding), language)
    assert read == text and "save it as UTF-8" in guess


MODERN = ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"]


@pytest.mark.parametrize("encoding", MODERN)
@pytest.mark.parametrize("language", LINES)
def test_unicode_is_known_with_and_without_its_mark(language, encoding):
    assert charsets.decode(cue(language).encode(encoding), language) == (cue(language), None)


def test_utf_8_is_believed_whatever_the_language():
    assert charsets.decode(cue("ru").encode(), "fr") == (cue("ru"), None)


def test_a_mark_in_the_middle_is_no_letter():
    """Two files that somebody has put together."""
    assert charsets.decode(("a\ufeffb").encode("utf-8-sig")) == ("ab", None)
    assert charsets.decode(("a\ufeffb").encode("utf-16"))[0] == "ab"


def test_a_broken_letter_does_not_make_a_utf_8_file_another_one():
    data = cue("ru").encode() + b"\xff" + cue("ru").encode()
    read, guess = charsets.decode(data, "ru")
    assert read.replace("\ufffd", "") == cue("ru") * 2 and guess == "1 places are no UTF-8 and were lost"


def test_an_unknown_language_is_read_as_western_european():
    assert charsets.decode("na\u00efve \u2026".encode("cp1252"), "und")[0] == "na\u00efve \u2026"
    assert "Windows-1252" in charsets.decode("\u2026".encode("cp1252"))[1]


@given(st.binary(max_size=400), st.sampled_from(["und", "ru", "pl", "ja", "zh", "zh-TW", "ar", "vi", "th", "xx-YY"]))
def test_any_bytes_have_a_meaning_in_any_language(data, language):
    text, _ = charsets.decode(data, language)
    assert isinstance(text, str) and "\ufeff" not in text


def test_four_megabytes_take_no_time_worth_naming():
    data = cue("ru").encode("koi8_r") * 20_000
    began = time.monotonic()
    assert charsets.decode(data[: 4 << 20], "ru")[0].startswith("1\n00:00:01")
    assert time.monotonic() - began < 5
