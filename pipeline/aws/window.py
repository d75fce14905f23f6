"""What went wrong in a window of time: uploads that nobody announced, answers that nobody heard, runs that failed.

In: a Window, and where the pipeline keeps its things. Out: what was found, for somebody to send once more or to try
again; nothing is changed here. All of it may be found twice: an upload that has started, a step that has its answer and
a run that goes on are not found any more, and what is sent in between starts nothing a second time.

S3's LastModified of a film that came in parts is when its upload *began* (S3 User Guide, "Working with object
metadata"; from memory, not read again): a film that took three hours lies three hours before its event.
"""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Iterator
from typing import Any

from pipeline.aws import existing, operate, reading, transcoder
from pipeline.aws.operate import Place
from pipeline.aws.table import JOB, AssetTable, upload_of
from pipeline.media import keys
from pipeline.media.asset import Upload
from pipeline.media.reconcile import ALIVE

_AT_ONCE = 100
_FOR_EVER = datetime.timedelta(days=3650)


@dataclasses.dataclass(frozen=True)
class Window:
    """From `since` on and before `until`, both in UTC."""

    since: datetime.datetime
    until: datetime.datetime

    def holds(self, moment: datetime.datetime) -> bool:
        return self.since <= moment < self.until


@dataclasses.dataclass(frozen=True)
class Unstarted:
    """A film in the sources bucket that no execution has begun with. why: "never heard of" or "never started"."""

    upload: Upload
    event: dict[str, Any]
    at: datetime.datetime
    why: str


def unstarted(sources_bucket: str, table: str, window: Window) -> Iterator[Unstarted]:
    """Films that came in the window and have no record, or one that no execution has begun with.

    Of a key that was uploaded again only the newest upload counts, as for `vod ingest`: an older one would find a newer
    in its place and end as superseded.
    """
    batch: list[Unstarted] = []
    for version in existing.newest(sources_bucket, keys.UPLOADS):
        if keys.is_film(version["Key"]) and window.holds(version["LastModified"]):
            event = existing.event_for(sources_bucket, version)
            batch.append(Unstarted(Upload.from_event(event), event, version["LastModified"], ""))
        if len(batch) == _AT_ONCE:
            yield from _not_begun(batch, table)
            batch = []
    yield from _not_begun(batch, table)


def _not_begun(batch: list[Unstarted], table: str) -> Iterator[Unstarted]:
    known = AssetTable(table).registered([each.upload for each in batch])
    for each in batch:
        record = known.get(each.upload)
        if record is None:
            yield dataclasses.replace(each, why="never heard of")
        elif record["status"] == "received" and not record.get("execution_arn"):
            yield dataclasses.replace(each, why="never started")


def unheard(place: Place, window: Window) -> Iterator[tuple[Upload, dict[str, Any]]]:
    """(upload, MediaConvert's job) of jobs that ended in the window and whose record does not know it yet."""
    ours = transcoder.Jobs.of(place.table, place.mediaconvert_queue_arn, place.hop_queue_arn)
    for record in AssetTable(place.table).due(JOB, _FOR_EVER):
        job = transcoder.find_job(record, ours)
        if job and job["Status"] not in ALIVE and window.holds(_ended_at(job)):
            yield Upload.from_state(record["upload"]), job


def _ended_at(job: dict[str, Any]) -> datetime.datetime:
    """A cancelled job may say nothing of its finish."""
    return (job.get("Timing") or {}).get("FinishTime") or job["CreatedAt"]


@dataclasses.dataclass(frozen=True)
class Failed:
    """A run that failed. newer: the run of a later upload of the same key, where there is one."""

    execution: str
    film: str
    code: str | None
    at: str
    newer: str | None


def failed(place: Place, window: Window, code: str | None = None) -> list[Failed]:
    """Runs that failed in the window and are still so, with this error's code or with any; the newest first."""
    until = window.until.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    found = []
    for one in reading.listed(place.table, window.since):
        if one["status"] == "failed" and one["updated_at"] < until and code in (None, one["code"]):
            run = keys.execution_name(one["asset_id"], one["version"], one["revision"])
            found.append(Failed(run, one["film"], one["code"], one["updated_at"], _newer(run, one["asset_id"], place)))
    return found


def _newer(execution: str, asset_id: str, place: Place) -> str | None:
    """To try an older upload again would cost an encode and end as superseded."""
    newest = max(operate.records_of(asset_id, place), key=lambda record: record["upload"]["order"])
    name = upload_of(newest).execution_name
    return None if name == execution else name
