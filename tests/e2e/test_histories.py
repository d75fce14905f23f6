"""An execution's history, as the AWS CLI shows it, reads like the story of its film."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from pipeline.cli.follow import Result
from tests.e2e import films
from tests.e2e.conftest import Pipeline
from tests.e2e.test_redrive import misconfigured, redriven

TO_VERIFIED = ["Ingest upload", "Probe source", "Plan renditions", "Transcode", "Verify outputs"]
PUBLISHED = ["Publish asset", "Announce", "Published"]
BRANCHES = {
    "Transcode streams",
    "No download",
    "No captions",
    "No poster",
    "No cover",
    "Notify team",
    "Report upload",
}


def _history(pipeline: Pipeline, result: Result) -> list[dict[str, Any]]:
    env = {
        **os.environ,
        "AWS_ENDPOINT_URL": pipeline.world.endpoint_url,
        "AWS_REGION": "us-east-1",
        "AWS_PAGER": "",
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "x",
        "AWS_CONFIG_FILE": os.devnull,
    }
    argv = [
        sys.executable,
        "-m",
        "awscli",
        "stepfunctions",
        "get-execution-history",
        "--execution-arn",
        result.execution_arn,
    ]
    return json.loads(subprocess.run(argv, env=env, capture_output=True, check=True, timeout=60).stdout)["events"]


def _names(events: list[dict[str, Any]], edge: str) -> list[str]:
    """The boxes that were Entered or Exited; those inside the two Parallels, and plain questions, left out."""
    details = f"state{edge}EventDetails"
    named = [event[details]["name"] for event in events if details in event and not event["type"].startswith("Choice")]
    return [name for name in named if name not in BRANCHES]


def _failures(events: list[dict[str, Any]]) -> list[str]:
    return [
        event["lambdaFunctionFailedEventDetails"]["error"]
        for event in events
        if event["type"] == "LambdaFunctionFailed"
    ]


def _is_in_order(events: list[dict[str, Any]]) -> bool:
    numbered = [event["id"] for event in events] == list(range(1, len(events) + 1))
    times = [event["timestamp"] for event in events]
    return numbered and times == sorted(times) and all(event["previousEventId"] < event["id"] for event in events)


def test_a_published_film(pipeline: Pipeline, film_folder: Path):
    events = _history(pipeline, pipeline.send(films.plain(film_folder), "uploads/story published.mp4"))
    assert _names(events, "Entered") == _names(events, "Exited") == TO_VERIFIED + PUBLISHED
    assert _is_in_order(events) and _failures(events) == [] and events[-1]["type"] == "ExecutionSucceeded"
    story = list(json.loads(events[-1]["executionSucceededEventDetails"]["output"]))
    assert story == ["upload", "asset", "source", "plan", "outputs", "verified", "playback"]


def test_a_rejected_film(pipeline: Pipeline, film_folder: Path):
    notes = films.written(film_folder, "notes.mp4", b"Dear diary, this is no film. " * 200)
    events = _history(pipeline, pipeline.send(notes, "uploads/story rejected.mp4"))
    boxes = ["Ingest upload", "Probe source", "Reject upload", "Upload rejected"]
    assert _names(events, "Entered") == _names(events, "Exited") == boxes
    assert _is_in_order(events) and events[-1]["type"] == "ExecutionSucceeded"
    failures = _failures(events)
    assert failures and set(failures) <= {"SourceRejected", "SourceUnreadable"}
    assert list(json.loads(events[-1]["executionSucceededEventDetails"]["output"])) == ["upload", "asset", "rejection"]


def test_a_film_that_failed_and_was_redriven(pipeline: Pipeline, film_folder: Path):
    with misconfigured(pipeline, "publish", VOD_OUTPUTS_BUCKET="a-bucket-that-is-gone"):
        result = pipeline.send(films.plain(film_folder), "uploads/story failed.mp4")
    failed = _history(pipeline, result)
    assert _names(failed, "Entered") == [*TO_VERIFIED, "Publish asset"] and _names(failed, "Exited") == TO_VERIFIED
    assert [event["type"] for event in failed[-2:]] == ["LambdaFunctionFailed", "ExecutionFailed"]
    assert failed[-1]["executionFailedEventDetails"] == failed[-2]["lambdaFunctionFailedEventDetails"]
    redriven(pipeline, result)
    again = _history(pipeline, result)
    assert again[: len(failed)] == failed and again[len(failed)]["type"] == "ExecutionRedriven"
    assert _names(again, "Entered") == _names(again, "Exited") == TO_VERIFIED + PUBLISHED
    assert _is_in_order(again) and again[-1]["type"] == "ExecutionSucceeded"
