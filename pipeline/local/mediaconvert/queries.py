"""Which jobs a caller means: the filters of ListJobs, SearchJobs and of the jobs queries.

In: jobs in order of submission and a request. Out: the jobs it asks for, the newest first unless asked otherwise.
`Queries` keeps what StartJobsQuery found until GetJobsQueryResults fetches it; the newest hundred. What can go wrong:
`BadRequestException` for a filter without a key or values, `NotFoundException` for a query nobody started, or long ago.
"""

from __future__ import annotations

import collections
import threading
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from pipeline.local.mediaconvert.errors import BadRequestException, NotFoundException
from pipeline.local.mediaconvert.jobs import Job
from pipeline.local.mediaconvert.paging import page

KEPT = 100
FindQueue = Callable[[str], str]  # a queue's name or ARN to its ARN; NotFoundException when there is none


def asked_for(jobs: Sequence[Job], request: Mapping[str, Any], find_queue: FindQueue) -> list[Job]:
    """ListJobs and SearchJobs: all filters must hold."""
    queue = find_queue(request["Queue"]) if "Queue" in request else None
    tests = (
        lambda job: queue is None or job.queue == queue,
        lambda job: request.get("Status") in (None, job.status),
        lambda job: not request.get("InputFile") or _has_input(job, request["InputFile"]),
    )
    return _ordered([job for job in jobs if all(test(job) for test in tests)], request)


def _ordered(jobs: Iterable[Job], request: Mapping[str, Any]) -> list[Job]:
    found = list(jobs)
    return found if request.get("Order") == "ASCENDING" else found[::-1]


def _has_input(job: Job, part: str) -> bool:
    """ "Provide your input file URL or your partial input file name." """
    return any(part in source.get("FileInput", "") for source in job.settings.get("Inputs", []))


# --- jobs queries ------------------------------------------------------------------------------------------------


class Queries:
    """Thread-safe. A query is answered at once, so its status is COMPLETE as soon as its id is known."""

    def __init__(self) -> None:
        self._found: collections.OrderedDict[str, tuple[list[str], str | None]] = collections.OrderedDict()
        self._lock = threading.Lock()

    def start(self, jobs: Sequence[Job], request: Mapping[str, Any], find_queue: FindQueue) -> str:
        tests = [_test(number, item, find_queue) for number, item in enumerate(request.get("FilterList", []))]
        # "MediaConvert queries jobs using OR logic"; without a filter every job is meant.
        matching = _ordered([job for job in jobs if not tests or any(test(job) for test in tests)], request)
        jobs_on_page, next_token = page(matching, request, lambda job: job.id)
        query = str(uuid.uuid4())
        with self._lock:
            self._found[query] = [job.id for job in jobs_on_page], next_token
            while len(self._found) > KEPT:
                self._found.popitem(last=False)
        return query

    def result(self, query: str) -> tuple[list[str], str | None]:
        """The ids of the page's jobs, and the token to start the next query with."""
        with self._lock:
            if query not in self._found:
                raise NotFoundException(f"Could not find jobs query with id {query} in account and region")
            return self._found[query]


def _test(number: int, item: Mapping[str, Any], find_queue: FindQueue) -> Callable[[Job], bool]:
    key, values = item.get("Key"), item.get("Values")
    if not key or not values:
        raise BadRequestException(f"/filterList/{number}: key and values are required properties")
    if key == "queue":
        wanted = {find_queue(value) for value in values}
        return lambda job: job.queue in wanted
    if key == "fileInput":
        return lambda job: any(_has_input(job, value) for value in values)
    return lambda job: any(fact in values for fact in _facts(job, key))


def _facts(job: Job, key: str) -> Iterator[str]:
    if key == "status":
        yield job.status
    elif key == "errorCode":
        yield str(job.error_code)
    elif key in ("audioCodec", "videoCodec"):
        for output in _outputs(job.settings):
            described = output.get("AudioDescriptions", []) if key == "audioCodec" else [output.get("VideoDescription")]
            yield from ((one or {}).get("CodecSettings", {}).get("Codec", "") for one in described)
    # jobEngineVersionRequested, jobEngineVersionUsed: no job here has one


def _outputs(settings: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for group in settings.get("OutputGroups", []):
        yield from group.get("Outputs", [])
