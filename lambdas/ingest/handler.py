"""Ingest upload: open the asset's record and find what came with the film.

In: {upload}. Out: the `asset` part {title, captions, captions_left_out, poster, wishes, base, warnings}, always with
all of them. At most 40 captions are taken, because the state may not exceed 256 KiB and a key may have 1,024 bytes; the
receipt says how many were left out. Raises SourceRejected (missing, empty, a JSON file that cannot be followed) and
SourceSuperseded (replaced, or cancelled).
"""

from __future__ import annotations

from functools import partial
from typing import Any

from pipeline.aws import objects, pointers, receipts
from pipeline.aws.faults import handles_faults
from pipeline.aws.table import AssetTable
from pipeline.media import arrival, keys, profiles
from pipeline.media.asset import Upload
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
    around = objects.keys_around(upload.bucket, upload.key)
    asset = arrival.asset_part(
        upload.key, around, partial(objects.read_if_there, upload.bucket), tuple(profiles.load())
    )
    table.open_asset(upload, asset["title"])
    if asset["title"] != title:
        table.entitle(upload, asset["title"])
    pointers.show(settings.outputs_bucket, upload, asset["title"], "processing")
    table.note(upload, asset=asset)
    if asset["base"]:  # of all others Plan says more in a moment
        receipts.refresh(table, settings.sources_bucket, settings.delivery_url, upload)
    return asset
