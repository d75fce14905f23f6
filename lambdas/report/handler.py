"""Report upload, Report superseded: write the receipt that content teams read beside their upload.

In: {upload, asset, source, warnings, captions, verified, playback}, or {upload, error} for an upload that was replaced.
Out: where the receipt lies. The receipt carries the deduplication id of the team's message, and every warning: what was
odd about the source, what the plan leaves out. A superseded upload is counted as UploadsSuperseded, because its
execution ends green; a published one as UploadsPublished and FilmPublished.
"""

from __future__ import annotations

from typing import Any

from pipeline.aws import metrics, objects
from pipeline.aws.faults import handles_faults
from pipeline.aws.table import AssetTable
from pipeline.media import errors, playback
from pipeline.media.asset import Upload
from pipeline.media.keys import receipt_key
from pipeline.settings import NONE, ReportSettings


@handles_faults
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    settings = ReportSettings.from_env()
    upload = Upload.from_state(event["upload"])
    receipt = _published(upload, event, settings) if "playback" in event else _superseded(upload, event, settings)
    key = receipt_key(upload.key)
    objects.write_json(settings.sources_bucket, key, receipt)
    if "playback" in event:
        _archive(upload, settings.archive_tag)
    return {"status": receipt["status"], "receipt": key}


def _archive(upload: Upload, tag: str) -> None:
    """Mark the published source for the bucket's archive rule. A tag, not a copy: that would be another upload."""
    if tag != NONE and upload.version_id:
        name, _, value = tag.partition("=")
        objects.tag(upload.bucket, upload.key, upload.version_id, name, value)


def _published(upload: Upload, event: dict[str, Any], settings: ReportSettings) -> dict[str, Any]:
    verified = event["verified"]
    metrics.count(settings.stack, {"UploadsPublished": 1})
    metrics.put(settings.stack, {"FilmPublished": verified["duration_ms"] / 1000}, "Seconds")
    return playback.receipt(
        upload,
        "published",
        title=event["asset"]["title"],
        playback=event["playback"],
        source=event["source"],
        duration_ms=verified["duration_ms"],
        warnings=[*event["asset"]["warnings"], *event["source"].get("warnings", []), *event["warnings"]] or None,
        renditions=verified["renditions"],
        audio=verified["audio"],
        captions=event.get("captions"),
        captions_left_out=event["asset"].get("captions_left_out") or None,
    )


def _superseded(upload: Upload, event: dict[str, Any], settings: ReportSettings) -> dict[str, Any]:
    error = errors.parse_cause(event["error"]["Error"], event["error"]["Cause"])
    AssetTable(settings.table).mark(upload, "superseded", error=error)
    metrics.count(settings.stack, {"UploadsSuperseded": 1})
    return playback.receipt(upload, "superseded", error=error)
