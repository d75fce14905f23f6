"""Run the embedded AWS in a process of its own: `python -m tests.local.interpreter.serving HOME`.

Prints one JSON line when it answers, ends when its standard input does. A process of its own, because ministack's state
is in its modules: two suites in one process would share it.
"""

from __future__ import annotations

import json
import sys
from contextlib import ExitStack
from pathlib import Path

from pipeline.local.stack import start_emulators


def main(home: str) -> None:
    with ExitStack() as opening:
        emulators = start_emulators(opening, Path(home))
        said = {"endpoint_url": emulators.endpoint_url, "logs": str(emulators.run.logs), "run": str(emulators.run.path)}
        print(json.dumps(said), flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main(sys.argv[1])
