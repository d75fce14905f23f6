"""Ingest upload: open the asset's record and find what came with the film.

In: {upload}. Out: the `asset` part {title, captions, captions_left_out, poster, wishes, base, warnings}. At most 40
sidecars are taken, because the state may not exceed 256 KiB and a key may have 1,024 bytes; the receipt says how many
were left out. Raises SourceRejected (missing, empty) and SourceSuperseded (replaced, or cancelled).
"""

from __future__ import annotations

from typing import Any

from pipeline.aws import objects, pointers, receipts
from pipeline.aws.faults import handles_faults
from pipeline.aws.table import AssetTable
from pipeline.media import keys, sidecars
from pipeline.media.asset import Upload
from pipeline.media.captions import MOST_SIDECARS
from pipeline.media.errors import SourceSuperseded
from pipeline.media.source import require_bytes
from pipeline.settings import IngestSettings


@handles_faults
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    settings = IngestSettings.from_env()
    upload = Upload.from_state(event["upload"])
    size = objects.require_current(upload)
    require_bytes(upload.key, size)
    title = keys.title(upload.key)
    table = AssetTable(settings.table)
    table.open_asset(upload, title)
    if not table.mark(upload, "transcoding"):
        raise SourceSuperseded("RUN_CANCELLED", "this run was cancelled, or a later one has begun", {"run": upload.run})
    pointers.show(settings.outputs_bucket, upload, title, "processing")
    asset = _asset(upload, title)
    table.note(upload, asset=asset)
    receipts.refresh(table, settings.sources_bucket, settings.delivery_url, upload)
    return asset


def _asset(upload: Upload, title: str) -> dict[str, Any]:
    found = sidecars.beside(upload.key, objects.keys_around(upload.bucket, upload.key))
    captions = [one.as_state() for one in found.captions]
    return {
        "title": title,
        "captions": captions[:MOST_SIDECARS],
        "captions_left_out": max(0, len(captions) - MOST_SIDECARS),
        "poster": found.poster,
        "wishes": {},
        "base": None,
        "warnings": list(found.warnings),
    }
