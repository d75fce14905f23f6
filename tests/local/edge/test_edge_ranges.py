"""Range, If-Range and conditional requests, as tables of cases."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.local.edge.ranges import NotSatisfiable, first_byte_hint, not_modified, range_applies, ranges_for

MODIFIED = "Tue, 14 Nov 2023 22:13:20 GMT"
OBJECT = {"etag": '"abc"', "last-modified": MODIFIED}


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, None),
        ("bytes=0-9", [(0, 10)]),
        ("bytes=90-", [(90, 100)]),
        ("bytes=90-1000", [(90, 100)]),
        ("bytes=-10", [(90, 100)]),
        ("bytes=-1000", [(0, 100)]),
        ("bytes=99-99", [(99, 100)]),
        ("bytes=0-0, 5-9", [(0, 1), (5, 10)]),
        ("bytes=0-9,200-300", [(0, 10)]),
        ("bytes=50-60,0-9", None),
        ("bytes=0-9,5-20", None),
        ("bytes=9-0", None),
        ("bytes=a-b", None),
        ("bytes=", None),
        ("bytes=-", None),
        ("bytes=--5", None),
        ("bytes=1-2,-", None),
        ("items=0-9", None),
        ("bytes=" + ",".join(f"{n}-{n}" for n in range(17)), None),
        ("bytes=" + "9" * 30 + "-", None),
        ("bytes=٠-٩", None),
    ],
)
def test_ranges(header: str | None, expected: list[tuple[int, int]] | None) -> None:
    found = ranges_for(header, 100)
    assert (found and [(item.start, item.stop) for item in found]) == expected


@pytest.mark.parametrize("header", ["bytes=100-", "bytes=100-200", "bytes=-0", "bytes=500-,600-"])
def test_ranges_outside_the_object_cannot_be_satisfied(header: str) -> None:
    with pytest.raises(NotSatisfiable, match=r"bytes \*/100"):
        ranges_for(header, 100)


@given(st.text(), st.integers(0, 10_000))
def test_no_header_ever_gives_bytes_the_object_does_not_have(text: str, total: int) -> None:
    try:
        found = ranges_for(f"bytes={text}", total) or []
    except NotSatisfiable:
        return
    assert all(0 <= item.start < item.stop <= total for item in found)


@pytest.mark.parametrize(
    ("request_headers", "expected"),
    [
        ({}, False),
        ({"if-none-match": '"abc"'}, True),
        ({"if-none-match": 'W/"abc"'}, True),
        ({"if-none-match": '"x", "abc"'}, True),
        ({"if-none-match": "*"}, True),
        ({"if-none-match": '"x"'}, False),
        ({"if-none-match": '"x"', "if-modified-since": MODIFIED}, False),
        ({"if-modified-since": MODIFIED}, True),
        ({"if-modified-since": "Tue, 14 Nov 2023 22:13:19 GMT"}, False),
        ({"if-modified-since": "yesterday"}, False),
    ],
)
def test_not_modified(request_headers: dict[str, str], expected: bool) -> None:
    assert not_modified(request_headers, OBJECT) is expected


@pytest.mark.parametrize(
    ("condition", "expected"),
    [(None, True), ('"abc"', True), ('"x"', False), ('W/"abc"', False), (MODIFIED, True), ("yesterday", False)],
)
def test_if_range(condition: str | None, expected: bool) -> None:
    assert range_applies({"if-range": condition} if condition else {}, OBJECT) is expected


def test_the_hint_is_where_the_first_range_begins() -> None:
    assert [first_byte_hint(value) for value in (None, "bytes=5-9", "bytes=-5", "x")] == [0, 5, 0, 0]
