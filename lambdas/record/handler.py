"""Record a failure: what no Catch sees. Step Functions says FAILED, TIMED_OUT or ABORTED through EventBridge.

In: one "Step Functions Execution Status Change" event. Out: what was recorded. Writes status, error, cause and the
box that failed to the version's record, cancels the run's jobs that are still alive, tells viewers and the operators'
topic. An event that comes late, when the execution has been redriven, is let go: it would cancel the jobs of the
redrive. What fails here is tried twice more by Lambda, then lies in the dead-letter queue; the sweep makes up for it.
"""

from __future__ import annotations

import json
from typing import Any

from pipeline.aws import executions, failures, logs, receipts
from pipeline.aws.faults import handles_faults
from pipeline.aws.table import AssetTable
from pipeline.media.asset import Upload
from pipeline.settings import RecordSettings


@handles_faults
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    settings = RecordSettings.from_env()
    detail = event["detail"]
    upload = _upload(detail)
    if upload is None:
        return {"recorded": False}  # an execution somebody started by hand with an input of their own
    with logs.about(upload):
        return _record(detail, upload, settings)


def _record(detail: dict[str, Any], upload: Upload, settings: RecordSettings) -> dict[str, Any]:
    table, redrives = AssetTable(settings.table), detail.get("redriveCount") or 0
    described = executions.describe(detail["executionArn"])
    if executions.has_moved_on(described, redrives):
        return {"recorded": False}
    # Error and cause are not in every event; the execution has them.
    ended = {**detail, **{name: detail.get(name) or described.get(name) for name in ("error", "cause")}}
    cancelled = failures.record(upload, ended, redrives, table, settings.outputs_bucket, settings.topic_arn)
    receipts.refresh(table, settings.sources_bucket, settings.delivery_url, upload)
    return {"recorded": True, "cancelled": cancelled}


def _upload(detail: dict[str, Any]) -> Upload | None:
    try:
        return Upload.from_state(json.loads(detail["input"])["upload"])
    except (KeyError, TypeError, ValueError):
        return None
