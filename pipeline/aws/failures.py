"""Bad ends: what is done once about an execution that FAILED, TIMED_OUT or was ABORTED.

`record` does it when Step Functions' event comes, the sweep when the event never came; both may, in any order and
twice. The error is written down first and the rest follows, so that nothing that goes wrong on the way loses it.
A film that had been published stays published: only telling people failed, and the message says so; or an update of it
failed, and the film plays on as it was. A cancelled run is nobody's failure: its jobs are stopped and nobody is told.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline.aws import executions, pointers, topic, transcoder
from pipeline.aws.table import AssetTable
from pipeline.media import errors
from pipeline.media.asset import Upload
from pipeline.media.reconcile import is_update, was_cancelled

_ALIVE = ("INTENDED", "SUBMITTED", "PROGRESSING")


def record(
    upload: Upload, ended: dict[str, Any], redrives: int, table: AssetTable, outputs_bucket: str, topic_arn: str
) -> list[str]:
    """Write down a bad end, stop its jobs, tell people; the ids of the jobs that were cancelled.

    ended: executionArn, name, status, error and cause. Jobs whose id was never saved are left to the sweep, which
    finds them by their UserMetadata. Nothing is stopped and nobody told when the execution has been redriven meanwhile.
    """
    failure = failure_of(ended)
    table.fail(upload, failure)
    failure["state"] = executions.failed_state(ended["executionArn"])
    table.fail(upload, failure)
    jobs = _alive(upload, table)
    if executions.has_moved_on(executions.find(ended["executionArn"]) or ended, redrives):
        table.redriven(upload)  # looked at after the jobs were listed: what a redrive begins now is not among them
        return []
    cancelled = [job_id for job_id in jobs if transcoder.cancel(job_id)]
    version = table.version(upload) or {}
    plays = version.get("status") == "published"
    if not plays:
        pointers.show(outputs_bucket, upload, table.title(upload), "failed")
    if not was_cancelled(version, upload.revision):
        event = "announcement_failed" if plays and not is_update(version) else "failed"
        parts = {"error": failure, "execution_arn": ended["executionArn"]}
        topic.announce(topic_arn, event, upload, parts, redrives, table.title(upload))
    table.recorded(upload, redrives)
    return cancelled


def cancel_jobs(upload: Upload, table: AssetTable) -> list[str]:
    """Cancel the run's jobs that are still alive and known by their id."""
    return [job_id for job_id in _alive(upload, table) if transcoder.cancel(job_id)]


def _alive(upload: Upload, table: AssetTable) -> list[str]:
    return [job["job_id"] for job in table.jobs(upload) if job.get("status") in _ALIVE and job.get("job_id")]


def failure_of(ended: Mapping[str, Any]) -> dict[str, Any]:
    """Our error contract, made of what the execution itself says of its end; `state` is not known yet."""
    error = ended.get("error") or ended["status"]
    parsed = errors.parse_cause(error, ended.get("cause") or "")
    evidence = {**parsed["evidence"], "execution": ended["name"], "status": ended["status"], "error": error}
    return {**parsed, "evidence": evidence, "state": None}
