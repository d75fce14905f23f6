"""The queues jobs wait in: the built-in "Default" and those made with CreateQueue or by CloudFormation.

A queue decides three things here: whether its jobs start at all (PAUSED), how many of them run at once
(ConcurrentJobs), and, by its ARN, which events a rule picks up. What can go wrong: `NotFoundException`,
`ConflictException` for a name that is taken, `BadRequestException` for what only AWS can sell (reserved queues).
Not locked: `dispatch` holds its lock around every call.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping
from typing import Any

from pipeline.local.mediaconvert.errors import BadRequestException, ConflictException, NotFoundException

DEFAULT = "Default"


@dataclasses.dataclass(frozen=True)
class Queue:
    name: str
    arn: str
    created: float
    updated: float
    type: str = "CUSTOM"
    status: str = "ACTIVE"
    description: str | None = None
    concurrent_jobs: int | None = None  # None: only the service's own workers limit it
    tags: Mapping[str, str] = dataclasses.field(default_factory=dict)


class Queues:
    def __init__(self, arn_prefix: str):
        self._arn_prefix = f"{arn_prefix}:queues/"
        now = time.time()
        self._by_name = {DEFAULT: Queue(DEFAULT, self._arn_prefix + DEFAULT, now, now, type="SYSTEM")}

    def find(self, name_or_arn: str) -> Queue:
        """CreateJob and the lists take either form."""
        name = name_or_arn.removeprefix(self._arn_prefix)
        if name not in self._by_name:
            raise NotFoundException(f"Queue {name_or_arn} not found in account and region")
        return self._by_name[name]

    def all(self) -> list[Queue]:
        return list(self._by_name.values())

    def create(self, request: Mapping[str, Any]) -> Queue:
        _refuse_what_only_aws_has(request)
        name = request["Name"]
        if name in self._by_name:
            raise ConflictException(f"Queue {name} already exists")
        now = time.time()
        queue = Queue(name, self._arn_prefix + name, now, now, tags=request.get("Tags", {}), **_changes(request))
        self._by_name[name] = queue
        return queue

    def update(self, request: Mapping[str, Any]) -> Queue:
        _refuse_what_only_aws_has(request)
        queue = self._custom(request["Name"], "modify")
        queue = dataclasses.replace(queue, updated=time.time(), **_changes(request))
        self._by_name[queue.name] = queue
        return queue

    def delete(self, name: str) -> None:
        del self._by_name[self._custom(name, "delete").name]

    def tag(self, name: str, tags: Mapping[str, str]) -> None:
        self._by_name[name] = dataclasses.replace(self.find(name), tags=tags)

    def _custom(self, name: str, verb: str) -> Queue:
        queue = self.find(name)
        if queue.type == "SYSTEM":
            raise BadRequestException(f"You can't {verb} the system queue {name}")
        return queue


def _changes(request: Mapping[str, Any]) -> dict[str, Any]:
    fields = {"Description": "description", "Status": "status", "ConcurrentJobs": "concurrent_jobs"}
    return {field: request[member] for member, field in fields.items() if member in request}


def _refuse_what_only_aws_has(request: Mapping[str, Any]) -> None:
    if request.get("PricingPlan", "ON_DEMAND") != "ON_DEMAND" or "ReservationPlanSettings" in request:
        raise BadRequestException("PricingPlan: RESERVED is not honoured by the local engine (honoured: ON_DEMAND)")
    if request.get("MaximumConcurrentFeeds"):
        raise BadRequestException("MaximumConcurrentFeeds is not honoured by the local engine (no Elemental Inference)")
    if request.get("ConcurrentJobs") is not None and request["ConcurrentJobs"] < 1:
        raise BadRequestException(f"ConcurrentJobs: {request['ConcurrentJobs']} should be greater than or equal to 1")


def describe(queue: Queue, progressing: int, submitted: int) -> dict[str, Any]:
    """The API's `Queue` structure."""
    return {
        "Arn": queue.arn,
        "Name": queue.name,
        "Description": queue.description,
        "Type": queue.type,
        "Status": queue.status,
        "PricingPlan": "ON_DEMAND",
        "ConcurrentJobs": queue.concurrent_jobs,
        "CreatedAt": queue.created,
        "LastUpdated": queue.updated,
        "ProgressingJobsCount": progressing,
        "SubmittedJobsCount": submitted,
    }
