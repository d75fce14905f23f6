"""record: what no Catch sees is written down, with the box that failed, and its jobs are stopped."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest

from lambdas.record.handler import handler
from pipeline.aws import executions, objects, pointers, topic
from pipeline.media.errors import OutputMissing, ServiceThrottled
from tests.aws.world import refusal
from tests.lambdas.events import execution_event
from tests.media.films import OUTPUTS, upload

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
    monkeypatch.setattr(
        topic, "announce", lambda arn, event, film, parts, repeat, title: heard.append({"event": event, **parts})
    )
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
        table.attempt(FILM, role, 1, "token")
        table.submitted(FILM, role, 1, f"job-{role}")
        table.job_news(FILM, role, 1, status)
        mediaconvert.jobs.append({"Id": f"job-{role}", "Status": status})
    table.attempt(FILM, "captions", 1, "token")


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


def test_a_redrive_that_comes_while_the_end_is_recorded_keeps_its_jobs(
    table, execution, told, mediaconvert, monkeypatch
):
    jobs(table, mediaconvert)
    table.mark(FILM, "transcoding")
    answers = [dict(execution), {"status": "RUNNING", "redriveCount": 1}]
    monkeypatch.setattr(executions, "describe", lambda arn: answers.pop(0))
    assert handler(execution_event("FAILED", FILM), None)["cancelled"] == []
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
    assert [each["event"] for each in told] == ["announcement_failed"], "an operator is needed all the same"
    assert told[0]["error"]["state"] == "Verify outputs"


def shown() -> str:
    return json.loads(objects.read(OUTPUTS, f"a/{FILM.asset_id}/asset.json"))["status"]


def test_viewers_are_told_where_nothing_plays(table, execution, told):
    pointers.show(OUTPUTS, FILM, "My Film", "processing")
    handler(execution_event("FAILED", FILM), None)
    assert shown() == "failed"


def test_a_film_that_plays_goes_on_playing_when_a_newer_upload_fails(table, execution, told):
    older = upload(sequencer="01", **{"version-id": "older"})
    objects.write_json(
        OUTPUTS, f"a/{FILM.asset_id}/asset.json", {"status": "published", "order": older.order, "revision": 1}
    )
    handler(execution_event("FAILED", FILM), None)
    assert shown() == "published"


def test_a_cancelled_run_is_nobodys_failure(table, execution, told, mediaconvert):
    table.register(FILM)
    table.cancel(FILM)
    jobs(table, mediaconvert)
    execution["status"] = "ABORTED"
    assert handler(execution_event("ABORTED", FILM), None)["cancelled"] == ["job-streams"]
    record = table.version(FILM)
    assert (record["status"], "error" in record, record["recorded"], told) == ("cancelled", False, 0, [])


def test_the_error_is_kept_when_the_rest_cannot_be_done_now(table, execution, told, monkeypatch):
    def throttled(arn):
        raise refusal("GetExecutionHistory", "ThrottlingException")

    monkeypatch.setattr(executions, "failed_state", throttled)
    with pytest.raises(ServiceThrottled):
        handler(execution_event("FAILED", FILM), None)
    assert table.version(FILM)["error"]["message"] == ERROR.message and "recorded" not in table.version(FILM)


def test_a_failure_of_an_earlier_run_does_not_touch_the_next_one(table, execution, told):
    table.register(FILM)
    table.fail(FILM, {"code": "OUTPUT_WRONG"})
    second = table.revise(FILM)
    handler(execution_event("FAILED", FILM), None)
    record = table.version(second)
    assert (record["status"], record["revision"], "error" in record) == ("received", 2, False)


def test_the_message_of_a_second_failure_is_no_repetition_of_the_first(monkeypatch):
    said = []
    monkeypatch.setattr(
        topic, "client", lambda service: SimpleNamespace(publish=lambda **message: said.append(message))
    )
    for repeat in (0, 0, 1):
        topic.announce("arn", "failed", FILM, {}, repeat)
    ids = [json.loads(message["Message"])["deduplication_id"] for message in said]
    assert ids[0] == ids[1] != ids[2]


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
