"""Run commands one after the other and count everything they cost: `python -m bench.reap RESULT.json < commands.json`.

In: [{"argv", "cwd", "env"}] on standard input. Out: RESULT.json: {"cpu", "wall", "returncode"}. CPU is user and system
time of every process that came of them, the orphans too: this process makes itself their heir (PR_SET_CHILD_SUBREAPER)
and waits until there is none left. What can go wrong: the first command that fails ends it, with its exit status.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

PR_SET_CHILD_SUBREAPER = 36


def main(result: Path) -> int:
    commands = json.load(sys.stdin)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    started, returncode = time.monotonic(), 0
    for command in commands:
        env = {**os.environ, **command.get("env", {})}
        returncode = subprocess.call(command["argv"], cwd=command.get("cwd"), env=env, stdin=subprocess.DEVNULL)
        if returncode:
            break
    wall = time.monotonic() - started
    with contextlib.suppress(ChildProcessError):
        while True:
            os.wait()
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    result.write_text(json.dumps({"cpu": used.ru_utime + used.ru_stime, "wall": wall, "returncode": returncode}))
    return returncode


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
