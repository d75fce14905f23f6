"""How films ended, as the command line says it."""

from __future__ import annotations

import io
import json
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from rich.console import Console

from pipeline.cli.commands import _exit_status
from pipeline.cli.films import Film
from pipeline.cli.follow import Follower, Result
from pipeline.cli.screen import print_receipt
from pipeline.media import timeline

FILM = Film(Path("/films/a.mp4"), "uploads/a.mp4")


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


WAITS = {"reason": "approval", "since": "2026-01-02T03:04:05.678Z", "message": "it waits: vod approve a-1"}


class Steps:
    """Step Functions, which knows one execution, or none."""

    class exceptions:
        class ExecutionDoesNotExist(Exception):
            pass

    def __init__(self, status: str | None) -> None:
        self.status = status

    def describe_execution(self, executionArn: str) -> dict:
        if self.status is None:
            raise self.exceptions.ExecutionDoesNotExist
        return {"status": self.status}


def follower(monkeypatch, execution: str | None, record: dict, patient: bool) -> Follower:
    world = SimpleNamespace(
        client=lambda service: Steps(execution), outputs={"SourcesBucket": "b", "StateMachineArn": "m"}
    )
    one = Follower(world, FILM, patient)
    one.version, one._uploaded_at = "v1", time.time()
    monkeypatch.setattr(one, "_record", lambda sk: record if sk == "version#v1" else None)
    monkeypatch.setattr(one, "_history", lambda arn: [])
    monkeypatch.setattr(timeline, "steps", lambda events: (timeline.Step("Hold for approval", 0.0, None, 0),))
    return one


@pytest.mark.parametrize(("execution", "status"), [("RUNNING", "held"), ("RUNNING", "waiting"), (None, "waiting")])
def test_a_film_that_waits_for_somebodys_word_is_said_to_wait_and_for_what(monkeypatch, execution, status):
    one = follower(monkeypatch, execution, {"status": status, "waits": WAITS}, patient=False)
    one.look()
    assert one.result.status == status and one.result.as_json()["waits"] == WAITS
    assert _exit_status([one.result]) == 3
    console = Console(file=io.StringIO(), width=200)
    print_receipt(console, one.result)
    assert WAITS["message"] in console.file.getvalue()


@pytest.mark.parametrize("record", [{"status": "transcoding"}, {"status": "held", "waits": WAITS}])
def test_whoever_has_patience_goes_on_looking(monkeypatch, record):
    one = follower(monkeypatch, "RUNNING", record, patient=record["status"] == "held")
    one.look()
    assert one.result is None and one.snapshot.status == "running"
