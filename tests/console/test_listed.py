"""Which films a page of the list shows."""

from __future__ import annotations

import pytest

from pipeline.console.listed import BadQuestion, Wanted, choose


def row(number: int, status: str = "published", code: str | None = None) -> dict:
    asset, at = f"film-{number}", f"2026-11-01T00:00:{number:02d}.000Z"
    return {
        "asset_id": asset,
        "version": "0123456789",
        "revision": 1,
        "film": f"uploads/Spring/Film {number}.mov",
        "status": status,
        "code": code,
        "created_at": at,
        "updated_at": at,
        "text": f"uploads/spring/film {number}.mov\n{asset}-0123456789-r1",
    }


ROWS = [row(number) for number in range(9, 2, -1)] + [
    row(2, "failed", "OUTPUT_WRONG"),
    row(1, "rejected", "INPUT_EMPTY"),
]


def asked(**query: str) -> tuple[list[str], str | None, dict[str, int]]:
    rows, following, counts = choose(ROWS, Wanted.of(query))
    return [each["asset_id"] for each in rows], following, counts


def test_without_a_question_all_are_there_with_their_counts():
    found, following, counts = asked()
    assert len(found) == 9 and following is None and counts == {"failed": 1, "published": 7, "rejected": 1}


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"status": "failed"}, ["film-2"]),
        ({"state": "failed,rejected"}, ["film-2", "film-1"]),
        ({"code": "INPUT_EMPTY"}, ["film-1"]),
        ({"code": "INPUT_EMPTY,OUTPUT_WRONG"}, ["film-2", "film-1"]),
        ({"q": "SPRING film-7"}, ["film-7"]),
        ({"q": "film-3-0123456789-r1"}, ["film-3"]),
        ({"q": "uploads/Spring/Film 5.mov"}, ["film-5"]),
        ({"q": "nobody"}, []),
        ({"age": "1s"}, []),
    ],
)
def test_films_are_chosen_by_status_code_age_and_words(query, expected):
    assert asked(**query)[0] == expected


def test_counts_are_of_all_statuses_so_that_one_can_be_chosen_next():
    assert asked(status="failed", q="spring")[2] == {"failed": 1, "published": 7, "rejected": 1}


def test_pages_follow_each_other_without_gap_or_repeat_though_new_films_come_in():
    seen, token, rows = [], "", list(ROWS)
    for number in (50, 51, 52, 53):
        page, token, _ = choose(rows, Wanted.of({"limit": "4", "next": token or ""}))
        seen += [each["asset_id"] for each in page]
        rows.insert(0, row(number))
        if not token:
            break
    assert seen == [each["asset_id"] for each in ROWS]


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({"status": "broken"}, "status=broken: known are"),
        ({"age": "yesterday"}, "age=yesterday: write 90s"),
        ({"limit": "0"}, "limit=0: a number from 1 to 200"),
        ({"limit": "ten"}, "limit=ten"),
        ({"next": "x"}, "next: not a token"),
        ({"next": "e30="}, "next: not a token"),
    ],
)
def test_a_question_that_cannot_be_understood_is_told(query, said):
    with pytest.raises(BadQuestion, match=said):
        Wanted.of(query)
