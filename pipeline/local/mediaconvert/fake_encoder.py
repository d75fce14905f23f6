"""A fast encoder for load and chaos: real outputs, made once, then copied.

In: a job's settings and its source. Out: what the worker says, and the same objects the worker would write. The first
job of a film (by ETag) with certain settings (but for their destinations) is done by the real engine, in this process;
every later one gets copies of its files under its own destinations, in milliseconds. So everything about them is true,
durations and codec strings included, and nothing depends on what the settings are.

Which jobs are done so is decided outside (faults.py: mediaconvert.fake_encode), never by the job's settings.
Can go wrong: whatever goes wrong in the engine; it is told as the worker tells it.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.local.mediaconvert import faults, transfer, worker
from pipeline.local.mediaconvert.process import WorkerDied

_PLACE = "s3://fake-encoder/{}/"


@dataclasses.dataclass(frozen=True)
class Recipe:
    """What one real encode made: files by the number of their output group and the rest of their key, in order."""

    input_details: Mapping[str, Any]
    files: tuple[tuple[int, str, bytes], ...]
    details: str  # JSON, with the places of _PLACE in it


class FakeEncoder:
    """Remembers recipes and probe results for as long as the service lives. Thread-safe."""

    def __init__(self, client: Any, scratch: Path):
        self._client, self._scratch = client, scratch
        self._lock = threading.Lock()
        self._being_made: dict[str, threading.Lock] = {}
        self._recipes: dict[str, Recipe] = {}
        self._probed: dict[str, dict[str, Any]] = {}

    def worker(self, settings: Mapping[str, Any], effects: Sequence[Mapping[str, Any]] = ()) -> FakeWorker:
        return FakeWorker(self, self._client, settings, effects)

    def probe(self, url: str, look: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """What `look` found in the same bytes before, or finds now. A refusal is not remembered."""
        bucket, key = transfer.split_url(url)
        etag = self._client.head_object(Bucket=bucket, Key=key)["ETag"]
        with self._lock:
            known = self._probed.get(etag)
        if known is None:
            known = look()
            with self._lock:
                self._probed[etag] = known
        return known

    def recipe(self, settings: Mapping[str, Any]) -> Recipe:
        """The recipe for these settings and this film; made now if this is the first job of its like."""
        source = settings["Inputs"][0]["FileInput"]
        bucket, key = transfer.split_url(source)
        etag = self._client.head_object(Bucket=bucket, Key=key)["ETag"]
        nowhere = _placed(settings, [_PLACE.format(n) for n in range(len(settings["OutputGroups"]))])
        name = hashlib.sha256(json.dumps([etag, _without_source(nowhere)], sort_keys=True).encode()).hexdigest()
        with self._lock:
            making = self._being_made.setdefault(name, threading.Lock())
        with making:
            if name not in self._recipes:
                self._recipes[name] = self._make(nowhere, source)
        return self._recipes[name]

    def _make(self, settings: dict[str, Any], source: str) -> Recipe:
        from pipeline.local.mediaconvert import engine, pictures, plan, probe

        with tempfile.TemporaryDirectory(prefix="recipe-", dir=self._scratch) as folder:
            work = Path(folder)
            transfer.download(self._client, source, work / pictures.SOURCE)
            facts = probe.read_facts(work / pictures.SOURCE, source)
            planned = plan.plan_job(settings, facts, cpus=1)
            taken = _Collecting()
            details = engine.run(planned, facts, work, taken)
        return Recipe(worker.input_details(facts, source), tuple(taken.files), json.dumps(details))


class FakeWorker:
    """Speaks as `process.Worker` does, from the job's own thread."""

    def __init__(self, encoder: FakeEncoder, client: Any, settings: Mapping[str, Any], effects: Sequence[Mapping]):
        self._encoder, self._client, self._settings = encoder, client, settings
        self._effects = {effect["kind"]: effect for effect in effects}
        self._ended = ""

    def messages(self) -> Iterator[dict[str, Any]]:
        yield _progress("PROBING", 0)
        try:
            recipe = self._encoder.recipe(self._settings)
            source = self._settings["Inputs"][0]["FileInput"]
            yield {"type": "input", "inputDetails": [{**recipe.input_details, "uri": source}]}
            yield _progress("TRANSCODING", 50)
            if crash := self._effects.get("mediaconvert.engine_crash"):
                message = f"The transcoder was ended by {crash['signal']} (injected)"
                yield {"type": "error", "code": 1999, "message": message}
                return
            self._write(recipe)
        except WorkerDied:
            raise
        except Exception as error:  # as in the worker: every failure has a code
            yield worker.last_word(error)
            return
        yield _progress("UPLOADING", 100)
        yield {"type": "complete", "output_group_details": self._details(recipe)}

    def _write(self, recipe: Recipe) -> None:
        """In the order they were made: manifests after all they name."""
        places = _places(self._settings)
        uploader = faults.spoil([*self._effects.values()], _Writing(self._client, self._alive))
        for group, name, data in recipe.files:
            bucket, prefix = transfer.split_url(places[group].rpartition("/")[0] + "/")
            uploader.submit(bucket, prefix + name, lambda data=data: data)

    def _details(self, recipe: Recipe) -> list[dict[str, Any]]:
        text = recipe.details
        for group, place in enumerate(_places(self._settings)):
            folder = json.dumps(place.rpartition("/")[0] + "/")[1:-1]
            text = text.replace(_PLACE.format(group), folder)
        return json.loads(text)

    def _alive(self) -> None:
        if self._ended:
            raise WorkerDied(f"The worker process {self._ended} without finishing the job; it left no log")

    def stop(self) -> None:
        self._ended = "was stopped"

    def kill(self) -> None:
        self._ended = "was killed by SIGKILL"

    def close(self) -> int:
        return 0


class _Writing:
    """The uploader's `submit`, without its threads: thirty small files."""

    def __init__(self, client: Any, check: Callable[[], None]):
        self._client, self._check = client, check

    def submit(self, bucket: str, key: str, read: Callable[[], bytes]) -> None:
        self._check()
        content_type = transfer.content_type(key)
        self._client.put_object(Bucket=bucket, Key=key, Body=read(), ContentType=content_type)


class _Collecting:
    """An uploader that keeps what it is given. The bucket of _PLACE and its folder's number tell the group."""

    def __init__(self) -> None:
        self.files: list[tuple[int, str, bytes]] = []

    def submit(self, bucket: str, key: str, read: Callable[[], bytes]) -> None:
        group, _, name = key.partition("/")
        self.files.append((int(group), name, read()))

    def submit_file(self, bucket: str, key: str, path: Path) -> None:
        self.submit(bucket, key, path.read_bytes)

    def check(self) -> None:
        pass

    def finish(self, report: Callable[[int, int], None] = lambda done, count: None) -> None:
        pass


def _places(settings: Mapping[str, Any]) -> list[str]:
    return [_destination(group)["Destination"] for group in settings["OutputGroups"]]


def _placed(settings: Mapping[str, Any], places: Sequence[str]) -> dict[str, Any]:
    """The settings with other folders as their destinations; the base names stay."""
    copy = json.loads(json.dumps(settings))
    for group, place in zip(copy["OutputGroups"], places, strict=True):
        destination = _destination(group)
        destination["Destination"] = place + destination["Destination"].rpartition("/")[2]
    return copy


def _destination(group: Mapping[str, Any]) -> dict[str, Any]:
    settings = group["OutputGroupSettings"]
    return settings.get("CmafGroupSettings") or settings["FileGroupSettings"]


def _without_source(settings: Mapping[str, Any]) -> dict[str, Any]:
    inputs = [{**one, "FileInput": None} for one in settings["Inputs"]]
    return {**settings, "Inputs": inputs}


def _progress(phase: str, percent: int) -> dict[str, Any]:
    return {"type": "progress", "phase": phase, "phase_percent": percent, "job_percent": percent, "frames_decoded": 0}
