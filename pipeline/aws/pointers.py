"""The asset's public pointers: index.m3u8, index.mpd, and asset.json last.

Order of things in `publish`: put what the pointers are made of into the run's own folder, read what is there with its
ETags, then win the record's conditional write, then write each pointer over exactly what was read. Whoever lost the
race meets a 412, raises PointerContended, and its retry reads and decides again, this time finding that a newer upload
is published. The record's `current` is the truth: where the pointers say something else, because a publication died
between the two, `repair` makes them from the folder of the run that `current` names.
"""

from __future__ import annotations

import json
from typing import Any

from pipeline.aws import objects
from pipeline.aws.table import AssetTable
from pipeline.media import keys, manifest
from pipeline.media.asset import Upload
from pipeline.media.errors import PointerContended
from pipeline.media.playback import may_replace, unpublished

ASSET_JSON = "asset.json"
_LOOKS = 4
CONTENT_TYPES = {
    "index.m3u8": "application/vnd.apple.mpegurl",
    "index.mpd": "application/dash+xml",
    ASSET_JSON: "application/json",
}


def publish(
    table: AssetTable, bucket: str, upload: Upload, title: str, manifests: dict[str, str], asset_json: dict[str, Any]
) -> None:
    """Make this run the one that plays. Raises SourceSuperseded or PointerContended; viewers never see half of it.

    manifests: index.m3u8 and index.mpd, with URIs relative to the run's folder.
    """
    kept = {**manifests, ASSET_JSON: objects.to_json(asset_json)}
    for name, text in kept.items():
        objects.write_once(bucket, upload.run_prefix + name, text, CONTENT_TYPES[name])
    prefix = keys.pointer_prefix(upload.asset_id)
    etags = {name: objects.read_with_etag(bucket, prefix + name)[1] for name in CONTENT_TYPES}
    table.publish(upload, title)
    for name, text in _pointing_at(upload.run, kept).items():
        objects.replace(bucket, prefix + name, text, CONTENT_TYPES[name], etags[name])


def repair(table: AssetTable, bucket: str, asset_id: str) -> list[str]:
    """Make the pointers say what the record's `current` says; the names of those that had to be written.

    Where somebody publishes at the same moment, theirs is the newer truth and nothing is written over it.
    """
    prefix = keys.pointer_prefix(asset_id)
    there = {name: objects.read_with_etag(bucket, prefix + name) for name in CONTENT_TYPES}
    current = (table.asset(asset_id) or {}).get("current")
    if not current or _says_removed(there[ASSET_JSON][0]):
        return []
    run = keys.run(current["version"], int(current["revision"]))
    folder = keys.run_prefix(asset_id, current["version"], int(current["revision"]))
    wanted = _pointing_at(run, {name: objects.read(bucket, folder + name).decode() for name in CONTENT_TYPES})
    mended = []
    for name, text in wanted.items():
        body, etag = there[name]
        if body != text.encode():
            try:
                objects.replace(bucket, prefix + name, text, CONTENT_TYPES[name], etag)
            except PointerContended:
                return mended
            mended.append(name)
    return mended


def _pointing_at(run: str, kept: dict[str, str]) -> dict[str, str]:
    """The pointers, in the order they are written, made of what lies in the run's folder."""
    folder = f"v/{run}/"
    return {
        "index.m3u8": manifest.hls(kept["index.m3u8"], folder, ()),
        "index.mpd": manifest.dash(kept["index.mpd"], folder, ()),
        ASSET_JSON: kept[ASSET_JSON],
    }


def _says_removed(body: bytes | None) -> bool:
    return body is not None and json.loads(body)["status"] == "removed"


def show(bucket: str, upload: Upload, title: str, status: str) -> bool:
    """Let asset.json say "processing", "rejected" or "failed", unless something plays there or a newer upload spoke.

    True if it was written. Two who speak at once (an operator's cancel, and what records the stop) both read again and
    decide again; PointerContended where that never ends.
    """
    for _ in range(_LOOKS - 1):
        try:
            return _show(bucket, upload, title, status)
        except PointerContended:
            continue
    return _show(bucket, upload, title, status)


def _show(bucket: str, upload: Upload, title: str, status: str) -> bool:
    key = keys.pointer_prefix(upload.asset_id) + ASSET_JSON
    body, etag = objects.read_with_etag(bucket, key)
    new = unpublished(upload, title, status)
    if not may_replace(json.loads(body) if body else None, new):
        return False
    objects.replace(bucket, key, objects.to_json(new), CONTENT_TYPES[ASSET_JSON], etag)
    return True
