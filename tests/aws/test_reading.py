"""What operators ask of a pipeline."""

from __future__ import annotations

import datetime
import json
import time
from types import SimpleNamespace

import pytest

from pipeline.aws import executions, objects, reading, transcoder
from pipeline.aws.clients import client
from pipeline.aws.operate import NothingByThatName, Place
from pipeline.aws.table import AssetTable
from tests.aws.test_sweep import FILM, Workflow
from tests.aws.world import DELIVERY, MACHINE_ARN, QUEUE_ARN, TABLE
from tests.media.films import OUTPUTS, upload

PLACE = Place(TABLE, OUTPUTS, MACHINE_ARN, QUEUE_ARN, DELIVERY)
AT = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
HISTORY = [
    {"id": 1, "timestamp": AT, "type": "TaskStateEntered", "stateEnteredEventDetails": {"name": "Probe source"}},
    {
        "id": 2,
        "previousEventId": 1,
        "timestamp": AT + datetime.timedelta(seconds=2),
        "type": "LambdaFunctionFailed",
        "lambdaFunctionFailedEventDetails": {"error": "ServiceThrottled", "cause": "slow down"},
    },
    {
        "id": 3,
        "previousEventId": 2,
        "timestamp": AT + datetime.timedelta(seconds=3),
        "type": "TaskStateExited",
        "stateExitedEventDetails": {"name": "Probe source"},
    },
    {
        "id": 4,
        "previousEventId": 3,
        "timestamp": AT + datetime.timedelta(seconds=3),
        "type": "TaskStateEntered",
        "stateEnteredEventDetails": {"name": "Plan renditions", "input": json.dumps({"source": {"duration_ms": 9}})},
    },
]


@pytest.fixture
def failed(table, mediaconvert, monkeypatch):
    """A film whose job failed, with what AWS keeps of it."""
    workflow = Workflow(monkeypatch)
    monkeypatch.setattr(reading, "_history", lambda arn: HISTORY)
    monkeypatch.setattr(reading, "_log_groups", lambda place: [])
    monkeypatch.setattr(executions, "find", lambda arn: {"status": "FAILED"})
    job = {"Status": "ERROR", "ErrorCode": 1404, "ErrorMessage": "the disk is full", "Messages": {"Warning": ["slow"]}}
    monkeypatch.setattr(transcoder, "find_by_id", lambda job_id: job)
    table.register(FILM)
    table.started(FILM, workflow.start(FILM, MACHINE_ARN))
    table.attempt(FILM, "streams", 1, "token")
    table.submitted(FILM, "streams", 1, "job-1")
    table.fail(FILM, {"code": "TRANSCODE_FAILED", "message": "MediaConvert gave up", "evidence": {}, "fix": "Look."})


def test_films_are_listed_with_the_newest_change_first(table):
    for number in range(3):
        table.register(upload(key=f"uploads/{number}.mp4"))
        time.sleep(0.002)
    first = upload(key="uploads/0.mp4")
    table.fail(first, {"code": "OUTPUT_WRONG"})
    found = list(reading.listed(TABLE))
    assert [one["film"] for one in found] == ["uploads/0.mp4", "uploads/2.mp4", "uploads/1.mp4"]
    assert (found[0]["status"], found[0]["code"], found[0]["version"]) == ("failed", "OUTPUT_WRONG", first.version)
    later = datetime.datetime.now(datetime.UTC) + datetime.timedelta(hours=1)
    assert list(reading.listed(TABLE, later)) == []


def test_a_run_that_begins_anew_has_no_errors_code_any_more(table):
    table.register(FILM)
    table.fail(FILM, {"code": "OUTPUT_WRONG"})
    table.revise(FILM)
    (found,) = reading.listed(TABLE)
    assert (found["status"], found["revision"], found["code"]) == ("received", 2, None)


def test_one_film_is_shown_with_its_boxes_jobs_and_versions(failed):
    objects.write_json(OUTPUTS, f"a/{FILM.asset_id}/asset.json", {"renditions": [{"name": "720p"}], "duration_ms": 9})
    AssetTable(TABLE).note(FILM, price={"predicted": {"total": 0.5}})
    shown = reading.show(FILM.asset_id, PLACE)
    assert shown["price"] == {"predicted": {"total": 0.5}}
    assert [version["status"] for version in shown["versions"]] == ["failed"]
    probe, plan = shown["steps"]
    assert (probe["state"], probe["seconds"], probe["failed_attempts"]) == ("Probe source", 3, 1)
    assert (plan["state"], plan["seconds"]) == ("Plan renditions", None)
    assert shown["jobs"][0]["error_message"] == "the disk is full" and shown["renditions"] == [{"name": "720p"}]
    assert FILM.execution_name in shown["links"]["console"] and shown["plays"] is None


def test_an_explanation_leads_to_the_cause(failed):
    told = reading.explain(FILM.execution_name, PLACE)
    assert told["error"]["code"] == "TRANSCODE_FAILED" and told["source"] == {"duration_ms": 9}
    assert told["failed_attempts"][0]["cause"] == "slow down"
    assert told["jobs"][0]["error_code"] == 1404 and told["jobs"][0]["messages"] == ["slow"]
    assert told["failed_attempts"][0]["message"] == "ServiceThrottled: slow down" and told["profile"] is None


# What was logged ------------------------------------------------------------------------------------------------------


@pytest.fixture
def logged(failed, monkeypatch):
    """Puts lines into groups of CloudWatch Logs, at so many seconds after the film came."""
    came = datetime.datetime.now(datetime.UTC)
    groups = ["/aws/lambda/Vod-probe", "/aws/lambda/Vod-complete", "/aws/lambda/Vod-never"]
    monkeypatch.setattr(reading, "_log_groups", lambda place: groups)
    for group in groups[:2]:
        client("logs").create_log_group(logGroupName=group)
        client("logs").create_log_stream(logGroupName=group, logStreamName="s")

    def put(function: str, seconds: float, line: str) -> None:
        at = int((came + datetime.timedelta(seconds=seconds)).timestamp() * 1000)
        client("logs").put_log_events(
            logGroupName=f"/aws/lambda/Vod-{function}",
            logStreamName="s",
            logEvents=[{"timestamp": at, "message": line}],
        )

    return put


def test_the_lines_about_a_film_come_from_every_function_in_their_order(logged):
    second = FILM.with_revision(2).execution_name
    logged("complete", 2, json.dumps({"message": "ok", "asset_id": FILM.asset_id, "execution": second}))
    logged("probe", 1, json.dumps({"message": "ok", "asset_id": FILM.asset_id, "execution": FILM.execution_name}))
    logged("probe", 3, json.dumps({"message": "of somebody else", "asset_id": "other"}))
    logged("probe", -7200, json.dumps({"message": "of long before it came", "asset_id": FILM.asset_id}))
    assert [one["function"] for one in reading.logs(FILM.asset_id, PLACE)] == ["probe", "complete"]
    (of_the_run,) = reading.logs(FILM.execution_name, PLACE)
    assert of_the_run["function"] == "probe" and json.loads(of_the_run["line"])["message"] == "ok"
    later = datetime.datetime.now(datetime.UTC) + datetime.timedelta(hours=1)
    assert reading.logs(FILM.asset_id, PLACE, later) == []


def test_functions_that_no_state_names_are_read_as_well(table, monkeypatch):
    named = "arn:aws:lambda:us-east-1:123456789012:function:Vod-ProbeFunction-1"
    answer = {"definition": json.dumps({"States": {"Probe source": {"Resource": named}}})}
    monkeypatch.setattr(
        reading, "client", lambda service: SimpleNamespace(describe_state_machine=lambda **which: answer)
    )
    monkeypatch.setattr(reading, "_log_group", lambda function: "/aws/lambda/Vod-prod-probe")
    groups = reading._log_groups(PLACE)
    assert groups[0] == "/aws/lambda/Vod-prod-probe" and "/aws/lambda/Vod-prod-start" in groups


def test_a_name_that_nothing_has_is_said(table):
    with pytest.raises(NothingByThatName, match="nobody"):
        reading.show("nobody", PLACE)
