"""Reconcile: what the sweep is to do about a record that is still open, decided from facts alone.

In: a version's or a job's record, how its execution stands, how MediaConvert's job stands. Out: one word for the
sweep (pipeline.aws.sweep) to act on. Every decision may be taken twice, by two sweeps at once, or be a little late:
what follows from it is conditional or idempotent.

`execution` is Step Functions' own word (RUNNING, SUCCEEDED, FAILED, TIMED_OUT, ABORTED), or None where it has
forgotten the execution (it does after 90 days).
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any

#: The table's sparse index of what is still open.
OPEN_INDEX = "Open"
#: In it, uploads that wait until intake is resumed: a kind of their own, so that nobody looks at them before.
PAUSED = "paused"
#: Its index of all versions, newest change first, and what of each is in it besides the keys.
LISTED_INDEX = "Listed"
LISTED_PARTS = (
    "film", "title", "status", "code", "revision", "created_at", "predicted_usd", "cost_usd", "billed_at",
)  # fmt: skip

#: How long a write of ours may still be under way: nobody's work is taken from their hands before.
START_GRACE = datetime.timedelta(minutes=2)
#: What a failed run has made stays for a redrive, which Step Functions allows for 14 days.
KEPT = datetime.timedelta(days=14)

#: Every status a version may have.
STATUSES = (
    "received", "waiting", "transcoding", "held", "published", "rejected", "superseded", "cancelled", "failed",
)  # fmt: skip
#: Those of a run that has not ended, and those of one that an operator can still cancel.
UNDER_WAY = ("received", "waiting", "transcoding", "held")
CANCELLABLE = (*UNDER_WAY, "failed", "cancelled")
#: Ends after which an upload may have a next run.
ENDED_UNPUBLISHED = ("failed", "cancelled", "rejected", "superseded")
ALIVE = ("SUBMITTED", "PROGRESSING")
BAD_ENDS = ("FAILED", "TIMED_OUT", "ABORTED")
#: Statuses of versions whose outputs nobody will ever play.
REFUSED = ("rejected", "superseded", "cancelled", "expired", "removed")


#: The rejection that another file than the film can mend.
SIDECAR_WRONG = "INPUT_SIDECAR_WRONG"


def is_update(record: Mapping[str, Any]) -> bool:
    """Whether the newest run of a version is an update that has not been published: an earlier revision plays."""
    published = record.get("published_revision")
    return published is not None and int(published) < int(record["revision"])


def was_cancelled(record: Mapping[str, Any], revision: int) -> bool:
    """A cancelled update is remembered by its revision, because its version is published again."""
    return record.get("status") == "cancelled" or record.get("cancelled_revision") == revision


def for_version(record: Mapping[str, Any], execution: str | None, redrives: int = 0, just_ended: bool = False) -> str:
    """wait, start, stop, record, remove, expire, settle or puzzle.

    redrives: how often the execution has been redriven; a bad end is recorded once after each. just_ended: so lately
    that the event of it may still be on its way.
    """
    status = record["status"]
    if execution == "RUNNING":
        return "stop" if was_cancelled(record, int(record.get("revision", 1))) else "wait"
    if status in REFUSED:
        return "remove"
    if not record.get("execution_arn"):
        return "start"
    if execution in BAD_ENDS and record.get("recorded", -1) < redrives:
        return "wait" if just_ended else "record"
    if status == "published":
        return "expire" if record.get("replaced_at") else "settle"
    # Failed: now that it is due nobody can redrive it any more.
    return "remove" if status == "failed" or execution is None else "puzzle"


def for_sidecars(
    record: Mapping[str, Any],
    plays: bool,
    seen: Mapping[str, str] | None,
    there: Mapping[str, str],
    told: bool,
) -> str | None:
    """update, revise, start or warn; None where nothing is to be done about a film's sidecars.

    record: the newest version's. plays: it is what plays. seen: the sidecars its newest run has seen, each with what
    tells one upload of it from another; None where no run has noted any. there: those that lie beside the film now.
    told: somebody has just said that one of them came.

    A run under way is left alone: whoever looks at its end sees what it has not seen. What has gone is no reason:
    folders are tidied up.
    """
    status = record["status"]
    if status == "received" and is_update(record) and not record.get("execution_arn"):
        return "start"  # whoever began it died before its execution was started
    if seen is None and not told:
        return None
    if not any((seen or {}).get(key) != which for key, which in there.items()):
        return None
    if status == "published":
        return "update" if plays else "warn" if told else None
    refused = (record.get("error") or {}).get("code") == SIDECAR_WRONG
    return "revise" if status == "rejected" and refused else None


def for_job(record: Mapping[str, Any], execution: str | None, job_status: str | None, fresh: bool) -> str:
    """wait, adopt, heartbeat, answer, cancel or close.

    job_status: MediaConvert's word for the newest attempt's job, None where there is none. fresh: the record was
    written so recently that its function may still be at work.
    """
    if execution == "RUNNING":
        if job_status in ALIVE:
            return "heartbeat" if record.get("job_id") else ("wait" if fresh else "adopt")
        if job_status is None:
            return "wait"  # the step's own retry makes the next attempt
        return "answer"
    if job_status in ALIVE:
        return "cancel"
    return "wait" if fresh and job_status is None else "close"


def is_orphan(job: Mapping[str, str], record: Mapping[str, Any] | None, job_id: str) -> bool:
    """Whether a live job with our UserMetadata is one that no record names."""
    if record is None or int(job["attempt"]) < int(record["attempt"]):
        return True
    return bool(record.get("job_id")) and record["job_id"] != job_id
