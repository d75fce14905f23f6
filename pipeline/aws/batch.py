"""SQS batches: each message by itself, and only those that failed come back (ReportBatchItemFailures).

A message that fails is logged with its error and stays in the queue; after maxReceiveCount deliveries SQS moves it to
the dead-letter queue (SQS Developer Guide, "Amazon SQS dead-letter queues"; Lambda Developer Guide, "Implementing
partial batch responses").
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

_log = logging.getLogger(__name__)


def each_message(event: dict[str, Any], work: Callable[[str], Any]) -> dict[str, Any]:
    """Call `work` with each message's body; answer with the ids of those it raised for."""
    failures = []
    for record in event.get("Records", []):
        try:
            work(record["body"])
        except Exception:  # whatever it was, the other messages of the batch must not be delivered again for it
            _log.exception("message %s stays in the queue", record.get("messageId"))
            failures.append({"itemIdentifier": record["messageId"]})
    return {"batchItemFailures": failures}
