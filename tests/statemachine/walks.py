"""What the walk does: for each run of the state machine, what its tasks answer, attempt by attempt, and how it ends.

In: the machine's file. Out: one Walk for every Retry, Catch and uncaught error in it, made from the file, so that a new
rule is walked as soon as it is written; a new Choice needs a Walk here.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.statemachine.arrows import rule_for, scopes, states_of

MACHINE = json.loads((Path(__file__).parents[2] / "statemachine" / "vod.asl.json").read_text())
STATES = states_of(MACHINE)
TASKS = {name: state for name, state in STATES.items() if state["Type"] == "Task"}

#: An error that no rule can know: a bug, or a service that says something new.
UNKNOWN = "SomethingNobodyExpected"

#: Where the upload of these answers goes at a question that has no Next.
TAKES = {"Encoded already?": "Probe source", "Budget left?": "Hold for budget", "Approval wanted?": "Hold for approval"}

#: What tasks answer when all is well: the parts that later states look into. An upload that takes every branch.
ANSWERS: dict[str, Any] = {
    "Ingest upload": {
        "title": "Film",
        "captions": [{"key": "uploads/film.en.srt", "language": "en"}],
        "poster": "uploads/film.jpg",
        "wishes": {"publish": "hold"},
        "base": None,
    },
    "Recall encode": {
        part: {"duration_ms": 10_000, "warnings": []} for part in ("source", "plan", "verified", "outputs")
    }
    | {"before": {"run": "v-r1"}},
    "Probe source": {"duration_ms": 10_000, "video": None},
    "Plan renditions": {
        "streams": {"settings_key": "w/streams.json"},
        "download": {"settings_key": "w/download.json"},
        "timeout_seconds": 36_000,
        "heartbeat_seconds": 3_000,
        "warnings": [],
        "budget": "exhausted",
    },
    "Publish asset": {
        "url": "https://example.com/?asset=film",
        "folder": "/",
        "message": {"event": "published", "schema": 2},
    },
}


#: What takes a run to the states of an update.
UPDATE = {"Ingest upload": {"base": "v-r1"}}


@dataclass(frozen=True)
class Walk:
    """`fails`: the errors with which a state's first attempts end; after them it succeeds. `answers`: what differs from
    ANSWERS. `ends`: the Succeed state, or the red box; a red one is redriven, and must end in `redriven`."""

    says: str
    ends: str
    fails: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    answers: Mapping[str, Any] = field(default_factory=dict)
    redriven: str | None = None

    @property
    def name(self) -> str:
        """Also the asset's id, by which the scripted tasks know whose they are."""
        return "".join(letter if letter.isalnum() else "-" for letter in self.says)[:70]


def _walks() -> Iterator[Walk]:
    yield Walk("sound with download, captions and cover is released, approved and published", "Published")
    plain = {
        "Ingest upload": {"captions": [], "poster": None, "wishes": {}},
        "Probe source": {"video": {"codec": "AVC"}},
        "Plan renditions": {"download": None, "budget": "unlimited"},
    }
    yield Walk("a film without download and captions is published", "Published", answers=plain)
    at_once = {"Ingest upload": {"wishes": {"publish": "now"}}, "Plan renditions": {"budget": "reserved"}}
    yield Walk("a film that is to be published at once, within the budget", "Published", answers=at_once)
    yield Walk("an update uses the pictures of an earlier run and is published", "Published", answers=UPDATE)
    for state in TASKS:
        yield from _retries(state)
        yield from _reds(state)
    for state in STATES:
        yield from _catches(state)


# ---- Retry ----------------------------------------------------------------------------------------------------------


def _retries(state: str) -> Iterator[Walk]:
    for number, rule in enumerate(TASKS[state].get("Retry", [])):
        names, most = rule["ErrorEquals"], rule["MaxAttempts"]
        # Every name is retried in one of these; all but the last attempt of each fail.
        for first in range(0, len(names), most):
            errors = _each_once(names[first:], most, names[0])
            yield _walk(f"{state}: Retry {number} from {names[first]}, {most} failures then success", state, errors)
        yield _exhausted(state, number, _each_once(names, most + 1, names[0]))


def _each_once(names: list[str], length: int, other: str) -> tuple[str, ...]:
    """So many errors, each name once as far as they reach (a States.Timeout takes its time), and one for the rest."""
    return tuple((names + [other] * length)[:length])


def _exhausted(state: str, number: int, errors: tuple[str, ...]) -> Walk:
    """One failure too many. A redrive counts from the beginning: as many failures again as are allowed."""
    said = f"{state}: Retry {number} exhausted"
    if caught := _catching(state, errors[-1]):
        return _walk(said, state, errors, ends=_end_after(caught))
    again = errors[:-1] if len(errors) < 20 else ()
    return _walk(said, state, errors + again, ends=state)


# ---- Catch and red --------------------------------------------------------------------------------------------------


def _catches(state: str) -> Iterator[Walk]:
    """Each name of each Catch: failing in the state itself, or in each task inside a Parallel."""
    for rule in STATES[state].get("Catch", []):
        inside = [name for branch in STATES[state].get("Branches", []) for name in _tasks_in(branch)] or [state]
        for error, task in itertools.product(rule["ErrorEquals"], inside):
            yield _walk(
                f"{state}: caught {error} of {task}", task, _until_given_up(task, error), ends=_end_after(rule["Next"])
            )


def _reds(state: str) -> Iterator[Walk]:
    if rule_for(TASKS[state], "Retry", UNKNOWN) is None:
        yield _walk(f"{state}: red", state, (UNKNOWN,), ends=state)


def _until_given_up(task: str, error: str) -> tuple[str, ...]:
    rule = rule_for(STATES[task], "Retry", error)
    return (error,) * (1 if rule is None else 1 + STATES[task]["Retry"][rule[0]]["MaxAttempts"])


def _catching(state: str, error: str) -> str | None:
    """Where this error of this task leads, by its own Catch or its Parallel's."""
    for each in (state, _parallel_of(state)):
        if each and (rule := rule_for(STATES[each], "Catch", error)):
            return STATES[each]["Catch"][rule[0]]["Next"]
    return None


def _walk(says: str, state: str, errors: tuple[str, ...], ends: str | None = None) -> Walk:
    way, answers, usual = _way_to(state)
    if "States.HeartbeatTimeout" in errors:
        answers = {"Plan renditions": {"heartbeat_seconds": 1}}
    return Walk(says, ends or usual, {**way, state: errors}, answers, redriven=usual if ends == state else None)


def _way_to(state: str) -> tuple[dict[str, tuple[str, ...]], Mapping[str, Any], str]:
    """The failures and answers that lead to a state which is not on the happy path, and where that way ends."""
    name = _parallel_of(state) or state
    caught = [(start, before, {}) for start, before in _caught_ways()]
    for start, before, answers in ((MACHINE["StartAt"], {}, {}), ("Recall encode", {}, UPDATE), *caught):
        at = start
        while at is not None:
            if at == name:
                return before, answers, _end_after(start)
            at = _next(at)
    raise AssertionError(f"no way to {state}")


def _caught_ways() -> Iterator[tuple[str, dict[str, tuple[str, ...]]]]:
    for name, state in MACHINE["States"].items():
        for rule in state.get("Catch", []) if state["Type"] == "Task" else []:
            yield rule["Next"], {name: _until_given_up(name, rule["ErrorEquals"][0])}


def _end_after(name: str) -> str:
    while (following := _next(name)) is not None:
        name = following
    return name


def _next(name: str) -> str | None:
    return MACHINE["States"][name].get("Next") or TAKES.get(name)


def _parallel_of(state: str) -> str | None:
    return next(
        (
            name
            for name, each in MACHINE["States"].items()
            for branch in each.get("Branches", [])
            if state in branch["States"]
        ),
        None,
    )


def _tasks_in(branch: dict) -> list[str]:
    return [name for scope in scopes(branch) for name, state in scope["States"].items() if state["Type"] == "Task"]


WALKS = {walk.name: walk for walk in _walks()}
