"""The sidecar's JSON: every field is read, every mistake told with field, line and column, and the published schema
says the same as the reader."""

from __future__ import annotations

import json
import re

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.media import profiles, wishes
from pipeline.media.errors import SourceRejected
from tests.media.films import picture, sound, source

PROFILES = ("default", "download", "hevc-hdr")
NAME = "My Film.json"


def read(text: str | bytes | dict, name: str = NAME):
    if isinstance(text, dict):
        text = json.dumps(text)
    return wishes.read(text.encode() if isinstance(text, str) else text, name, PROFILES)


def told(text: str | bytes | dict) -> list[str]:
    with pytest.raises(SourceRejected) as refused:
        read(text)
    error = refused.value
    assert (error.code, error.kind) == ("INPUT_SIDECAR_WRONG", "input")
    assert error.message == "\n".join(error.evidence["problems"]) and error.evidence["file"] == NAME
    return error.evidence["problems"]


def test_every_field_is_read_and_normalised():
    assert read(
        {
            "$schema": "film.schema.json",
            "title": "  My \u00c9t\u00e9 ",
            "description": "Two friends.\nOne summer.",
            "language": "PT-br",
            "tags": ["drama", "short "],
            "profile": "download",
            "poster_time": "00:01:05.5",
            "captions_language": "eng",
            "audio_languages": ["en", "und", "fra"],
            "publish": "hold",
        }
    ) == {
        "title": "My \u00c9t\u00e9",
        "description": "Two friends.\nOne summer.",
        "language": "pt-BR",
        "tags": ["drama", "short"],
        "profile": "download",
        "poster_at_ms": 65_500,
        "captions_language": "en",
        "audio_languages": ["en", "und", "fr"],
        "publish": "hold",
    }


def test_a_field_that_is_not_there_is_not_wished():
    assert read({}) == {} and read({"publish": "now"}) == {"publish": "now"}


@pytest.mark.parametrize(
    ("time", "milliseconds"),
    [
        (0, 0), (65.5, 65_500), (1e3, 1_000_000), (0.0004, 0), ("65.5", None), ("5", 5000), ("5.25", 5250),
        ("1:05", 65_000), ("01:05.500", 65_500), ("00:01:05.5", 65_500), ("1:00:00", 3_600_000),
        ("99:59:59.999", 359_999_999),
    ],
    ids=str,
)  # fmt: skip
def test_a_time_is_seconds_or_what_a_clock_shows(time, milliseconds):
    if milliseconds is None:
        assert "is no time" in told({"poster_time": time})[0]
        return
    assert read({"poster_time": time}) == {"poster_at_ms": milliseconds}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_editors_may_save_it_as_any_unicode(encoding):
    assert read('{"title": "\u00c9t\u00e9 \u96e8"}'.encode(encoding)) == {"title": "\u00c9t\u00e9 \u96e8"}


def test_every_mistake_is_told_at_once_with_field_line_and_column():
    assert told(
        """{
  "title": 12,
  "descripton": "Two friends.",
  "profle": "download",
  "profile": "dowload",
  "tags": ["drama", 3, "drama"],
  "poster_time": "00:01:05:12",
  "language": "English",
  "captions_language": null,
  "audio_languages": "en",
  "publish": "later",
  "title": "My Film"
}"""
    ) == [
        'My Film.json, line 2, column 12, "title": 12 is no text; text stands in double quotes',
        'My Film.json, line 3, column 3, "descripton": no such field; did you mean "description"?',
        'My Film.json, line 4, column 3, "profle": no such field; did you mean "profile"?',
        'My Film.json, line 5, column 14, "profile": "dowload": did you mean "download"?',
        'My Film.json, line 6, column 21, "tags", item 2: 3 is no text; text stands in double quotes',
        'My Film.json, line 6, column 24, "tags", item 3: "drama" is there twice',
        'My Film.json, line 7, column 18, "poster_time": "00:01:05:12" counts frames; write seconds: "00:01:05.5"',
        'My Film.json, line 8, column 15, "language": "English" is no language tag; did you mean "en"?',
        'My Film.json, line 9, column 24, "captions_language": null is no language tag, such as "en" or "pt-BR"',
        'My Film.json, line 10, column 22, "audio_languages": "en" should be a list: ["en", "fr"]',
        'My Film.json, line 11, column 14, "publish": "later" should be "now" or "hold"',
        'My Film.json, line 12, column 3, "title": is there twice; the first is in line 2',
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", ', line 1, column 1: the file is empty; it should hold fields in braces: {"title": "My Film"}'),
        (" \n", ', line 1, column 1: the file is empty; it should hold fields in braces: {"title": "My Film"}'),
        ('["a"]', ', line 1, column 1: should be fields in braces: {"title": "My Film"}'),
        ('\n  "a"', ', line 2, column 3: should be fields in braces: {"title": "My Film"}'),
        ('{"title": "a",}', ", line 1, column 14: there is a comma too many before }"),
        ('{"poster_time": NaN}', ", line 1, column 17: NaN is no value in JSON; text stands in double quotes"),
        (b'{"title":\n "\xc9t\xe9"}', ", line 2, column 3: this letter is not in UTF-8; save the file as UTF-8"),
        (b"\xff\xfe{", ", line 1, column 1: this letter is not in UTF-8; save the file as UTF-8"),
        ('{"Title": "a"}', ', line 1, column 2, "Title": no such field; did you mean "title"?'),
        ('{"poster-time": 1}', ', line 1, column 2, "poster-time": no such field; did you mean "poster_time"?'),
        (
            '{"director": "a"}',
            ', line 1, column 2, "director": no such field; the fields are title, description, language, tags, profile,'
            " poster_time, captions_language, audio_languages, publish",
        ),
        ('{"title": " "}', ', line 1, column 11, "title": is empty; leave the field out instead'),
        ('{"title": "a\\nb"}', ', line 1, column 11, "title": there is a line break in it'),
        ('{"title": "a\\u0007"}', ', line 1, column 11, "title": there is a hidden character (U+0007) in it'),
        (
            json.dumps({"title": "a" * 201}),
            ', line 1, column 11, "title": is 201 characters long; at most 200 are taken',
        ),
        ('{"tags": []}', ', line 1, column 10, "tags": is empty; leave the field out instead'),
        (
            json.dumps({"tags": list(map(str, range(31)))}),
            ', line 1, column 10, "tags": 31 are too many; at most 30 are taken',
        ),
        ('{"tags": {}}', ', line 1, column 10, "tags": an object should be a list: ["drama", "short"]'),
        ('{"profile": "best"}', ', line 1, column 13, "profile": "best" should be "default", "download" or "hevc-hdr"'),
        ('{"poster_time": true}', ', line 1, column 17, "poster_time": true is no time; write "00:01:05.5", '
                                  "or seconds: 65.5"),
        ('{"poster_time": -1}', ', line 1, column 17, "poster_time": -1 seconds are not between 0 and 100 hours'),
        ('{"poster_time": 1e999}', None),
        ('{"language": "pt_BR"}', ', line 1, column 14, "language": "pt_BR" is no language tag; '
                                  'did you mean "pt-BR"?'),
        ('{"$schema": 1}', ', line 1, column 13, "$schema": 1 is no text'),
    ],
    ids=ascii,
)  # fmt: skip
def test_one_mistake_in_one_sentence(text, said):
    expected = said or ', line 1, column 17, "poster_time": Infinity seconds are not between 0 and 100 hours'
    assert told(text) == [NAME + expected]


def test_an_endless_file_is_not_read():
    assert told(b'{"title": "' + b"a" * wishes.MOST_BYTES) == [
        "My Film.json: is larger than 256 KiB; it should hold a few lines"
    ]


def test_of_many_mistakes_the_first_are_told_and_the_rest_counted():
    problems = told({f"field {number}": 1 for number in range(50)})
    assert len(problems) == 21 and problems[-1] == "My Film.json: and 30 more mistakes"


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused_in_words(data):
    try:
        assert isinstance(read(data), dict)
    except SourceRejected as refused:
        assert refused.code == "INPUT_SIDECAR_WRONG"


# What the wishes say of the film's sound ------------------------------------------------------------------------------


def spoken(wished: dict, *languages: str) -> tuple[list[str], tuple[str, ...]]:
    film = source(picture(), *(sound(2, language, index=number) for number, language in enumerate(languages, 2)))
    named, told = wishes.heard(film, wished)
    return [track.language for track in named.audio], told


@pytest.mark.parametrize(
    ("wished", "tracks", "named"),
    [
        ({}, ["eng", "und"], ["eng", "und"]),
        ({"audio_languages": ["fr", "de"]}, ["eng", "und"], ["fra", "deu"]),
        ({"audio_languages": ["und", "de"]}, ["eng", "und"], ["eng", "deu"]),
        ({"audio_languages": ["fr"]}, ["eng", "ita"], ["fra", "ita"]),
        ({"audio_languages": ["zh-Hant"]}, ["eng"], ["zho"]),
        ({"audio_languages": ["cy"]}, ["eng"], ["cym"]),
        ({"language": "fr"}, ["und", "und"], ["fra", "und"]),
        ({"language": "fr"}, ["eng"], ["eng"]),
        ({"language": "fr", "audio_languages": ["de"]}, ["und"], ["deu"]),
        ({"language": "fr"}, [], []),
    ],
)
def test_the_owner_names_the_languages_of_the_tracks(wished, tracks, named):
    assert spoken(wished, *tracks) == (named, ())


def test_a_language_for_a_track_that_is_not_there_is_told():
    assert spoken({"audio_languages": ["fr", "de", "und", "it"]}, "eng")[1] == (
        'audio_languages: "de", "it" is for a track that is not there; the film has 1 sound track',
    )
    assert spoken({"audio_languages": ["fr"]})[1] == (
        'audio_languages: "fr" is for a track that is not there; the film has no sound track',
    )


def test_a_language_that_nobody_knows_by_two_letters_is_told_and_left_as_it_was():
    assert spoken({"audio_languages": ["xx"]}, "eng") == (
        ["eng"],
        ('the language "xx" of a sound is not known; write its code of three letters',),
    )


# The schema says what the reader says ---------------------------------------------------------------------------------

SCHEMA = wishes.schema(PROFILES)
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


def test_the_schema_is_one():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_the_examples_of_the_schema_are_taken():
    example = {key: part["examples"][0] for key, part in SCHEMA["properties"].items() if "examples" in part}
    assert set(example) | {"$schema"} == set(SCHEMA["properties"])
    assert read(example) and not list(VALIDATOR.iter_errors(example))


def test_the_shipped_profiles_may_be_wished():
    known = tuple(profiles.load())
    assert wishes.schema(known)["properties"]["profile"]["enum"] == list(known)
    for name in known:
        assert wishes.read(json.dumps({"profile": name}).encode(), NAME, known) == {"profile": name}


_letters = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
_odd = st.sampled_from(
    ["", " ", "a", "a\nb", "a\r\nb", "\ufeff", "\u00a0", "x" * 61, "x" * 201, "en", "pt-BR", "und", "e", "engl", "en-",
     "hold", "now", "Hold", "default", "hd", "0:5", "00:01:05.5", "1:2:3:4", "60", "59.9999", "99:59:59.999", "a\u2028",
     0, -1, 1.5, 359_999.999, 360_000, 1e300, True, False, None, [], {}, ["en"], ["en", "en"], ["a"] * 31, ["a", 1]]
)  # fmt: skip
_values = _odd | _letters | st.from_regex(r"[0-9:.]{1,9}") | st.lists(_odd | _letters, max_size=4)
_names = st.sampled_from([*SCHEMA["properties"], "Title", "other", ""])


@given(st.dictionaries(_names, _values, max_size=3) | _odd)
@settings(max_examples=800)
def test_the_schema_takes_what_the_reader_takes(document):
    if _ends_in_a_line(document):
        return  # Python's "$" also stands before a last line break; ECMA-262's, which JSON Schema means, does not
    valid = not list(VALIDATOR.iter_errors(document))
    try:
        read(json.dumps(document))
        assert valid, document
    except SourceRejected as refused:
        assert not valid, (document, refused.message)


def _ends_in_a_line(document) -> bool:
    return bool(re.search(r'\\n"', json.dumps(document)))
