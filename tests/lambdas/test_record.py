"""record: what no Catch sees is written down, with the box that failed, and its jobs are stopped."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lambdas.record.handler import handler
from pipeline.aws import executions, topic
from pipeline.media.errors import OutputMissing, ServiceThrottled
from tests.aws.world import refusal
from tests.lambdas.events import execution_event
from tests.media.films import upload

pytestmark = pytest.mark.usefixtures("environment")
FILM = upload()
ERROR = OutputMissing("OUTPUT_MISSING", "stream_720p.m3u8 does not exist", {"object": "stream_720p.m3u8"})
CAUSE = json.dumps({"errorMessage": str(ERROR), "errorType": "OutputMissing", "requestId": "r", "stackTrace": []})


@pytest.fixture
def execution(monkeypatch) -> dict[str, Any]:
    """What DescribeExecution says; tests change it."""
    described = {"status": "FAILED", "redriveCount": 0, "error": "OutputMissing", "cause": CAUSE}
    monkeypatch.setattr(executions, "describe", lambda arn: described)
    monkeypatch.setattr(executions, "failed_state", lambda arn: "Verify outputs")
    return described


@pytest.fixture
def told(monkeypatch) -> list[dict[str, Any]]:
    heard: list[dict[str, Any]] = []
    monkeypatch.setattr(topic, "announce", lambda arn, event, film, parts: heard.append({"event": event, **parts}))
    return heard


@pytest.mark.parametrize("where", ["event", "execution"])
def test_a_failure_is_recorded_with_the_box_that_failed(table, execution, told, where):
    table.mark(FILM, "transcoding")
    in_event = {"error": "OutputMissing", "cause": CAUSE} if where == "event" else {}
    assert handler(execution_event("FAILED", FILM, **in_event), None) == {"recorded": True, "cancelled": []}
    record = table.version(FILM)
    assert record["status"] == "failed"
    error = record["error"]
    assert (error["code"], error["message"], error["state"]) == ("OUTPUT_MISSING", ERROR.message, "Verify outputs")
    assert error["evidence"] == {
        "object": "stream_720p.m3u8",
        "execution": FILM.execution_name,
        "status": "FAILED",
        "error": "OutputMissing",
    }
    assert told[0]["event"] == "failed" and told[0]["error"] == error


@pytest.mark.parametrize("status", ["TIMED_OUT", "ABORTED"])
def test_ends_without_a_cause_are_recorded_by_their_status(table, execution, told, status):
    execution.clear()
    execution["status"] = status
    handler(execution_event(status, FILM), None)
    error = table.version(FILM)["error"]
    assert (error["code"], error["message"], error["evidence"]["status"]) == ("SERVICE_ERROR", status, status)


def jobs(table, mediaconvert) -> None:
    for role, status in (("streams", "PROGRESSING"), ("download", "COMPLETE")):
        table.intend(FILM, role, "token")
        table.attempt(FILM, role, 1)
        table.submitted(FILM, role, f"job-{role}")
        table.job_news(FILM, role, 1, status)
        mediaconvert.jobs.append({"Id": f"job-{role}", "Status": status})
    table.intend(FILM, "captions", "token")
    table.attempt(FILM, "captions", 1)


@pytest.mark.parametrize("status", ["FAILED", "TIMED_OUT", "ABORTED"])
def test_jobs_that_are_still_alive_are_cancelled_and_no_others(table, execution, told, mediaconvert, status):
    execution["status"] = status
    jobs(table, mediaconvert)
    assert handler(execution_event(status, FILM), None)["cancelled"] == ["job-streams"]
    assert [job["Status"] for job in mediaconvert.jobs] == ["CANCELED", "COMPLETE"]


def test_recording_twice_is_the_same(table, execution, told, mediaconvert):
    jobs(table, mediaconvert)
    handler(execution_event("FAILED", FILM), None)
    first = table.version(FILM)["error"]
    assert handler(execution_event("FAILED", FILM), None) == {"recorded": True, "cancelled": []}
    assert table.version(FILM)["error"] == first


@pytest.mark.parametrize("now", [{"status": "RUNNING", "redriveCount": 1}, {"status": "SUCCEEDED", "redriveCount": 1}])
def test_an_event_that_comes_after_the_redrive_stops_nothing(table, execution, told, mediaconvert, now):
    execution.update(now)
    jobs(table, mediaconvert)
    table.mark(FILM, "transcoding")
    assert handler(execution_event("FAILED", FILM), None) == {"recorded": False}
    assert (
        table.version(FILM)["status"] == "transcoding" and mediaconvert.jobs[0]["Status"] == "PROGRESSING" and not told
    )


def test_a_redrive_that_fails_again_is_recorded_again(table, execution, told):
    execution["redriveCount"] = 1
    assert handler(execution_event("FAILED", FILM, redriveCount=1), None)["recorded"]


def test_a_film_that_plays_stays_published_when_telling_people_failed(table, execution, told):
    table.mark(FILM, "published")
    handler(execution_event("FAILED", FILM), None)
    assert table.version(FILM)["status"] == "published" and table.version(FILM)["error"]["state"] == "Verify outputs"
    assert told, "an operator is needed all the same"


@pytest.mark.parametrize("given", ["{}", '{"upload": 1}', '{"upload": {"key": "x"}}', "no json", None])
def test_an_execution_that_somebody_started_by_hand_is_left_alone(execution, told, given):
    event = execution_event("FAILED", FILM, input=given)
    assert handler(event, None) == {"recorded": False} and not told


def test_throttling_leaves_record_as_service_throttled_so_that_lambda_tries_again(table, execution, monkeypatch):
    def throttled(*arguments):
        raise refusal("Publish", "ThrottlingException")

    monkeypatch.setattr(topic, "announce", throttled)
    with pytest.raises(ServiceThrottled):
        handler(execution_event("FAILED", FILM), None)
    assert table.version(FILM)["status"] == "failed", "what was recorded first is kept"
