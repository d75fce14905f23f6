"""Measure what commands cost: CPU seconds of all their processes, wall seconds, the most memory they hold together.

In: commands, a folder for their result. Out: a `Run`. What can go wrong: `CommandFailed` with the end of what it said.
Memory is the sum of the processes' resident sizes, looked at five times a second: pages that two share count twice.
`load` is the machine's load before the run, less what we ourselves wait for: a number near 0 is a quiet machine.
"""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = os.sysconf("SC_PAGE_SIZE")


class CommandFailed(Exception):
    """A contender ended with an error; the message holds the end of its log."""


@dataclasses.dataclass(frozen=True)
class Command:
    argv: Sequence[str]
    cwd: str
    env: Mapping[str, str] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Run:
    cpu: float
    wall: float
    peak_mb: float
    load: float


def run(commands: Sequence[Command], folder: Path) -> Run:
    result, log = folder / "cost.json", folder / "log.txt"
    load = os.getloadavg()[0]
    with log.open("wb") as said:
        process = subprocess.Popen(
            [sys.executable, "-m", "bench.reap", str(result)],
            stdin=subprocess.PIPE,
            stdout=said,
            stderr=said,
            cwd=ROOT,
        )
        peak = _Peak(process.pid)
        process.communicate(json.dumps([dataclasses.asdict(command) for command in commands]).encode())
        peak.stop()
    if process.returncode:
        raise CommandFailed(f"{folder.name} ended with {process.returncode}: {log.read_text(errors='replace')[-3000:]}")
    cost = json.loads(result.read_text())
    return Run(cpu=cost["cpu"], wall=cost["wall"], peak_mb=peak.most * PAGE / 1e6, load=load)


class _Peak:
    def __init__(self, pid: int) -> None:
        self.most, self._pid, self._done = 0, pid, threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        while not self._done.wait(0.2):
            self.most = max(self.most, sum(map(_pages, _descendants(self._pid))))

    def stop(self) -> None:
        self._done.set()
        self._thread.join()


def _descendants(pid: int) -> list[int]:
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(entry.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        parents.setdefault(parent, []).append(int(entry.parent.name))
    found, ahead = [], [pid]
    while ahead:
        found.append(ahead[0])
        ahead = ahead[1:] + parents.get(ahead[0], [])
    return found[1:]


def _pages(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except OSError:
        return 0
