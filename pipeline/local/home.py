"""The .vod folder: where a local stack keeps what must not be in memory, and what survives it.

    cache/                       survives: the synthesised template, the built player page
    run-<pid>/                   one stack's state: objects, scratch, function code, ministack.log; removed when it ends
    logs/<start time>-<pid>/     Lambda logs; the newest ten runs are kept

A process that is killed cannot remove its run folder, so the next start removes the leftovers. Whether a run is alive
is asked of the kernel (each holds a lock on `run-<pid>/lock`), not of the pid, which another program may have by then.

Can go wrong: the folder cannot be created or written (HomeUnusable), or this process already has a run (RunInUse).
"""

from __future__ import annotations

import fcntl
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

LOGS_KEPT = 10


class HomeUnusable(Exception):
    """The .vod folder cannot be created or written; the message says where it is and why."""


class RunInUse(Exception):
    """This process already runs a local stack in this home."""


def default_home() -> Path:
    """`$VOD_HOME`, or `.vod` in the working directory."""
    return Path(os.environ.get("VOD_HOME") or ".vod").absolute()


@dataclass(frozen=True)
class Run:
    """One stack's folders. `close()` removes everything but the logs."""

    home: Path
    path: Path
    logs: Path
    _lock: IO[str] = field(repr=False)

    @property
    def objects(self) -> Path:
        return self.path / "objects"

    @property
    def scratch(self) -> Path:
        return self.path / "scratch"

    @property
    def functions(self) -> Path:
        return self.path / "functions"

    @property
    def ministack_log(self) -> Path:
        return self.path / "ministack.log"

    @property
    def cache(self) -> Path:
        return self.home / "cache"

    def close(self) -> None:
        shutil.rmtree(self.path, ignore_errors=True)
        self._lock.close()
        _remove_if_empty(self.logs)


def open_run(home: Path) -> Run:
    """Remove what dead processes left, then make this process's folders."""
    home = home.absolute()
    try:
        (home / "cache").mkdir(parents=True, exist_ok=True)
        with _door(home):
            remove_leftovers(home)
            return _make_run(home)
    except OSError as error:
        raise HomeUnusable(
            f"cannot keep local state in {home}: {error.strerror or error} (VOD_HOME chooses another folder)"
        ) from error


def remove_leftovers(home: Path) -> list[Path]:
    """Remove the run folders no living process holds; returns them."""
    removed = []
    for path in sorted(home.glob("run-*")):
        if not _is_alive(path):
            shutil.rmtree(path, ignore_errors=True)
            removed.append(path)
    return removed


def prune_logs(logs: Path, keep: int) -> None:
    """Names start with the time, so the newest sort last."""
    for path in sorted(path for path in logs.iterdir() if path.is_dir())[:-keep]:
        shutil.rmtree(path, ignore_errors=True)


def _make_run(home: Path) -> Run:
    path = home / f"run-{os.getpid()}"
    if path.exists():
        raise RunInUse(f"{path} is in use: this process already runs a local stack; stop it first")
    path.mkdir(mode=0o700)
    lock = (path / "lock").open("w")
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    logs = home / "logs" / f"{time.strftime('%Y%m%dT%H%M%S')}-{os.getpid()}"
    logs.parent.mkdir(parents=True, exist_ok=True)
    prune_logs(logs.parent, LOGS_KEPT - 1)
    logs.mkdir(exist_ok=True)
    run = Run(home, path, logs, lock)
    for folder in (run.objects, run.scratch, run.functions):
        folder.mkdir()
    return run


def _is_alive(run: Path) -> bool:
    """A lock ends with the process that holds it, however it ended."""
    try:
        with (run / "lock").open("r+") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


@contextmanager
def _door(home: Path) -> Iterator[None]:
    """One start at a time, so that nobody sees a run folder between its making and its locking."""
    with (home / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _remove_if_empty(folder: Path) -> None:
    with suppress(OSError):  # it has logs: they stay
        folder.rmdir()
