"""One job by the local MediaConvert's engine, from a file to a folder: `python -m bench.engine_job JOB.json`.

In: {"source", "settings", "work", "out"}. Out: the renditions, manifests and segments in `out`, at their keys; in
`work`, `packaging.json`: the wall and CPU seconds that cutting and listing took. All that a worker does but S3.
"""

from __future__ import annotations

import concurrent.futures
import functools
import json
import os
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pipeline.local.mediaconvert import abr, engine, ffmpeg, pictures, plan, probe


class Folder:
    """An uploader that writes files."""

    def __init__(self, out: Path) -> None:
        self._out, self._pool = out, concurrent.futures.ThreadPoolExecutor(4)
        self._pending: list[concurrent.futures.Future[Any]] = []

    def submit(self, bucket: str, key: str, read: Callable[[], bytes]) -> None:
        self._pending.append(self._pool.submit(self._write, key, read))

    def submit_file(self, bucket: str, key: str, path: Path) -> None:
        self.submit(bucket, key, path.read_bytes)

    def check(self) -> None:
        pass

    def finish(self) -> None:
        for future in self._pending:
            future.result()

    def _write(self, key: str, read: Callable[[], bytes]) -> None:
        path = self._out / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(read())


def timed(cost: dict[str, float], method: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(method)
    def wrapped(*arguments: Any) -> Any:
        wall, cpu = time.monotonic(), time.thread_time()
        try:
            return method(*arguments)
        finally:
            cost["wall"] += time.monotonic() - wall
            cost["cpu"] += time.thread_time() - cpu

    return wrapped


def main(request: dict[str, Any]) -> None:
    work, out = Path(request["work"]), Path(request["out"])
    source = work / pictures.SOURCE
    try:
        os.link(request["source"], source)
    except OSError:
        shutil.copyfile(request["source"], source)
    cost = {"wall": 0.0, "cpu": 0.0}
    for name in ("advance", "finish", "upload_manifests"):
        setattr(engine.Packager, name, timed(cost, getattr(engine.Packager, name)))
    facts = probe.read_facts(source, "s3://bench/film")
    settings = request["settings"]
    if abr.wanted(settings):
        settings = abr.decided(settings, facts, engine.cost_at_720p(facts, work))
    planned = plan.plan_job(settings, facts, cpus=os.cpu_count() or 1)
    ffmpeg.require_filters(planned.filters)
    uploader = Folder(out)
    engine.run(planned, facts, work, uploader)
    uploader.finish()
    (work / "packaging.json").write_text(json.dumps(cost))


if __name__ == "__main__":
    main(json.loads(Path(sys.argv[1]).read_text()))
