"""What operators read of one film."""

from __future__ import annotations

from pipeline.cli import inspect


def told(error: dict | None) -> dict:
    return {
        "film": "uploads/a.mp4",
        "status": "rejected",
        "execution": "a-1-r1",
        "error": error,
        "waits": None,
        "failed_attempts": [],
        "jobs": [],
        "source": None,
        "log": [],
        "reproduce": "vod run --once a.mp4",
        "links": {"console": "https://console"},
    }


def test_an_explanation_leads_to_the_errors_part_in_the_catalogue():
    lines = inspect._tell_explained(told({"code": "INPUT_EMPTY", "message": "a.mp4 is empty: 0 bytes"}))
    assert "  more      docs/errors.md#input_empty" in lines


def test_what_has_no_part_leads_nowhere():
    assert not any("errors.md" in line for line in inspect._tell_explained(told(None)))
    assert not any("errors.md" in line for line in inspect._tell_explained(told({"code": "NOT_STARTED"})))


def test_the_cost_is_told_with_its_items_and_with_what_has_no_price():
    item = {"output": "Streams_720p", "class": "B-AVC-HD-SHQ-30", "minutes": 2.0, "price": 0.03, "why": ""}
    poster = {"output": "Poster", "class": "frame capture", "minutes": 2.0, "price": None, "why": "no price known"}
    bill = {
        "total": 0.03,
        "currency": "USD",
        "whole": False,
        "sure": False,
        "region": "us-east-1",
        "prices_read": "2026-11-23",
        "items": [item, poster],
    }
    job = {"role": "streams", "job_id": "job-1", "status": "COMPLETE", "predicted": bill, "actual": bill, "why": None}
    lines = inspect._tell_cost({**told(None), "jobs": [job]})
    assert "    actual     about 0.0300 USD, and what has no known price (us-east-1, prices of 2026-11-23)" in lines
    assert any(line.split() == ["Streams_720p", "B-AVC-HD-SHQ-30", "2.00", "min", "0.0300"] for line in lines)
    assert any("unknown" in line and "no price known" in line for line in lines)
    assert inspect._tell_cost({**told(None), "jobs": []})[-1] == "  no job yet"
