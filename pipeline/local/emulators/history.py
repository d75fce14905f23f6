"""The history of one execution, as GetExecutionHistory returns it.

In: the events of moto's interpreter. Out: a list that is right at every moment, so that it can be read while the
execution runs, and whose last event is its one end: nothing is written after that, whatever threads finish late.

moto's own event manager copies the list to read it, lets each thread write an end of its own, and knows no limit.
Step Functions ends an execution at 25,000 events: https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html
"""

from __future__ import annotations

import threading
import time
from typing import Any

MAX_EVENTS = 25_000
FULL = f"The execution reached the maximum number of history events ({MAX_EVENTS})."
_ENDS = {
    "SUCCEEDED": "ExecutionSucceeded",
    "FAILED": "ExecutionFailed",
    "ABORTED": "ExecutionAborted",
    "TIMED_OUT": "ExecutionTimedOut",
}


class HistoryFull(Exception):
    """The execution has written all the events it may."""


class History:
    """Takes the place of moto's EventManager: `add_event` is its interface.

    A redriven execution goes on with its `events`. A context may say that an event `stands` there from before the
    redrive: then it is not written again.
    """

    def __init__(self, events: list[dict[str, Any]] | None = None) -> None:
        self.events = [] if events is None else events
        self.full: str | None = None
        self._ended = False
        self._lock = threading.Lock()

    def add_event(
        self,
        context: Any,
        event_type: str,
        event_details: dict | None = None,
        timestamp: Any = None,
        update_source_event_id: bool = True,
    ) -> int:
        with self._lock:
            if self._ended or event_type in _ENDS.values():
                return len(self.events)
            if event_type in getattr(context, "stands", ()):
                context.stands = ()
                return len(self.events)
            if len(self.events) >= MAX_EVENTS - 1:
                self.full = FULL
                raise HistoryFull(FULL)
            number = self._append(event_type, context.source_event_id, event_details)
            context.last_published_event_id = number
            if update_source_event_id:
                context.source_event_id = number
            return number

    def end(self, status: str, context: Any, output: str | None, error: str | None, cause: str | None) -> None:
        with self._lock:
            self._ended = True
            kind = _ENDS[status]
            previous = 0 if status in ("ABORTED", "TIMED_OUT") else context.source_event_id
            if status == "SUCCEEDED":
                details: dict[str, Any] = {"output": output, "outputDetails": {"truncated": False}}
            else:
                error = "States.Timeout" if status == "TIMED_OUT" else error
                details = {key: value for key, value in (("error", error), ("cause", cause)) if value is not None}
            self._append(kind, previous, {kind[0].lower() + kind[1:] + "EventDetails": details})

    def _append(self, kind: str, previous: int, details: dict | None) -> int:
        number = len(self.events) + 1
        # Seconds since 1970 is what the API's JSON carries; milliseconds is as fine as AWS's are.
        stamp = int(time.time() * 1000) / 1000
        event = {"timestamp": stamp, "type": getattr(kind, "value", kind), "id": number, "previousEventId": previous}
        self.events.append({**event, **(details or {})})
        return number
