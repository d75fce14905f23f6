"""One chaos run or load run from start to verdict: `Outcome` says what was seen and what was broken.

In: a home, how many uploads, a seed. Out: an Outcome; the stack has gone by then.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from pipeline.local import faults
from pipeline.local.chaos import films, invariants, looking, report, scenarios
from pipeline.local.chaos.drive import AS_DEPLOYED, PATIENCE_SECONDS, Drive, Driven, Haste, operator
from pipeline.local.stack import Stack, set_faults
from pipeline.media import keys

CLOCK_SCALE = 0.05  # a heartbeat of 300 s becomes 15 s, a retry's delay of a minute 3 s
WORKERS = 4


@dataclasses.dataclass(frozen=True)
class Outcome:
    seed: int
    sent: tuple[scenarios.Sending, ...]
    driven: Driven
    world: looking.World
    injected: tuple[faults.Injected, ...]
    breaches: tuple[invariants.Breach, ...]

    @property
    def kept(self) -> bool:
        """Whether every promise was kept, but for those known not to be promised yet."""
        return all(breach.known for breach in self.breaches)

    def tables(self) -> str:
        hard = [breach for breach in self.breaches if not breach.known]
        known = [breach for breach in self.breaches if breach.known]
        real = sum(one.real for one in self.sent)
        parts = [
            report.stories(self.world, self.sent),
            report.injections(self.injected),
            report.figures(self.driven, self.world, real),
            report.broken(hard, self.seed),
        ]
        if known:
            parts.append("known, and not promised yet:\n" + report.broken(known, self.seed))
        return "\n\n".join(parts)


def chaos(home: Path, seed: int, numbers: Sequence[int], at_once: int = 50) -> Outcome:
    """Uploads under the faults that the seed drew for their numbers."""
    made = films.make_films(home / "cache" / "chaos")
    with Stack.start(home, port=0, edge_port=0, workers=WORKERS, faults=faults.Plan()) as stack:
        sent = scenarios.sendings(seed, numbers, stack.outputs["SourcesBucket"], made)
        plan = tuple(fault for one in sent for fault in one.faults)
        set_faults(faults.Plan(plan, seed, CLOCK_SCALE))
        return _run(stack, seed, sent, made, at_once, Haste())


def load(home: Path, count: int) -> Outcome:
    """Uploads of a two-second film, all at once, with the fake encoder and without a fault."""
    made = films.make_films(home / "cache" / "chaos")
    with Stack.start(home, port=0, edge_port=0, workers=WORKERS, faults=faults.Plan()) as stack:
        sent = [_plain(number, stack.outputs["SourcesBucket"]) for number in range(count)]
        everything = tuple(dataclasses.replace(fault, match={}) for fault in scenarios.fast(""))
        set_faults(faults.Plan(everything))
        return _run(stack, 0, sent, made, at_once=count, haste=AS_DEPLOYED)


def _plain(number: int, bucket: str) -> scenarios.Sending:
    key = f"uploads/load/film {number:04d}.mp4"
    asset = keys.asset_id(bucket, key)
    return scenarios.Sending(
        number, key, asset, "plain", (), sidecar=False, real=False, stories=(), faults=(), ends=scenarios.PUBLISHED,
        replaced=False, cancelled=False, retried=False,
    )  # fmt: skip


def _run(
    stack: Stack, seed: int, sent: list[scenarios.Sending], made: dict[str, Path], at_once: int, haste: Haste
) -> Outcome:
    with operator(stack):
        driven = Drive(stack, made, at_once, haste).run(sent)
    injected = tuple(stack.faults.injected) if stack.faults else ()
    set_faults(None)  # the look afterwards is at what happened, and meets nothing itself
    world = looking.look(stack, driven.messages)
    found = invariants.breaches(world, sent)
    if not driven.ended:
        found.append(invariants.Breach("stuck", None, f"nothing moved for {PATIENCE_SECONDS} s"))
    return Outcome(seed, tuple(sent), driven, world, injected, tuple(found))
