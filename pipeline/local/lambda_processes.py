"""Start, end and watch the processes of Lambda sandboxes: a zygote that forks them, or one plain process each.

In: the sandbox as pipeline.local.lambda_worker reads it. Out: calls of `on_started(id, pid)` and
`on_exit(id, exit code or None, peak KB)`. Whoever ends this process, and however, ends them all: each holds the reading
end of a pipe whose writing end only we hold. They have a session of their own, so that Ctrl-C reaches us alone.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

WORKER = str(Path(__file__).with_name("lambda_worker.py"))
PAGE_KB = os.sysconf("SC_PAGE_SIZE") // 1024 if hasattr(os, "sysconf") else 4
OnStarted = Callable[[str, int], None]
OnExit = Callable[[str, "int | None", int], None]


class Zygote:
    """The fast way: one helper with everything imported forks a sandbox in a few milliseconds."""

    def __init__(self, on_started: OnStarted, on_exit: OnExit) -> None:
        self.on_started, self.on_exit = on_started, on_exit
        self.lock = threading.Lock()
        self.closed = False
        self._launch()

    def start(self, sandbox: dict) -> None:
        with self.lock:
            if not self._tell({"spawn": sandbox}) and not self.closed:
                self._launch()
                self._tell({"spawn": sandbox})
            self.live.add(sandbox["id"])

    def kill(self, sandbox_id: str) -> None:
        with self.lock:
            self._tell({"kill": sandbox_id})

    def compile(self, folder: Path) -> None:
        with self.lock:
            self._tell({"compile": str(folder)})

    def close(self) -> None:
        with self.lock:
            self.closed = True
            self.process.stdin.close()
            self.control.close()
        self.process.wait()

    def _launch(self) -> None:
        self.control, theirs = socket.socketpair()
        with theirs:
            argv = [sys.executable, "-P", WORKER, "zygote", str(theirs.fileno())]
            self.process = subprocess.Popen(
                argv,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
                bufsize=0,
            )
        self.live: set[str] = set()
        threading.Thread(target=self._listen, args=(self.control, self.live), name="lambda-zygote", daemon=True).start()

    def _tell(self, order: dict) -> bool:
        """False when the zygote is gone; _listen then reports the end of every sandbox."""
        try:
            self.control.sendall(json.dumps(order).encode() + b"\n")
        except OSError:
            return False
        return True

    def _listen(self, control: socket.socket, live: set[str]) -> None:
        with control.makefile("rb") as lines:
            try:
                for line in lines:
                    self._hear(json.loads(line), live)
            except (OSError, ValueError):
                pass
        with self.lock:
            orphans = set(live)
        for sandbox_id in orphans:  # they died with the zygote
            self.on_exit(sandbox_id, None, 0)

    def _hear(self, message: dict, live: set[str]) -> None:
        if "spawned" in message:
            self.on_started(message["spawned"], message["pid"])
        elif "exited" in message:
            with self.lock:
                live.discard(message["exited"])
            self.on_exit(message["exited"], message["code"], message["max_rss_kb"])


class PlainProcesses:
    """The way without fork: one interpreter a sandbox, and its imports each time."""

    def __init__(self, on_started: OnStarted, on_exit: OnExit) -> None:
        self.on_started, self.on_exit = on_started, on_exit
        self.lock = threading.Lock()
        self.processes: dict[str, subprocess.Popen] = {}

    def start(self, sandbox: dict) -> None:
        argv = [sys.executable, "-P", WORKER, "sandbox"]
        process = subprocess.Popen(
            argv, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, start_new_session=True, bufsize=0
        )
        with self.lock:
            self.processes[sandbox["id"]] = process
        self.on_started(sandbox["id"], process.pid)
        process.stdin.write(json.dumps(sandbox).encode() + b"\n")
        threading.Thread(target=self._wait, args=(sandbox["id"], process), daemon=True).start()

    def kill(self, sandbox_id: str) -> None:
        with self.lock:
            process = self.processes.get(sandbox_id)
        if process is not None:
            process.kill()

    def compile(self, folder: Path) -> None:
        """Nothing: the first sandbox of a zip writes its byte code."""

    def close(self) -> None:
        with self.lock:
            processes = list(self.processes.values())
        for process in processes:
            process.kill()
            process.wait()

    def _wait(self, sandbox_id: str, process: subprocess.Popen) -> None:
        code = process.wait()
        process.stdin.close()
        with self.lock:
            self.processes.pop(sandbox_id, None)
        self.on_exit(sandbox_id, code, 0)


def family_kb() -> int:
    """What this process and all its descendants hold, in KB; 0 where /proc does not say.

    Shared pages count once (Pss): sandboxes are forked from one helper, and their resident sizes added up tell thrice
    what is used.
    """
    parents: dict[int, int] = {}
    for entry in os.listdir("/proc") if os.path.isdir("/proc") else []:
        if entry.isdigit():
            with contextlib.suppress(OSError, IndexError), open(f"/proc/{entry}/stat", "rb") as stat:
                parents[int(entry)] = int(stat.read().rpartition(b")")[2].split()[1])
    family, before = {os.getpid()}, 0
    while len(family) > before:
        before = len(family)
        family |= {pid for pid, parent in parents.items() if parent in family}
    return sum(_share_kb(pid) for pid in family)


def _share_kb(pid: int) -> int:
    with contextlib.suppress(OSError), open(f"/proc/{pid}/smaps_rollup", "rb") as rollup:
        for line in rollup:
            if line.startswith(b"Pss:"):
                return int(line.split()[1])
    return 0


def resident_kb(pid: int | None) -> int:
    """Memory a process holds now, in KB; 0 when it is gone or the system does not say."""
    if pid is None:
        return 0
    try:
        with open(f"/proc/{pid}/statm", "rb") as statm:
            return int(statm.read().split()[1]) * PAGE_KB
    except (OSError, IndexError):
        return 0
