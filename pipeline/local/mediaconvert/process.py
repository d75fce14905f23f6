"""One worker process for one job: start it, hand it the job, read what it says, and never leave it behind.

The seam with the engine. The worker's first line of standard input is the job as JSON; standard input then stays open
as a leash, and its end means "stop at once": so a service that is killed takes its workers with it, with no signal
sent. On standard output the worker speaks JSON lines (input, needs, progress, warning, complete, error). Its standard
error is a log file, whose end is the evidence when it dies without a word.

What can go wrong: `WorkerNotStarted`, `WorkerDied` (it ended without `complete` or `error`) and `WorkerBabbled` (a line
that is not one of the above). Each names what was seen.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

STOP_SECONDS = 2.0  # between letting go of the leash and killing: enough to kill ffmpeg and exit
LEAVE_SECONDS = 5.0  # after the last word: enough to close files
LINE_BYTES = 4 * 1024 * 1024
LOG_BYTES = 256 * 1024
EVIDENCE_LINES = 8
LAST_WORDS = frozenset({"complete", "error"})
WORDS = LAST_WORDS | {"input", "needs", "progress", "warning"}


class WorkerNotStarted(Exception):
    """There is no worker: no such program, no memory, no disk."""


class WorkerDied(Exception):
    """The worker ended before it had said `complete` or `error`."""


class WorkerBabbled(Exception):
    """The worker said something that is not a line of the seam."""


class Worker:
    """A running worker process. `stop()` may be called from any thread, also before the first message is read."""

    def __init__(self, command: Sequence[str], request: Mapping[str, Any], scratch: Path, log_path: Path):
        self._log_path = log_path
        self._timers: list[threading.Timer] = []
        self._process = _start(command, scratch, log_path)
        self._hand_over(request)

    def _hand_over(self, request: Mapping[str, Any]) -> None:
        try:
            self._process.stdin.write(json.dumps(request).encode() + b"\n")
            self._process.stdin.flush()
        except OSError:
            pass  # it died before reading: messages() will say so, with its exit status and its log

    def messages(self) -> Iterator[dict[str, Any]]:
        """What the worker says, up to and including its last word."""
        while line := self._process.stdout.readline(LINE_BYTES):
            message = _parse(line)
            yield message
            if message["type"] in LAST_WORDS:
                return
        raise WorkerDied(self._obituary())

    def _obituary(self) -> str:
        status = self._reap(LEAVE_SECONDS)
        ending = f"was killed by {_signal_name(-status)}" if status < 0 else f"exited with status {status}"
        lines = _tail(self._log_path).decode(errors="replace").splitlines()[-EVIDENCE_LINES:]
        said = f"the end of its log {self._log_path}: {' | '.join(lines)}" if lines else "it left no log"
        return f"The worker process {ending} without finishing the job; {said}"

    def stop(self) -> None:
        """Let go of the leash; if the worker has not gone soon after, kill it and its process group."""
        timer = threading.Timer(STOP_SECONDS, self.kill)
        timer.daemon = True
        self._timers.append(timer)
        timer.start()
        self._let_go()

    def close(self, patience_seconds: float = LEAVE_SECONDS) -> int:
        """The worker is gone when this returns; its exit status. The log is cut to its end."""
        self._let_go()
        status = self._reap(patience_seconds)
        for timer in self._timers:
            timer.cancel()
        self._process.stdout.close()
        _keep_tail(self._log_path)
        return status

    def _let_go(self) -> None:
        with contextlib.suppress(OSError):  # a broken pipe on flush: it has gone already
            self._process.stdin.close()

    def _reap(self, patience_seconds: float) -> int:
        try:
            return self._process.wait(patience_seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            return self._process.wait()

    def kill(self) -> None:
        # Only while it has not been waited for: after that the number may belong to somebody else.
        if self._process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)


def _start(command: Sequence[str], scratch: Path, log_path: Path) -> subprocess.Popen[bytes]:
    try:
        with log_path.open("ab") as log_file:
            return subprocess.Popen(
                [*command],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log_file,
                cwd=scratch,
                env=_environment(),
                start_new_session=True,  # Ctrl-C in the terminal is for the service, which then lets go of the leash
            )
    except OSError as error:
        raise WorkerNotStarted(f"The worker process {command[0]} could not be started: {error}") from error


def _environment() -> dict[str, str]:
    """This process's own, with our package importable although the worker's directory is its scratch."""
    root = str(Path(__file__).resolve().parents[3])
    inherited = os.environ.get("PYTHONPATH")
    return {**os.environ, "PYTHONPATH": f"{root}{os.pathsep}{inherited}" if inherited else root}


def _parse(line: bytes) -> dict[str, Any]:
    try:
        message = json.loads(line)
        if message["type"] not in WORDS:
            raise ValueError(f"type {message['type']}")
        return message
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise WorkerBabbled(
            f"The worker process said what the service does not understand ({error}): {line[:200]!r}"
        ) from None


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _keep_tail(path: Path) -> None:
    """An empty log is noise and goes; a long one keeps its end."""
    size = path.stat().st_size
    if size == 0:
        path.unlink()
    elif size > LOG_BYTES:
        path.write_bytes(_tail(path))


def _tail(path: Path) -> bytes:
    with path.open("rb") as log_file:
        log_file.seek(-min(LOG_BYTES, path.stat().st_size), os.SEEK_END)
        return log_file.read()
