"""Say what is wrong with the structure of a state machine, as CreateStateMachine does; None when nothing is.

In: the definition's text. Out: one sentence with the place, in the service's manner. moto's grammar checks the fields
of each state; this checks what holds between states, and refuses what nobody here evaluates: a machine that would end
differently in AWS must not seem to work.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

_ENDS = ("Succeed", "Fail")

# moto 5.2.5 parses these, and goes on as if they were not there. Zero, where a number is meant, is what it does.
_NOT_EVALUATED = (
    "ItemBatcher",
    "ResultWriter",
    "ToleratedFailureCount",
    "ToleratedFailureCountPath",
    "ToleratedFailurePercentage",
    "ToleratedFailurePercentagePath",
)


def problem_of(definition: str) -> str | None:
    try:
        machine = json.loads(definition)
    except ValueError as error:
        return f"INVALID_JSON_DESCRIPTION: {error}"
    if not isinstance(machine, dict):
        return "SCHEMA_VALIDATION_FAILED: the definition is not an object at /"
    return next(_problems(machine, ""), None)


def _problems(machine: dict, path: str) -> Iterator[str]:
    states = machine.get("States")
    if not isinstance(states, dict) or not states:
        yield f"SCHEMA_VALIDATION_FAILED: missing States at {path}/States"
        return
    start = machine.get("StartAt")
    if start not in states:
        yield f"MISSING_TRANSITION_TARGET: Missing 'Next' target: {start} at {path}/StartAt"
    reached, waiting = set(), [start]
    while waiting:
        name = waiting.pop()
        if name in states and name not in reached:
            reached.add(name)
            waiting += [target for _, target in _targets(states[name])]
    for name, state in states.items():
        yield from _problems_of_state(name, state, states, f"{path}/States/{name}")
        if name not in reached:
            yield f'MISSING_TRANSITION_TARGET: State "{name}" is not reachable. at {path}/States/{name}'


def _problems_of_state(name: str, state: object, states: dict, path: str) -> Iterator[str]:
    if not isinstance(state, dict):
        yield f"SCHEMA_VALIDATION_FAILED: state {name} is not an object at {path}"
        return
    for field, target in _targets(state):
        if target not in states:
            yield f"MISSING_TRANSITION_TARGET: Missing 'Next' target: {target} at {path}/{field}"
    if state.get("Type") not in (*_ENDS, "Choice") and not ("Next" in state or state.get("End") is True):
        yield f"SCHEMA_VALIDATION_FAILED: neither Next nor End is there at {path}"
    for field in _NOT_EVALUATED:
        if state.get(field, 0) != 0:
            yield f"SCHEMA_VALIDATION_FAILED: {field} is not supported by the local interpreter at {path}/{field}"
    if ":activity:" in str(state.get("Resource")):
        yield f"SCHEMA_VALIDATION_FAILED: activities are not supported by the local interpreter at {path}/Resource"
    for field in ("Parameters", "ItemSelector", "ResultSelector"):
        for place in _not_paths(state.get(field), f"{path}/{field}"):
            yield f"SCHEMA_VALIDATION_FAILED: the value of a field that ends in .$ must be a path at {place}"
    for index, branch in enumerate(state.get("Branches") or []):
        yield from _problems(branch, f"{path}/Branches[{index}]")
    for field in ("ItemProcessor", "Iterator"):
        if isinstance(state.get(field), dict):
            yield from _problems(state[field], f"{path}/{field}")


def _not_paths(template: object, path: str) -> Iterator[str]:
    """Where a template says `"name.$"` and gives neither a path nor an intrinsic function."""
    if isinstance(template, list):
        for index, value in enumerate(template):
            yield from _not_paths(value, f"{path}[{index}]")
    if not isinstance(template, dict):
        return
    for name, value in template.items():
        if name.endswith(".$") and not (isinstance(value, str) and value.startswith(("$", "States."))):
            yield f"{path}/{name}"
        else:
            yield from _not_paths(value, f"{path}/{name}")


def _targets(state: object) -> Iterator[tuple[str, object]]:
    if not isinstance(state, dict):
        return
    for field in ("Next", "Default"):
        if field in state:
            yield field, state[field]
    for index, catcher in enumerate(state.get("Catch") or []):
        yield f"Catch[{index}]/Next", catcher.get("Next")
    for index, choice in enumerate(state.get("Choices") or []):
        yield f"Choices[{index}]/Next", choice.get("Next")
