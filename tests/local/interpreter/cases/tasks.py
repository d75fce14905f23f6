"""Tasks: Lambda functions, retries, time limits, task tokens."""

from __future__ import annotations

import json

from tests.local.interpreter.cases import (
    INVOKE_AND_WAIT,
    catching,
    caught,
    fails,
    invoke,
    machine,
    one,
    passing,
    succeeds,
    task,
    told,
)
from tests.local.interpreter.world import FUNCTION, REGION, Ended


def _events_of(ended: Ended, kind: str) -> list[dict]:
    return [event for event in ended.events if event["type"] == kind]


def _is_custom_error(ended: Ended) -> bool:
    cause = json.loads(ended.output["Cause"])
    return (
        ended.output["Error"] == cause["errorType"] == "CustomError"
        and cause["errorMessage"] == "boom"
        and "stackTrace" in cause
    )


LAMBDAS = [
    succeeds(
        "lambda:invoke gives payload and status",
        one(invoke("echo", {"k": 1}, ResultSelector={"p.$": "$.Payload", "s.$": "$.StatusCode"}, ResultPath="$.r")),
        {"in": 1},
        {"in": 1, "r": {"p": {"k": 1}, "s": 200}},
    ),
    succeeds(
        "a function's ARN as the resource gives the payload alone", one(task(f"{FUNCTION}:echo")), {"k": 1}, {"k": 1}
    ),
    succeeds(
        "a function is found by ARN and qualifier",
        one(invoke(f"{FUNCTION}:echo:$LATEST", {"k": 1}, OutputPath="$.Payload")),
        {},
        {"k": 1},
    ),
    succeeds(
        "a function knows itself, its region, its endpoint and its environment",
        one(invoke("about", OutputPath="$.Payload")),
        {},
        check=lambda ended: (
            ended.output["name"] == "about"
            and ended.output["arn"] == f"{FUNCTION}:about"
            and ended.output["memory"] == "256"
            and 0 < ended.output["remaining_ms"] <= 20_000
            and ended.output["region"] == REGION
            and ended.output["endpoint"].startswith("http://127.0.0.1:")
            and ended.output["greeting"] == "hello"
            and len(ended.output["request_id"]) == 36
        ),
    ),
    fails(
        "an exception nobody catches fails the execution under its class name, red at the task",
        one(invoke("fail", {"message": "q"})),
        {},
        "CustomError",
        check=lambda ended: (
            json.loads(ended.cause)["errorMessage"] == "q"
            and _events_of(ended, "TaskFailed")[0]["taskFailedEventDetails"]["error"] == "CustomError"
            and json.loads(_events_of(ended, "TaskFailed")[0]["taskFailedEventDetails"]["cause"])["errorType"]
            == "CustomError"
        ),
    ),
    succeeds(
        "an exception is caught by its class name", caught(invoke("fail"), "CustomError"), {}, check=_is_custom_error
    ),
    succeeds(
        "an exception is caught as States.TaskFailed",
        caught(invoke("fail"), "States.TaskFailed"),
        {},
        check=_is_custom_error,
    ),
    succeeds("an exception is caught as States.ALL", caught(invoke("fail"), "States.ALL"), {}, check=_is_custom_error),
    succeeds(
        "the first catcher that matches is the one, and ResultPath keeps the input",
        machine(
            {
                "A": invoke(
                    "fail", Catch=[*catching("Other"), *catching("CustomError", next="Right", ResultPath="$.e")]
                ),
                "Caught": {"Type": "Fail"},
                "Right": passing(),
            }
        ),
        {"k": 1},
        check=lambda ended: ended.output["k"] == 1 and ended.output["e"]["Error"] == "CustomError",
    ),
    succeeds(
        "a function that does not exist is Lambda.ResourceNotFoundException",
        caught(invoke("nope"), "Lambda.ResourceNotFoundException"),
    ),
    succeeds(
        "a function that takes too long is Sandbox.Timedout",
        caught(invoke("sleepy"), "Sandbox.Timedout"),
        {},
        check=lambda ended: "Task timed out after 1.00 seconds" in ended.output["Cause"] and ended.seconds < 5,
    ),
    succeeds(
        "a function that takes too much memory is killed: Runtime.ExitError",
        caught(invoke("hungry"), "Runtime.ExitError"),
        {},
        check=lambda ended: "signal: killed" in ended.output["Cause"],
    ),
    succeeds(
        "a function whose process ends is Runtime.ExitError",
        caught(invoke("crash"), "Runtime.ExitError"),
        {},
        check=lambda ended: "exit status 3" in ended.output["Cause"],
    ),
]


def _flaky(name: str, failures: int, *retriers: dict, **fields: object) -> dict:
    return invoke(
        "flaky",
        {"id": name, "fails": failures},
        OutputPath="$.Payload",
        Retry=[{"ErrorEquals": ["CustomError"], **retrier} for retrier in retriers],
        **fields,
    )


RETRIES = [
    succeeds(
        "a retry waits the interval, then the interval times the rate",
        one(_flaky("backoff", 2, {"IntervalSeconds": 1, "BackoffRate": 2, "MaxAttempts": 3})),
        {},
        check=lambda ended: (
            ended.output["attempts"] == 3 and ended.output["gaps"][0] >= 0.99 and ended.output["gaps"][1] >= 1.99
        ),
    ),
    succeeds(
        "MaxDelaySeconds caps the delay",
        one(_flaky("cap", 3, {"IntervalSeconds": 1, "BackoffRate": 9, "MaxDelaySeconds": 2, "MaxAttempts": 5})),
        {},
        check=lambda ended: ended.output["attempts"] == 4 and max(ended.output["gaps"]) < 5,
    ),
    succeeds(
        "JitterStrategy FULL makes delays shorter than the interval, and different",
        one(_flaky("jitter", 3, {"IntervalSeconds": 3, "BackoffRate": 1, "JitterStrategy": "FULL"})),
        {},
        check=lambda ended: sum(ended.output["gaps"]) < 8.9 and len(set(ended.output["gaps"])) > 1,
    ),
    succeeds(
        "when retries are used up, the catchers are asked",
        caught(_flaky("used-up", 9, {"IntervalSeconds": 1, "MaxAttempts": 1}), "States.ALL"),
        {},
        check=lambda ended: json.loads(ended.output["Cause"])["errorMessage"] == "attempt 2",
    ),
    fails(
        "MaxAttempts 0 is no retry, whatever later retriers say",
        one(_flaky("none", 1, {"MaxAttempts": 0}, {"IntervalSeconds": 1})),
        {},
        "CustomError",
    ),
    fails(
        "an error no retrier names is not retried",
        one(invoke("fail", Retry=[{"ErrorEquals": ["Other"], "IntervalSeconds": 1}])),
        {},
        "CustomError",
        check=lambda ended: len(_events_of(ended, "TaskScheduled")) == 1,
    ),
    succeeds(
        "the context object counts retries",
        one(
            _flaky("count", 1, {"IntervalSeconds": 1})
            | {
                "Parameters": {
                    "FunctionName": "flaky",
                    "Payload": {"id": "count", "fails": 1, "given.$": "$$.State.RetryCount"},
                }
            }
        ),
        {},
        check=lambda ended: ended.output["given"] == 1,
    ),
]

LIMITS = [
    succeeds(
        "TimeoutSeconds ends a task with States.Timeout",
        caught(invoke("slow", {"seconds": 9}, TimeoutSeconds=1), "States.Timeout"),
        {},
        check=lambda ended: ended.seconds < 6 and "TaskTimedOut" in ended.types,
    ),
    succeeds(
        "TimeoutSecondsPath takes the limit from the input",
        caught(invoke("slow", {"seconds": 9}, TimeoutSecondsPath="$.limit"), "States.Timeout"),
        {"limit": 1},
        check=lambda ended: ended.seconds < 6,
    ),
    fails(
        "States.TaskFailed does not catch a timeout",
        caught(invoke("slow", {"seconds": 9}, TimeoutSeconds=1), "States.TaskFailed"),
        {},
        "States.Timeout",
    ),
    succeeds(
        "a retry begins the time anew",
        one(
            invoke(
                "slow",
                {"seconds": 0.7},
                TimeoutSeconds=5,
                OutputPath="$.Payload",
                Retry=[{"ErrorEquals": ["States.Timeout"], "IntervalSeconds": 1}],
            )
        ),
        {},
        {"seconds": 0.7},
    ),
]


def _by_function(order: dict, **fields: object) -> dict:
    return {**invoke("token", {"token.$": "$$.Task.Token", **order}, resource=INVOKE_AND_WAIT), **fields}


TOKENS = [
    succeeds(
        "SendTaskSuccess gives the task its output", one(told({"after": 0.2, "output": {"ok": True}})), {}, {"ok": True}
    ),
    succeeds(
        "SendTaskSuccess from inside the running call counts",
        one(_by_function({"output": {"ok": True}})),
        {},
        {"ok": True},
    ),
    succeeds(
        "an answer that comes before the heartbeat's wait begins counts",
        one(_by_function({"output": "early"}, HeartbeatSeconds=5, TimeoutSeconds=30)),
        {},
        "early",
    ),
    succeeds(
        "SendTaskFailure gives the task its error and its cause",
        caught(told({"error": "Denied", "cause": "no"}), "Denied"),
        {},
        {"Error": "Denied", "Cause": "no"},
    ),
    succeeds(
        "a token nobody answers in time is States.Timeout",
        caught(told({}, TimeoutSeconds=2), "States.Timeout"),
        {},
        check=lambda ended: 2 <= ended.seconds < 5,
    ),
    succeeds(
        "a heartbeat that does not come is States.HeartbeatTimeout",
        caught(told({}, HeartbeatSeconds=1, TimeoutSeconds=30), "States.HeartbeatTimeout"),
        {},
        check=lambda ended: ended.seconds < 5 and "TaskTimedOut" in ended.types,
    ),
    succeeds(
        "States.Timeout catches a heartbeat that does not come",
        caught(told({}, HeartbeatSeconds=1, TimeoutSeconds=30), "States.Timeout"),
        {},
        check=lambda ended: ended.seconds < 5,
    ),
    succeeds(
        "HeartbeatSecondsPath takes the interval from the input",
        caught(told({}, HeartbeatSecondsPath="$.beat", TimeoutSeconds=30), "States.HeartbeatTimeout"),
        {"beat": 1},
        check=lambda ended: ended.seconds < 5,
    ),
    succeeds(
        "a heartbeat that does not come can be retried, with the limit from the input",
        caught(
            told(
                {},
                TimeoutSecondsPath="$.limit",
                HeartbeatSeconds=1,
                Retry=[{"ErrorEquals": ["States.HeartbeatTimeout"], "IntervalSeconds": 1, "MaxAttempts": 1}],
            ),
            "States.HeartbeatTimeout",
        ),
        {"limit": 30},
        check=lambda ended: len(set(_tokens(ended))) == 2 and 3 <= ended.seconds < 9,
    ),
    succeeds(
        "a function that fails while it holds a token fails the task by its exception's name",
        caught(
            _by_function({}, Parameters={"FunctionName": "fail", "Payload": {"t.$": "$$.Task.Token"}}), "CustomError"
        ),
        {},
        check=_is_custom_error,
    ),
    succeeds(
        "heartbeats keep a task alive longer than HeartbeatSeconds",
        one(told({"beats": 5, "every": 0.8, "output": 1}, HeartbeatSeconds=3, TimeoutSeconds=30)),
        {},
        1,
        check=lambda ended: ended.seconds > 3.9,
    ),
    succeeds(
        "heartbeats from inside the running call are taken",
        one(_by_function({"beats": 2, "every": 0.2, "output": 1}, HeartbeatSeconds=5, TimeoutSeconds=30)),
        {},
        1,
    ),
    succeeds(
        "a heartbeat without TimeoutSeconds is limited by the heartbeat alone",
        one(told({"after": 0.5, "output": 1}, HeartbeatSeconds=20)),
        {},
        1,
    ),
    succeeds(
        "a retry gets a token of its own, and its own answer",
        caught(
            told(
                {"error": "Once", "cause": ""},
                Retry=[{"ErrorEquals": ["Once"], "IntervalSeconds": 1, "MaxAttempts": 1}],
            ),
            "Once",
        ),
        {},
        check=lambda ended: len(set(_tokens(ended))) == 2,
    ),
    succeeds(
        "two tokens wait side by side",
        one(
            {
                "Type": "Parallel",
                "End": True,
                "Branches": [one(told({"after": 0.6, "output": "a"})), one(told({"after": 0.2, "output": "b"}))],
            }
        ),
        {},
        ["a", "b"],
    ),
    fails(
        "an error nobody catches in a branch reaches the top under its own name",
        one(
            {
                "Type": "Parallel",
                "End": True,
                "Branches": [
                    one(told({"error": "Denied", "cause": "no"})),
                    one({"Type": "Wait", "Seconds": 60, "End": True}),
                ],
            }
        ),
        {},
        "Denied",
        check=lambda ended: ended.seconds < 10,
    ),
]


def _tokens(ended: Ended) -> list[str]:
    scheduled = _events_of(ended, "TaskScheduled")
    return [json.loads(event["taskScheduledEventDetails"]["parameters"])["MessageBody"]["token"] for event in scheduled]


CASES = [*LAMBDAS, *RETRIES, *LIMITS, *TOKENS]
