"""Put one film through the engine as a worker does, and say how it ended: probe, plan, a tiny job, what is left.

In: bytes, a folder. Out: a `Verdict`. What can go wrong is what this looks for: `code` is "CRASH" when something of
ours raised what is no answer, and `left` names files that a job has no business to leave.
"""

from __future__ import annotations

import concurrent.futures
import dataclasses
import re
import shutil
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path

from pipeline.local.mediaconvert import engine, pictures, probe
from pipeline.local.mediaconvert.plan import plan_job
from tests.local.mediaconvert.films import captures, job, rung, sound
from tests.local.mediaconvert.hostile.corpus import Case

URL = "s3://films/film.mp4"
OURS = re.compile(r"source|video-\d+-\d+\.mp4|audio-\d+\.mp4|capture-\d+-\d+\.\d{7}\.jpg")


@dataclasses.dataclass(frozen=True)
class Verdict:
    code: int | str  # MediaConvert's, COMPLETE or CRASH
    message: str
    warnings: tuple[int, ...]
    seconds: float
    left: tuple[str, ...]
    outputs: bytes = dataclasses.field(repr=False)

    @property
    def end(self) -> str:
        return "+".join([str(self.code), *map(str, self.warnings)])


class Shelf:
    """An uploader that keeps what it is given."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self._lock = threading.Lock()

    def submit(self, bucket: str, key: str, read: Callable[[], bytes]) -> None:
        with self._lock:
            self.objects[f"{bucket}/{key}"] = read()

    def submit_file(self, bucket: str, key: str, path: Path) -> None:
        self.submit(bucket, key, path.read_bytes)

    def check(self) -> None:
        pass

    def finish(self) -> None:
        pass


def examine(data: bytes, folder: Path) -> Verdict:
    """`folder` is made for the film and is gone afterwards."""
    folder.mkdir()
    (folder / pictures.SOURCE).write_bytes(data)
    shelf, warned = Shelf(), []
    started = time.monotonic()
    try:
        code, message = _do(folder, shelf, warned)
    except Exception as error:
        if hasattr(error, "code") and hasattr(error, "message"):
            code, message = error.code, error.message
        else:
            code, message = "CRASH", "".join(traceback.format_exception(error))
    seconds = time.monotonic() - started
    left = tuple(sorted(path.name for path in folder.rglob("*") if not OURS.fullmatch(path.name)))
    shutil.rmtree(folder)
    return Verdict(code, message, tuple(warned), seconds, left, b"".join(shelf.objects.values()))


def examine_all(cases: Sequence[Case], folder: Path) -> list[Verdict]:
    """Two at a time: what works is in processes of its own."""
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        places = [folder / f"film-{number}" for number in range(len(cases))]
        return list(pool.map(examine, [case.data for case in cases], places))


def _do(folder: Path, shelf: Shelf, warned: list[int]) -> tuple[str, str]:
    facts = probe.read_facts(folder / pictures.SOURCE, URL)
    probe.probe_result(facts)
    outputs = [rung("", 64, 36), *([sound()] if facts.audio else [])]
    plan = plan_job(job(*outputs, groups=(captures(64, 36),)), facts)
    engine.run(plan, facts, folder, shelf, on_warning=lambda warning: warned.append(warning.code))
    return "COMPLETE", ""
