"""The life of versions: which of them plays, which may play again, and the end of an asset.

In: an asset id, and what the operator decided. Out: what was done, as plain dictionaries. Each decision is one
conditional write (pipeline.aws.table); what follows from it is done here at once, and what is left of it when this
process dies on the way, the sweep does. Raises NothingByThatName, and NotNow where the asset does not allow it.

Deleting, in this order: the record says that nothing up to here is ever published; runs under way are cancelled;
asset.json says "removed"; then manifests, outputs and work files go, and CloudFront is told to forget its copies. The
receipt stays, to say so; where source versions are to go too, it goes with them. A newer upload brings the asset back.
"""

from __future__ import annotations

import dataclasses
import uuid
from collections.abc import Callable
from typing import Any

from pipeline.aws import objects, operate, pointers, receipts, topic, updates
from pipeline.aws.clients import client
from pipeline.aws.intake import Intake
from pipeline.aws.operate import NothingByThatName, NotNow, Place
from pipeline.aws.table import AssetTable, played, upload_of
from pipeline.media import keys, sidecars
from pipeline.media.asset import Upload
from pipeline.media.errors import PointerContended
from pipeline.media.reconcile import UNDER_WAY

_LOOKS = 5


@dataclasses.dataclass(frozen=True)
class Beyond:
    """What a deletion touches besides the pipeline's own place."""

    topic_arn: str
    distribution_id: str


def versions(asset_id: str, place: Place) -> list[dict[str, Any]]:
    """Every version of the asset, newest first; `plays` of one at most, `replaced_at` of what another has replaced.

    revision is its newest run; where that is ahead of published_revision, it is an update that is not published.
    """
    table = AssetTable(place.table)
    current = (table.asset(asset_id) or {}).get("current") or {}
    return [
        {
            "version": record["upload"]["version"],
            "revision": int(record["revision"]),
            "published_revision": record.get("published_revision"),
            "status": record["status"],
            "registered_at": record.get("created_at"),
            "replaced_at": record.get("replaced_at"),
            "plays": record["upload"]["version"] == current.get("version"),
        }
        for record in _records(asset_id, table)
    ]


def rollback(asset_id: str, version: str | None, place: Place) -> dict[str, Any]:
    """Let a version that was published before play again: the one named, else the newest before the one that plays.

    Viewers in the middle of the film keep what they see; whoever opens it now gets the older version.
    """
    table = AssetTable(place.table)
    records = _records(asset_id, table)
    current = (table.asset(asset_id) or {}).get("current")
    if not current:
        raise NotNow(f"{asset_id} does not play: there is nothing to roll back")
    chosen = _target(asset_id, records, current, version)
    target = played(chosen) or upload_of(chosen)
    if objects.head_object(place.outputs_bucket, target.run_prefix + pointers.ASSET_JSON) is None:
        raise NotNow(f"{target.execution_name} has no outputs any more: upload that film again")
    if not table.roll_back(target, current):
        raise NotNow(f"{asset_id} has changed just now: look again with `vod versions {asset_id}`")
    _settle(table, place.outputs_bucket, asset_id)
    receipts.refresh(table, target.bucket, place.delivery_url, target)
    return {
        "asset_id": asset_id,
        "plays": target.run,
        "instead_of": keys.run(current["version"], int(current["revision"])),
    }


def _target(
    asset_id: str, records: list[dict[str, Any]], current: dict[str, Any], version: str | None
) -> dict[str, Any]:
    """The record to roll back to; `version` may be a run (1a2b3c4d5e-r1) as the folder under v/ is called."""
    if version is not None:
        wanted = version.partition("-")[0]
        found = [record for record in records if record["upload"]["version"] == wanted]
        if not found:
            raise NothingByThatName(f"{asset_id} has no version {version}; `vod versions {asset_id}` lists them")
        if wanted == current["version"]:
            raise NotNow(f"{version} is what plays")
        if found[0]["status"] != "published":
            raise NotNow(f"version {version} is {found[0]['status']}: only a published one can play again")
        return found[0]
    (playing,) = [record for record in records if record["upload"]["version"] == current["version"]]
    older = [
        record
        for record in records
        if record["status"] == "published" and record["upload"]["order"] < playing["upload"]["order"]
    ]
    if not older:
        raise NotNow(f"{asset_id} has no earlier version that is still there")
    return older[0]


def update(asset_id: str, place: Place) -> dict[str, Any]:
    """Publish exactly what lies beside the film that plays now, without a new encode; what has gone is taken away.

    Out: the execution, whether it waits because intake is paused, and the sidecars that are added, changed and removed
    by it.
    """
    table = Intake(place.table)
    records = _records(asset_id, table)
    current = (table.asset(asset_id) or {}).get("current")
    if not current:
        raise NotNow(f"{asset_id} does not play: its next run takes what lies beside the film")
    (record,) = [each for each in records if each["upload"]["version"] == current["version"]]
    upload = upload_of(record)
    if record["status"] in UNDER_WAY:
        raise NotNow(f"{upload.execution_name} is under way, and may have seen it: look again when it has ended")
    differs = _differences(table.known(upload), updates.beside(upload.bucket, upload.key))
    following = updates.begin(record, table, place.state_machine_arn, exact=True)
    if following is None:
        raise NotNow(f"somebody else has just begun the next revision of {asset_id}")
    table.unwarn(upload_of(records[0]))  # after a rollback it is the newest upload's record that asks for this
    receipts.refresh(table, upload.bucket, place.delivery_url, following)
    waits = table.state()["paused"]
    return {"asset_id": asset_id, "execution": following.execution_name, "waits": waits, **differs}


def _differences(known: dict[str, Any], there: dict[str, str]) -> dict[str, list[str]]:
    """File names of sidecars, as what plays had them and as they lie there now."""
    seen, asset = known.get("sidecars") or {}, known.get("asset") or {}
    had = {*seen, *(each["key"] for each in asset.get("captions", [])), *filter(None, [asset.get("poster")])}
    changed = [key for key in there if key in seen and seen[key] != there[key]]
    found = {"added": there.keys() - had, "changed": changed, "removed": had - there.keys()}
    return {what: sorted(map(keys.file_name, which)) for what, which in found.items()}


def _settle(table: AssetTable, bucket: str, asset_id: str) -> None:
    """Write the pointers until they say what the record says; a publication at the same moment may be first."""
    for _ in range(_LOOKS):
        if not pointers.repair(table, bucket, asset_id):
            return
    # The record is open: the sweep looks again.


def delete(
    asset_id: str,
    place: Place,
    beyond: Beyond,
    purge_sources: bool = False,
    tell: Callable[[int], None] = lambda count: None,
) -> dict[str, Any]:
    """Take the asset away; a report of every object that was removed. Doing it twice is the same.

    `tell` hears how many more outputs are gone.
    """
    table = AssetTable(place.table)
    records = _records(asset_id, table)
    uploads = [upload_of(record) for record in records]
    newest = uploads[0]
    table.remove(asset_id, newest.order)
    cancelled = [_stop(each, place) for each in records if operate.is_cancellable(each)]
    for upload in uploads:
        table.removed(upload)
    _say_removed(newest, place.outputs_bucket)
    report = {
        "asset_id": asset_id,
        "file": newest.url,
        "cancelled": [name for name in cancelled if name],
        "outputs_bucket": place.outputs_bucket,
        "outputs": _remove_outputs(asset_id, place.outputs_bucket, tell),
        "sources_bucket": newest.bucket,
        "receipts": [],
        "sources": objects.purge(newest.bucket, _source_keys(newest)) if purge_sources else [],
    }
    report["invalidation"] = _forget(asset_id, beyond.distribution_id)
    counts = {name: len(report[name]) for name in ("outputs", "sources")}
    table.say_removed(asset_id, counts, purged=purge_sources)
    receipts.refresh(table, newest.bucket, place.delivery_url, newest)
    if purge_sources:  # after the record says that there is to be none
        report["receipts"] = objects.purge(newest.bucket, _receipt_keys(newest))
    topic.announce(beyond.topic_arn, "deleted", newest, {"removed_objects": counts}, 0, table.title(newest))
    return report


def _receipt_keys(upload: Upload) -> list[str]:
    return [keys.receipt_key(upload.key, ending) for ending in (".json", ".html")]


def _stop(record: dict[str, Any], place: Place) -> str | None:
    """The run that was cancelled. One that has just been published, or has ended by itself, needs no stopping."""
    upload = upload_of(record)
    try:
        operate.cancel(upload.execution_name, place)
    except NotNow:
        return None
    return upload.execution_name


def _say_removed(newest: Upload, bucket: str) -> None:
    try:
        pointers.show(bucket, newest, keys.title(newest.key), "removed")
    except PointerContended:
        # A publication that was decided before the removal is writing; the record is open, the sweep looks again.
        return


def _remove_outputs(asset_id: str, bucket: str, tell: Callable[[int], None]) -> list[str]:
    prefix = keys.pointer_prefix(asset_id)
    manifests = [prefix + name for name in pointers.CONTENT_TYPES if name != pointers.ASSET_JSON]
    there = [key for key in manifests if objects.head_object(bucket, key) is not None]
    pointers.remove_manifests(bucket, asset_id)
    folders = (f"{prefix}v/", f"{keys.WORK}{asset_id}/")
    return there + [key for folder in folders for key in objects.remove_below(bucket, folder, tell)]


def _source_keys(upload: Upload) -> list[str]:
    """The film and its sidecars, those that were deleted too; not what may be another film's."""
    films = [upload.key, *filter(keys.is_film, objects.keys_around(upload.bucket, upload.key))]
    names = sidecars.prefixes(upload.key)
    beside = {key for name in names for key in objects.versioned_keys_below(upload.bucket, f"{name}.")}
    return [upload.key, *sorted(key for key in beside if sidecars.films_of(key, films) == (upload.key,))]


def _forget(asset_id: str, distribution_id: str) -> str:
    """Segments may lie in CloudFront's caches for a year; the id of the invalidation that removes them."""
    answer = client("cloudfront").create_invalidation(
        DistributionId=distribution_id,
        InvalidationBatch={
            "Paths": {"Quantity": 1, "Items": [f"/{keys.pointer_prefix(asset_id)}*"]},
            "CallerReference": uuid.uuid4().hex,
        },
    )
    return answer["Invalidation"]["Id"]


def _records(asset_id: str, table: AssetTable) -> list[dict[str, Any]]:
    """The asset's uploads, newest first."""
    found = [record for record in table.versions(asset_id) if "upload" in record]
    if not found:
        raise NothingByThatName(f"{asset_id}: there is no asset of that name")
    return sorted(found, key=lambda record: record["upload"]["order"], reverse=True)
