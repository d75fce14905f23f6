"""What was spent, read back from the records."""

from __future__ import annotations

import datetime
from typing import Any

import pytest

from pipeline.aws import costs, money
from pipeline.aws import table as table_room
from pipeline.aws.operate import NothingByThatName, Place
from pipeline.media.asset import Upload
from tests.aws.world import DELIVERY, MACHINE_ARN, QUEUE_ARN, TABLE
from tests.media.films import OUTPUTS, upload

PLACE = Place(TABLE, OUTPUTS, MACHINE_ARN, QUEUE_ARN, DELIVERY)
NOW = datetime.datetime.now(datetime.UTC)
FILM = upload()


def bill(total: float, whole: bool = True) -> dict[str, Any]:
    item = {"output": "Streams_720p", "class": "B-AVC-HD-SHQ-30", "price": total, "minutes": 2.0, "sure": True}
    return {
        "total": total,
        "currency": "USD",
        "whole": whole,
        "sure": whole,
        "region": "us-east-1",
        "prices_read": "2026-01-01",
        "items": [{**item, "why": ""}],
    }


def predicted(table, film: Upload, total: float) -> None:
    table.register(film)
    table.note(film, price={"predicted": bill(total)})
    table.predict(film, total)


def spent(table, film: Upload, total: float | None, role: str = "streams", status: str = "COMPLETE") -> None:
    table.attempt(film, role, 1, "token")
    table.submitted(film, role, 1, f"job-of-{role}")
    table.job_news(film, role, 1, status, **({} if total is None else {"bill": bill(total)}))
    money.settle(table, film)


def on(monkeypatch: pytest.MonkeyPatch, days_ago: int) -> str:
    """From now on records are written at noon of that day; the day."""
    noon = (NOW - datetime.timedelta(days=days_ago)).replace(hour=12)
    stamp = noon.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    monkeypatch.setattr(table_room, "now", lambda wait=None: stamp)
    return stamp[:10]


def test_a_film_is_told_job_by_job(table):
    predicted(table, FILM, 0.5)
    spent(table, FILM, 0.25)
    spent(table, FILM, 0.125, "download")
    told = costs.of_film(FILM.asset_id, PLACE)
    (run,) = told["runs"]
    assert (told["film"], told["predicted"], told["actual"], told["whole"]) == (FILM.key, 0.5, 0.375, True)
    assert (run["execution"], run["status"], run["predicted"]["total"]) == (FILM.execution_name, "received", 0.5)
    assert [(job["role"], job["billed"], job["why"]) for job in run["jobs"]] == [
        ("streams", 0.25, None),
        ("download", 0.125, None),
    ]
    assert run["actual"]["total"] == 0.375 and run["actual"]["prices_read"] == "2026-01-01", "as it was at the time"
    assert costs.of_film(FILM.execution_name, PLACE) == told


def test_every_run_of_an_upload_is_told(table):
    predicted(table, FILM, 0.5)
    spent(table, FILM, 0.5)
    table.fail(FILM, {"code": "OUTPUT_WRONG"})
    again = table.revise(FILM)
    table.note(again, price={"predicted": bill(0.5)})
    spent(table, again, 0.5)
    told = costs.of_film(FILM.asset_id, PLACE)
    assert [(run["revision"], run["status"], run["actual"]["total"]) for run in told["runs"]] == [
        (1, None, 0.5),
        (2, "received", 0.5),
    ]
    assert (told["predicted"], told["actual"]) == (1.0, 1.0)


@pytest.mark.parametrize(
    ("status", "why"), [("ERROR", "charges nothing"), ("CANCELED", "cancelled job"), ("PROGRESSING", "not complete")]
)
def test_a_job_without_a_bill_says_why(table, status, why):
    predicted(table, FILM, 0.5)
    spent(table, FILM, None, status=status)
    (job,) = costs.of_film(FILM.asset_id, PLACE)["runs"][0]["jobs"]
    assert job["billed"] is None and why in job["why"]


def test_a_film_that_nobody_priced_yet_has_no_price(table):
    table.register(FILM)
    told = costs.of_film(FILM.asset_id, PLACE)
    assert told["runs"][0]["predicted"] is None and told["runs"][0]["actual"] is None and told["actual"] == 0


def test_what_a_film_costs_to_keep_is_said_until_it_is_gone(table):
    predicted(table, FILM, 0.5)
    table.note(FILM, encode=FILM.run, verified={"size_bytes": 100 * 2**30})
    (run,) = costs.of_film(FILM.asset_id, PLACE)["runs"]
    assert run["kept"] == {"bytes": 100 * 2**30, "usd_a_month": 2.3}
    table.mark(FILM, "superseded")
    assert costs.of_film(FILM.asset_id, PLACE)["runs"][0]["kept"] is None


def test_an_update_keeps_no_pictures_of_its_own(table):
    predicted(table, FILM, 0.5)
    table.note(FILM, encode="0123456789-r1", verified={"size_bytes": 2**30})
    assert costs.of_film(FILM.asset_id, PLACE)["runs"][0]["kept"] is None


def test_a_name_that_nothing_has_is_said(table):
    with pytest.raises(NothingByThatName, match="nobody"):
        costs.of_film("nobody", PLACE)


def test_a_period_is_told_day_by_day(table, monkeypatch):
    films = [upload(key=f"uploads/{number}.mp4") for number in range(4)]
    first = on(monkeypatch, 2)
    for film, total in zip(films[:2], (0.5, 0.75), strict=True):
        predicted(table, film, 0.5)
        spent(table, film, total)
    second = on(monkeypatch, 1)
    predicted(table, films[2], 1.0)
    spent(table, films[2], 0.25)
    predicted(table, films[3], 2.0)
    told = costs.of_period(TABLE, NOW - datetime.timedelta(days=7))
    assert told["days"] == [
        {"day": first, "films": 2, "predicted": 1.0, "actual": 1.25},
        {"day": second, "films": 1, "predicted": 1.0, "actual": 0.25},
    ]
    assert (told["films"], told["predicted"], told["actual"]) == (3, 2.0, 1.5)
    assert [(one["film"], one["predicted"], one["actual"]) for one in told["deviations"]] == [
        ("uploads/2.mp4", 1.0, 0.25),
        ("uploads/1.mp4", 0.5, 0.75),
    ]
    assert told["under_way"] == {"films": 1, "predicted": 2.0}


def test_what_was_billed_before_the_period_is_not_in_it(table, monkeypatch):
    on(monkeypatch, 5)
    predicted(table, FILM, 0.5)
    spent(table, FILM, 0.5)
    on(monkeypatch, 1)
    table.mark(FILM, "published")
    told = costs.of_period(TABLE, NOW - datetime.timedelta(days=3))
    assert (told["films"], told["days"]) == (0, [])


def test_a_rejected_film_has_cost_what_was_encoded(table):
    predicted(table, FILM, 0.5)
    spent(table, FILM, 0.5)
    table.mark(FILM, "rejected")
    assert costs.of_period(TABLE, NOW - datetime.timedelta(days=1))["actual"] == 0.5


def test_nothing_is_no_trouble(table):
    told = costs.of_period(TABLE, NOW)
    assert (told["films"], told["actual"], told["days"], told["deviations"]) == (0, 0, [], [])
