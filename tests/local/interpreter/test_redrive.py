"""RedriveExecution, as the Developer Guide's "Restarting state machine executions with redrive" documents it."""

from __future__ import annotations

import datetime
import json
import time
import uuid
from contextlib import contextmanager
from typing import Any

import pytest
from botocore.exceptions import ClientError

from pipeline.local.emulators import redrive
from pipeline.local.emulators.progress import Progress
from tests.local.interpreter.cases import INVOKE_AND_WAIT, invoke, machine, one, passing, task
from tests.local.interpreter.test_executions_api import _received, _subscribe
from tests.local.interpreter.world import Ended, World

WAIT = {"Type": "Wait", "Seconds": 60, "End": True}


@contextmanager
def refused(code: str):
    with pytest.raises(ClientError) as refusal:
        yield refusal
    assert refusal.value.response["Error"]["Code"] == code


def flaky(fails: int, **fields: Any) -> dict:
    """Fails so many times for one execution (and `what`, where there is more than one)."""
    what = fields.pop("what", "")
    name = f"States.Format('{{}}{what}', $$.Execution.Name)"
    parameters = {"FunctionName": "flaky", "Payload": {"id.$": name, "fails": fails}}
    return task(
        "arn:aws:states:::lambda:invoke",
        Parameters=parameters,
        ResultSelector={"attempts.$": "$.Payload.attempts"},
        **fields,
    )


def later(state: dict) -> dict:
    """A branch that comes to this state when its siblings have ended, also on a busy machine."""
    return machine({"First": {"Type": "Wait", "Seconds": 3, "Next": "A"}, "A": state})


def redriven(world: World, ended: Ended) -> Ended:
    assert ended.status in ("FAILED", "ABORTED", "TIMED_OUT"), ended
    answer = world.steps.redrive_execution(executionArn=ended.arn)
    assert abs((answer["redriveDate"] - datetime.datetime.now(datetime.UTC)).total_seconds()) < 5
    again = world.wait(ended.arn)
    assert again.events[: len(ended.events)] == ended.events, "the history is appended to"
    return again


def since(ended: Ended) -> list[str]:
    """The types of the events of the last redrive."""
    last = max(number for number, kind in enumerate(ended.types) if kind == "ExecutionRedriven")
    return ended.types[last + 1 :]


# ---- where it goes on -----------------------------------------------------------------------------------------------


def test_a_redrive_goes_on_at_the_failed_task_with_the_same_input(world: World) -> None:
    asl = machine(
        {
            "A": {"Type": "Pass", "Result": {"a": 1}, "Next": "B"},
            "B": flaky(1, ResultPath="$.b", Next="C"),
            "C": passing(
                Parameters={
                    "a.$": "$.a",
                    "attempts.$": "$.b.attempts",
                    "n.$": "$$.Execution.RedriveCount",
                    "at.$": "$$.Execution.RedriveTime",
                }
            ),
        }
    )
    again = redriven(world, world.run(asl))
    assert again.status == "SUCCEEDED"
    assert (again.output["a"], again.output["attempts"], again.output["n"]) == (1, 2, 1)
    assert again.output["at"].endswith("Z")
    assert since(again) == [
        "TaskScheduled",
        "TaskStarted",
        "TaskSucceeded",
        "TaskStateExited",
        "PassStateEntered",
        "PassStateExited",
        "ExecutionSucceeded",
    ]
    told_of = next(event for event in again.events if event["type"] == "ExecutionRedriven")
    assert told_of["executionRedrivenEventDetails"] == {"redriveCount": 1}
    assert told_of["previousEventId"] == told_of["id"] - 1
    scheduled = again.events[told_of["id"]]
    assert again.events[scheduled["previousEventId"] - 1]["type"] == "TaskFailed", "the same box goes on"


def test_retry_counters_begin_anew(world: World) -> None:
    retry = [{"ErrorEquals": ["CustomError"], "IntervalSeconds": 1, "MaxAttempts": 1}]
    failed = world.run(one(flaky(3, Retry=retry)))
    again = redriven(world, failed)
    assert failed.types.count("TaskFailed") == 2 and again.types.count("TaskFailed") == 3
    assert (again.status, again.output) == ("SUCCEEDED", {"attempts": 4})


def test_only_branches_that_failed_or_were_aborted_run_again(world: World) -> None:
    inner = one({"Type": "Parallel", "Branches": [one(flaky(0, what="-c")), later(flaky(1, what="-d"))], "End": True})
    branches = [
        one(flaky(0, what="-a")),
        inner,
        machine(
            {
                "P": {"Type": "Pass", "Next": "W"},
                "W": {"Type": "Wait", "Seconds": 6, "Next": "Z"},
                "Z": passing(Result="waited"),
            }
        ),
    ]
    asl = one({"Type": "Parallel", "Branches": branches, "ResultPath": "$.r", "End": True})
    arn = world.create(asl)
    again = redriven(world, world.run(arn, {"kept": True}))
    assert again.output == {"kept": True, "r": [{"attempts": 1}, [{"attempts": 1}, {"attempts": 2}], "waited"]}
    # The ended branches write nothing; the inner one goes on in its task, the third in its Wait.
    assert since(again).count("TaskScheduled") == 1 and since(again).count("WaitStateExited") == 1
    assert since(again).count("ParallelStateSucceeded") == 2
    assert not {"ParallelStateEntered", "ParallelStateStarted", "WaitStateEntered"} & set(since(again))
    names = [
        event["stateEnteredEventDetails"]["name"] for event in again.events[-8:] if "stateEnteredEventDetails" in event
    ]
    assert names == ["Z"]


def test_a_second_attempt_at_a_resumed_parallel_runs_all_its_branches(world: World) -> None:
    retry = [{"ErrorEquals": ["CustomError"], "IntervalSeconds": 1, "MaxAttempts": 1}]
    branches = [one(flaky(0, what="-a")), later(flaky(3, what="-b"))]
    again = redriven(world, world.run(one({"Type": "Parallel", "Branches": branches, "Retry": retry, "End": True})))
    assert again.output == [{"attempts": 3}, {"attempts": 4}]  # attempts 1, 2; 2 is kept by the redrive; its retry: 3


def test_only_iterations_that_failed_or_were_aborted_run_again(world: World) -> None:
    process = {
        "ItemProcessor": machine(
            {
                "Which": {
                    "Type": "Choice",
                    "Choices": [{"Variable": "$", "NumericEquals": 2, "Next": "Flaky"}],
                    "Default": "Ok",
                },
                "Ok": flaky(0),
                "Flaky": flaky(1, what="-item"),
            }
        )
    }
    process["ItemProcessor"]["States"]["Ok"]["Parameters"]["Payload"]["id.$"] = (
        "States.Format('{}-{}', $$.Execution.Name, $)"
    )
    asl = one({"Type": "Map", "ItemsPath": "$.items", "MaxConcurrency": 1, **process, "End": True})
    again = redriven(world, world.run(asl, {"items": [0, 1, 2, 3]}))
    assert again.output == [{"attempts": 1}, {"attempts": 1}, {"attempts": 2}, {"attempts": 1}]
    assert since(again)[0] == "TaskScheduled" and since(again).count("MapIterationStarted") == 1


def test_a_map_run_is_refused_in_so_many_words(world: World) -> None:
    asl = one(
        {
            "Type": "Map",
            "ItemsPath": "$.items",
            "End": True,
            "ItemProcessor": {
                "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
                **one(invoke("fail")),
            },
        }
    )
    ended = world.run(asl, {"items": [1]})
    assert ended.status == "FAILED"
    with refused("ExecutionNotRedrivable") as refusal:
        world.steps.redrive_execution(executionArn=ended.arn)
    assert "Map Run" in str(refusal.value)
    assert world.steps.describe_execution(executionArn=ended.arn)["redriveStatus"] == "NOT_REDRIVABLE"


def test_a_landing_in_a_fail_state_lands_there_again(world: World) -> None:
    asl = machine(
        {
            "A": invoke("fail", Catch=[{"ErrorEquals": ["States.ALL"], "Next": "F"}]),
            "F": {"Type": "Fail", "Error": "Landed"},
        }
    )
    again = redriven(world, world.run(asl))
    assert (again.status, again.error) == ("FAILED", "Landed") and since(again) == ["ExecutionFailed"]


def test_a_choice_is_asked_again_and_a_wait_waits_again(world: World) -> None:
    choice = one({"Type": "Choice", "Choices": [{"Variable": "$.x", "NumericEquals": 1, "Next": "B"}]})
    choice["States"]["B"] = passing()
    assert redriven(world, world.run(choice, {"x": 2})).error == "States.NoChoiceMatched"
    started = world.start(machine({"W": {"Type": "Wait", "Seconds": 1, "Next": "P"}, "P": passing(Result=1)}))
    world.steps.stop_execution(executionArn=started)
    assert redriven(world, world.wait(started)).output == 1


def test_a_stopped_task_gets_a_new_token_and_its_time_limits_anew(world: World) -> None:
    asl = one(invoke("token", {"token.$": "$$.Task.Token"}, resource=INVOKE_AND_WAIT), TimeoutSeconds=5)
    timed_out = world.run(asl)
    assert timed_out.status == "TIMED_OUT"
    world.steps.redrive_execution(executionArn=timed_out.arn)
    tokens = _tokens(world, timed_out.arn, 2)
    assert tokens[0] != tokens[1]
    with refused("TaskTimedOut"):
        world.steps.send_task_success(taskToken=tokens[0], output="0")
    world.steps.send_task_success(taskToken=tokens[1], output="1")
    assert world.wait(timed_out.arn).output == 1


def _tokens(world: World, arn: str, number: int) -> list[str]:
    deadline = time.monotonic() + 10
    while True:
        events = world.history(arn)
        if [event["type"] for event in events].count("TaskSubmitted") == number:
            return [
                json.loads(event["taskScheduledEventDetails"]["parameters"])["Payload"]["token"]
                for event in events
                if event["type"] == "TaskScheduled"
            ]
        assert time.monotonic() < deadline, events
        time.sleep(0.05)


def test_variables_are_what_they_were(world: World) -> None:
    asl = {
        "QueryLanguage": "JSONata",
        **machine(
            {
                "A": {"Type": "Pass", "Assign": {"kept": 7}, "Next": "B"},
                "B": {
                    "Type": "Task",
                    "Resource": "arn:aws:states:::lambda:invoke",
                    "End": True,
                    "Output": "{% $kept %}",
                    "Arguments": {
                        "FunctionName": "flaky",
                        "Payload": {"id": "{% $states.context.Execution.Name %}", "fails": 1},
                    },
                },
            }
        ),
    }
    ended = world.run(asl)
    assert ended.error == "CustomError", ended.cause
    assert redriven(world, ended).output == 7


def test_the_definition_is_the_one_it_began_with_and_it_can_be_redriven_more_than_once(world: World) -> None:
    arn = world.create(one(flaky(2)))
    ended = world.run(arn)
    world.steps.update_state_machine(stateMachineArn=arn, definition=json.dumps(one(passing(Result="new"))))
    again = redriven(world, redriven(world, ended))
    assert again.output == {"attempts": 3} and again.types.count("ExecutionRedriven") == 2


def test_a_late_end_of_the_attempt_before_is_not_the_end_of_the_redrive(world: World) -> None:
    """A task that is in the middle of a call when its execution is stopped returns into a redriven one."""
    started = world.start(
        machine({"S": invoke("slow", {"seconds": 3}, ResultPath=None, Next="P"), "P": passing(Result="once")})
    )
    time.sleep(1)
    world.steps.stop_execution(executionArn=started)
    again = redriven(world, world.wait(started))
    assert again.output == "once" and again.seconds > 3.5
    assert since(again).count("TaskSucceeded") == 1


# ---- what is told of it ---------------------------------------------------------------------------------------------


def test_an_execution_says_whether_it_can_be_redriven(world: World) -> None:
    arn = world.create(one(flaky(1)))
    ended = world.run(arn)
    before = world.steps.describe_execution(executionArn=ended.arn)
    assert (before["redriveCount"], before["redriveStatus"]) == (0, "REDRIVABLE") and "redriveDate" not in before
    redriven(world, ended)
    after = world.steps.describe_execution(executionArn=ended.arn)
    assert (after["redriveCount"], after["redriveStatus"]) == (1, "NOT_REDRIVABLE")
    assert after["redriveStatusReason"] == "Execution is SUCCEEDED and cannot be redriven"
    assert after["redriveDate"] > after["startDate"] and "error" not in after
    listed = world.steps.list_executions(stateMachineArn=arn)["executions"]
    assert [(one["redriveCount"], one["redriveDate"]) for one in listed] == [(1, after["redriveDate"])]


def test_eventbridge_is_told_that_it_runs_again_and_of_its_new_end(world: World) -> None:
    url, arn = _subscribe(world)
    world.steps.update_state_machine(stateMachineArn=arn, definition=json.dumps(one(flaky(1))))
    redriven(world, world.run(arn))
    details = [event["detail"] for event in _received(world, url, 4)]
    told_of = sorted((detail["redriveCount"], detail["status"]) for detail in details)
    assert told_of == [(0, "FAILED"), (0, "RUNNING"), (1, "RUNNING"), (1, "SUCCEEDED")]
    running = next(detail for detail in details if (detail["redriveCount"], detail["status"]) == (1, "RUNNING"))
    assert running["stopDate"] is None and running["error"] is None and running["redriveDate"] > running["startDate"]


# ---- when it is refused ---------------------------------------------------------------------------------------------


def test_what_runs_or_has_succeeded_is_not_redriven(world: World) -> None:
    running, done = world.start(one(WAIT)), world.run(one(passing()))
    for arn in (running, done.arn):
        with refused("ExecutionNotRedrivable"):
            world.steps.redrive_execution(executionArn=arn)
    world.steps.stop_execution(executionArn=running)
    with refused("ExecutionDoesNotExist"):
        world.steps.redrive_execution(executionArn=f"{done.arn}-not")


def test_the_same_request_again_is_the_same_redrive(world: World) -> None:
    ended = world.run(one(flaky(2)))
    token = uuid.uuid4().hex
    answers = [world.steps.redrive_execution(executionArn=ended.arn, clientToken=token) for _ in range(2)]
    world.wait(ended.arn)
    answers.append(world.steps.redrive_execution(executionArn=ended.arn, clientToken=token))
    assert len({answer["redriveDate"] for answer in answers}) == 1
    assert world.steps.describe_execution(executionArn=ended.arn)["redriveCount"] == 1


NOW = datetime.datetime(2026, 5, 1, tzinfo=datetime.UTC)
FAILED = {
    "status": "FAILED",
    "events": [],
    "startDate": "2026-04-30T00:00:00.000Z",
    "progress": Progress(),
    "stopDate": "2026-04-30T01:00:00.000Z",
}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({}, None),
        ({"status": "RUNNING"}, "Execution is RUNNING and cannot be redriven"),
        ({"events": [{}] * 24_998}, None),
        ({"events": [{}] * 24_999}, "Execution history event limit exceeded"),
        ({"stopDate": "2026-04-17T00:00:00.000Z"}, None),
        ({"stopDate": "2026-04-16T23:59:59.000Z"}, "Execution redrivable period exceeded"),
        ({"startDate": "2025-04-30T00:00:00.000Z"}, "Execution has exceeded the max execution time"),
    ],
)
def test_the_reason_is_the_documented_one(change: dict, reason: str | None) -> None:
    assert redrive.refusal({**FAILED, **change}, NOW) == reason


def test_ten_tokens_are_remembered_for_a_quarter_of_an_hour() -> None:
    record = dict(FAILED)
    for number in range(11):
        redrive.note(record, f"t{number}", "2026-04-30T23:50:00.000Z")
    assert redrive.answered(record, "t0", NOW) is None and redrive.answered(record, "t1", NOW)
    assert redrive.answered(record, "t1", NOW + datetime.timedelta(minutes=5)) is None
