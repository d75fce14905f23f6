"""Ingest upload: open the asset's record and find what came with the film.

In: {upload}. Out: the `asset` part {title, captions, captions_left_out, poster, wishes, base, warnings}, always with
all of them. At most 40 captions are taken, because the state may not exceed 256 KiB and a key may have 1,024 bytes; the
receipt says how many were left out. Raises SourceRejected (missing, empty, a JSON file that cannot be followed) and
SourceSuperseded (replaced, or cancelled).

Of a JSON file that may be another film's, or is the second of one film, nothing is taken but a wish to hold: to publish
what somebody asked to hold would be worse than to hold what nobody asked for.
"""

from __future__ import annotations

from typing import Any

from pipeline.aws import objects, pointers, receipts
from pipeline.aws.faults import handles_faults
from pipeline.aws.table import AssetTable
from pipeline.media import bcp47, keys, profiles, sidecars, wishes
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
    asset = _asset(upload)
    table.open_asset(upload, asset["title"])
    pointers.show(settings.outputs_bucket, upload, asset["title"], "processing")
    table.note(upload, asset=asset)
    receipts.refresh(table, settings.sources_bucket, settings.delivery_url, upload)
    return asset


def _asset(upload: Upload) -> dict[str, Any]:
    found = sidecars.beside(upload.key, objects.keys_around(upload.bucket, upload.key))
    wished = _read(upload, found.wishes) if found.wishes else {}
    held = [key for key in found.doubted if _read(upload, key).get("publish") == "hold"]
    wished |= {"publish": "hold"} if held else {}
    spoken = {"language": wished["captions_language"]} if "captions_language" in wished else {}
    captions = [{**one.as_state(), **(spoken if one.language == bcp47.UNKNOWN else {})} for one in found.captions]
    return {
        "title": wished.get("title") or keys.title(upload.key),
        "captions": captions[:MOST_SIDECARS],
        "captions_left_out": max(0, len(captions) - MOST_SIDECARS),
        "poster": found.poster,
        "wishes": wished,
        "base": None,
        "warnings": [*found.warnings, *(f"{keys.file_name(key)} asks to hold the film, so it is held" for key in held)],
    }


def _read(upload: Upload, key: str) -> dict[str, Any]:
    """The wishes in a sidecar; none where it has been deleted since it was listed."""
    data = objects.read_if_there(upload.bucket, key, wishes.MOST_BYTES + 1)
    return {} if data is None else wishes.read(data, keys.file_name(key), tuple(profiles.load()))
