"""Who runs when: every job from CreateJob to its end.

In: jobs that have been validated, and changes to queues. Out: worker processes (at most `workers` at once; in a queue
the highest priority first, then the oldest; across queues the oldest head), the jobs' states, and their events in
order. One lock guards it all; a job's own thread reads its worker and changes the job through here.

A job says what it needs of the disk before it fetches its source and again before it encodes; one that the disk cannot
hold beside the others ends in ERROR 1507. Two jobs at once on two cores take as much CPU time as one after the other
(53 and 53 s, measured), the memory of both, and the first of them is ready later: so one runs on two cores.

A cancelled job is CANCELED at once and keeps its place among the running until its process has gone. A worker that
dies makes its job an ERROR 1999 that says how it died; nothing is retried, as in AWS. Finished jobs are kept, the
newest `history` of them.
"""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import heapq
import itertools
import logging
import os
import shutil
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.local.mediaconvert import acceleration, events, faults, jobs
from pipeline.local.mediaconvert.errors import (
    BadRequestException,
    ConflictException,
    InternalServerErrorException,
    NotFoundException,
)
from pipeline.local.mediaconvert.jobs import Job
from pipeline.local.mediaconvert.process import STOP_SECONDS, Worker, WorkerBabbled, WorkerDied, WorkerNotStarted
from pipeline.local.mediaconvert.queues import DEFAULT, Queue, Queues
from pipeline.local.mediaconvert.queues import describe as describe_queue

WORKER_COMMAND = (sys.executable, "-m", "pipeline.local.mediaconvert.worker")
HISTORY = 10_000
MINUTE_SECONDS = 60.0  # of WaitMinutes
TOKEN_SECONDS = 60  # "within one minute of a successful request": Preventing duplicate jobs, MediaConvert API reference
DISK_FULL = 1507  # "Disk Full: Write error, disk full", in AWS's table of error codes
ERROR_LINES, ERROR_CHARACTERS = 3, 500  # of the engine's own words, in an errorMessage
log = logging.getLogger(__name__)


def default_workers() -> int:
    """One encode fills two cores; more at once only makes all of them slower."""
    return max(1, (os.cpu_count() or 1) // 2)


@dataclasses.dataclass
class Running:
    """A job that has a place among the running, with its process once there is one."""

    thread: threading.Thread
    worker: Worker | None = None
    timer: threading.Timer | None = None
    disk_least: int = 0  # bytes it will hardly use less than, of which some are written


class Dispatcher:
    def __init__(
        self,
        scratch: Path,
        logs: Path,
        queues: Queues,
        announcer: events.Announcer,
        worker_request: Mapping[str, Any],
        workers: int | None = None,
        worker_command: Sequence[str] = WORKER_COMMAND,
        status_seconds: float | None = None,
        history: int = HISTORY,
        make_worker: Callable[[Job, Callable[[Mapping[str, Any]], Worker]], Any] | None = None,
        hook: faults.Hook = faults.nothing,
        minute_seconds: float = MINUTE_SECONDS,
        admit: Callable[[Job], tuple[int, str] | None] = lambda job: None,
    ):
        """`admit` may refuse a job when its turn comes, with the code and the message it ends in."""
        self._scratch, self._logs = scratch, logs
        for folder in (scratch, logs):
            folder.mkdir(parents=True, exist_ok=True)
        self._queues = queues
        self._announcer = announcer
        self._worker_request = worker_request
        self._workers = workers or default_workers()
        self._worker_command = worker_command
        self._status_seconds = status_seconds
        self._history = history
        self._make_worker, self._hook = make_worker, hook
        self._minute_seconds, self._admit = minute_seconds, admit
        self._hops: dict[str, threading.Timer] = {}
        self._lock = threading.RLock()
        self._jobs: dict[str, Job] = {}  # in order of submission
        self._waiting: dict[str, list[tuple[int, int, str]]] = collections.defaultdict(list)  # heaps, by queue ARN
        self._order = itertools.count()
        self._running: dict[str, Running] = {}
        self._finished: collections.deque[str] = collections.deque()
        self._tokens: collections.OrderedDict[str, tuple[float, str]] = collections.OrderedDict()
        self._closed = False

    # --- jobs ----------------------------------------------------------------------------------------------------

    def submit(self, request: Mapping[str, Any], queue_name: str, arn_prefix: str) -> Job:
        """The new job, or the one a request with the same token made within the last minute."""
        with self._lock:
            if self._closed:
                raise InternalServerErrorException("The local MediaConvert is shutting down")
            token = request.get("ClientRequestToken")
            if (known := self._job_of_token(token)) is not None:
                return known
            job = jobs.from_request(request, self._queues.find(queue_name).arn, arn_prefix)
            self._check_hop(job)
            self._jobs[job.id] = job
            if token:
                self._tokens[token] = (time.monotonic(), job.id)
            self._arm_hop(job)
            if not faults.holds(self._hook, job, lambda: self._enqueue(job.id)):
                self._enqueue(job.id)
            return job  # as submitted, although it may be running by now: AWS answers SUBMITTED too

    def _enqueue(self, job_id: str) -> None:
        with self._lock:
            if (job := self._jobs.get(job_id)) is not None:
                heapq.heappush(self._waiting[job.queue], (-job.priority, next(self._order), job.id))
                self._start_next()

    def _job_of_token(self, token: str | None) -> Job | None:
        oldest_valid = time.monotonic() - TOKEN_SECONDS
        while self._tokens and next(iter(self._tokens.values()))[0] < oldest_valid:
            self._tokens.popitem(last=False)
        known = self._tokens.get(token) if token else None
        return self._jobs.get(known[1]) if known else None

    def get(self, job_id: str) -> Job:
        with self._lock:
            if job_id not in self._jobs:
                raise NotFoundException(f"Could not find job with id {job_id} in account and region")
            return self._jobs[job_id]

    def list(self, keep: Callable[[Job], bool] = lambda job: True) -> list[Job]:
        """Jobs in order of submission."""
        with self._lock:
            return [job for job in self._jobs.values() if keep(job)]

    def cancel(self, job_id: str) -> None:
        with self._lock:
            job = self.get(job_id)
            if job.is_final:
                raise ConflictException(f"Job {job_id} cannot be canceled: its status is {job.status}")
            self._disarm_hop(job_id)
            self._change(jobs.cancel(job), events.canceled)
            running = self._running.get(job_id)
            if running is None:
                self._retire(job_id)
            elif running.worker:
                running.worker.stop()

    def tag(self, job_id: str, tags: Mapping[str, str]) -> None:
        with self._lock:
            self._jobs[job_id] = dataclasses.replace(self.get(job_id), tags=tags)

    # --- hopping ---------------------------------------------------------------------------------------------------

    def _check_hop(self, job: Job) -> None:
        for hop in job.hop_destinations:
            if self._destination(job, hop).arn == job.queue:
                raise BadRequestException("/hopDestinations/0/queue: Should not be the queue the job is submitted to")

    def _destination(self, job: Job, hop: Mapping[str, Any]) -> Queue:
        """Without one "the job will move to the default queue"."""
        return self._queues.find(hop.get("Queue", DEFAULT))

    def _arm_hop(self, job: Job) -> None:
        for hop in job.hop_destinations:
            seconds = hop["WaitMinutes"] * self._minute_seconds
            timer = threading.Timer(seconds, self._hop, (job.id, hop))
            timer.daemon = True
            self._hops[job.id] = timer
            timer.start()

    def _disarm_hop(self, job_id: str) -> None:
        if timer := self._hops.pop(job_id, None):
            timer.cancel()

    def _hop(self, job_id: str, hop: Mapping[str, Any]) -> None:
        with self._lock:
            self._hops.pop(job_id, None)
            job = self._jobs.get(job_id)
            if self._closed or job is None or job.status != jobs.SUBMITTED:
                return
            try:
                moved = jobs.hop(job, self._destination(job, hop).arn, hop.get("Priority"))
            except NotFoundException as error:  # deleted while the job waited
                self._jobs[job_id] = jobs.inform(job, f"The job stays in its queue: {error}")
                return
            self._change(moved, lambda moved: events.queue_hop(moved, job))
            self._enqueue(job_id)

    # --- queues --------------------------------------------------------------------------------------------------

    def create_queue(self, request: Mapping[str, Any]) -> dict[str, Any]:
        with self._lock:
            return self._describe(self._queues.create(request))

    def update_queue(self, request: Mapping[str, Any]) -> dict[str, Any]:
        with self._lock:
            queue = self._queues.update(request)
            self._start_next()
            return self._describe(queue)

    def delete_queue(self, name_or_arn: str) -> None:
        with self._lock:
            queue = self._queues.find(name_or_arn)
            progressing, submitted = self._counts(queue)
            if progressing or submitted:
                raise ConflictException(f"Queue {queue.name} still has {progressing + submitted} unfinished jobs")
            self._queues.delete(queue.name)
            self._waiting.pop(queue.arn, None)

    def find_queue(self, name_or_arn: str) -> Queue:
        with self._lock:
            return self._queues.find(name_or_arn)

    def get_queue(self, name_or_arn: str) -> dict[str, Any]:
        with self._lock:
            return self._describe(self._queues.find(name_or_arn))

    def list_queues(self) -> list[dict[str, Any]]:
        with self._lock:
            return [self._describe(queue) for queue in self._queues.all()]

    def capacity(self) -> dict[str, int]:
        """ListQueues' account of the whole: on-demand queues may ask for more than there is, as for AWS's quota."""
        with self._lock:
            asked = sum(queue.concurrent_jobs or 0 for queue in self._queues.all() if queue.plan is None)
        return {"TotalConcurrentJobs": self._workers, "UnallocatedConcurrentJobs": max(0, self._workers - asked)}

    def tag_queue(self, name: str, tags: Mapping[str, str]) -> None:
        with self._lock:
            self._queues.tag(name, tags)

    def _describe(self, queue: Queue) -> dict[str, Any]:
        return describe_queue(queue, *self._counts(queue))

    def _counts(self, queue: Queue) -> tuple[int, int]:
        """(progressing, submitted) jobs of a queue."""
        progressing = sum(1 for job_id in self._running if self._jobs[job_id].queue == queue.arn)
        submitted = sum(1 for job in self._jobs.values() if job.queue == queue.arn and job.status == jobs.SUBMITTED)
        return progressing, submitted

    # --- choosing ------------------------------------------------------------------------------------------------

    def _start_next(self) -> None:
        while not self._closed and len(self._running) < self._workers and (job := self._take_next()):
            thread = threading.Thread(target=self._run, args=(job.id,), name=f"mediaconvert-{job.id}", daemon=True)
            self._running[job.id] = Running(thread)
            self._disarm_hop(job.id)
            self._change(jobs.start(job), events.progressing)
            thread.start()

    def _take_next(self) -> Job | None:
        heads = [(heap[0][1], heap) for queue in self._queues.all() if (heap := self._open_heap(queue))]
        if not heads:
            return None
        _, heap = min(heads, key=lambda head: head[0])
        return self._jobs[heapq.heappop(heap)[2]]

    def _open_heap(self, queue: Queue) -> list[tuple[int, int, str]] | None:
        """A queue's waiting jobs if its next one may start now. Cancelled jobs are dropped when they reach the top."""
        heap = self._waiting[queue.arn]
        while heap and not self._is_waiting(heap[0][2], queue.arn):
            heapq.heappop(heap)
        progressing = sum(1 for job_id in self._running if self._jobs[job_id].queue == queue.arn)
        full = queue.concurrent_jobs is not None and progressing >= queue.concurrent_jobs
        return heap if heap and queue.status == "ACTIVE" and not full else None

    def _is_waiting(self, job_id: str, queue_arn: str) -> bool:
        """A job that hopped has left its mark in the queue it came from."""
        job = self._jobs.get(job_id)
        return job is not None and job.status == jobs.SUBMITTED and job.queue == queue_arn

    # --- running, in the job's own thread --------------------------------------------------------------------------

    def _run(self, job_id: str) -> None:
        try:
            self._run_worker(job_id)
        except (WorkerNotStarted, WorkerDied, WorkerBabbled) as error:
            self._fail(job_id, jobs.UNKNOWN_ERROR, str(error))
        except Exception as error:  # the job must end, whatever happened to its thread
            log.exception("job %s", job_id)
            self._fail(job_id, jobs.UNKNOWN_ERROR, f"The service failed while the job ran: {error!r}")
        finally:
            shutil.rmtree(self._scratch / job_id, ignore_errors=True)
            with self._lock:
                del self._running[job_id]
                self._retire(job_id)
                self._start_next()

    def _run_worker(self, job_id: str) -> None:
        job = self.get(job_id)
        if refusal := self._admit(job):
            self._fail(job_id, *refusal)
            return
        scratch = self._scratch / job_id
        scratch.mkdir()
        request = {"job_id": job_id, "settings": job.settings, "scratch_dir": str(scratch), **self._worker_request}

        def start(more: Mapping[str, Any]) -> Worker:
            return Worker(self._worker_command, {**request, **more}, scratch, self._log_path(job_id))

        worker = self._make_worker(job, start) if self._make_worker else start({})
        try:
            self._attach(job_id, worker)
            for message in worker.messages():
                self._hear(job_id, message)
        finally:
            self._detach(job_id)
            worker.close()

    def _attach(self, job_id: str, worker: Worker) -> None:
        """From here on cancel() can reach the process; a cancel that came before is made good."""
        with self._lock:
            self._running[job_id].worker = worker
            if self._jobs[job_id].is_final:
                worker.stop()
            else:
                self._arm(job_id)

    def _detach(self, job_id: str) -> None:
        with self._lock:
            if self._running[job_id].timer:
                self._running[job_id].timer.cancel()
            self._running[job_id].worker = None

    def _hear(self, job_id: str, message: Mapping[str, Any]) -> None:
        """One line of the worker. After a cancel nothing it says changes the job."""
        with self._lock:
            job = self._jobs[job_id]
            if job.is_final:
                return
            try:
                self._apply(job, message)
            except (KeyError, TypeError, ValueError) as error:
                raise WorkerBabbled(
                    f"The worker process said {message!r:.500}, which has no sense: {error!r}"
                ) from error

    def _apply(self, job: Job, message: Mapping[str, Any]) -> None:
        match message["type"]:
            case "input":
                self._announcer.announce(job, events.input_information(job, message["inputDetails"]))
                self._settle_acceleration(job, message["inputDetails"])
            case "unaccelerated":
                self._do_without(job, int(message["code"]), message["message"])
            case "needs":
                self._weigh(job, int(message["disk"]), int(message["disk_least"]), int(message["memory"]))
            case "progress":
                self._jobs[job.id] = jobs.progress(job, message)
            case "warning":
                self._warn(job, int(message["code"]), message["message"])
            case "complete":
                job = jobs.accelerate(job, job.accelerated is not False)
                self._change(jobs.complete(job, message["output_group_details"]), events.complete)
            case "error":
                self._keep_detail(job.id, message)
                self._change(jobs.fail(job, int(message["code"]), _error_text(message)), events.error)

    def _weigh(self, job: Job, most: int, least: int, memory: int) -> None:
        """Refuse a job that the disk cannot hold beside the others; tell what it needs. `memory` is 0 while only the
        source is known."""
        others = [job_id for job_id in self._running if job_id != job.id]
        promised = sum(max(0, self._running[one].disk_least - _used(self._scratch / one)) for one in others)
        free = shutil.disk_usage(self._scratch).free + _used(self._scratch / job.id) - promised
        if least > free:
            text = f"Disk full: the job needs {_size(least)} at {self._scratch}, and {_size(max(0, free))} are free"
            text += f" ({_size(promised)} are promised to running jobs)" if promised else ""
            self._change(jobs.fail(job, DISK_FULL, text), events.error)
            self._running[job.id].worker.stop()
            return
        self._running[job.id].disk_least = least
        if memory:
            told = f"needs up to {_size(most)} of disk ({_size(free)} are free) and about {_size(memory)} of memory"
            self._jobs[job.id] = jobs.inform(job, f"The job {told}")
            if most > free:
                self._jobs[job.id] = jobs.caution(self._jobs[job.id], f"The disk may become full: the job {told}")

    def _settle_acceleration(self, job: Job, inputs: list[Mapping[str, Any]]) -> None:
        if job.acceleration_mode == acceleration.DISABLED or job.accelerated is not None:
            return
        if found := acceleration.obstacles(job.settings, inputs):
            what = "; ".join(found)
            message = f"Your job settings aren't compatible with accelerated transcoding: {what}"
            self._do_without(job, acceleration.SETTINGS_ERROR, message)
        else:
            self._jobs[job.id] = jobs.accelerate(job, True)

    def _do_without(self, job: Job, code: int, text: str) -> None:
        """ "The service either fails the job or runs it without acceleration, depending on" the mode."""
        without = jobs.accelerate(job, False)
        if job.acceleration_mode == acceleration.ENABLED:
            self._change(jobs.fail(without, code, text), events.error)
            self._running[job.id].worker.stop()
        else:
            self._jobs[job.id] = without

    def _keep_detail(self, job_id: str, message: Mapping[str, Any]) -> None:
        if lines := _lines(message.get("detail")):
            with self._log_path(job_id).open("a") as log_file:
                log_file.write("\n".join(lines) + "\n")

    def _warn(self, job: Job, code: int, text: str) -> None:
        warned = jobs.warn(job, code, text)
        self._jobs[job.id] = warned
        if code not in job.warning_counts:
            self._announcer.announce(warned, events.new_warning(warned, code, text))

    def _fail(self, job_id: str, code: int, text: str) -> None:
        with self._lock:
            if not self._jobs[job_id].is_final:
                self._change(jobs.fail(self._jobs[job_id], code, text), events.error)

    def _change(self, job: Job, detail: Callable[[Job], dict[str, Any]]) -> None:
        """Set a job's new state and announce it, both under the lock: events are in the order of the states."""
        self._jobs[job.id] = job
        if not self._closed:
            self._announcer.announce(job, detail(job))

    def _retire(self, job_id: str) -> None:
        """Put a job that is over, process and all, among the finished, and forget the oldest beyond the history."""
        self._finished.append(job_id)
        while len(self._finished) > self._history:
            oldest = self._finished.popleft()
            del self._jobs[oldest]
            self._log_path(oldest).unlink(missing_ok=True)

    def _log_path(self, job_id: str) -> Path:
        return self._logs / f"{job_id}.log"

    # --- status updates --------------------------------------------------------------------------------------------

    def _arm(self, job_id: str) -> None:
        seconds = self._status_seconds or self._jobs[job_id].status_seconds
        timer = threading.Timer(seconds, self._update_status, (job_id,))
        timer.daemon = True
        self._running[job_id].timer = timer
        timer.start()

    def _update_status(self, job_id: str) -> None:
        with self._lock:
            job = self._jobs.get(job_id)
            running = self._running.get(job_id)
            if job and job.status == jobs.PROGRESSING and running and running.worker and not self._closed:
                self._announcer.announce(job, events.status_update(job))
                self._arm(job_id)

    # --- the end -----------------------------------------------------------------------------------------------------

    def close(self) -> None:
        """Stop everything, without events: all jobs become CANCELED, and no process is left when this returns."""
        with self._lock:
            self._closed = True
            for job_id in list(self._hops):
                self._disarm_hop(job_id)
            for job in list(self._jobs.values()):
                if not job.is_final:
                    self._jobs[job.id] = jobs.cancel(job)
            running = list(self._running.values())
            for entry in running:
                if entry.worker:
                    entry.worker.stop()
        for entry in running:
            entry.thread.join(STOP_SECONDS + 10)


def _used(folder: Path) -> int:
    """Bytes on the disk below a folder; holes in files do not count."""
    used = 0
    for path in folder.glob("**/*"):
        with contextlib.suppress(OSError):  # it went meanwhile
            used += path.stat().st_blocks * 512
    return used


def _size(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e8 else f"{count / 1e6:.1f} MB"


def _error_text(message: Mapping[str, Any]) -> str:
    """What the worker says, with the end of what the engine said; all of that is in the log."""
    lines = _lines(message.get("detail"))[-ERROR_LINES:]
    evidence = " | ".join(lines)[-ERROR_CHARACTERS:]
    return f"{message['message']} [{evidence}]" if evidence else message["message"]


def _lines(detail: Any) -> list[str]:
    lines = detail if isinstance(detail, list) else str(detail or "").splitlines()
    return [str(line).strip() for line in lines if str(line).strip()]
