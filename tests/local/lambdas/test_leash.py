"""Whatever ends the host, nothing of it lives on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT], ids=lambda ending: ending.name)
@pytest.mark.parametrize("way", ["fork", "plain"])
def test_no_process_outlives_the_host(tmp_path: Path, ending: signal.Signals, way: str) -> None:
    pids, host = _hold(tmp_path, way)
    everyone = {pid for start in pids for pid in _family(start)}
    # Idle and busy sandbox, the zygote if there is one, and what the busy handler started (it needs a group to find).
    assert len(everyone) >= (4 if way == "fork" else 2)
    os.killpg(host.pid, ending) if ending == signal.SIGINT else host.send_signal(ending)
    host.wait(10)
    deadline = time.monotonic() + 5
    while (left := [pid for pid in everyone if _lives(pid)]) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not left, [Path(f"/proc/{pid}/cmdline").read_text() for pid in left]


def test_ctrl_c_reaches_the_host_alone(tmp_path: Path) -> None:
    pids, host = _hold(tmp_path, "fork")
    sessions = {os.getsid(pid) for pid in pids}
    assert os.getsid(host.pid) not in sessions
    host.kill()
    host.wait()


def _hold(tmp_path: Path, way: str) -> tuple[list[int], subprocess.Popen]:
    argv = [sys.executable, "-m", "tests.local.lambdas.holding", str(tmp_path), way]
    host = subprocess.Popen(
        argv, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, start_new_session=True
    )
    pids = json.loads(host.stdout.readline())
    assert all(_lives(pid) for pid in pids)
    return pids, host


def _family(pid: int) -> set[int]:
    """The process and its descendants."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        children.setdefault(int(fields[1]), []).append(int(stat.parent.name))
    found, waiting = set(), [pid]
    while waiting:
        found.add(current := waiting.pop())
        waiting += children.get(current, [])
    return found


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
