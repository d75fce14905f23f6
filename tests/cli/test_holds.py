"""What waits for a person: what the commands say, whom they write down, what status they exit with."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pipeline.aws import decide, intake
from pipeline.aws.budget import Budget
from pipeline.aws.operate import NotNow
from pipeline.cli import holds, inspect, operate
from pipeline.cli.world import World
from tests.cli.test_operate import HERE, OUTPUTS, vod
from tests.media.films import upload

DONE = {"execution": "film-1-r1", "by": "ana", "at": "2026-01-02T03:04:05.678Z", "goes_on": True}
PAUSE = {"paused": True, "since": "2026-01-02T03:04:05.678Z", "by": "ana", "reason": "mending"}


@pytest.fixture(autouse=True)
def here(monkeypatch) -> None:
    monkeypatch.setattr(operate, "attached", lambda home, stack: HERE)


@pytest.fixture
def asked(monkeypatch) -> list[tuple]:
    """What was decided, and in whose name."""
    said: list[tuple] = []
    for name in ("approve", "release"):
        monkeypatch.setattr(decide, name, lambda which, place, by, note: said.append((which, by, note)) or DONE)
    monkeypatch.setattr(decide, "release_all", lambda place, by, note: said.append((by, note)) or [DONE, DONE])
    monkeypatch.setattr(decide, "whoever_is_here", lambda: "who is logged in")
    return said


def test_approve_writes_down_who_did_and_what_they_said(capsys, asked):
    status, said = vod(capsys, "approve", "film-1", "--by", "ana", "--note", "fine")
    assert (status, said) == (0, "approved film-1-r1, by ana: it is published now")
    assert asked == [("film-1", "ana", "fine")]
    vod(capsys, "approve", "film-1")
    assert asked[-1] == ("film-1", "who is logged in", "")
    assert json.loads(vod(capsys, "approve", "film-1", "--json")[1]) == DONE


def test_a_decision_that_nobody_has_heard_yet_is_said_to_be_so(capsys, monkeypatch):
    monkeypatch.setattr(decide, "approve", lambda *arguments: {**DONE, "goes_on": False})
    assert "within five minutes" in vod(capsys, "approve", "film-1")[1]


def test_what_is_not_held_is_one_sentence_and_1(capsys, monkeypatch):
    def refuses(*arguments):
        raise NotNow("film-1 is published: it does not wait for approval")

    monkeypatch.setattr(decide, "approve", refuses)
    assert vod(capsys, "approve", "film-1") == (1, "vod: film-1 is published: it does not wait for approval")


@pytest.mark.parametrize("arguments", [(), ("film-1", "--all")])
def test_release_wants_one_or_all(capsys, asked, arguments):
    status, said = vod(capsys, "release", *arguments)
    assert status == 2 and "--all" in said and not asked


def test_release_of_one_and_of_all(capsys, asked, monkeypatch):
    assert vod(capsys, "release", "film-1")[1] == "released film-1-r1, by ana: it is encoded now"
    assert len(vod(capsys, "release", "--all", "--by", "bea")[1].splitlines()) == 2 and asked[-1] == ("bea", "")
    monkeypatch.setattr(decide, "release_all", lambda *arguments: [])
    assert vod(capsys, "release", "--all") == (0, "nothing waits for the daily budget")


def test_the_budget_says_what_is_left_and_who_waits(capsys, monkeypatch):
    film = upload()
    hold = {
        "pk": film.asset_id,
        "upload": film.as_state(),
        "price_usd": 1.5,
        "waits": {"since": "2026-01-02T03:04:05.678Z", "message": "no room"},
    }
    told = {"day": "2026-01-02", "limit_usd": 5, "reserved_usd": 4.25}
    monkeypatch.setattr(Budget, "of_day", lambda self, today: told)
    monkeypatch.setattr(Budget, "waiting", lambda self: iter([hold]))
    lines = vod(capsys, "budget")[1].splitlines()
    assert lines[0] == "2026-01-02 (UTC): 4.25 of 5.00 USD are reserved, 0.75 are left"
    assert lines[1] == f"  waits since 2026-01-02 03:04  1.50 USD  {film.execution_name}  {film.key}"
    (waiting,) = json.loads(vod(capsys, "budget", "--json")[1])["waiting"]
    assert waiting["execution"] == film.execution_name and waiting["message"] == "no room"


def test_without_a_budget_it_says_so_and_a_deployed_limit_counts_before_anything_is_reserved(capsys, monkeypatch):
    monkeypatch.setattr(Budget, "of_day", lambda self, today: {"day": today, "limit_usd": None, "reserved_usd": 0})
    monkeypatch.setattr(Budget, "waiting", lambda self: iter(()))
    assert "no daily budget" in vod(capsys, "budget")[1]
    deployed = World("http://127.0.0.1:1", "", {**OUTPUTS, "DailyBudgetUsd": "20"}, shared=True)
    monkeypatch.setattr(operate, "attached", lambda home, stack: deployed)
    assert "0.00 of 20.00 USD" in vod(capsys, "budget")[1]


def test_pause_and_resume_say_what_became_of_it(capsys, monkeypatch):
    monkeypatch.setattr(intake, "pause", lambda table, by, reason: {**PAUSE, "changed": True})
    first = vod(capsys, "pause", "--reason", "mending")[1].splitlines()[0]
    assert first == "intake is paused now: by ana, since 2026-01-02 03:04:05 UTC (mending)"
    monkeypatch.setattr(intake, "pause", lambda table, by, reason: {**PAUSE, "changed": False})
    assert vod(capsys, "pause")[1].startswith("intake was paused already: by ana, since")
    opened: dict[str, Any] = {**PAUSE, "paused": False, "changed": True, "started": ["a-1-r1"]}
    monkeypatch.setattr(intake, "resume", lambda table, by, machine, each: opened)
    assert vod(capsys, "resume")[1].splitlines() == [
        "intake is open again; 1 uploads that waited are started",
        "  a-1-r1",
    ]


def test_the_list_says_that_intake_is_paused():
    result = {"films": [], "found": 0, "intake": {"paused": False}}
    assert inspect._tell_listed(result) == ["no films"]
    assert inspect._tell_listed({**result, "intake": PAUSE})[-1] == f"intake is paused, {holds.said(PAUSE)}"


def test_what_a_film_waits_for_is_shown_with_it():
    assert inspect.waits_line(None) == []
    (line,) = inspect.waits_line({"since": "2026-01-02T03:04:05.678Z", "message": "no room", "reason": "budget"})
    assert line.endswith("since 2026-01-02 03:04:05 UTC: no room")
