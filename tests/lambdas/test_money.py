"""Money on its way through the steps: predicted by Plan, spent when MediaConvert is done, summed up at the end."""

from __future__ import annotations

import dataclasses
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from lambdas.complete.handler import handler as complete
from lambdas.plan.handler import handler as plan
from lambdas.publish.handler import handler as publish
from pipeline.aws import budget, executions, money, objects, transcoder
from pipeline.aws.budget import Budget
from pipeline.cli import check
from pipeline.cli.films import Film
from pipeline.media import price, profiles
from pipeline.settings import PlanSettings
from tests.aws.world import DELIVERY, TABLE
from tests.lambdas.events import JOB_ID, batch, failed_messages, mediaconvert_event, of
from tests.lambdas.test_steps import KEY, put, run, stored
from tests.media.films import BUCKET, OUTPUTS, picture, probed, sound

pytestmark = pytest.mark.usefixtures("environment")


@pytest.fixture
def film(table, monkeypatch):
    result = probed(picture(), sound(language="eng"), container="quicktime")
    monkeypatch.setattr(transcoder, "probe", lambda url: result)
    monkeypatch.setattr(check, "_probe", lambda path, url: result)
    uploaded = put()
    table.register(uploaded)
    return uploaded


def configured(monkeypatch: pytest.MonkeyPatch, profile: str, acceleration: str = "DISABLED") -> None:
    for variable, value in (
        PlanSettings(TABLE, OUTPUTS, profile, acceleration, "Vod", "0", BUCKET, DELIVERY).as_env().items()
    ):
        monkeypatch.setenv(variable, value)


def counted(capsys: pytest.CaptureFixture[str], name: str) -> list[float]:
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if name in line]
    return [line[name] for line in lines if line["_aws"]["CloudWatchMetrics"][0]["Namespace"] == "Vod"]


# Predicted -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("profile", profiles.load())
def test_plan_and_check_say_the_same_price(film, table, monkeypatch, tmp_path, profile):
    configured(monkeypatch, profile)
    state = run(film, "plan")
    local = tmp_path / Path(KEY).name
    local.write_bytes(b"film")
    report = check.report_on(Film(local, KEY, ()), profiles.load()[profile])
    assert report["price"] == table.known(film)["price"]["predicted"]
    assert report["price"]["total"] == state["plan"]["price"]["total"] > 0


def test_the_state_has_the_sum_and_what_is_not_in_it(film, table, capsys):
    state = run(film, "plan")
    settings = stored(OUTPUTS, state["plan"]["streams"]["settings_key"])
    bill = price.predict(settings, state["source"]["duration_ms"], price.load())
    assert state["plan"]["price"] == {
        "total": bill.as_dict()["total"],
        "currency": "USD",
        "whole": False,
        "sure": False,
        "not_priced": ["frame capture"],
    }
    assert table.known(film)["price"] == {"predicted": bill.as_dict()}
    assert table.version(film)["predicted_usd"] == bill.as_dict()["total"]
    assert counted(capsys, "PredictedCost") == [float(bill.total)]


def test_a_film_of_two_jobs_has_one_bill(film, table, monkeypatch):
    configured(monkeypatch, "download")
    run(film, "plan")
    outputs = [item["output"] for item in table.known(film)["price"]["predicted"]["items"]]
    assert "Streams_1080p" in outputs and "Download" in outputs


@pytest.mark.parametrize("mode", ["PREFERRED", "ENABLED"])
def test_acceleration_is_priced_where_the_deployment_asks_for_it(film, table, monkeypatch, mode):
    plain = run(film, "plan")["plan"]["price"]["total"]
    configured(monkeypatch, "default", mode)
    state: dict[str, Any] = run(film, "source")
    dearer = plan({key: state[key] for key in ("upload", "source")} | {"wishes": {}}, None)["price"]["total"]
    assert dearer == pytest.approx(plain * 0.0120 / 0.0075, rel=0.01), "the professional tier's rate"


def test_a_version_that_is_not_known_is_not_made_by_its_price(film, table):
    other = dataclasses.replace(film, version="0" * 12)
    table.predict(other, 1.0)
    table.bill(other, 1.0)
    assert [item["sk"] for item in table.everything(film.asset_id)] == [f"version#{film.version}"]


# Spent ---------------------------------------------------------------------------------------------------------------

FILM_MS = 61_500


@pytest.fixture
def answered(monkeypatch) -> list[str]:
    """The tokens that were answered."""
    heard: list[str] = []
    monkeypatch.setattr(executions, "succeed", lambda token, output: heard.append(token) or True)
    return heard


def settings_of(state: dict[str, Any], role: str = "streams") -> dict[str, Any]:
    return stored(OUTPUTS, state["plan"][role]["settings_key"])


def made(settings: dict[str, Any], milliseconds: int = FILM_MS) -> list[dict[str, Any]]:
    """outputGroupDetails of a job that made exactly what it was asked for, as its event has them."""

    def one(output: dict[str, Any]) -> dict[str, Any]:
        video = output.get("VideoDescription")
        size = {"videoDetails": {"widthInPx": video["Width"], "heightInPx": video["Height"]}} if video else {}
        return {"durationInMs": milliseconds, **size}

    return [{"outputDetails": [one(output) for output in group["Outputs"]]} for group in settings["OutputGroups"]]


def done(film, state: dict[str, Any], role: str = "streams", groups: Any = None, attempt: int = 1) -> dict[str, Any]:
    """MediaConvert says that the job is complete."""
    groups = made(settings_of(state, role)) if groups is None else groups
    event = mediaconvert_event("COMPLETE", of(film, role, attempt), outputGroupDetails=groups)
    return complete(batch(event), None)


def transcoding(film, table, role: str = "streams", attempt: int = 1, acceleration: str = "DISABLED") -> None:
    table.attempt(film, role, attempt, "token", acceleration)
    table.submitted(film, role, attempt, JOB_ID)


def test_what_a_job_made_is_billed_with_its_last_event(film, table, answered, capsys):
    state = run(film, "plan")
    transcoding(film, table)
    capsys.readouterr()
    done(film, state)
    bill = table.job(film, "streams")["bill"]
    expected = price.predict(settings_of(state), FILM_MS, price.load())
    assert bill == expected.as_dict(), "what came out is what was asked for, though another length"
    assert table.known(film)["price"]["actual"] == {**bill, "unbilled": []}
    assert table.known(film)["price"]["predicted"]["total"] < bill["total"], "the prediction stays beside it"
    assert table.version(film)["cost_usd"] == bill["total"] and table.version(film)["billed_at"]
    assert counted(capsys, "ActualCost") == [float(expected.total)] and answered == ["token"]


def test_what_came_out_smaller_costs_less(film, table, answered):
    state = run(film, "plan")
    transcoding(film, table)
    groups = made(settings_of(state))
    groups[0]["outputDetails"][0]["videoDetails"] = {"widthInPx": 960, "heightInPx": 540}
    done(film, state, groups=groups)
    first = table.job(film, "streams")["bill"]["items"][0]
    assert (first["output"], first["class"]) == ("Streams_1080p", "B-AVC-SD-SHQ-30")


def test_the_same_event_twice_is_one_cost(film, table, answered, capsys):
    state = run(film, "plan")
    transcoding(film, table)
    done(film, state)
    once = table.version(film)["cost_usd"]
    done(film, state)
    assert table.version(film)["cost_usd"] == once and len(counted(capsys, "ActualCost")) == 1


def test_two_jobs_are_one_cost_in_whatever_order_they_end(film, table, answered, monkeypatch):
    configured(monkeypatch, "download")
    state = run(film, "plan")
    for role in ("download", "streams"):
        transcoding(film, table, role)
        done(film, state, role)
    bills = [table.job(film, role)["bill"]["total"] for role in ("streams", "download")]
    actual = table.known(film)["price"]["actual"]
    assert actual["total"] == pytest.approx(sum(bills)) == table.version(film)["cost_usd"]
    assert {"Download", "Streams_1080p"} <= {item["output"] for item in actual["items"]}


def test_a_sum_that_knew_less_does_not_overwrite_one_that_knew_more(film, table):
    for amount in (0.5, 0.2):
        table.bill(film, amount)
    assert table.version(film)["cost_usd"] == 0.5


def test_a_later_run_of_the_same_upload_adds_to_what_it_has_cost(film, table, answered):
    state = run(film, "plan")
    transcoding(film, table)
    done(film, state)
    first = table.version(film)["cost_usd"]
    again = film.with_revision(2)
    objects.write_json(OUTPUTS, f"{again.work_prefix}streams.json", settings_of(state))
    transcoding(again, table)
    done(again, state)
    assert table.version(film)["cost_usd"] == pytest.approx(2 * first)
    assert table.known(again)["price"]["actual"]["total"] == first, "its own run's"


def test_a_run_that_encodes_nothing_costs_nothing(film, table, answered):
    state = run(film, "verified")
    transcoding(film, table)
    done(film, state)
    before = table.version(film)["cost_usd"]
    actual = money.settle(table, film.with_revision(2))
    assert (actual["total"], actual["items"], actual["whole"]) == (0, [], True)
    assert table.version(film)["cost_usd"] == before


def test_a_job_that_failed_costs_nothing(film, table, answered, monkeypatch):
    monkeypatch.setattr(executions, "fail", lambda token, error: True)
    run(film, "plan")
    transcoding(film, table)
    complete(batch(mediaconvert_event("ERROR", of(film))), None)
    assert "bill" not in table.job(film, "streams") and "cost_usd" not in table.version(film)


def test_publish_adds_up_what_is_known_by_then(film, table, answered):
    state = run(film, "verified")
    transcoding(film, table)
    done(film, state)
    table.note(film, price={"predicted": None})
    publish({key: state[key] for key in ("upload", "asset", "outputs", "verified")}, None)
    assert table.known(film)["price"]["actual"] == {**table.job(film, "streams")["bill"], "unbilled": []}


def test_a_published_films_cost_takes_the_place_of_what_was_reserved(film, table, answered):
    state = run(film, "verified")
    Budget(TABLE).reserve(film, Decimal(3), Decimal(5))
    transcoding(film, table)
    done(film, state)
    event = {key: state[key] for key in ("upload", "asset", "outputs", "verified")}
    for _ in range(2):
        publish(event, None)
    assert Budget(TABLE).of_day(budget.day())["reserved_usd"] == table.version(film)["cost_usd"]


def test_a_reservation_stays_where_the_cost_is_not_known(film, table, answered):
    state = run(film, "verified")
    Budget(TABLE).reserve(film, Decimal(3), Decimal(5))
    transcoding(film, table)
    done(film, state, groups=[])
    publish({key: state[key] for key in ("upload", "asset", "outputs", "verified")}, None)
    assert Budget(TABLE).of_day(budget.day())["reserved_usd"] == 3


@pytest.mark.parametrize(
    ("groups", "said"),
    [
        ([], "DetailsDoNotFit: 0 output groups"),
        ([{"outputDetails": [{"durationInMs": 1, "videoDetails": "?"}]}] * 2, "AttributeError"),
    ],
)
def test_a_bill_that_cannot_be_made_holds_no_film_back(film, table, answered, capsys, groups, said):
    state = run(film, "plan")
    transcoding(film, table)
    assert failed_messages(done(film, state, groups=groups)) == [] and answered == ["token"]
    job = table.job(film, "streams")
    assert said in job["no_bill"] and "bill" not in job
    actual = table.known(film)["price"]["actual"]
    assert (actual["total"], actual["whole"], actual["unbilled"]) == (0, False, ["streams"]), "not free: not known"
    assert counted(capsys, "ActualCost") == []


def test_a_job_whose_settings_are_gone_has_no_bill(film, table, answered):
    transcoding(film, table)
    done(film, {}, groups=[])
    assert "streams.json does not exist" in table.job(film, "streams")["no_bill"] and answered == ["token"]


@pytest.mark.parametrize(
    ("mode", "was", "tier"),
    [
        ("PREFERRED", "ACCELERATED", "P"),
        ("PREFERRED", "NOT_ACCELERATED", "B"),
        ("ENABLED", "ACCELERATED", "P"),
        ("DISABLED", "never asked", "B"),
    ],
)
def test_acceleration_is_billed_where_it_happened(film, table, answered, monkeypatch, mode, was, tier):
    monkeypatch.setattr(transcoder, "find_by_id", lambda job_id: {"AccelerationStatus": was})
    state = run(film, "plan")
    transcoding(film, table, acceleration=mode)
    done(film, state)
    assert table.job(film, "streams")["bill"]["items"][0]["class"].startswith(f"{tier}-AVC")
