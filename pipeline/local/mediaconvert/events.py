"""What MediaConvert tells EventBridge about a job: the event details in AWS's shape, and the thread that sends them.

The details are values built from a job; the shapes are those of AWS's sample events ("List of MediaConvert
EventBridge events" in the MediaConvert user guide and the pages it links to). SUBMITTED has no event, as in AWS.

`Announcer` hands them to the `emit` it was given, one at a time and in the order they were announced, from a thread
of its own: a slow or broken receiver must never hold up or fail a job. What `emit` raises is logged.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from pipeline.local.mediaconvert.jobs import PHASES, Job

DETAIL_TYPE = "MediaConvert Job State Change"
Emit = Callable[[str, dict[str, Any], list[str]], None]
log = logging.getLogger(__name__)


# --- details -----------------------------------------------------------------------------------------------------


def progressing(job: Job) -> dict[str, Any]:
    return _detail(job, "PROGRESSING")


def input_information(job: Job, input_details: list[Mapping[str, Any]]) -> dict[str, Any]:
    return _detail(job, "INPUT_INFORMATION") | {"inputDetails": input_details}


def status_update(job: Job) -> dict[str, Any]:
    return _detail(job, "STATUS_UPDATE") | {
        "framesDecoded": job.frames_decoded,
        "jobProgress": {
            "phaseProgress": _phase_progress(job),
            "jobPercentComplete": job.percent,
            "currentPhase": job.phase,
            "retryCount": 0,
        },
    }


def _phase_progress(job: Job) -> dict[str, Any]:
    """MediaConvert's phases follow each other: those before the current one are done, those after it are waiting."""
    current = PHASES.index(job.phase)
    states = [("COMPLETE", 100), ("PROGRESSING", job.phase_percent), ("PENDING", 0)]
    return {
        phase: dict(zip(("status", "percentComplete"), states[(index >= current) + (index > current)], strict=True))
        for index, phase in enumerate(PHASES)
    }


def new_warning(job: Job, code: int, text: str) -> dict[str, Any]:
    """AWS's sample has the code as text of six digits here, and as a number in COMPLETE."""
    return _detail(job, "NEW_WARNING") | {"warningCode": f"{code:06d}", "warningMessage": text}


def complete(job: Job) -> dict[str, Any]:
    """paddingInserted and blackVideoDetected are left out: nothing here measures them."""
    detail = _detail(job, "COMPLETE") | {"outputGroupDetails": list(job.output_group_details)}
    if job.warning_counts:
        detail["warnings"] = [{"code": code, "count": count} for code, count in job.warning_counts.items()]
    return detail


def error(job: Job) -> dict[str, Any]:
    return _detail(job, "ERROR") | {"errorCode": job.error_code, "errorMessage": job.error_message}


def canceled(job: Job) -> dict[str, Any]:
    return _detail(job, "CANCELED")


def queue_hop(job: Job, before: Job) -> dict[str, Any]:
    """After its move: `queue` is the destination. Sample: "Events with QUEUE_HOP status" in the user guide."""
    return _detail(job, "QUEUE_HOP") | {
        "previousQueue": before.queue,
        "priority": job.priority,
        "previousPriority": before.priority,
    }


def _detail(job: Job, status: str) -> dict[str, Any]:
    return {
        "timestamp": int(time.time() * 1000),
        "accountId": job.arn.split(":")[4],
        "queue": job.queue,
        "jobId": job.id,
        "status": status,
        "userMetadata": dict(job.user_metadata),
    }


# --- sending -----------------------------------------------------------------------------------------------------


class Announcer:
    """Sends details to `emit` in the order of announcement. `close()` drops what has not been sent yet."""

    def __init__(self, emit: Emit):
        self._emit = emit
        self._waiting: queue.SimpleQueue[tuple[dict[str, Any], str] | None] = queue.SimpleQueue()
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._send_all, name="mediaconvert-events", daemon=True)
        self._thread.start()

    def announce(self, job: Job, detail: dict[str, Any]) -> None:
        self._waiting.put((detail, job.arn))

    def close(self, timeout_seconds: float = 5) -> None:
        self._closed.set()
        self._waiting.put(None)
        self._thread.join(timeout_seconds)

    def _send_all(self) -> None:
        while (waiting := self._waiting.get()) is not None and not self._closed.is_set():
            detail, arn = waiting
            try:
                self._emit(DETAIL_TYPE, detail, [arn])
            except Exception:
                log.exception("event %s of job %s was not delivered", detail["status"], detail["jobId"])
