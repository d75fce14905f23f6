"""Run the stack as `vod up` does, for the tests that kill it: `python -m tests.local.stack.serve HOME [PORT]`.

Prints one JSON line when it is up, ends on Ctrl-C and SIGTERM.
"""

from __future__ import annotations

import json
import signal
import sys
import time
from pathlib import Path

from pipeline.cli.commands import wait_for_a_signal
from pipeline.local.stack import Stack


def main(home: str, port: str | None = None) -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    begun = time.monotonic()
    with Stack.start(Path(home), int(port) if port else None) as stack:
        print(
            json.dumps(
                {
                    "endpoint_url": stack.endpoint_url,
                    "delivery_url": stack.delivery_url,
                    "outputs": dict(stack.outputs),
                    "run": str(stack.emulators.run.path),
                    "seconds": round(time.monotonic() - begun, 2),
                }
            ),
            flush=True,
        )
        wait_for_a_signal()


if __name__ == "__main__":
    main(*sys.argv[1:])
