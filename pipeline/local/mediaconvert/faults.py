"""Faults of MediaConvert on purpose: how the service, its jobs and its events go wrong when a hook says so.

In: a hook that is asked at four points, `hook(point, facts)`, and answers with what happens there: dictionaries with a
`kind` and its parameters. Out: refused requests, stuck, slow and failing jobs, spoilt outputs, events lost, repeated,
late and out of order. Without a hook (`nothing`) the service never comes here.

Points: mediaconvert.request (before an operation), mediaconvert.answer (after it), mediaconvert.submit,
mediaconvert.run (before a job's worker starts) and mediaconvert.event. The facts of a job are its UserMetadata and its
`input`.
"""

from __future__ import annotations

import contextlib
import os
import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.local.mediaconvert.errors import InternalServerErrorException, TooManyRequestsException
from pipeline.local.mediaconvert.events import Emit
from pipeline.local.mediaconvert.jobs import Job
from pipeline.local.mediaconvert.process import WorkerDied

Effect = Mapping[str, Any]
Hook = Callable[[str, Mapping[str, str]], Sequence[Effect]]
IN_WORKER = ("mediaconvert.half_output", "mediaconvert.engine_crash")


def nothing(point: str, facts: Mapping[str, str]) -> Sequence[Effect]:
    """The hook of a service to which nothing happens."""
    return ()


def active(hook: Hook) -> bool:
    """Whether anything can happen at all. A hook whose plan may come and go says so in its attribute `active`."""
    return hook is not nothing and getattr(hook, "active", True)


# --- requests --------------------------------------------------------------------------------------------------------


def before(hook: Hook, operation: str, request: Mapping[str, Any]) -> bool:
    """Raise what the request meets. True: Probe may answer from memory."""
    from_memory = False
    for effect in hook("mediaconvert.request", _request_facts(operation, request)):
        if effect["kind"] == "mediaconvert.throttle":
            raise TooManyRequestsException("Too many requests (injected)")
        if effect["kind"] == "mediaconvert.fault":
            raise InternalServerErrorException("The service failed (injected)")
        from_memory |= effect["kind"] == "mediaconvert.fake_probe"
    return from_memory


def after(hook: Hook, operation: str, request: Mapping[str, Any]) -> None:
    """Raise where the answer is lost although the work is done."""
    for effect in hook("mediaconvert.answer", _request_facts(operation, request)):
        if effect["kind"] == "mediaconvert.lost_answer":
            raise InternalServerErrorException("The answer was lost (injected)")


def _request_facts(operation: str, request: Mapping[str, Any]) -> dict[str, str]:
    sources = request.get("Settings", {}).get("Inputs") or request.get("InputFiles") or [{}]
    source = sources[0].get("FileInput") or sources[0].get("FileUrl") or ""
    return {"operation": operation, "input": source, **request.get("UserMetadata", {})}


# --- jobs ------------------------------------------------------------------------------------------------------------


def job_facts(job: Job) -> dict[str, str]:
    return {"input": job.settings["Inputs"][0].get("FileInput", ""), **job.user_metadata}


def holds(hook: Hook, job: Job, release: Callable[[], None]) -> bool:
    """True when the job stays SUBMITTED; `release` lets it go when its time comes."""
    for effect in hook("mediaconvert.submit", job_facts(job)) if active(hook) else ():
        if effect["seconds"] is not None:
            timer = threading.Timer(effect["seconds"], release)
            timer.daemon = True
            timer.start()
        return True
    return False


class FaultyWorker:
    """A worker, started late or never, of which messages are invented or after which it is killed."""

    def __init__(self, effects: Sequence[Effect], start: Callable[[], Any]):
        self._effects = {effect["kind"]: effect for effect in effects}
        self._start = start
        self._worker: Any = None
        self._stopped = threading.Event()
        self._lock = threading.Lock()

    def messages(self) -> Iterator[dict[str, Any]]:
        if slow := self._effects.get("mediaconvert.slow"):
            self._stopped.wait(slow["seconds"])
        if refusal := self._effects.get("mediaconvert.unaccelerated"):
            yield {"type": "unaccelerated", "code": refusal["code"], "message": "Not accelerated (injected)"}
        if error := self._effects.get("mediaconvert.error"):
            yield {"type": "error", "code": error["code"], "message": error["message"]}
            return
        with self._lock:
            if self._stopped.is_set():
                raise WorkerDied("The job was cancelled before its worker started")
            self._worker = self._start()
        for message in self._worker.messages():
            if message["type"] == "progress" and "mediaconvert.worker_kill" in self._effects:
                self._worker.kill()
            yield message

    def stop(self) -> None:
        self._stopped.set()
        with self._lock:
            if self._worker:
                self._worker.stop()

    def close(self) -> int:
        return self._worker.close() if self._worker else 0


# --- in the worker's process -----------------------------------------------------------------------------------------

_DYING = """#!/bin/sh
case " $* " in *" -progress "*) kill -{signal} $$;; esac
exec {ffmpeg} "$@"
"""


def break_engine(effects: Sequence[Effect], scratch: Path) -> None:
    """Put an ffmpeg before the real one that answers questions about itself and dies at work."""
    for effect in effects:
        if effect["kind"] == "mediaconvert.engine_crash":
            from pipeline.local.mediaconvert import ffmpeg

            script = scratch / "dying-ffmpeg"
            name = effect["signal"].removeprefix("SIG")
            script.write_text(_DYING.format(ffmpeg=ffmpeg.ffmpeg_path(), signal=name))
            script.chmod(0o700)
            os.environ["VOD_FFMPEG"] = str(script)


def spoil(effects: Sequence[Effect], uploader: Any) -> Any:
    """The uploader, or one that leaves out or cuts what the plan says."""
    for effect in effects:
        if effect["kind"] == "mediaconvert.half_output":
            return _Spoiling(uploader, effect["part"])
    return uploader


class _Spoiling:
    """An uploader that takes everything and does not write all of it. The first video rendition suffers."""

    def __init__(self, uploader: Any, part: str):
        self._uploader, self._part = uploader, part
        self._lock, self._victim = threading.Lock(), ""

    def submit(self, bucket: str, key: str, read: Callable[[], bytes]) -> None:
        written = self._written(key.rpartition("/")[2])
        if written == "whole":
            self._uploader.submit(bucket, key, read)
        elif written != "not":
            share = {"half": 2, "empty": 10**9}[written]
            self._uploader.submit(bucket, key, lambda: (lambda data: data[: len(data) // share])(read()))

    def _written(self, name: str) -> str:
        """whole, half, empty or not."""
        segment = re.fullmatch(r"(.+)_\d+\.cmfv", name)
        with self._lock:
            if segment and not self._victim:
                self._victim = segment[1]
        is_first = name == f"{self._victim}_000000001.cmfv"
        match self._part:
            case "segment" | "empty_segment" | "cut_segment" if is_first:
                return {"segment": "not", "empty_segment": "empty", "cut_segment": "half"}[self._part]
            case "playlist" | "cut_playlist" if name == f"{self._victim}.m3u8":
                return "not" if self._part == "playlist" else "half"
            case "rendition" if self._victim and name.startswith(self._victim) and not name.endswith(".m3u8"):
                return "not"
            case "manifest" if name.endswith(".mpd"):
                return "not"
        return "whole"

    def __getattr__(self, name: str) -> Any:
        return getattr(self._uploader, name)


# --- events ----------------------------------------------------------------------------------------------------------


class Emitting:
    """An `emit` that loses, repeats, delays and reorders. A held event goes after the job's next one."""

    def __init__(self, emit: Emit, hook: Hook):
        self._emit, self._hook = emit, hook
        self._lock = threading.Lock()
        self._held: dict[str, list[Callable[[], None]]] = {}

    def __call__(self, detail_type: str, detail: dict[str, Any], resources: list[str]) -> None:
        if not active(self._hook):
            self._emit(detail_type, detail, resources)
            return
        effects = {effect["kind"]: effect for effect in self._hook("mediaconvert.event", _event_facts(detail))}
        if "mediaconvert.event_lost" in effects:
            return
        times = 1 + effects.get("mediaconvert.event_duplicate", {"times": 0})["times"]

        def send() -> None:
            for _ in range(times):
                self._emit(detail_type, detail, resources)

        if late := effects.get("mediaconvert.event_late"):
            _after(late["seconds"], send)
        elif reordered := effects.get("mediaconvert.event_reordered"):
            self._hold(detail["jobId"], send, reordered["seconds"])
        else:
            send()
            self._release(detail["jobId"])

    def _hold(self, job_id: str, send: Callable[[], None], seconds: float) -> None:
        with self._lock:
            self._held.setdefault(job_id, []).append(send)
        _after(seconds, lambda: self._release(job_id))

    def _release(self, job_id: str) -> None:
        with self._lock:
            held = self._held.pop(job_id, [])
        for send in held:
            send()


def _event_facts(detail: Mapping[str, Any]) -> dict[str, str]:
    return {"status": detail["status"], **detail.get("userMetadata", {})}


def _after(seconds: float, do: Callable[[], None]) -> None:
    def run() -> None:
        with contextlib.suppress(Exception):  # the stack has gone meanwhile
            do()

    timer = threading.Timer(seconds, run)
    timer.daemon = True
    timer.start()
