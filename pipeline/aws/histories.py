"""Executions' histories for whoever looks at them again and again: only what is new is asked for.

In: an execution's ARN. Out: its events so far, in order. A history only grows, so what is known of it is kept, and the
rest is read backwards from its end until an event is reached that is known. A film's history has about a hundred
events; Step Functions ends an execution at 25,000. Those that were looked at least lately are forgotten.
"""

from __future__ import annotations

import collections
import threading
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from pipeline.aws.clients import client
from pipeline.aws.executions import find
from pipeline.aws.faults import is_passing

KEPT = 16
_PAGE, _NEWS = 1000, 100


class Histories:
    """Callable from any thread."""

    def __init__(self) -> None:
        self._known: collections.OrderedDict[str, list[dict[str, Any]]] = collections.OrderedDict()
        self._lock = threading.Lock()

    def events(self, arn: str) -> list[dict[str, Any]]:
        """The events so far; [] for an execution that Step Functions does not know (any more)."""
        with self._lock:
            known = self._known.get(arn, [])
        try:
            events = known + self._news(arn, known[-1]["id"]) if known else self._all(arn)
        except client("stepfunctions").exceptions.ExecutionDoesNotExist:
            return []
        with self._lock:
            self._known[arn] = events
            self._known.move_to_end(arn)
            while len(self._known) > KEPT:
                self._known.popitem(last=False)
        return events

    def _all(self, arn: str) -> list[dict[str, Any]]:
        pages = client("stepfunctions").get_paginator("get_execution_history")
        found = pages.paginate(executionArn=arn, PaginationConfig={"PageSize": _PAGE})
        return [event for page in found for event in page["events"]]

    def _news(self, arn: str, last: int) -> list[dict[str, Any]]:
        news: list[dict[str, Any]] = []
        pages = client("stepfunctions").get_paginator("get_execution_history")
        for page in pages.paginate(executionArn=arn, reverseOrder=True, PaginationConfig={"PageSize": _NEWS}):
            news += [event for event in page["events"] if event["id"] > last]
            if not page["events"] or page["events"][-1]["id"] <= last:
                break
        return news[::-1]


class Descriptions:
    """How executions stand, asked for no oftener than need be: one that has ended is asked for once.

    DescribeExecution has 300 calls in its bucket and gets 15 a second back (10 in smaller regions; Developer Guide,
    "Service quotas"): a page of a hundred films must not ask for each of them every two seconds.
    """

    RUNNING_SECONDS = 10.0

    def __init__(self) -> None:
        self._known: dict[str, tuple[str, float, dict[str, Any] | None]] = {}

    def of(self, arn: str, changed: str, now: float) -> dict[str, Any] | None:
        """status, startDate, stopDate; None where it is not known. changed: when the film's record last did."""
        known = self._known.get(arn)
        if known and known[0] == changed:
            runs = known[2] is not None and known[2]["status"] == "RUNNING"
            if not runs or now - known[1] < self.RUNNING_SECONDS:
                return known[2]
        try:
            described = find(arn)
        except (ClientError, BotoCoreError) as error:
            if not is_passing(error):
                raise
            return known[2] if known else None  # a list without one film's end is better than no list
        if len(self._known) > 10_000:
            self._known.clear()
        self._known[arn] = (changed, now, described)
        return described
