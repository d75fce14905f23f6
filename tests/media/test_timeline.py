"""What an execution's history means to somebody who watches it."""

from __future__ import annotations

import datetime
import json

from pipeline.media.timeline import last_input, steps


def event(number: int, second: float, kind: str, name: str | None = None, after: int | None = None, **details) -> dict:
    at = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC) + datetime.timedelta(seconds=second)
    told = {"id": number, "previousEventId": number - 1 if after is None else after, "timestamp": at, "type": kind}
    if name:
        told["stateExitedEventDetails" if kind.endswith("Exited") else "stateEnteredEventDetails"] = {
            "name": name,
            **details,
        }
    elif details:
        told[f"{kind[0].lower()}{kind[1:]}EventDetails"] = details
    return told


def test_states_tick_as_they_are_left():
    ingest, probe = steps(
        [
            event(1, 0, "ExecutionStarted"),
            event(2, 0, "TaskStateEntered", "Ingest upload"),
            event(3, 2, "TaskStateExited", "Ingest upload"),
            event(4, 2, "TaskStateEntered", "Probe source"),
        ]
    )
    assert (ingest.name, ingest.exited - ingest.entered) == ("Ingest upload", 2)
    assert (probe.name, probe.exited) == ("Probe source", None)


def test_failed_attempts_are_counted_at_the_box_that_failed():
    (ingest,) = steps(
        [
            event(1, 0, "TaskStateEntered", "Ingest upload"),
            event(2, 1, "LambdaFunctionFailed", error="ServiceThrottled", cause="first"),
            event(3, 2, "LambdaFunctionFailed", error="ServiceThrottled", cause="second"),
            event(4, 3, "TaskStateExited", "Ingest upload"),
        ]
    )
    assert (ingest.failures, ingest.error, ingest.cause) == (2, "ServiceThrottled", "second")


def test_a_failure_belongs_to_its_own_branch_whatever_was_entered_last():
    found = steps(
        [
            event(1, 0, "ParallelStateEntered", "Transcode"),
            event(2, 0, "TaskStateEntered", "Transcode streams", after=1),
            event(3, 0, "TaskStateEntered", "Convert captions", after=1),
            event(4, 1, "TaskFailed", after=2, error="TranscodeFailed"),
        ]
    )
    assert {step.name: step.failures for step in found} == {"Transcode streams": 1, "Convert captions": 0}


def test_the_last_input_is_how_far_the_state_has_come():
    history = [
        event(1, 0, "TaskStateEntered", "Probe source", input=json.dumps({"upload": 1})),
        event(2, 0, "TaskStateEntered", "Plan renditions", input=json.dumps({"upload": 1, "source": 2})),
    ]
    assert last_input(history) == {"upload": 1, "source": 2}
    assert last_input([event(1, 0, "ExecutionStarted")]) == {}
