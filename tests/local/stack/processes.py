"""What Linux says about a process: its descendants, what it listens on, its memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]


@dataclass(frozen=True)
class Served:
    """A running tests.local.stack.serve and what it said."""

    process: subprocess.Popen[str]
    endpoint_url: str
    delivery_url: str
    outputs: dict[str, str]
    run: Path
    seconds: float

    @property
    def ports(self) -> set[int]:
        return {int(url.rpartition(":")[2]) for url in (self.endpoint_url, self.delivery_url)}


def serve(home: Path, page: Path, *args: str) -> Served:
    env = {**os.environ, "VOD_PLAYER_DIST": str(page)}
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.local.stack.serve", str(home), *args],
        cwd=ROOT,
        env=env,
        stdout=subprocess.PIPE,
        text=True,
    )
    line = process.stdout.readline()
    assert line, f"the stack did not start (exit {process.wait()})"
    said: dict[str, Any] = json.loads(line)
    return Served(process, **{**said, "run": Path(said["run"])})


def identity(pid: int) -> tuple[int, str] | None:
    """(pid, start time): what tells a process from a later one with its number; None when it is gone or a zombie."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] == "Z" else (pid, fields[19])


def family(pid: int) -> set[tuple[int, str]]:
    """The process and all that descend from it."""
    parents: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((path / "stat").read_text().rpartition(")")[2].split()[1])
        except (FileNotFoundError, ProcessLookupError):
            continue
        parents.setdefault(parent, []).append(int(path.name))
    found, todo = set(), [pid]
    while todo:
        current = todo.pop()
        todo += parents.get(current, [])
        if known := identity(current):
            found.add(known)
    return found


def alive(members: set[tuple[int, str]]) -> set[tuple[int, str]]:
    return {member for member in members if identity(member[0]) == member}


def listening(members: set[tuple[int, str]]) -> set[tuple[str, int]]:
    """(address in hex, port) of every TCP socket they listen on, IPv4 and IPv6."""
    files = [path for pid, _ in members for path in Path(f"/proc/{pid}/fd").iterdir()]
    inodes = {os.readlink(path) for path in files if path.is_symlink()}
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and f"socket:[{fields[9]}]" in inodes:
                address, port = fields[1].split(":")
                found.add((address, int(port, 16)))
    return found


def memory_mb(pid: int, field: str = "VmRSS") -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) / 1024
    raise ProcessLookupError(pid)
