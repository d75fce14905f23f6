"""An execution's history as a person reads it: the states it went through, when, how each ended, how often it failed.

In: events as GetExecutionHistory gives them, while the execution runs or after it. Out: `boxes`, every state of the
graph, and `steps`, those that do something, in the order in which they were first entered.

A state entered again, by a retry of the Parallel around it or a redrive, is the same box. Branches run side by side and
their events mix: each event's `previousEventId` says which box it belongs to.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Mapping
from typing import Any

_STEPS = ("Task", "Succeed", "Fail")
_BEGUN = ("TaskScheduled", "LambdaFunctionScheduled", "ActivityScheduled", "ParallelStateStarted", "MapStateStarted")
_FAILED = (
    *("TaskFailed", "TaskTimedOut", "TaskStartFailed", "TaskSubmitFailed"),
    *("LambdaFunctionFailed", "LambdaFunctionTimedOut", "LambdaFunctionStartFailed", "LambdaFunctionScheduleFailed"),
    *("ActivityFailed", "ActivityTimedOut", "ActivityScheduleFailed", "EvaluationFailed"),
)
_ENDS = ("ExecutionFailed", "ExecutionTimedOut", "ExecutionAborted")


@dataclasses.dataclass
class Step:
    """One box of the graph as this execution saw it. Times in epoch seconds; failures counts failed attempts.

    kind: the state's Type. status: running, retrying (its last attempt failed, and what comes of it is not told yet),
    succeeded, caught (left through a Catch), failed or aborted. attempts: how often its task, or its branches, began.
    input and output: the JSON texts of the history. error and cause: of the last failed attempt. inside: the Parallel
    or Map that it belongs to.
    """

    name: str
    entered: float
    exited: float | None = None
    failures: int = 0
    error: str | None = None
    cause: str | None = None
    kind: str = "Task"
    status: str = "running"
    attempts: int = 0
    input: str | None = None
    output: str | None = None
    inside: str | None = None

    def fail(self, details: Mapping[str, Any]) -> None:
        self.failures, self.status = self.failures + 1, "retrying"
        self.error, self.cause = details.get("error"), details.get("cause")

    def end(self) -> None:
        """What is around it has ended, and it was never left."""
        if self.status in ("running", "retrying"):
            self.status = "failed" if self.status == "retrying" else "aborted"


def steps(history: Iterable[Mapping[str, Any]]) -> tuple[Step, ...]:
    """The boxes that do something (Task, Succeed, Fail) and were entered so far, in order."""
    return tuple(box for box in boxes(history) if box.kind in _STEPS)


def boxes(history: Iterable[Mapping[str, Any]]) -> tuple[Step, ...]:
    """All states entered so far, in order."""
    reading = _Reading()
    for event in history:
        reading.take(event)
    return tuple(reading.found.values())


class _Reading:
    """What is known of the boxes after so many events."""

    def __init__(self) -> None:
        self.found: dict[str, Step] = {}
        self.box_of: dict[int, str | None] = {}
        self._begun: set[int] = set()  # events after which the states of a branch are entered

    def take(self, event: Mapping[str, Any]) -> None:
        kind, previous = event["type"], event.get("previousEventId", 0)
        box = self.found.get(self.box_of.get(previous) or "")
        if kind.endswith("StateEntered"):
            box = self._enter(event, box, previous)
        elif kind.endswith("StateExited"):
            box = self._leave(event)
        elif kind in _ENDS:
            self._end(event, box)
        elif box:
            box = self._happen(event, box)
        self.box_of[event["id"]] = box.name if box else None
        if kind in ("ParallelStateStarted", "MapStateStarted", "MapIterationStarted"):
            self._begun.add(event["id"])

    def _enter(self, event: Mapping[str, Any], before: Step | None, previous: int) -> Step:
        told, kind = event["stateEnteredEventDetails"], event["type"].removesuffix("StateEntered")
        step = self.found.setdefault(told["name"], Step(told["name"], event["timestamp"].timestamp(), kind=kind))
        step.exited, step.status, step.input, step.output = None, "running", told.get("input"), None
        if before:
            step.inside = before.name if previous in self._begun else before.inside
        return step

    def _leave(self, event: Mapping[str, Any]) -> Step | None:
        told = event["stateExitedEventDetails"]
        step = self.found.get(told["name"])
        if step:
            step.exited, step.output = event["timestamp"].timestamp(), told.get("output")
            step.status = "caught" if step.status == "retrying" else "succeeded"
        return step

    def _happen(self, event: Mapping[str, Any], box: Step) -> Step:
        """What an event says of the box it belongs to; a Parallel's own come after one of a branch's."""
        kind = event["type"]
        if kind.startswith(("ParallelState", "MapState")):
            box = self._around(box, "Parallel" if kind.startswith("Parallel") else "Map")
        if kind in _BEGUN:
            box.attempts += 1
            self._go_on(box)
        elif kind in ("ParallelStateFailed", "MapStateFailed"):
            self._end_inside(box)
        elif kind in _FAILED:
            box.fail(_details(event))
        elif kind.endswith("StateAborted"):
            box.status = "aborted"
        elif kind.endswith(("Started", "Succeeded")):
            self._go_on(box)
        return box

    def _around(self, box: Step, kind: str) -> Step:
        outer: Step | None = box
        while outer and outer.kind != kind:
            outer = self.found.get(outer.inside or "")
        return outer or box

    def _go_on(self, box: Step) -> None:
        """After a redrive a box goes on, and so does what is around it, without being entered again."""
        step: Step | None = box
        while step:
            if step.exited is None:
                step.status = "running"
            step = self.found.get(step.inside or "")

    def _end_inside(self, around: Step) -> None:
        """One branch failed, and the others were stopped: the Parallel failed as that branch did."""
        for step in self.found.values():
            if step.inside == around.name and step.exited is None:
                self._end_inside(step)
                failed = step.status in ("retrying", "failed")
                step.end()
                if failed:
                    around.fail({"error": step.error, "cause": step.cause})

    def _end(self, event: Mapping[str, Any], box: Step | None) -> None:
        """The execution ended badly: the box whose failure nobody answered is red, what else ran is aborted."""
        if event["type"] == "ExecutionFailed":
            self._blame(_details(event), box)
        for step in self.found.values():
            if step.exited is None:
                step.end()

    def _blame(self, details: Mapping[str, Any], box: Step | None) -> None:
        """A Choice, a Pass or a result that fits nowhere has no failure of its own in the history."""
        running = [step for step in self.found.values() if step.exited is None and step.kind not in ("Parallel", "Map")]
        if box is None and len(running) == 1:
            (box,) = running
        if box and box.status == "running" and not any(step.status in ("retrying", "failed") for step in running):
            box.fail(details)
        # A Parallel that nobody retries or catches, where its own end is not told.
        for step in self.found.values():
            if step.kind in ("Parallel", "Map") and step.exited is None and step.status == "running":
                self._end_inside(step)


def _details(event: Mapping[str, Any]) -> Mapping[str, Any]:
    kind = event["type"]
    return event.get(f"{kind[0].lower()}{kind[1:]}EventDetails", {})


def last_input(history: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The state of the execution where it stands: what the box entered last was given. {} where it is not told."""
    text = "{}"
    for event in history:
        text = event.get("stateEnteredEventDetails", {}).get("input", text)
    try:
        return json.loads(text)
    except ValueError:
        return {}


def states_of(history: Iterable[Mapping[str, Any]]) -> dict[int, str]:
    """The box that each event belongs to, by the event's id; an event of the execution itself belongs to none."""
    reading = _Reading()
    for event in history:
        reading.take(event)
    return {number: name for number, name in reading.box_of.items() if name}
