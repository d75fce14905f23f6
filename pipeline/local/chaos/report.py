"""The tables of a chaos run: what was injected and how each ended, figures, breaches. Plain text, to be pasted."""

from __future__ import annotations

import collections
from collections.abc import Mapping, Sequence

from pipeline.local.chaos.drive import Driven
from pipeline.local.chaos.invariants import Breach, end_of
from pipeline.local.chaos.looking import World
from pipeline.local.chaos.scenarios import Sending
from pipeline.local.faults import Injected

Row = Sequence[object]


def table(head: Row, rows: Sequence[Row]) -> str:
    texts = [[str(cell) for cell in row] for row in (head, *rows)]
    widths = [max(len(row[column]) for row in texts) for column in range(len(head))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in texts]
    return "\n".join([lines[0], "  ".join("-" * width for width in widths), *lines[1:]])


def stories(world: World, sent: Sequence[Sending]) -> str:
    """One row a scenario: how many uploads it was drawn for, and how their versions ended."""
    ends: dict[str, collections.Counter[str]] = collections.defaultdict(collections.Counter)
    uploads: collections.Counter[str] = collections.Counter()
    by_asset = {one.asset_id: one for one in sent}
    for one in sent:
        uploads.update(one.stories or ("nothing",))
    for version in world.versions:
        if one := by_asset.get(version.asset_id):
            for name in one.stories or ("nothing",):
                ends[name][end_of(world, version)] += 1
    rows = [(name, count, _counted(ends[name])) for name, count in sorted(uploads.items())]
    total = collections.Counter(end_of(world, version) for version in world.versions)
    return table(("what happened", "uploads", "how they ended"), [*rows, ("all", len(sent), _counted(total))])


def injections(injected: Sequence[Injected]) -> str:
    counts = collections.Counter(one.kind for one in injected)
    return table(("fault", "injected"), sorted(counts.items()) or [("none", 0)])


def figures(driven: Driven, world: World, real: int) -> str:
    jobs = collections.Counter(job["Status"] for job in world.jobs)
    repeated = len(world.messages) - len({message["deduplication_id"] for message in world.messages})
    count = len(world.executions)
    rows = [
        ("executions", count),
        ("seconds", f"{driven.seconds:.1f}"),
        ("executions a second", f"{count / max(0.001, driven.seconds):.2f}"),
        ("peak memory, all processes", f"{driven.peak_mb:.0f} MB"),
        ("jobs", _counted(jobs)),
        ("uploads encoded by ffmpeg", real),
        ("messages told again (same id)", repeated),
        ("dead letters replayed", driven.replayed),
        ("runs retried by the operator", driven.retried),
        ("sweeps", driven.sweeps),
    ]
    return table(("figure", "value"), rows)


def broken(found: Sequence[Breach], seed: int) -> str:
    if not found:
        return "every invariant holds"
    rows = [(breach.rule, "-" if breach.number is None else breach.number, breach.what) for breach in found]
    return table(("promise broken", "upload", "what"), rows) + f"\n(seed {seed}; --only NUMBER runs one upload alone)"


def _counted(counter: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(counter.items(), key=lambda pair: -pair[1])) or "-"
