"""Report upload, Report superseded: write the receipt that content teams read beside their upload, for good.

In: {upload, verified, playback}, or {upload, error} for an upload that was replaced.
Out: where the receipt lies. Other steps write the receipt as well as they can (pipeline.aws.receipts); this one ends in
red where it cannot be written. A superseded upload is counted as UploadsSuperseded, because its execution ends green; a
published one as UploadsPublished and FilmPublished, an update without an encode as UploadsUpdated.
"""

from __future__ import annotations

from typing import Any

from pipeline.aws import metrics, objects, receipts
from pipeline.aws.faults import handles_faults
from pipeline.aws.table import AssetTable
from pipeline.media import errors
from pipeline.media.asset import Upload
from pipeline.media.keys import receipt_key
from pipeline.settings import NONE, ReportSettings


@handles_faults
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    settings = ReportSettings.from_env()
    upload = Upload.from_state(event["upload"])
    table, published = AssetTable(settings.table), "playback" in event
    if not published:
        error = errors.parse_cause(event["error"]["Error"], event["error"]["Cause"])
        table.mark(upload, "superseded", error=error)
    receipts.write(table, settings.sources_bucket, settings.delivery_url, upload)
    if published:
        _archive(upload, settings.archive_tag)
        is_update = table.known(upload).get("encode", upload.run) != upload.run
        _count(settings.stack, is_update, event["verified"]["duration_ms"])
    else:
        metrics.count(settings.stack, {"UploadsSuperseded": 1})
    return {"status": "published" if published else "superseded", "receipt": receipt_key(upload.key)}


def _count(stack: str, is_update: bool, duration_ms: int) -> None:
    """Films that became playable; what came after publication and joined one that plays is counted by itself."""
    metrics.count(stack, {"UploadsUpdated" if is_update else "UploadsPublished": 1})
    if not is_update:
        metrics.put(stack, {"FilmPublished": duration_ms / 1000}, "Seconds")


def _archive(upload: Upload, tag: str) -> None:
    """Mark the published source for the bucket's archive rule. A tag, not a copy: that would be another upload."""
    if tag != NONE and upload.version_id:
        name, _, value = tag.partition("=")
        objects.tag(upload.bucket, upload.key, upload.version_id, name, value)
