"""What an execution's history means to somebody who watches it."""

from __future__ import annotations

import datetime
import json
from pathlib import Path

from pipeline.cli.commands import _exit_status
from pipeline.cli.films import Film
from pipeline.cli.follow import Result, _steps

FILM = Film(Path("/films/a.mp4"), "uploads/a.mp4")


def _event(second: float, kind: str, name: str | None = None) -> dict:
    at = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC) + datetime.timedelta(seconds=second)
    event = {"timestamp": at, "type": kind}
    if name:
        event["stateExitedEventDetails" if kind.endswith("Exited") else "stateEnteredEventDetails"] = {"name": name}
    return event


def test_states_tick_as_they_are_left():
    history = [
        _event(0, "ExecutionStarted"),
        _event(0, "TaskStateEntered", "Ingest upload"),
        _event(2, "TaskStateExited", "Ingest upload"),
        _event(2, "TaskStateEntered", "Probe source"),
    ]
    ingest, probe = _steps(history)
    assert (ingest.name, ingest.exited - ingest.entered) == ("Ingest upload", 2)
    assert (probe.name, probe.exited) == ("Probe source", None)


def test_failed_attempts_are_counted_at_the_box_that_failed():
    history = [
        _event(0, "TaskStateEntered", "Ingest upload"),
        _event(1, "LambdaFunctionFailed"),
        _event(2, "LambdaFunctionFailed"),
        _event(3, "TaskStateExited", "Ingest upload"),
    ]
    assert _steps(history)[0].failures == 2


def _result(status: str) -> Result:
    return Result(FILM, "a-1", "v1", status, error={"code": "X"} if status != "published" else None)


def test_the_exit_status_is_the_worst_that_happened():
    assert _exit_status([_result("published")]) == 0
    assert _exit_status([_result("published"), _result("rejected")]) == 3
    assert _exit_status([_result("published"), _result("superseded")]) == 3
    assert _exit_status([_result("rejected"), _result("failed")]) == 1


def test_the_json_of_a_film_has_exactly_the_promised_names():
    names = "file asset_id version status error playback_url renditions duration_ms seconds".split()
    said = _result("superseded").as_json()
    assert list(said) == names and said["status"] == "rejected"
    assert json.loads(json.dumps(said)) == said
