"""hold: what waits can be watched, says what it waits for, and tells people once."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lambdas.hold.handler import handler as hold
from lambdas.plan.handler import handler as plan
from lambdas.publish.handler import handler as publish
from lambdas.reject.handler import handler as reject
from lambdas.start.handler import handler as start
from pipeline import settings
from pipeline.aws import budget, executions, intake, topic
from pipeline.aws.budget import Budget
from pipeline.aws.holds import Holds
from pipeline.media.errors import SourceSuperseded
from tests.aws.world import DELIVERY, TABLE
from tests.lambdas.conftest import TOPIC_ARN
from tests.lambdas.events import batch
from tests.lambdas.test_start import states  # noqa: F401
from tests.lambdas.test_steps import KEY, answers, asset_json, put, run, stored  # noqa: F401
from tests.media.films import BUCKET, OUTPUTS, event, upload

pytestmark = pytest.mark.usefixtures("environment")


@pytest.fixture
def told(monkeypatch) -> list[tuple[str, str, dict[str, Any]]]:
    said: list[tuple[str, str, dict[str, Any]]] = []
    monkeypatch.setattr(
        topic,
        "announce",
        lambda arn, event, film, parts, title=None: said.append((arn, event, {**parts, "title": title})),
    )
    return said


def a_budget_of(monkeypatch, usd: str) -> None:
    hold = settings.HoldSettings(TABLE, OUTPUTS, DELIVERY, TOPIC_ARN, usd, BUCKET)
    for variable, value in hold.as_env().items():
        monkeypatch.setenv(variable, value)


@pytest.fixture
def verified(table, answers) -> dict[str, Any]:  # noqa: F811
    """The state of a film that is about to be published."""
    film = put()
    table.register(film)
    return run(film, "verified")


def for_approval(state: dict[str, Any], token: str = "token") -> dict[str, Any]:
    return {
        **{part: state[part] for part in ("upload", "asset", "outputs", "verified")},
        "reason": "approval",
        "task_token": token,
    }


def test_a_held_film_can_be_watched_and_is_not_published(table, verified, told):
    hold(for_approval(verified), None)
    film = put_again(verified)
    preview = stored(OUTPUTS, f"{film.run_prefix}asset.json")
    assert preview["status"] == "published" and preview["title"] == verified["asset"]["title"]
    assert "stream" in stored(OUTPUTS, f"{film.run_prefix}index.m3u8")
    assert asset_json(film)["status"] == "processing", "viewers see nothing of it yet"
    assert (table.asset(film.asset_id) or {}).get("current") is None
    ((arn, event_name, parts),) = told
    link = f"{DELIVERY}/?asset={film.asset_id}&run={film.run}"
    assert (arn, event_name, parts["waits"]["preview_url"]) == (TOPIC_ARN, "held", link)
    assert parts["title"] == verified["asset"]["title"]
    record = table.version(film)
    assert record["status"] == "held" and record["waits"] == parts["waits"]
    assert table.known(film)["verified"]["duration_ms"] == 20_000, "receipts know of it already"


def put_again(state: dict[str, Any]):
    from pipeline.media.asset import Upload

    return Upload.from_state(state["upload"])


def test_what_is_published_afterwards_is_what_was_approved(table, verified, told):
    hold(for_approval(verified), None)
    film = put_again(verified)
    before = {name: stored(OUTPUTS, f"{film.run_prefix}{name}") for name in ("index.m3u8", "index.mpd", "asset.json")}
    publish({part: verified[part] for part in ("upload", "asset", "outputs", "verified")}, None)
    after = {name: stored(OUTPUTS, f"{film.run_prefix}{name}") for name in before}
    at = "published_at"
    assert {**before, "asset.json": {**before["asset.json"], at: 0}} == {
        **after,
        "asset.json": {**after["asset.json"], at: 0},
    }
    assert asset_json(film) == after["asset.json"] and "waits" not in table.version(film)


def test_a_retry_keeps_the_moment_the_waiting_began(table, verified, told):
    hold(for_approval(verified), None)
    since = table.version(put_again(verified))["waits"]["since"]
    hold(for_approval(verified, "second"), None)
    assert table.version(put_again(verified))["waits"]["since"] == since
    assert Holds(TABLE).find(put_again(verified), "approval")["tokens"] == ["token", "second"]


def test_a_cancelled_film_is_not_held(table, verified, told):
    table.cancel(put_again(verified))
    with pytest.raises(SourceSuperseded):
        hold(for_approval(verified), None)
    assert told == []


def test_nobody_is_told_of_a_hold_that_was_decided_already(table, verified, told, monkeypatch):
    monkeypatch.setattr(executions, "succeed", lambda token, said: False)
    hold(for_approval(verified), None)
    Holds(TABLE).decide(put_again(verified), "approval", {"by": "ana", "at": "now"})
    hold(for_approval(verified, "second"), None)
    assert len(told) == 1


@pytest.mark.parametrize(("reason", "code"), [("approval", "APPROVAL_TIMED_OUT"), ("budget", "BUDGET_TIMED_OUT")])
def test_a_film_that_nobody_released_in_time_is_rejected_in_plain_words(table, told, reason, code):
    film = upload()
    table.register(film)
    waits = {"reason": reason, "since": "2026-01-01T00:00:00.000Z", "until": "2026-01-29T00:00:00.000Z"}
    Holds(TABLE).begin(film, reason, "token", waits)
    rejection = reject({"upload": film.as_state(), "error": {"Error": "States.Timeout", "Cause": ""}}, None)
    assert rejection["code"] == code and rejection["evidence"]["since"] == waits["since"]
    record = table.version(film)
    assert (record["status"], record["code"]) == ("rejected", code) and "waits" not in record


# Budget --------------------------------------------------------------------------------------------------------------


def planned(monkeypatch, usd: str, film=None) -> dict[str, Any]:
    for variable, value in (
        settings.PlanSettings(TABLE, OUTPUTS, "default", "DISABLED", "Vod", usd, BUCKET, DELIVERY).as_env().items()
    ):
        monkeypatch.setenv(variable, value)
    state = run(film or put(), "source")
    return {
        **state,
        "plan": json.loads(
            json.dumps(plan({part: state[part] for part in ("upload", "source")} | {"wishes": {}}, None))
        ),
    }


def test_without_a_budget_nothing_is_reserved(table, answers, monkeypatch):  # noqa: F811
    state = planned(monkeypatch, "0")
    assert state["plan"]["budget"] == "unlimited"
    assert Budget(TABLE).of_day(budget.day())["limit_usd"] is None and "budget" not in table.known(put_again(state))


def test_a_film_within_the_budget_reserves_its_price(table, answers, monkeypatch):  # noqa: F811
    state = planned(monkeypatch, "5")
    assert state["plan"]["budget"] == "reserved"
    assert Budget(TABLE).of_day(budget.day()) == {
        "day": budget.day(),
        "limit_usd": 5,
        "reserved_usd": state["plan"]["price"]["total"],
    }


def test_a_film_for_which_the_day_has_no_room_waits_and_says_so(table, answers, monkeypatch, told):  # noqa: F811
    Budget(TABLE).reserve(upload("uploads/other.mp4"), 5, 5)
    state = planned(monkeypatch, "5")
    assert state["plan"]["budget"] == "exhausted"
    a_budget_of(monkeypatch, "5")
    table.register(put_again(state))
    hold({"upload": state["upload"], "plan": state["plan"], "reason": "budget", "task_token": "token"}, None)
    waits = table.version(put_again(state))["waits"]
    assert table.version(put_again(state))["status"] == "waiting" and "0.00 USD of today's 5.00" in waits["message"]
    assert [(name, parts["waits"]) for _, name, parts in told] == [("waiting", waits)]


# Intake --------------------------------------------------------------------------------------------------------------


def test_while_intake_is_paused_uploads_wait_and_start_nothing(table, states):  # noqa: F811
    intake.pause(TABLE, "ana", "mending")
    assert start(batch(event(), event()), None) == {"batchItemFailures": []}
    record = table.version(upload())
    assert record["status"] == "waiting" and "mending" in record["waits"]["message"] and not states.started
    intake.Intake(TABLE).set(False, "ana")
    assert start(batch(event()), None) == {"batchItemFailures": []} and not states.started, "a duplicate: resume's turn"
    assert intake.resume(TABLE, "ana", "machine:stateMachine:Vod")["started"] == [upload().execution_name]
    assert list(states.started) == [upload().execution_name]


def test_uploads_that_come_afterwards_start_at_once(table, states):  # noqa: F811
    intake.pause(TABLE, "ana")
    intake.resume(TABLE, "ana", "machine")
    start(batch(event()), None)
    assert list(states.started) == [upload().execution_name] and BUCKET
