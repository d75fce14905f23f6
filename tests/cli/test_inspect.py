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
