"""What operators read of money."""

from __future__ import annotations

from typing import Any

from pipeline.cli import cost, inspect
from tests.cli.test_operate import here, vod  # noqa: F401  (the fixture: which pipeline is spoken to)

ITEM = {"output": "Streams_720p", "class": "B-AVC-HD-SHQ-30", "minutes": 2.0, "price": 0.03, "why": ""}
POSTER = {"output": "Poster", "class": "frame capture", "minutes": 2.0, "price": None, "why": "no price known"}
BILL = {
    "total": 0.03,
    "currency": "USD",
    "whole": False,
    "sure": False,
    "region": "us-east-1",
    "prices_read": "2026-11-23",
    "items": [ITEM, POSTER],
}
NOTHING = {**BILL, "total": 0.0, "whole": True, "sure": True, "items": []}


def film(*runs: dict[str, Any]) -> list[str]:
    totals = {"predicted": 0.06, "actual": 0.03, "currency": "USD"}
    return cost._tell({"film": "uploads/a.mp4", "asset_id": "a-1", **totals, "runs": list(runs)})


def run(revision: int, status: str | None, actual: dict | None, predicted: dict | None = BILL) -> dict[str, Any]:
    job = {"role": "streams", "job_id": "job-1", "status": "COMPLETE", "billed": 0.03, "why": None}
    head = {"execution": f"a-1-r{revision}", "revision": revision, "version": "1", "status": status}
    kept = {"bytes": 5 * 2**20, "usd_a_month": 0.0001} if actual and actual["items"] else None
    jobs = [job] if actual and actual["items"] else []
    return {**head, "predicted": predicted, "actual": actual, "jobs": jobs, "kept": kept}


def test_a_film_is_told_with_its_items_and_with_what_has_no_price():
    lines = film(run(1, "published", BILL))
    said = "about 0.0300 USD, without frame capture: no price known (us-east-1, prices of 2026-11-23)"
    assert [f"    predicted {said}", f"    spent     {said}"] == lines[2:4]
    assert any(line.split() == ["Streams_720p", "B-AVC-HD-SHQ-30", "2.00", "min", "0.0300"] for line in lines)
    assert any("unknown" in line and "no price known" in line for line in lines)
    assert not any("all runs" in line for line in lines), "of one run the sum is its own"
    assert lines[-1] == "    kept      5.0 MiB of outputs, 0.0001 USD a month in S3"


def test_what_costs_next_to_nothing_is_not_called_free():
    one = run(1, "published", BILL)
    one["kept"] = {"bytes": 2**20, "usd_a_month": 0.0}
    assert film(one)[-1] == "    kept      1.0 MiB of outputs, less than 0.0001 USD a month in S3"


def test_before_the_jobs_end_the_predicted_items_are_told():
    lines = film(run(1, "transcoding", None))
    assert "    spent     not known" in lines and any("Streams_720p" in line for line in lines)


def test_an_update_costs_nothing_and_the_sum_of_all_runs_is_told():
    lines = film(run(1, None, BILL), run(2, "published", NOTHING, None))
    assert "  a-1-r1  replaced by the next run" in lines and "    spent     0.0000 USD" in lines
    assert lines[-1] == "  all runs: predicted 0.0600, spent 0.0300 USD"


def test_a_bill_that_could_not_be_made_is_not_called_free():
    lines = film(run(1, "published", {**NOTHING, "whole": False}))
    assert "    spent     0.0000 USD: no bill could be made" in lines


def test_a_period_is_a_table_with_what_is_under_way_and_what_went_otherwise():
    sums = {"films": 2, "predicted": 0.5, "actual": 0.4}
    lines = cost._tell(
        {
            **sums,
            "currency": "USD",
            "region": "us-east-1",
            "prices_read": "2026-11-23",
            "days": [{"day": "2026-11-22", **sums}],
            "under_way": {"films": 1, "predicted": 0.1},
            "deviations": [
                {"film": "uploads/a.mp4", "asset_id": "a-1", "version": "1", "predicted": 0.2, "actual": 0.1},
                {"film": "uploads/b.mp4", "asset_id": "b-1", "version": "1", "predicted": 0.0, "actual": 0.01},
            ],
        }
    )
    assert lines[1].split() == ["2026-11-22", "2", "0.5000", "0.4000"] and lines[2].split()[0] == "all"
    assert "under way: 1 film, predicted 0.1000 USD" in lines
    assert [line.split() for line in lines if "uploads/" in line] == [
        ["-0.1000", "(-50%)", "uploads/a.mp4", "a-1"],
        ["+0.0100", "uploads/b.mp4", "b-1"],
    ]
    assert lines[-1].startswith("Encoding alone, in us-east-1, by prices of 2026-11-23")


def test_vod_show_has_the_newest_runs_bills_in_a_line_each():
    version = {"version": "1", "revision": 1, "status": "published", "error": None, "created_at": "now", "waits": None}
    lists = {key: [] for key in ("steps", "jobs", "renditions")}
    head = {"asset_id": "a-1", "film": "uploads/a.mp4", "plays": None, "execution": "a-1-r1", "links": {}}
    shown = {**head, "versions": [version], **lists}
    told = inspect._tell_shown({**shown, "price": {"predicted": BILL}})
    said = "about 0.0300 USD, without frame capture: no price known (us-east-1, prices of 2026-11-23)"
    assert told[-1] == f"  predicted {said}"
    both = inspect._tell_shown({**shown, "price": {"predicted": BILL, "actual": BILL}})
    assert both[-1] == f"  spent     {said}"
    assert inspect._tell_shown({**shown, "price": {}})[-1] == "  execution a-1-r1"


def test_a_film_and_a_period_are_two_questions(capsys):
    status, said = vod(capsys, "cost", "film-1", "--since", "1d")
    assert status == 2 and "not both" in said
