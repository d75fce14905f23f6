"""The asset's public pointers: index.m3u8, index.mpd, and asset.json last.

Order of things in `publish`: put what the pointers are made of into the run's own folder, read what is there with its
ETags, then win the record's conditional write, then write each pointer over exactly what was read. Whoever lost the
race meets a 412, raises PointerContended, and its retry reads and decides again, this time finding that a newer upload
is published. The record's `current` is the truth: where the pointers say something else, because a publication died
between the two, `repair` makes them from the folder of the run that `current` names.
"""

from __future__ import annotations

import json
from collections.abc import Container
from typing import Any

from pipeline.aws import objects
from pipeline.aws.table import AssetTable, upload_of
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
    kept = keep(bucket, upload, manifests, asset_json)
    prefix = keys.pointer_prefix(upload.asset_id)
    etags = {name: objects.read_with_etag(bucket, prefix + name)[1] for name in CONTENT_TYPES}
    table.publish(upload, title)
    for name, text in _pointing_at(upload.run, kept).items():
        objects.replace(bucket, prefix + name, text, CONTENT_TYPES[name], etags[name])


def keep(bucket: str, upload: Upload, manifests: dict[str, str], asset_json: dict[str, Any]) -> dict[str, str]:
    """Put what the pointers are made of into the run's own folder; the texts by name."""
    kept = {**manifests, ASSET_JSON: objects.to_json(asset_json)}
    for name, text in kept.items():
        objects.write_once(bucket, upload.run_prefix + name, text, CONTENT_TYPES[name])
    return kept


def repair(table: AssetTable, bucket: str, asset_id: str) -> list[str]:
    """Make the pointers say what the record's `current` says; the names of those that had to be written.

    Where somebody publishes at the same moment, theirs is the newer truth and nothing is written over it. Of a removed
    asset there are no manifests, and its asset.json says so.
    """
    prefix = keys.pointer_prefix(asset_id)
    there = {name: objects.read_with_etag(bucket, prefix + name) for name in CONTENT_TYPES}
    asset = table.asset(asset_id) or {}
    if asset.get("status") == "removed":
        kept = {name for name, (body, _) in there.items() if body is not None}
        return _repair_removed(table, bucket, asset, kept)
    current = asset.get("current")
    if not current:
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


def _repair_removed(table: AssetTable, bucket: str, asset: dict[str, Any], there: set[str]) -> list[str]:
    uploads = map(upload_of, (record for record in table.versions(asset["pk"]) if "upload" in record))
    removed = [upload for upload in uploads if upload.order <= asset["removed"]]
    newest = max(removed, key=lambda upload: upload.order, default=None)
    mended = [ASSET_JSON] if newest and show(bucket, newest, keys.title(newest.key), "removed") else []
    return mended + remove_manifests(bucket, asset["pk"], there)


def remove_manifests(bucket: str, asset_id: str, there: Container[str] = CONTENT_TYPES) -> list[str]:
    """Take the stable URLs away; asset.json stays, to say why. The names of those that were there.

    S3 deletes what is there, even what a publication has just written: the record that it wrote before is open, and
    the sweep makes its pointers again.
    """
    gone = [name for name in CONTENT_TYPES if name != ASSET_JSON and name in there]
    for name in gone:
        objects.remove(bucket, keys.pointer_prefix(asset_id) + name)
    return gone


def show(bucket: str, upload: Upload, title: str, status: str) -> bool:
    """Let asset.json say "processing", "rejected", "failed" or "removed"; True if it was written.

    Not where something plays ("removed" is said of that too) or a newer upload spoke. Two who speak at once (an
    operator's cancel, and what records the stop) both read again and decide again; PointerContended where that never
    ends.
    """
    for _ in range(_LOOKS - 1):
        try:
            return _show(bucket, upload, title, status)
        except PointerContended:
            continue
    return _show(bucket, upload, title, status)


def show_progress(bucket: str, upload: Upload, percent: int) -> bool:
    """Let an asset.json that says "processing" of this run say how far it is; True if it was written.

    Never worth a second try: the next event knows better, and what others write meanwhile says more.
    """
    key = keys.pointer_prefix(upload.asset_id) + ASSET_JSON
    body, etag = objects.read_with_etag(bucket, key)
    existing = json.loads(body) if body else {}
    same = (existing.get("version"), existing.get("revision")) == (upload.version, upload.revision)
    if existing.get("status") != "processing" or not same or existing.get("percent", -1) >= percent:
        return False
    try:
        objects.replace(bucket, key, objects.to_json({**existing, "percent": percent}), CONTENT_TYPES[ASSET_JSON], etag)
    except PointerContended:
        return False
    return True


def _show(bucket: str, upload: Upload, title: str, status: str) -> bool:
    key = keys.pointer_prefix(upload.asset_id) + ASSET_JSON
    body, etag = objects.read_with_etag(bucket, key)
    new = unpublished(upload, title, status)
    existing = json.loads(body) if body else None
    if existing == new or not may_replace(existing, new):
        return False
    objects.replace(bucket, key, objects.to_json(new), CONTENT_TYPES[ASSET_JSON], etag)
    return True
