"""What an execution's history means to somebody who watches it."""

from __future__ import annotations

import datetime
import json

import pytest

from pipeline.media.timeline import Step, boxes, last_input, states_of, steps


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


def found(history: list[dict]) -> dict[str, Step]:
    return {box.name: box for box in boxes(history)}


def story(*told: tuple) -> list[dict]:
    """Events from (type, name or details, previous event's number), numbered from 1, a second apart."""
    events = []
    for number, (kind, what, *after) in enumerate(told, 1):
        details = what if isinstance(what, dict) else {}
        name = None if isinstance(what, dict) else what
        events.append(event(number, number, kind, name, *(after or [number - 1]), **details))
    return events


BOOM = {"error": "SourceRejected", "cause": "no film"}
CALLED = ("LambdaFunctionScheduled", {}), ("LambdaFunctionStarted", {})
FAILED = (*CALLED, ("LambdaFunctionFailed", BOOM))


def test_a_box_has_what_went_in_and_what_came_out():
    history = [
        event(1, 0, "TaskStateEntered", "Probe source", input='{"upload":1}'),
        event(2, 1, "LambdaFunctionScheduled"),
        event(3, 2, "TaskStateExited", "Probe source", output='{"source":1}'),
        event(4, 2, "ChoiceStateEntered", "Encoded already?", input="{}"),
    ]
    probe, choice = boxes(history)
    assert (probe.input, probe.output, probe.status, probe.attempts) == ('{"upload":1}', '{"source":1}', "succeeded", 1)
    assert (choice.kind, choice.status, choice.output) == ("Choice", "running", None)
    assert [step.name for step in steps(history)] == ["Probe source"]


def test_between_two_attempts_a_box_is_retrying_and_then_as_its_last_attempt_ends():
    once = story(("TaskStateEntered", "Probe source"), *FAILED)
    assert found(once)["Probe source"].status == "retrying"
    twice = story(("TaskStateEntered", "Probe source"), *FAILED, *CALLED)
    assert (found(twice)["Probe source"].status, found(twice)["Probe source"].attempts) == ("running", 2)
    done = story(
        ("TaskStateEntered", "Probe source"),
        *FAILED,
        *CALLED,
        ("LambdaFunctionSucceeded", {}),
        ("TaskStateExited", "Probe source"),
    )
    probe = found(done)["Probe source"]
    assert (probe.status, probe.failures, probe.error) == ("succeeded", 1, "SourceRejected")


def test_a_box_that_was_left_through_a_catch_is_caught():
    history = story(
        ("TaskStateEntered", "Probe source"),
        *FAILED,
        ("TaskStateExited", "Probe source"),
        ("TaskStateEntered", "Reject upload"),
        ("ExecutionSucceeded", {}),
    )
    assert (found(history)["Probe source"].status, found(history)["Probe source"].cause) == ("caught", "no film")


@pytest.mark.parametrize("previous", [4, 0])
def test_an_execution_that_failed_ends_in_the_box_that_failed(previous):
    history = story(("TaskStateEntered", "Probe source"), *FAILED, ("ExecutionFailed", BOOM, previous))
    assert found(history)["Probe source"].status == "failed"


@pytest.mark.parametrize("previous", [1, 0])
def test_a_box_without_a_task_fails_with_the_executions_error(previous):
    history = story(("ChoiceStateEntered", "Sound alone?"), ("ExecutionFailed", {"error": "States.Runtime"}, previous))
    box = found(history)["Sound alone?"]
    assert (box.status, box.error) == ("failed", "States.Runtime")


@pytest.mark.parametrize("kind", ["ExecutionAborted", "ExecutionTimedOut"])
def test_what_ran_when_the_execution_was_stopped_is_aborted(kind):
    history = story(("TaskStateEntered", "Transcode streams"), ("TaskScheduled", {}), (kind, {}, 0))
    assert found(history)["Transcode streams"].status == "aborted"


def parallel(*end: tuple) -> list[dict]:
    """Two branches; the first fails."""
    return story(
        ("ParallelStateEntered", "Transcode"),
        ("ParallelStateStarted", {}),
        ("TaskStateEntered", "Transcode streams", 2),
        ("TaskScheduled", {}, 3),
        ("ChoiceStateEntered", "Sound alone?", 2),
        ("ChoiceStateExited", "Sound alone?", 5),
        ("TaskStateEntered", "Convert cover", 6),
        ("TaskScheduled", {}, 7),
        ("TaskFailed", BOOM, 4),
        ("TaskStateAborted", {}, 8),
        *end,
    )


def test_one_branch_fails_the_parallel_and_the_others_are_aborted():
    done = found(parallel(("ParallelStateFailed", {}, 9), ("ExecutionFailed", BOOM, 11)))
    assert {name: box.status for name, box in done.items()} == {
        "Transcode": "failed",
        "Transcode streams": "failed",
        "Sound alone?": "succeeded",
        "Convert cover": "aborted",
    }
    assert (done["Transcode"].error, done["Transcode streams"].failures) == ("SourceRejected", 1)
    assert {box.inside for box in done.values()} == {None, "Transcode"}
    assert found(parallel(("ExecutionFailed", BOOM, 9)))["Transcode"].status == "failed"


def test_a_parallel_that_is_caught_leaves_its_branchs_box_failed():
    done = found(
        parallel(
            ("ParallelStateFailed", {}, 9),
            ("ParallelStateExited", "Transcode", 11),
            ("TaskStateEntered", "Reject upload", 12),
        )
    )
    assert (done["Transcode"].status, done["Transcode streams"].status) == ("caught", "failed")
    assert done["Reject upload"].inside is None


def test_a_redrive_goes_on_in_the_red_box_and_what_is_around_it():
    failed = (("ParallelStateFailed", {}, 9), ("ExecutionFailed", BOOM, 11), ("ExecutionRedriven", {}, 12))
    again = found(parallel(*failed, ("TaskScheduled", {}, 9)))
    assert (again["Transcode streams"].status, again["Transcode streams"].attempts) == ("running", 2)
    assert again["Transcode"].status == "running" and again["Convert cover"].status == "aborted"


def test_an_event_tells_the_box_it_belongs_to():
    history = parallel(("ParallelStateFailed", {}, 9))
    names = states_of(history)
    assert (names[4], names[9], names[8], names[11]) == (
        *("Transcode streams", "Transcode streams", "Convert cover", "Transcode"),
    )
    assert states_of(story(("ExecutionStarted", {}, 0))) == {}
