"""Answer the steps that wait for MediaConvert: the only function that resolves task tokens.

In: an SQS batch of MediaConvert's "Job State Change" events (and answers that `transcode` posts in the same shape).
Out: the messages to try again. COMPLETE succeeds the step, ERROR and CANCELED fail it by our error's name, everything
else is a heartbeat, and progress: at the page where viewers wait, and in the receipt. Answers that come twice, late, or
for an attempt that is no longer the newest, do no harm.
"""

from __future__ import annotations

import json
import logging
from typing import Any

from pipeline.aws import executions, logs, money, pointers, receipts
from pipeline.aws.batch import each_message
from pipeline.aws.table import AssetTable
from pipeline.media import outputs
from pipeline.media.asset import Upload
from pipeline.settings import CompleteSettings

#: The job whose progress viewers are shown: the one they wait for.
SHOWN = "streams"

_log = logging.getLogger(__name__)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    settings = CompleteSettings.from_env()
    table = AssetTable(settings.table)
    return each_message(event, lambda body: answer(json.loads(body)["detail"], table, settings))


def answer(detail: dict[str, Any], table: AssetTable, settings: CompleteSettings) -> bool:
    """Pass on what MediaConvert said; False when nobody waits for it."""
    metadata = detail.get("userMetadata") or {}
    if not {"asset_id", "version", "revision", "role", "attempt"} <= metadata.keys():
        return False  # a job that somebody else put into our queue
    record = table.job_of(metadata)
    if record is None or str(record.get("attempt")) != metadata["attempt"]:
        return False
    upload = Upload.from_state(record["upload"])
    with logs.about(upload), logs.call("complete"):
        answered = _pass_on(detail, record, upload, table, settings)
        if record["role"] == SHOWN and outputs.percent(detail) not in (None, record.get("percent")):
            receipts.refresh(table, settings.sources_bucket, settings.delivery_url, upload)
        return answered


def _pass_on(
    detail: dict[str, Any], record: dict[str, Any], upload: Upload, table: AssetTable, settings: CompleteSettings
) -> bool:
    role, token = record["role"], record["task_token"]
    status, attempt = detail["status"], record["attempt"]
    if status in ("COMPLETE", "ERROR", "CANCELED"):
        code = f" {detail['errorCode']}: {detail.get('errorMessage')}" if detail.get("errorCode") else ""
        _log.info("job %s (%s), attempt %s: %s%s", detail["jobId"], role, attempt, status, code)
    if status == "COMPLETE":
        billed = money.spent(record, detail, settings)
        if not table.job_news(upload, role, attempt, status, 100, **billed):
            return False
        waits = executions.succeed(token, outputs.from_complete_event(detail))
        money.settle(table, upload)
        return waits
    if status in ("ERROR", "CANCELED"):
        current = table.job_news(upload, role, attempt, status)
        return current and executions.fail(token, outputs.failure(detail))
    percent = outputs.percent(detail)
    if not table.job_news(upload, role, attempt, "PROGRESSING", percent):
        return False
    waits = executions.heartbeat(token)
    if role == SHOWN and percent is not None:
        pointers.show_progress(settings.outputs_bucket, upload, percent)
    return waits
