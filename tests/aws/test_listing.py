"""The list that a page asks for every two seconds."""

from __future__ import annotations

import pytest

from pipeline.aws import listing, reading
from pipeline.aws.listing import Listing
from tests.aws.world import TABLE
from tests.media.films import upload


@pytest.fixture
def clock(monkeypatch):
    """Seconds that pass when a test says so."""
    now = [1000.0]
    monkeypatch.setattr(listing.time, "monotonic", lambda: now[0])
    return now


@pytest.fixture
def asked(monkeypatch):
    """Since when each look asked."""
    looks, original = [], reading.listed

    def listed(table, since=None):
        looks.append(since)
        return original(table, since)

    monkeypatch.setattr(reading, "listed", listed)
    return looks


def test_the_newest_upload_comes_first_whatever_changed_last(table, clock):
    for number in range(3):
        table.register(upload(key=f"uploads/{number}.mp4"))
        listing.time.sleep(0.002)
    table.fail(upload(key="uploads/0.mp4"), {"code": "OUTPUT_WRONG"})
    found = Listing(TABLE).rows()
    assert [row["film"] for row in found] == ["uploads/2.mp4", "uploads/1.mp4", "uploads/0.mp4"]
    assert found[2]["code"] == "OUTPUT_WRONG" and "uploads/0.mp4" in found[2]["text"]


def test_a_title_is_looked_through_and_gone_with_the_run_that_had_it(table, clock):
    film = upload(key="uploads/IMG_0001.mov")
    table.register(film)
    table.entitle(film, "Spring Gala")
    (row,) = Listing(TABLE).rows()
    assert row["title"] == "Spring Gala" and "spring gala" in row["text"] and "img_0001" in row["text"]
    table.fail(film, {"code": "OUTPUT_WRONG"})
    table.revise(film)
    table.entitle(film, "of a run that is over")
    assert Listing(TABLE).rows()[0]["title"] == "IMG_0001"


def test_only_what_changed_is_read_again_and_not_oftener_than_once_a_second(table, clock, asked):
    table.register(upload(key="uploads/a.mp4"))
    films = Listing(TABLE)
    assert len(films.rows()) == 1 and asked == [None]
    table.register(upload(key="uploads/b.mp4"))
    assert len(films.rows()) == 1 and len(asked) == 1
    clock[0] += 1.1
    assert len(films.rows()) == 2
    first, again = asked
    assert first is None and again is not None
    table.fail(upload(key="uploads/a.mp4"), {"code": "OUTPUT_WRONG"})
    clock[0] += 1.1
    assert {row["status"] for row in films.rows()} == {"received", "failed"}


def test_all_is_read_anew_after_a_while_so_that_nothing_stays_that_is_gone(table, clock, asked):
    table.register(upload(key="uploads/a.mp4"))
    films = Listing(TABLE)
    films.rows()
    films._rows["ghost", "0"] = {**films.rows()[0], "asset_id": "ghost"}
    clock[0] += listing.ANEW_SECONDS
    assert [row["asset_id"] for row in films.rows()] == [upload(key="uploads/a.mp4").asset_id]
    assert asked == [None, None]


def test_a_slow_table_is_asked_less_often(table, clock, monkeypatch):
    def slow(name, since=None):
        clock[0] += 0.5
        return iter([])

    monkeypatch.setattr(reading, "listed", slow)
    films = Listing(TABLE)
    films.rows()
    begun = clock[0]
    while clock[0] == begun or clock[0] - begun < 3.9:
        clock[0] += 0.1
        films.rows()
    assert clock[0] - begun < 4.1  # half a second's look comes back after four
    clock[0] += 0.2
    films.rows()
    assert clock[0] - begun > 4.5


def test_of_very_many_films_those_that_changed_last_are_kept(table, clock, monkeypatch):
    monkeypatch.setattr(listing, "MOST", 2)
    for number in range(3):
        table.register(upload(key=f"uploads/{number}.mp4"))
        listing.time.sleep(0.002)
    films = Listing(TABLE)
    assert [row["film"] for row in films.rows()] == ["uploads/2.mp4", "uploads/1.mp4"] and not films.whole


def test_what_was_known_stays_known_when_aws_refuses(table, clock, monkeypatch):
    table.register(upload(key="uploads/a.mp4"))
    films = Listing(TABLE)
    films.rows()

    def refuse(name, since=None):
        raise RuntimeError("throttled")

    with monkeypatch.context() as broken:
        broken.setattr(reading, "listed", refuse)
        clock[0] += 5
        with pytest.raises(RuntimeError):
            films.rows()
    assert len(films.rows()) == 1
