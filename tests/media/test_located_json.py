"""JSON with places: what is JSON is read as Python reads it, what is not is told where and why."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.media import located_json
from pipeline.media.located_json import JsonBroken, Value

_plain = st.none() | st.booleans() | st.integers(-(10**30), 10**30) | st.floats(allow_nan=False, allow_infinity=False)
_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
documents = st.recursive(
    _plain | _text, lambda below: st.lists(below, max_size=4) | st.dictionaries(_text, below, max_size=4), max_leaves=20
)


def plain(value: Value):
    if value.is_object:
        return {member.name: plain(member.value) for member in value.content}
    return [plain(item) for item in value.content] if value.is_array else value.content


@given(documents, st.sampled_from([None, 0, 2, "\t"]), st.booleans(), st.sampled_from(["\n", "\r\n", "\r"]))
def test_what_is_json_is_read_as_python_reads_it(document, indent, ascii_only, line_end):
    text = json.dumps(document, indent=indent, ensure_ascii=ascii_only).replace("\n", line_end)
    read = plain(located_json.parse(text))
    assert read == json.loads(text) and json.dumps(read) == json.dumps(json.loads(text))


@given(st.text(alphabet='{}[]":,\\ \n\t-+.0123456789eEtruefalsnu/x\u00e9', max_size=40))
def test_it_takes_what_python_takes_and_nothing_else(text):
    try:
        expected = json.loads(text, parse_constant=lambda word: pytest.fail("not JSON"))
    except ValueError:
        with pytest.raises(JsonBroken) as refused:
            located_json.parse(text)
        lines = text.split("\n")
        assert 1 <= refused.value.line <= len(lines)
        assert 1 <= refused.value.column <= len(lines[refused.value.line - 1]) + 1
        return
    assert plain(located_json.parse(text)) == expected


def test_every_value_and_every_name_knows_its_place():
    document = located_json.parse('{\r\n  "a": [1,\r\n    {"b": null}]}')
    (a,) = document.content
    one, inner = a.value.content
    (b,) = inner.content
    assert (document.line, document.column) == (1, 1)
    assert [(each.line, each.column) for each in (a, a.value, one, inner, b, b.value)] == [
        (2, 3), (2, 8), (2, 9), (3, 5), (3, 6), (3, 11),
    ]  # fmt: skip


def test_members_of_one_name_are_all_there():
    assert [member.line for member in located_json.parse('{"a": 1,\n"a": 2}').content] == [1, 2]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"a": 1,}', "line 1, column 8: there is a comma too many before }"),
        ('{"a": [1,\n]}', "line 1, column 9: there is a comma too many before ]"),
        ('{,"a": 1}', "line 1, column 2: there is a comma too many"),
        ('{"a": 1\n"b": 2}', "line 2, column 1: a comma or } is missing before this"),
        ("{'a': 1}", 'line 1, column 2: a name stands in double quotes: "title"'),
        ("{a: 1}", 'line 1, column 2: a name stands in double quotes: "title"'),
        ('{"a": \u201cb\u201d}', 'line 1, column 7: text stands in double quotes: "'),
        ('{"a": hold}', "line 1, column 7: hold is no value in JSON; text stands in double quotes"),
        ('{"a": True}', "line 1, column 7: True is no value in JSON; write true"),
        ('{"a": NaN}', "line 1, column 7: NaN is no value in JSON; text stands in double quotes"),
        ('{"a": -Infinity}', "line 1, column 7: -Infinity is no value in JSON; text stands in double quotes"),
        ('{"a": 01}', "line 1, column 7: this is no number; text stands in double quotes"),
        ('{"a": 00:01:05}', "line 1, column 7: this is no number; text stands in double quotes"),
        ('{"a": 1' + "0" * 200 + "}", "line 1, column 7: this number is too long"),
        ('{"a" 1}', 'line 1, column 6: a colon is missing after "a"'),
        ('{"a": }', "line 1, column 7: a value is missing before }"),
        ('{"a": "b}', 'line 1, column 7: a " is missing at the end of this text; write \\n for a new line in it'),
        ('{"a": "b\nc"}', 'line 1, column 7: a " is missing at the end of this text; write \\n for a new line in it'),
        ('{"a": "b\tc"}', "line 1, column 9: there is a tabulator in a text; write \\t"),
        ('{"a": "b\x01"}', "line 1, column 9: there is a character in this text that nobody sees (U+0001)"),
        ('{"a": "C:\\films"}', None),
        ('{"a": "C:\\my"}', 'line 1, column 10: after \\ comes one of n t " \\ / u; write \\\\ for one \\'),
        ('{"a": "\\ud800"}', "line 1, column 7: there is half of a character in this text: \\u with D8 to DF after it "
                             "comes in pairs"),
        ('{"a": 1', "line 1, column 8: the file ends here, and } is missing"),
        ('{"a": ', "line 1, column 7: the file ends here, and a value is missing"),
        ('{"a": 1} {', "line 1, column 10: the file should end here, and goes on"),
        ('// mine\n{"a": 1}', "line 1, column 1: JSON has no comments"),
        ('{"a": 1, # mine\n"b": 2}', "line 1, column 10: JSON has no comments"),
        ('{"a": 1 /* mine */}', "line 1, column 9: JSON has no comments"),
        ("[" * 40 + "]" * 40, "line 1, column 34: brackets are more than 32 levels deep"),
        ("", "line 1, column 1: the file ends here, and a value is missing"),
    ],
    ids=ascii,
)  # fmt: skip
def test_what_is_no_json_is_told_where_and_why(text, said):
    if said is None:
        assert plain(located_json.parse(text)) == {"a": "C:\films"}
        return
    with pytest.raises(JsonBroken) as refused:
        located_json.parse(text)
    assert str(refused.value) == said
