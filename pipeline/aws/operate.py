"""What an operator does to a run: cancel it, or let it go on.

In: an asset id, or an execution's name or ARN. Out: what was done, as plain dictionaries. Both are decisions written
into the version's record first, by a conditional write; what follows from them is done here at once and, should this
process die on the way, by the sweep. Raises NothingByThatName, and NotNow where the run is past it.
"""

from __future__ import annotations

import dataclasses
import re
from typing import Any

from pipeline.aws import executions, failures, pointers, receipts, transcoder
from pipeline.aws.sweep import remove_outputs
from pipeline.aws.table import AssetTable, upload_of
from pipeline.media.asset import Upload
from pipeline.media.reconcile import CANCELLABLE, ENDED_UNPUBLISHED, is_update, was_cancelled
from pipeline.settings import NONE

_EXECUTION = re.compile(r"(?P<asset>.+)-(?P<version>[0-9a-f]{10})-r(?P<revision>\d+)")
#: Verify's refusals: a redrive would look at the same objects again, so these need a new encode.
_OUTPUTS_AT_FAULT = ("OUTPUT_MISSING", "OUTPUT_WRONG")


class NothingByThatName(Exception):
    """No asset and no execution has this name; the message repeats it."""


class NotNow(Exception):
    """The run cannot be cancelled or tried again as it stands; the message says how it stands."""


@dataclasses.dataclass(frozen=True)
class Place:
    """Where the pipeline keeps its things, and where it delivers them."""

    table: str
    outputs_bucket: str
    state_machine_arn: str
    mediaconvert_queue_arn: str
    delivery_url: str
    hop_queue_arn: str = NONE


def cancel(name: str, place: Place) -> list[dict[str, Any]]:
    """Stop every unpublished run by this name, cancel its jobs, remove what it made; one entry a run.

    An update is such a run: what it was to replace plays on.
    """
    records = records_of(name, place)
    unpublished = [record for record in records if is_cancellable(record)]
    if not unpublished:
        raise NotNow(f"{name} is {_statuses(records)}: there is nothing to cancel")
    return [_cancel(upload_of(record), place) for record in unpublished]


def is_cancellable(record: dict[str, Any]) -> bool:
    """Whether a version's newest run is not published, and may still come to be."""
    return record["status"] in CANCELLABLE or (record["status"] == "published" and is_update(record))


def _cancel(upload: Upload, place: Place) -> dict[str, Any]:
    table = AssetTable(place.table)
    if not table.cancel(upload):
        record = table.version(upload) or {}
        raise NotNow(f"{upload.execution_name} became {record.get('status')} just now: it was not cancelled")
    # The decision stands; nothing can publish this run any more.
    executions.stop(executions.arn_of(upload.execution_name, place.state_machine_arn), "Cancelled", "by an operator")
    jobs = _cancel_jobs(upload, table, place)
    removed = remove_outputs(upload, table, place.outputs_bucket)
    pointers.show(place.outputs_bucket, upload, table.title(upload), "failed")
    receipts.refresh(table, upload.bucket, place.delivery_url, upload)
    return {"execution": upload.execution_name, "cancelled_jobs": jobs, "removed_objects": removed}


def _cancel_jobs(upload: Upload, table: AssetTable, place: Place) -> list[str]:
    """Those known by their id, and one whose id was never saved because the stop came in between."""
    cancelled = failures.cancel_jobs(upload, table)
    ours = transcoder.Jobs.of(place.table, place.mediaconvert_queue_arn, place.hop_queue_arn)
    for record in table.jobs(upload):
        job = None if record.get("job_id") else transcoder.find_job(record, ours)
        if job and transcoder.cancel(job["Id"]):
            cancelled.append(job["Id"])
    return cancelled


def retry(name: str, place: Place) -> dict[str, Any]:
    """Let the newest unpublished run by this name go on: redriven where it failed, or as a new run of the upload."""
    records = records_of(name, place)
    newest = max(records, key=lambda record: record["upload"]["order"])
    upload, table = upload_of(newest), AssetTable(place.table)
    plays = int(newest["published_revision"]) if newest["status"] == "published" and is_update(newest) else None
    if newest["status"] not in ENDED_UNPUBLISHED and plays is None:
        raise NotNow(f"{upload.execution_name} is {newest['status']}: there is nothing to try again")
    if _can_go_on(newest) and executions.redrive(newest["execution_arn"]):
        table.redriven(upload)
        receipts.refresh(table, upload.bucket, place.delivery_url, upload)
        return {"execution": upload.execution_name, "how": "redriven"}
    if executions.is_running(executions.arn_of(upload.execution_name, place.state_machine_arn)):
        raise NotNow(f"{upload.execution_name} is still being stopped: try again in a moment")
    remove_outputs(upload, table, place.outputs_bucket)
    following = table.revise(upload, plays)
    if following is None:
        raise NotNow(f"somebody else has just begun the next run of {upload.key}")
    table.started(following, executions.start(following, place.state_machine_arn))
    receipts.refresh(table, upload.bucket, place.delivery_url, following)
    return {"execution": following.execution_name, "how": "started anew"}


def _can_go_on(record: dict[str, Any]) -> bool:
    failed = record["status"] == "failed" or is_update(record)
    is_sound = record.get("error", {}).get("code") not in _OUTPUTS_AT_FAULT
    return failed and is_sound and not was_cancelled(record, int(record["revision"]))


def records_of(name: str, place: Place) -> list[dict[str, Any]]:
    """The version's record of an execution, or those of an asset."""
    table, bare = AssetTable(place.table), name.rsplit(":", 1)[-1]
    match = _EXECUTION.fullmatch(bare)
    if not match:
        found = [record for record in table.versions(bare) if "upload" in record]
        if not found:
            raise NothingByThatName(f"{bare}: there is neither an asset nor an execution of that name")
        return found
    found = [record for record in table.versions(match["asset"]) if record["sk"] == f"version#{match['version']}"]
    if not found:
        raise NothingByThatName(f"{bare}: there is no execution of that name")
    if int(found[0]["revision"]) != int(match["revision"]):
        raise NotNow(f"{bare} is over: its upload is at {upload_of(found[0]).execution_name}")
    return found


def _statuses(records: list[dict[str, Any]]) -> str:
    return ", ".join(sorted({record["status"] for record in records}))
