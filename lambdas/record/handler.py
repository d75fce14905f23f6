"""Record a failure: what no Catch sees. Step Functions says FAILED, TIMED_OUT or ABORTED through EventBridge.

In: one "Step Functions Execution Status Change" event. Out: what was recorded. Writes status, error, cause and the
box that failed to the version's record, cancels the run's jobs that are still alive, tells the operators' topic. An
event that comes late, when the execution has been redriven, is let go: it would cancel the jobs of the redrive.
"""

from __future__ import annotations

import json
from typing import Any

from pipeline.aws import executions, topic, transcoder
from pipeline.aws.faults import handles_faults
from pipeline.aws.table import AssetTable
from pipeline.media import errors
from pipeline.media.asset import Upload
from pipeline.settings import RecordSettings

_ALIVE = ("INTENDED", "SUBMITTED", "PROGRESSING")


@handles_faults
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    settings = RecordSettings.from_env()
    detail = event["detail"]
    upload = _upload(detail)
    if upload is None:
        return {"recorded": False}  # an execution somebody started by hand with an input of their own
    described = executions.describe(detail["executionArn"])
    if executions.has_moved_on(described, detail.get("redriveCount") or 0):
        return {"recorded": False}
    table = AssetTable(settings.table)
    failure = _failure(detail, described)
    table.fail(upload, failure)
    cancelled = [
        job["job_id"]
        for job in table.jobs(upload)
        if job.get("status") in _ALIVE and job.get("job_id") and transcoder.cancel(job["job_id"])
    ]
    topic.announce(settings.topic_arn, "failed", upload, {"error": failure, "execution_arn": detail["executionArn"]})
    return {"recorded": True, "cancelled": cancelled}


def _upload(detail: dict[str, Any]) -> Upload | None:
    try:
        return Upload.from_state(json.loads(detail["input"])["upload"])
    except (KeyError, TypeError, ValueError):
        return None


def _failure(detail: dict[str, Any], described: dict[str, Any]) -> dict[str, Any]:
    """Our contract, with the box that failed. Error and cause are not in every event; the execution has them."""
    error = detail.get("error") or described.get("error") or detail["status"]
    cause = detail.get("cause") or described.get("cause") or ""
    parsed = errors.parse_cause(error, cause)
    evidence = {**parsed["evidence"], "execution": detail["name"], "status": detail["status"], "error": error}
    return {**parsed, "evidence": evidence, "state": executions.failed_state(detail["executionArn"])}
