"""The queues jobs wait in: the built-in "Default" and those made with CreateQueue or by CloudFormation.

A queue decides three things here: whether its jobs start at all (PAUSED), how many of them run at once
(ConcurrentJobs, or the slots of a reserved queue), and, by its ARN, which events a rule picks up. A reserved queue
costs nothing here and keeps AWS's rules: its slots never become fewer, and it cannot be deleted while its plan runs,
which is as long as the service lives. What can go wrong: `NotFoundException`, `ConflictException` for a name that is
taken, `BadRequestException` for settings that do not go together.
Not locked: `dispatch` holds its lock around every call.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping
from typing import Any

from pipeline.local.mediaconvert.errors import BadRequestException, ConflictException, NotFoundException

DEFAULT = "Default"
ON_DEMAND, RESERVED = "ON_DEMAND", "RESERVED"
YEAR_SECONDS = 365 * 24 * 3600


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
    plan: Mapping[str, Any] | None = None  # a reserved queue's ReservationPlan
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
        _refuse_inference(request)
        name = request["Name"]
        if name in self._by_name:
            raise ConflictException(f"Queue {name} already exists")
        now = time.time()
        plan = _new_plan(request, None, now) if request.get("PricingPlan") == RESERVED else _no_plan(request)
        queue = Queue(
            name, self._arn_prefix + name, now, now, tags=request.get("Tags", {}), **_changes(request, plan), plan=plan
        )
        self._by_name[name] = queue
        return queue

    def update(self, request: Mapping[str, Any]) -> Queue:
        _refuse_inference(request)
        queue, now = self._custom(request["Name"], "modify"), time.time()
        if queue.plan is None:
            plan = _no_plan(request)
        else:
            plan = _new_plan(request, queue.plan, now) if "ReservationPlanSettings" in request else queue.plan
        queue = dataclasses.replace(queue, updated=now, **_changes(request, plan), plan=plan)
        self._by_name[queue.name] = queue
        return queue

    def delete(self, name: str) -> None:
        queue = self._custom(name, "delete")
        if queue.plan:  # user guide: "You can't delete a reserved queue that has an active pricing plan"
            raise BadRequestException(f"You can't delete the reserved queue {queue.name}: its pricing plan is active")
        del self._by_name[queue.name]

    def tag(self, name: str, tags: Mapping[str, str]) -> None:
        self._by_name[name] = dataclasses.replace(self.find(name), tags=tags)

    def _custom(self, name: str, verb: str) -> Queue:
        queue = self.find(name)
        if queue.type == "SYSTEM":
            raise BadRequestException(f"You can't {verb} the system queue {name}")
        return queue


def _changes(request: Mapping[str, Any], plan: Mapping[str, Any] | None) -> dict[str, Any]:
    fields = {"Description": "description", "Status": "status", "ConcurrentJobs": "concurrent_jobs"}
    changes = {field: request[member] for member, field in fields.items() if member in request}
    if request.get("ConcurrentJobs") is None:
        return changes | ({"concurrent_jobs": plan["ReservedSlots"]} if plan else {})
    if plan:
        raise BadRequestException("/concurrentJobs: For reserved queues, specify reservedSlots instead")
    if request["ConcurrentJobs"] < 1:
        raise BadRequestException(f"ConcurrentJobs: {request['ConcurrentJobs']} should be greater than or equal to 1")
    return changes


def _no_plan(request: Mapping[str, Any]) -> None:
    """ReservationPlanSettings: "Required for reserved queues and not applicable to on-demand queues." """
    if "ReservationPlanSettings" in request:
        raise BadRequestException("/reservationPlanSettings: Not applicable to on-demand queues")


def _new_plan(request: Mapping[str, Any], old: Mapping[str, Any] | None, now: float) -> dict[str, Any]:
    settings = request.get("ReservationPlanSettings")
    if settings is None:
        raise BadRequestException("reservationPlanSettings is a required property when pricingPlan is RESERVED")
    slots = settings["ReservedSlots"]
    if slots < 1:
        raise BadRequestException(f"/reservationPlanSettings/reservedSlots: {slots} should be at least 1")
    if old and slots < old["ReservedSlots"]:
        raise BadRequestException(
            f"/reservationPlanSettings/reservedSlots: You can't decrease the number of slots ({old['ReservedSlots']})"
        )
    return {**settings, "PurchasedAt": now, "ExpiresAt": now + YEAR_SECONDS, "Status": "ACTIVE"}


def _refuse_inference(request: Mapping[str, Any]) -> None:
    if request.get("MaximumConcurrentFeeds"):
        raise BadRequestException("MaximumConcurrentFeeds is not honoured by the local engine (no Elemental Inference)")


def describe(queue: Queue, progressing: int, submitted: int) -> dict[str, Any]:
    """The API's `Queue` structure."""
    return {
        "Arn": queue.arn,
        "Name": queue.name,
        "Description": queue.description,
        "Type": queue.type,
        "Status": queue.status,
        "PricingPlan": RESERVED if queue.plan else ON_DEMAND,
        "ReservationPlan": dict(queue.plan) if queue.plan else None,
        "ConcurrentJobs": queue.concurrent_jobs,
        "CreatedAt": queue.created,
        "LastUpdated": queue.updated,
        "ProgressingJobsCount": progressing,
        "SubmittedJobsCount": submitted,
    }
