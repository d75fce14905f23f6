"""Ingest upload: open the asset's record and find what came with the film.

In: {upload}. Out: the `asset` part {title, captions, captions_left_out, poster, wishes, base, warnings}, always with
all of them. At most 40 captions are taken, because the state may not exceed 256 KiB and a key may have 1,024 bytes; the
receipt says how many were left out. Raises SourceRejected (missing, empty, a JSON file that cannot be followed) and
SourceSuperseded (replaced, or cancelled).

An update (pipeline.aws.updates) has the run in `base` whose pictures it uses; null where what is wished now needs
another encode.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from pipeline.aws import objects, pointers, receipts, updates
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
    table = AssetTable(settings.table)
    earlier = updates.before(upload, table)
    if earlier is None:
        _require(upload)
        table.open_asset(upload, keys.title(upload.key))
    if not table.mark(upload, "transcoding"):
        raise SourceSuperseded("RUN_CANCELLED", "this run was cancelled, or a later one has begun", {"run": upload.run})
    around = objects.keys_around(upload.bucket, upload.key)
    seen = updates.seen(upload.key, around)
    # Before the wishes are read: a JSON file that cannot be followed has been seen, too.
    table.note(upload, sidecars=seen)
    asset = arrival.asset_part(
        upload.key, around, partial(objects.read_if_there, upload.bucket), tuple(profiles.load())
    )
    if earlier is not None:
        asset = _as_update(upload, asset, seen, earlier, table)
    table.open_asset(upload, asset["title"])
    if earlier is not None or asset["title"] != keys.title(upload.key):
        table.entitle(upload, asset["title"])
    pointers.show(settings.outputs_bucket, upload, asset["title"], "processing")
    table.note(upload, asset=asset)
    if asset["base"]:  # of all others Plan says more in a moment
        receipts.refresh(table, settings.sources_bucket, settings.delivery_url, upload)
    return asset


def _require(upload: Upload) -> None:
    """What is encoded is the film that lies there now, and it has bytes."""
    require_bytes(upload.key, objects.require_current(upload))


def _as_update(
    upload: Upload, asset: dict[str, Any], seen: dict[str, str], earlier: dict[str, Any], table: AssetTable
) -> dict[str, Any]:
    """What an update publishes, and with which pictures. The film itself is not read, unless it is encoded anew."""
    if not table.known(upload).get("exact"):
        asset = updates.keep(asset, earlier, seen)
    asset |= {"base": updates.base(upload, asset, earlier, table)}
    # Whoever was to approve the film has done so.
    asset["wishes"] = {name: wish for name, wish in asset["wishes"].items() if name != "publish"}
    if asset["base"] is None:
        _require(upload)
    return asset
