"""An execution's history as a person reads it: the boxes it went through, when, and how often each failed.

In: events as GetExecutionHistory gives them. Out: Steps in the order in which they were first entered.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Mapping
from typing import Any

_ENTERED = ("TaskStateEntered", "SucceedStateEntered", "FailStateEntered")
_FAILED = ("TaskFailed", "TaskTimedOut", "LambdaFunctionFailed", "LambdaFunctionTimedOut")


@dataclasses.dataclass
class Step:
    """One box of the graph as this execution saw it. Times in epoch seconds; failures counts failed attempts.

    error and cause are those of the last failed attempt.
    """

    name: str
    entered: float
    exited: float | None = None
    failures: int = 0
    error: str | None = None
    cause: str | None = None


def steps(history: Iterable[Mapping[str, Any]]) -> tuple[Step, ...]:
    """The boxes entered so far, in order. A box entered again after a retry or a redrive is the same box.

    Branches run side by side, and their events mix: each event's `previousEventId` says which box it belongs to.
    """
    found: dict[str, Step] = {}
    box_of: dict[int, str | None] = {}
    for event in history:
        kind, at = event["type"], event["timestamp"].timestamp()
        box = box_of.get(event.get("previousEventId", 0))
        if kind in _ENTERED:
            box = event["stateEnteredEventDetails"]["name"]
            found.setdefault(box, Step(box, at))
        elif kind.endswith("StateExited"):
            name = event["stateExitedEventDetails"]["name"]
            if name in found:
                found[name].exited = at
        elif kind in _FAILED and box in found:
            details = event.get(f"{kind[0].lower()}{kind[1:]}EventDetails", {})
            found[box].failures += 1
            found[box].error, found[box].cause = details.get("error"), details.get("cause")
        box_of[event["id"]] = box
    return tuple(found.values())


def last_input(history: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The state of the execution where it stands: what the box entered last was given. {} where it is not told."""
    text = "{}"
    for event in history:
        text = event.get("stateEnteredEventDetails", {}).get("input", text)
    try:
        return json.loads(text)
    except ValueError:
        return {}
