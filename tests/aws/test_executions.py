"""Executions: started once, answered once, and asked where they failed."""

from __future__ import annotations

import datetime
import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from pipeline.aws import executions, topic
from pipeline.aws.clients import client
from pipeline.media.errors import OutputWrong
from tests.aws.world import MACHINE_ARN, stubbed
from tests.media.films import upload

FILM = upload()
EXECUTION_ARN = f"arn:aws:states:us-east-1:123456789012:execution:Vod:{FILM.execution_name}"
NOW = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)


def test_an_upload_starts_one_execution_with_its_own_name(moto):
    with stubbed("stepfunctions") as states:
        expected = {
            "stateMachineArn": MACHINE_ARN,
            "name": FILM.execution_name,
            "input": json.dumps({"upload": FILM.as_state()}),
        }
        states.add_response("start_execution", {"executionArn": EXECUTION_ARN, "startDate": NOW}, expected)
        assert executions.start(FILM, MACHINE_ARN) == EXECUTION_ARN


def test_an_execution_that_exists_already_is_the_same_success(moto):
    with stubbed("stepfunctions") as states:
        states.add_client_error("start_execution", "ExecutionAlreadyExists")
        assert executions.start(FILM, MACHINE_ARN) == EXECUTION_ARN


def test_any_other_refusal_to_start_is_an_error(moto):
    with stubbed("stepfunctions") as states:
        states.add_client_error("start_execution", "StateMachineDoesNotExist")
        with pytest.raises(ClientError):
            executions.start(FILM, MACHINE_ARN)


ANSWERS = {
    "send_task_success": lambda: executions.succeed("token", {"job_id": "j"}),
    "send_task_failure": lambda: executions.fail("token", OutputWrong("OUTPUT_WRONG", "m")),
    "send_task_heartbeat": lambda: executions.heartbeat("token"),
}


@pytest.mark.parametrize("operation", ANSWERS)
def test_a_waiting_step_is_answered(moto, operation):
    with stubbed("stepfunctions") as states:
        states.add_response(operation, {})
        assert ANSWERS[operation]() is True


@pytest.mark.parametrize("operation", ANSWERS)
@pytest.mark.parametrize("refusal", ["TaskDoesNotExist", "TaskTimedOut", "InvalidToken"])
def test_a_token_that_nobody_holds_any_more_is_no_error(moto, operation, refusal):
    with stubbed("stepfunctions") as states:
        states.add_client_error(operation, refusal)
        assert ANSWERS[operation]() is False


@pytest.mark.parametrize("operation", ANSWERS)
def test_throttling_of_an_answer_is_not_swallowed(moto, operation):
    with stubbed("stepfunctions") as states:
        states.add_client_error(operation, "ThrottlingException")
        with pytest.raises(ClientError):
            ANSWERS[operation]()


def test_a_failure_is_named_by_its_class_and_fits_the_limits(moto):
    error = OutputWrong("OUTPUT_WRONG", "m" * 40_000)
    with stubbed("stepfunctions") as states:
        states.add_response(
            "send_task_failure", {}, {"taskToken": "t", "error": "OutputWrong", "cause": str(error)[:32768]}
        )
        assert executions.fail("t", error)


# Where it failed -----------------------------------------------------------------------------------------------------


def history(*events: tuple[int, int, str] | tuple[int, int, str, str]) -> list[dict[str, Any]]:
    """(id, previous id, type[, state entered]) newest last, as GetExecutionHistory has them; we ask for the reverse."""
    made = []
    for identity, previous, kind, *state in events:
        event = {"id": identity, "previousEventId": previous, "type": kind, "timestamp": NOW}
        made.append({**event, **({"stateEnteredEventDetails": {"name": state[0]}} if state else {})})
    return made[::-1]


PUBLISH_FAILED = history(
    (1, 0, "ExecutionStarted"),
    (2, 1, "TaskStateEntered", "Verify outputs"),
    (3, 2, "LambdaFunctionScheduled"),
    (4, 3, "LambdaFunctionStarted"),
    (5, 4, "LambdaFunctionSucceeded"),
    (6, 5, "TaskStateExited"),
    (7, 6, "TaskStateEntered", "Publish asset"),
    (8, 7, "LambdaFunctionScheduled"),
    (9, 8, "LambdaFunctionStarted"),
    (10, 9, "LambdaFunctionFailed"),
    (11, 10, "LambdaFunctionScheduled"),
    (12, 11, "LambdaFunctionStarted"),
    (13, 12, "LambdaFunctionFailed"),
    (14, 13, "ExecutionFailed"),
)
BRANCH_FAILED = history(
    (1, 0, "ExecutionStarted"),
    (2, 1, "ParallelStateEntered", "Transcode"),
    (3, 2, "ParallelStateStarted"),
    (4, 3, "TaskStateEntered", "Transcode streams"),
    (5, 3, "ChoiceStateEntered", "Download wanted?"),
    (6, 3, "ChoiceStateEntered", "Has captions?"),
    (7, 4, "TaskScheduled"),
    (8, 7, "TaskStarted"),
    (9, 8, "TaskSubmitted"),
    (10, 6, "TaskStateEntered", "Convert captions"),
    (11, 10, "LambdaFunctionScheduled"),
    (12, 9, "TaskFailed"),
    (13, 11, "TaskStateAborted"),
    (14, 12, "ParallelStateFailed"),
    (15, 14, "ExecutionFailed"),
)
HEARTBEATS = history(
    (1, 0, "ExecutionStarted"),
    (2, 1, "TaskStateEntered", "Transcode streams"),
    *(
        (number, number - 1, ("TaskScheduled", "TaskStarted", "TaskSubmitted", "TaskTimedOut")[(number - 3) % 4])
        for number in range(3, 803)
    ),
    (803, 802, "ExecutionFailed"),
)
STOPPED = history(
    (1, 0, "ExecutionStarted"),
    (2, 1, "TaskStateEntered", "Probe source"),
    (3, 2, "LambdaFunctionScheduled"),
    (4, 3, "LambdaFunctionFailed"),
    (5, 4, "LambdaFunctionScheduled"),
    (6, 5, "LambdaFunctionSucceeded"),
    (7, 6, "TaskStateExited"),
    (8, 7, "TaskStateEntered", "Transcode streams"),
    (9, 8, "TaskScheduled"),
    (10, 9, "TaskSubmitted"),
    (11, 10, "TaskStateAborted"),
    (12, 11, "ExecutionAborted"),
)
MACHINE_TIMED_OUT = history(
    (1, 0, "ExecutionStarted"),
    (2, 1, "TaskStateEntered", "Transcode streams"),
    (3, 2, "TaskScheduled"),
    (4, 3, "ExecutionTimedOut"),
)


@pytest.mark.parametrize(
    ("events", "state"),
    [
        (PUBLISH_FAILED, "Publish asset"),
        (BRANCH_FAILED, "Transcode streams"),
        (HEARTBEATS, "Transcode streams"),
        (STOPPED, "Transcode streams"),
        (MACHINE_TIMED_OUT, "Transcode streams"),
        (history((1, 0, "ExecutionStarted"), (2, 1, "ExecutionAborted")), None),
        ([], None),
    ],
    ids=[
        "failed",
        "a branch failed",
        "after two hundred heartbeats",
        "stopped",
        "timed out",
        "before the first state",
        "nothing",
    ],
)
def test_the_box_that_failed_is_read_from_the_history(moto, events, state):
    with stubbed("stepfunctions") as states:
        asked = {"executionArn": EXECUTION_ARN, "reverseOrder": True, "maxResults": 1000}
        states.add_response("get_execution_history", {"events": events}, asked)
        assert executions.failed_state(EXECUTION_ARN) == state


@pytest.mark.parametrize(
    ("status", "redrives_now", "redrives_then", "moved_on"),
    [
        ("FAILED", 0, 0, False),
        ("RUNNING", 0, 0, False),  # DescribeExecution may lag behind its own event
        ("RUNNING", 1, 0, True),
        ("FAILED", 1, 1, False),
        ("FAILED", 2, 1, True),
        ("SUCCEEDED", 1, 1, True),
    ],
)
def test_an_execution_that_was_redriven_has_moved_on(moto, status, redrives_now, redrives_then, moved_on):
    described = {
        "executionArn": EXECUTION_ARN,
        "stateMachineArn": MACHINE_ARN,
        "status": status,
        "startDate": NOW,
        "redriveCount": redrives_now,
    }
    with stubbed("stepfunctions") as states:
        states.add_response("describe_execution", described, {"executionArn": EXECUTION_ARN})
        assert executions.has_moved_on(executions.describe(EXECUTION_ARN), redrives_then) is moved_on


# The topic -----------------------------------------------------------------------------------------------------------


def test_the_team_hears_of_it_once_however_often_it_is_said(aws):
    arn = client("sns").create_topic(Name="vod")["TopicArn"]
    queue = client("sqs").create_queue(QueueName="ears")["QueueUrl"]
    attributes = client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]
    client("sns").subscribe(TopicArn=arn, Protocol="sqs", Endpoint=attributes["QueueArn"])
    film = upload("uploads/\u96e8\n.mp4")
    for _ in range(2):
        topic.announce(arn, "failed", film, {"error": {"code": "OUTPUT_WRONG"}})
    heard = client("sqs").receive_message(QueueUrl=queue, MaxNumberOfMessages=10)["Messages"]
    messages = [json.loads(json.loads(each["Body"])["Message"]) for each in heard]
    assert {message["deduplication_id"] for message in messages} == {f"{film.execution_name}-failed"}
    assert messages[0]["file"] == film.key and messages[0]["error"] == {"code": "OUTPUT_WRONG"}
    assert json.loads(heard[0]["Body"])["Subject"] == "Film failed"
    assert json.loads(heard[0]["Body"])["MessageAttributes"]["event"]["Value"] == "failed"
