"""Hold a Lambda host open with a busy and an idle sandbox, print all process ids, and wait to be killed."""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from pathlib import Path

from pipeline.local.lambda_host import LambdaHost
from tests.local.lambdas.conftest import Bench

SOURCE = """
import subprocess, time
def handler(event, context):
    if event:
        subprocess.Popen(["sleep", "600"])
        time.sleep(600)
"""


def main(folder: str, fork: str) -> None:
    host = LambdaHost(Path(folder, "f"), Path(folder, "l"), "http://127.0.0.1:9", "123456789012", fork=fork == "fork")
    bench = Bench(host, Path(folder, "l"))
    function = bench.function(SOURCE, timeout_s=600)
    bench.invoke(function, 0)
    bench.invoke(bench.function(SOURCE, name="idle"), 0)
    threading.Thread(target=bench.invoke, args=(function, 1), daemon=True).start()
    time.sleep(1)
    pids = [sandbox.pid for sandbox in host.alive.values()]
    zygote = getattr(host.processes, "process", None)
    print(json.dumps(pids + ([zygote.pid] if zygote else [])), flush=True)
    print(os.getpid(), flush=True)
    time.sleep(600)


if __name__ == "__main__":
    main(*sys.argv[1:])
