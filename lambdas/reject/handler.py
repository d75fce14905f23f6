"""Reject upload: tell the uploader what is wrong, with the evidence and the fix.

In: {upload, error: {Error, Cause}}. Out: the `rejection` part, our error contract. The record, the receipt, the message
on the topic and, where nothing older plays, the player page all say the same. A film that nobody approved in time ends
here, too. Counted as UploadsRejected, because the execution ends green.
"""

from __future__ import annotations

from typing import Any

from pipeline.aws import metrics, pointers, receipts, topic
from pipeline.aws.faults import handles_faults
from pipeline.aws.holds import Holds
from pipeline.media import errors, holds, keys
from pipeline.media.asset import Upload
from pipeline.settings import RejectSettings

#: What Step Functions calls the end of a state's time; only holds lead here by it.
_TIMED_OUT = "States.Timeout"


@handles_faults
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    settings = RejectSettings.from_env()
    upload = Upload.from_state(event["upload"])
    table = Holds(settings.table)
    rejection = _timed_out(upload, table) if event["error"]["Error"] == _TIMED_OUT else _refusal(event["error"])
    table.mark(upload, "rejected", error=rejection)
    pointers.show(settings.outputs_bucket, upload, table.title(upload), "rejected")
    receipts.write(table, settings.sources_bucket, settings.delivery_url, upload)
    topic.announce(settings.topic_arn, "rejected", upload, {"error": rejection}, title=table.title(upload))
    metrics.count(settings.stack, {"UploadsRejected": 1}, Code=rejection["code"])
    return rejection


def _refusal(error: dict[str, str]) -> dict[str, Any]:
    return errors.parse_cause(error["Error"], error["Cause"])


def _timed_out(upload: Upload, table: Holds) -> dict[str, Any]:
    """Nobody approved or released the film in time: in words, for what it waited and since when."""
    waited = max(table.of_run(upload), key=lambda hold: hold["waits"]["since"])
    return holds.timed_out(waited["reason"], waited["waits"]["since"], keys.file_name(upload.key)).as_dict()
