"""Faults on purpose: what goes wrong in the local stack, where, how often, and for which film.

In: a plan, as a JSON file (the environment variable VOD_FAULTS names it), a dictionary or a `Plan`. Out: at each point
where something may go wrong the stack asks `at(point, facts)` and gets the faults that happen there and now; the
modules faults_http, faults_world and mediaconvert/faults carry them out. Without a plan `current` is None, and no point
asks anything.

Draws are reproducible: what happens to an asset depends on the seed, the fault's place in the plan, the asset and how
often that asset has passed the point; never on the clock or on other assets. `count` is for each asset, too.

Can go wrong: FaultPlanInvalid, which says where in the file and what would be right.
"""

from __future__ import annotations

import collections
import dataclasses
import fnmatch
import hashlib
import json
import os
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

VARIABLE = "VOD_FAULTS"
JOB = ("asset_id", "key", "version", "revision", "role", "attempt", "input")
#: Where something can happen, and what is known there to choose by.
POINTS: dict[str, tuple[str, ...]] = {
    "http.request": ("service", "operation", "bucket", "key", "asset_id", "function"),
    "lambda.invoke": ("function", "key", "asset_id"),
    "s3.event": ("key", "asset_id", "detail_type"),
    "mediaconvert.request": ("operation", *JOB),
    "mediaconvert.answer": ("operation", *JOB),
    "mediaconvert.submit": JOB,
    "mediaconvert.run": JOB,
    "mediaconvert.event": ("status", *JOB),
}
WHOLE, NUMBER, TEXT = "a whole number", "a number of 0 or more", "a text"


class FaultPlanInvalid(ValueError):
    """A plan that cannot be meant; the message begins with where it was read and the place inside."""


@dataclasses.dataclass(frozen=True)
class Parameter:
    """One more word of a fault: what it may be (a kind of value, or the words allowed), and its value when left out."""

    values: str | tuple[str, ...]
    default: Any
    about: str


@dataclasses.dataclass(frozen=True)
class Kind:
    """What can go wrong: where, with which parameters; `only` are facts that hold at the point by nature."""

    point: str
    about: str
    parameters: Mapping[str, Parameter] = dataclasses.field(default_factory=dict)
    only: Mapping[str, str] = dataclasses.field(default_factory=dict)


def _seconds(default: float | None, about: str) -> dict[str, Parameter]:
    return {"seconds": Parameter(NUMBER, default, about)}


_WHEN = {"when": Parameter(("before", "during", "after"), "after", "before, in the middle of, or after its work")}
_JOB_SLOW = _seconds(2.0, "how much longer the job takes")

KINDS: dict[str, Kind] = {
    "mediaconvert.throttle": Kind("mediaconvert.request", "429 TooManyRequestsException"),
    "mediaconvert.fault": Kind("mediaconvert.request", "500 InternalServerErrorException; nothing is done"),
    "mediaconvert.lost_answer": Kind("mediaconvert.answer", "the operation is done, its answer is a 500"),
    "mediaconvert.stuck": Kind(
        "mediaconvert.submit", "the job stays SUBMITTED", _seconds(None, "for so long; for ever when left out")
    ),
    "mediaconvert.error": Kind(
        "mediaconvert.run",
        "the job ends in ERROR with this code",
        {
            "code": Parameter(WHOLE, 1999, "MediaConvert's errorCode"),
            "message": Parameter(TEXT, "An injected error", "its errorMessage"),
        },
    ),
    "mediaconvert.unaccelerated": Kind(
        "mediaconvert.run",
        "acceleration is refused: ENABLED ends in ERROR, PREFERRED goes on as NOT_ACCELERATED",
        {"code": Parameter(WHOLE, 1041, "1041 the settings, 1042 too little work, 1550 a fault of the service")},
    ),
    "mediaconvert.slow": Kind("mediaconvert.run", "the job stays PROGRESSING for longer", _JOB_SLOW),
    "mediaconvert.engine_crash": Kind(
        "mediaconvert.run",
        "ffmpeg dies of a signal: ERROR 1999",
        {"signal": Parameter(("SIGKILL", "SIGSEGV", "SIGABRT", "SIGTERM"), "SIGSEGV", "of which")},
    ),
    "mediaconvert.worker_kill": Kind("mediaconvert.run", "the worker process is killed at work: ERROR 1999"),
    "mediaconvert.half_output": Kind(
        "mediaconvert.run",
        "the job ends COMPLETE, and part of what it promised is not there",
        {
            "part": Parameter(
                ("segment", "empty_segment", "cut_segment", "rendition", "playlist", "cut_playlist", "manifest"),
                "segment",
                "what is missing, empty or cut in half",
            )
        },
    ),
    "mediaconvert.source_replaced": Kind(
        "mediaconvert.run",
        "somebody uploads the key anew before the job reads it",
        {"file": Parameter(TEXT, None, "the film to upload; the same bytes when left out")},
    ),
    "mediaconvert.event_lost": Kind("mediaconvert.event", "the event is never sent"),
    "mediaconvert.event_duplicate": Kind(
        "mediaconvert.event", "the event is sent again", {"times": Parameter(WHOLE, 1, "how often again")}
    ),
    "mediaconvert.event_late": Kind("mediaconvert.event", "the event is sent later", _seconds(2.0, "so much later")),
    "mediaconvert.event_reordered": Kind(
        "mediaconvert.event", "the event is sent after the job's next one", _seconds(2.0, "or after so long")
    ),
    "mediaconvert.fake_encode": Kind(
        "mediaconvert.run", "no fault: outputs are copied from one real encode of the same film and settings"
    ),
    "mediaconvert.fake_probe": Kind(
        "mediaconvert.request", "no fault: Probe remembers files it has seen", only={"operation": "Probe"}
    ),
    "lambda.kill": Kind("lambda.invoke", "the sandbox is killed: Runtime.ExitError", _WHEN),
    "lambda.timeout": Kind("lambda.invoke", "the invocation times out: Sandbox.Timedout", _WHEN),
    "lambda.kill_in_create_job": Kind(
        "mediaconvert.answer",
        "the function is killed after CreateJob has made the job, before it hears of it",
        only={"operation": "CreateJob"},
    ),
    "lambda.throttle": Kind(
        "http.request", "Invoke is answered 429 TooManyRequestsException", only={"service": "lambda"}
    ),
    "lambda.fault": Kind("http.request", "Invoke is answered 500 ServiceException", only={"service": "lambda"}),
    "s3.slow_down": Kind("http.request", "503 SlowDown", only={"service": "s3"}),
    "s3.fault": Kind("http.request", "500 InternalError; nothing is done", only={"service": "s3"}),
    "s3.lost_answer": Kind("http.request", "the operation is done, its answer is a 500", only={"service": "s3"}),
    "s3.event_duplicate": Kind(
        "s3.event",
        "the event is delivered again",
        {"times": Parameter(WHOLE, 1, "how often again"), **_seconds(0.0, "how much later")},
    ),
    "s3.event_late": Kind("s3.event", "the event is delivered later", _seconds(2.0, "so much later")),
    "dynamodb.throttle": Kind(
        "http.request", "400 ProvisionedThroughputExceededException", only={"service": "dynamodb"}
    ),
    "dynamodb.fault": Kind("http.request", "500 InternalServerError; nothing is done", only={"service": "dynamodb"}),
    "dynamodb.lost_answer": Kind(
        "http.request", "the operation is done, its answer is a 500", only={"service": "dynamodb"}
    ),
    "states.throttle": Kind("http.request", "400 ThrottlingException", only={"service": "states"}),
    "states.fault": Kind("http.request", "500 InternalFailure; nothing is done", only={"service": "states"}),
    "states.lost_answer": Kind(
        "http.request", "the operation is done, its answer is a 500", only={"service": "states"}
    ),
    "states.stop": Kind("mediaconvert.run", "somebody stops the execution while its job runs"),
    "sns.fault": Kind("http.request", "500 InternalError; nothing is sent", only={"service": "sns"}),
}
NO_FAULTS = frozenset({"mediaconvert.fake_encode", "mediaconvert.fake_probe"})


@dataclasses.dataclass(frozen=True)
class Fault:
    """One entry of a plan. count: how often for each asset (None: always); after: how many occasions pass first."""

    kind: str
    match: Mapping[str, str] = dataclasses.field(default_factory=dict)
    count: int | None = 1
    probability: float = 1.0
    after: int = 0
    parameters: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def __getitem__(self, name: str) -> Any:
        return self.parameters[name] if name in self.parameters else KINDS[self.kind].parameters[name].default

    @property
    def conditions(self) -> dict[str, str]:
        return {**self.match, **KINDS[self.kind].only}

    def as_dict(self) -> dict[str, Any]:
        """The kind with every parameter filled in: what those who carry it out are given."""
        return {"kind": self.kind, **{name: self[name] for name in KINDS[self.kind].parameters}}


@dataclasses.dataclass(frozen=True)
class Plan:
    """What shall go wrong. clock_scale shortens the state machine's retry delays and heartbeats (1: AWS's own)."""

    faults: tuple[Fault, ...] = ()
    seed: int = 0
    clock_scale: float = 1.0


@dataclasses.dataclass(frozen=True)
class Injected:
    """A fault that happened. at: seconds since 1970."""

    at: float
    kind: str
    asset_id: str
    facts: Mapping[str, str]


# --- reading a plan --------------------------------------------------------------------------------------------------


def load(source: Path | str | Mapping[str, Any] | Plan | None) -> Plan | None:
    """The plan of a file, a dictionary or VOD_FAULTS' file; None where nobody asked for faults."""
    if isinstance(source, Plan):
        return source
    if isinstance(source, Mapping):
        return plan_of(source, "the fault plan")
    path = source or os.environ.get(VARIABLE)
    if not path:
        return None
    try:
        text = Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise FaultPlanInvalid(f"{path}: {error.strerror or error} ({VARIABLE} names the fault plan)") from error
    try:
        return plan_of(json.loads(text), str(path))
    except json.JSONDecodeError as error:
        raise FaultPlanInvalid(f"{path}: line {error.lineno}, column {error.colno}: {error.msg}") from error


def plan_of(value: Any, where: str) -> Plan:
    """Read {"seed", "clock_scale", "faults": [...]}; `where` begins every complaint."""
    _require(isinstance(value, Mapping), where, "an object with `faults`, and if wanted `seed` and `clock_scale`")
    _require_known(value, ("faults", "seed", "clock_scale"), where)
    faults = value.get("faults", [])
    _require(isinstance(faults, Sequence) and not isinstance(faults, str), f"{where}: faults", "a list of faults")
    seed, scale = value.get("seed", 0), value.get("clock_scale", 1.0)
    _require(_is(seed, WHOLE), f"{where}: seed", WHOLE)
    _require(_is(scale, NUMBER) and 0 < scale <= 1, f"{where}: clock_scale", "a number above 0, at most 1")
    return Plan(tuple(_fault(one, f"{where}: faults[{n}]") for n, one in enumerate(faults)), seed, float(scale))


def _fault(value: Any, where: str) -> Fault:
    _require(isinstance(value, Mapping), where, "an object with `kind`")
    kind = value.get("kind")
    _require(isinstance(kind, str) and kind in KINDS, f"{where}.kind", f"one of {', '.join(KINDS)}; it is {kind!r}")
    parameters = KINDS[kind].parameters
    _require_known(value, ("kind", "match", "count", "probability", "after", *parameters), where)
    match = value.get("match", {})
    _require(isinstance(match, Mapping), f"{where}.match", "an object of facts and patterns")
    _require_known(match, POINTS[KINDS[kind].point], f"{where}.match")
    for fact, pattern in match.items():
        _require(isinstance(pattern, str), f"{where}.match.{fact}", "a text, which may have * and ? in it")
    count, share, after = value.get("count", 1), value.get("probability", 1.0), value.get("after", 0)
    _require(count is None or (_is(count, WHOLE) and count > 0), f"{where}.count", "a whole number above 0, or null")
    _require(_is(share, NUMBER) and share <= 1, f"{where}.probability", "a number from 0 to 1")
    _require(_is(after, WHOLE), f"{where}.after", WHOLE)
    own = {name: value[name] for name in parameters if name in value}
    for name, given in own.items():
        allowed = parameters[name].values
        words = f"one of {', '.join(allowed)}" if isinstance(allowed, tuple) else allowed
        fine = given in allowed if isinstance(allowed, tuple) else _is(given, allowed)
        _require(fine, f"{where}.{name}", f"{words}; it is {given!r}")
    return Fault(kind, dict(match), count, float(share), after, own)


def _is(value: Any, what: str) -> bool:
    if what == TEXT:
        return isinstance(value, str)
    types = int if what == WHOLE else (int, float)
    return isinstance(value, types) and not isinstance(value, bool) and value >= 0


def _require(holds: bool, where: str, wanted: str) -> None:
    if not holds:
        raise FaultPlanInvalid(f"{where}: must be {wanted}")


def _require_known(value: Mapping[str, Any], known: Iterable[str], where: str) -> None:
    for name in value:
        _require(name in (known := tuple(known)), f"{where}.{name}", f"left out: known here are {', '.join(known)}")


# --- deciding --------------------------------------------------------------------------------------------------------


class Faults:
    """A plan at work. Thread-safe; `plan` may be replaced while the stack runs, and the counts begin anew."""

    def __init__(self, plan: Plan):
        self._lock = threading.Lock()
        self.injected: list[Injected] = []
        self.plan = plan

    @property
    def plan(self) -> Plan:
        return self._plan

    @plan.setter
    def plan(self, plan: Plan) -> None:
        with self._lock:
            self._plan = plan
            self._met: collections.Counter[tuple[int, str]] = collections.Counter()
            self._done: collections.Counter[tuple[int, str]] = collections.Counter()
            self._index: dict[tuple[str, str], list[tuple[int, Fault]]] = collections.defaultdict(list)
            for number, fault in enumerate(plan.faults):
                self._index[KINDS[fault.kind].point, _literal(fault.match.get("asset_id"))].append((number, fault))

    def at(self, point: str, facts: Mapping[str, str]) -> list[Fault]:
        """The faults that happen now to what these facts describe, in the plan's order."""
        asset = facts.get("asset_id", "")
        with self._lock:
            candidates = [*self._index.get((point, ""), ()), *(self._index.get((point, asset), ()) if asset else ())]
            happening = [
                fault for number, fault in sorted(candidates, key=_number) if self._happens(number, fault, asset, facts)
            ]
            now = time.time()
            self.injected += [Injected(now, f.kind, asset, dict(facts)) for f in happening if f.kind not in NO_FAULTS]
        return happening

    def _happens(self, number: int, fault: Fault, asset: str, facts: Mapping[str, str]) -> bool:
        if not all(fnmatch.fnmatchcase(facts.get(name, ""), pattern) for name, pattern in fault.conditions.items()):
            return False
        place = (number, asset)
        self._met[place] += 1
        if self._met[place] <= fault.after or (fault.count is not None and self._done[place] >= fault.count):
            return False
        if draw(self._plan.seed, number, asset, self._met[place]) >= fault.probability:
            return False
        self._done[place] += 1
        return True


def draw(*words: object) -> float:
    """A number from 0 to 1 that the words alone decide."""
    digest = hashlib.blake2b("\x1f".join(map(str, words)).encode(), digest_size=7).digest()
    return int.from_bytes(digest) / 2**56


def _number(entry: tuple[int, Fault]) -> int:
    return entry[0]


def _literal(pattern: str | None) -> str:
    """An asset id to look up by, or "" where the pattern has to be compared."""
    return "" if pattern is None or any(sign in pattern for sign in "*?[") else pattern


# --- the one at work in this process ---------------------------------------------------------------------------------

current: Faults | None = None


def install(plan: Plan | None) -> None:
    """From now on this happens; None: nothing does."""
    global current
    if plan is None:
        current = None
    elif current is None:
        current = Faults(plan)
    else:
        current.plan = plan


def at(point: str, /, **facts: str) -> Sequence[Fault]:
    """What goes wrong at this point for this film; nothing, and at no cost, when no plan is at work."""
    return () if current is None else current.at(point, facts)
