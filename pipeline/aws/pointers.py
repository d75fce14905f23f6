"""The asset's public pointers: index.m3u8, index.mpd, and asset.json last.

Order of things in `publish`: read what is there with its ETags, then win the record's conditional write, then write
each pointer over exactly what was read. Whoever lost the race meets a 412, raises PointerContended, and its retry
reads and decides again, this time finding that a newer upload is published.
"""

from __future__ import annotations

import json
from typing import Any

from pipeline.aws import objects
from pipeline.aws.table import AssetTable
from pipeline.media.asset import Upload
from pipeline.media.keys import pointer_prefix
from pipeline.media.playback import may_replace, unpublished

ASSET_JSON = "asset.json"
CONTENT_TYPES = {
    "index.m3u8": "application/vnd.apple.mpegurl",
    "index.mpd": "application/dash+xml",
    ASSET_JSON: "application/json",
}


def publish(
    table: AssetTable, bucket: str, upload: Upload, title: str, pointers: dict[str, str], asset_json: dict[str, Any]
) -> None:
    """Make this run the one that plays. Raises SourceSuperseded or PointerContended; viewers never see half of it."""
    prefix = pointer_prefix(upload.asset_id)
    texts = {**pointers, ASSET_JSON: objects.to_json(asset_json)}
    etags = {name: objects.read_with_etag(bucket, prefix + name)[1] for name in texts}
    table.publish(upload, title)
    for name, text in texts.items():
        objects.replace(bucket, prefix + name, text, CONTENT_TYPES[name], etags[name])


def show(bucket: str, upload: Upload, title: str, status: str) -> bool:
    """Let asset.json say "processing" or "rejected", unless something plays there or a newer upload spoke.

    True if it was written.
    """
    key = pointer_prefix(upload.asset_id) + ASSET_JSON
    body, etag = objects.read_with_etag(bucket, key)
    new = unpublished(upload, title, status)
    if not may_replace(json.loads(body) if body else None, new):
        return False
    objects.replace(bucket, key, objects.to_json(new), CONTENT_TYPES[ASSET_JSON], etag)
    return True
