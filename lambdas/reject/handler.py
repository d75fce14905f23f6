"""Reject upload: tell the uploader what is wrong, with the evidence and the fix.

In: {upload, error: {Error, Cause}}. Out: the `rejection` part, our error contract. The record, the receipt and, where
nothing older plays, the player page all say the same. Counted as UploadsRejected, because the execution ends green.
"""

from __future__ import annotations

from typing import Any

from pipeline.aws import metrics, objects, pointers
from pipeline.aws.faults import handles_faults
from pipeline.aws.table import AssetTable
from pipeline.media import errors, keys, playback
from pipeline.media.asset import Upload
from pipeline.settings import RejectSettings


@handles_faults
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    settings = RejectSettings.from_env()
    upload = Upload.from_state(event["upload"])
    rejection = errors.parse_cause(event["error"]["Error"], event["error"]["Cause"])
    AssetTable(settings.table).mark(upload, "rejected", error=rejection)
    pointers.show(settings.outputs_bucket, upload, keys.title(upload.key), "rejected")
    objects.write_json(
        settings.sources_bucket, keys.receipt_key(upload.key), playback.receipt(upload, "rejected", error=rejection)
    )
    metrics.count(settings.stack, {"UploadsRejected": 1}, Code=rejection["code"])
    return rejection
