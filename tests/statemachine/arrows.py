"""The arrows of a state machine's file, and those that an execution has walked, read from its history.

In: the machine as JSON; events as GetExecutionHistory returns them. Out: arrows as texts, spelled the same on both
sides: `Probe source: Catch[0] SourceRejected -> Reject upload`. Nothing here is asserted by hand.

Can go wrong: a Choice whose rules lead to one state: its history does not tell them apart (AmbiguousChoice).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

Event = dict[str, Any]
State = dict[str, Any]


class AmbiguousChoice(Exception):
    """Two rules of a Choice lead to the same state."""


def scopes(machine: dict) -> Iterator[dict]:
    """The machine and every branch in it."""
    yield machine
    for state in machine["States"].values():
        for branch in state.get("Branches", []):
            yield from scopes(branch)


def states_of(machine: dict) -> dict[str, State]:
    return {name: state for scope in scopes(machine) for name, state in scope["States"].items()}


# ---- the file -------------------------------------------------------------------------------------------------------


def arrows_of(machine: dict) -> set[str]:
    arrows = {f"StartAt -> {machine['StartAt']}"}
    for name, state in states_of(machine).items():
        arrows |= {f"{name}: {arrow}" for arrow in _arrows_of_state(state)}
    return arrows


def _arrows_of_state(state: State) -> Iterator[str]:
    if "Next" in state:
        yield f"-> {state['Next']}"
    if state.get("End") or state["Type"] in ("Succeed", "Fail"):
        yield "the end"
    for number, rule in enumerate(state.get("Choices", [])):
        yield f"Choices[{number}] -> {rule['Next']}"
    if "Default" in state:
        yield f"Default -> {state['Default']}"
    for number, branch in enumerate(state.get("Branches", [])):
        yield f"Branches[{number}] -> {branch['StartAt']}"
    for number, rule in enumerate(state.get("Retry", [])):
        yield from (f"Retry[{number}] {error}" for error in rule["ErrorEquals"])
        yield f"Retry[{number}] exhausted"
    for number, rule in enumerate(state.get("Catch", [])):
        yield from (f"Catch[{number}] {error} -> {rule['Next']}" for error in rule["ErrorEquals"])
    if state["Type"] == "Task":
        yield "red"


def rule_for(state: State, part: str, error: str) -> tuple[int, str] | None:
    """The first rule of Retry or Catch that names this error, and the name it does it by."""
    for number, rule in enumerate(state.get(part, [])):
        for name in rule["ErrorEquals"]:
            if (
                name in (error, "States.ALL")
                or (name == "States.TaskFailed" and not _is_timeout(error))
                or (name == "States.Timeout" and _is_timeout(error))
            ):
                return number, name
    return None


def _is_timeout(error: str) -> bool:
    return error in ("States.Timeout", "States.HeartbeatTimeout")


# ---- a history ------------------------------------------------------------------------------------------------------


@dataclass
class Visit:
    """A state from its Entered event on: its attempts, and how it was left."""

    name: str
    came_from: Event | None
    failures: list[str] = field(default_factory=list)  # error names
    retried: list[str] = field(default_factory=list)
    redriven: list[str] = field(default_factory=list)  # failures that were the execution's end
    exited: bool = False
    next: str | None = None
    failed_at: int = 0  # the event of the last failure
    inside: Visit | None = None  # the Parallel whose branch this is the first state of, or in


def visits_of(events: list[Event]) -> list[Visit]:
    """Follow each event to the state it belongs to, by previousEventId; an Exited event says its state's name."""
    owner: dict[int, Visit] = {}
    visits: list[Visit] = []
    redriven_at = 0
    for event in events:
        kind, previous = event["type"], event["previousEventId"]
        if kind == "ExecutionRedriven":
            redriven_at = event["id"]
        elif kind.endswith("StateEntered"):
            visit = _entered(event, events, owner)
            visits.append(visit)
            owner[event["id"]] = visit
        elif kind.endswith("StateExited"):
            name = event["stateExitedEventDetails"]["name"]
            visit = next(visit for visit in reversed(visits) if visit.name == name)
            visit.exited = True
            owner[event["id"]] = visit
        elif previous in owner:
            owner[event["id"]] = visit = owner[previous]
            _attempt(visit, event, redriven_at)
    return visits


def _entered(event: Event, events: list[Event], owner: dict[int, Visit]) -> Visit:
    came_from = events[event["previousEventId"] - 1] if event["previousEventId"] else None
    visit = Visit(event["stateEnteredEventDetails"]["name"], came_from)
    if came_from is not None:
        before = owner[came_from["id"]]
        if came_from["type"] == "ParallelStateStarted":
            visit.inside = before
        else:
            before.next, visit.inside = visit.name, before.inside
    return visit


def _attempt(visit: Visit, event: Event, redriven_at: int) -> None:
    kind = event["type"]
    if kind.endswith("Scheduled") and visit.failures and len(visit.retried) + len(visit.redriven) < len(visit.failures):
        again = visit.redriven if redriven_at > visit.failed_at else visit.retried
        again.append(visit.failures[-1])
    if kind.startswith(("Task", "LambdaFunction")) and kind.endswith(("Failed", "TimedOut")):
        visit.failures.append(_details(event)["error"])
        visit.failed_at = event["id"]


def _details(event: Event) -> dict[str, Any]:
    kind = event["type"]
    return event[f"{kind[0].lower()}{kind[1:]}EventDetails"]


def red_box(events: list[Event]) -> str | None:
    """The state whose failure was the end: what the console paints red."""
    failed = [visit for visit in visits_of(events) if visit.failed_at]
    return max(failed, key=lambda visit: visit.failed_at).name if failed else None


def walked(machine: dict, events: list[Event]) -> set[str]:
    """The arrows this history has gone along."""
    states, visits = states_of(machine), visits_of(events)
    ended_red = events[-1]["type"] == "ExecutionFailed"
    arrows = set()
    for visit in visits:
        if visit.came_from is None:
            arrows.add(f"StartAt -> {visit.name}")
        elif visit.came_from["type"] == "ParallelStateStarted":
            arrows.add(_branch(visit, states))
        arrows |= {f"{visit.name}: {arrow}" for arrow in _left(visit, visits, states[visit.name])}
        arrows |= {f"{visit.name}: {arrow}" for arrow in _tried(visit, states[visit.name], ended_red)}
    return arrows


def _branch(visit: Visit, states: dict[str, State]) -> str:
    parallel = visit.inside.name
    number = [branch["StartAt"] for branch in states[parallel]["Branches"]].index(visit.name)
    return f"{parallel}: Branches[{number}] -> {visit.name}"


def _left(visit: Visit, visits: list[Visit], state: State) -> Iterator[str]:
    """The arrow out of a state."""
    if not visit.exited:
        return
    if state["Type"] == "Choice":
        yield _choice(visit, state)
    elif visit.next is None:
        yield "the end"
    elif error := _caught(visit, visits, state):
        number, name = rule_for(state, "Catch", error)
        yield f"Catch[{number}] {name} -> {visit.next}"
    else:
        yield f"-> {visit.next}"


def _choice(visit: Visit, state: State) -> str:
    found = [
        f"Choices[{number}] -> {rule['Next']}"
        for number, rule in enumerate(state["Choices"])
        if rule["Next"] == visit.next
    ]
    if state.get("Default") == visit.next:
        found.append(f"Default -> {visit.next}")
    if len(found) != 1:
        raise AmbiguousChoice(f"{visit.name}: {found}")
    return found[0]


def _caught(visit: Visit, visits: list[Visit], state: State) -> str | None:
    """The error that a state was left with; a Parallel's is that of the branch that failed."""
    if visit.next == state.get("Next"):
        return None
    inside = [each for each in visits if each.inside is visit and each.failed_at and not each.exited]
    failed = max(inside, key=lambda each: each.failed_at) if inside else visit
    return failed.failures[-1]


def _tried(visit: Visit, state: State, ended_red: bool) -> Iterator[str]:
    """What Retry did for each failure, and whether the state was left red."""
    for error in visit.retried:
        number, name = rule_for(state, "Retry", error)
        yield f"Retry[{number}] {name}"
    given_up = list(visit.redriven)
    if len(visit.failures) > len(visit.retried) + len(visit.redriven):
        given_up.append(visit.failures[-1])
    for error in given_up:
        if rule := rule_for(state, "Retry", error):
            yield f"Retry[{rule[0]}] exhausted"
    stands_red = ended_red and not visit.exited and bool(given_up) and not rule_for(state, "Catch", given_up[-1])
    if visit.redriven or stands_red:
        yield "red"
