"""Start executions: S3's "Object Created" events, through SQS, become one execution each.

In: an SQS batch of EventBridge events. Out: the messages to try again. What is no film (sidecars, folders, hidden
files) is let go; a duplicate finds its version already registered and started, and starts nothing.
"""

from __future__ import annotations

import json
from typing import Any

from pipeline.aws import executions, logs, receipts
from pipeline.aws.batch import each_message
from pipeline.aws.intake import Intake
from pipeline.media import keys
from pipeline.media.asset import Upload
from pipeline.settings import StartSettings


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    settings = StartSettings.from_env()
    return each_message(event, lambda body: start(json.loads(body), settings))


def start(event: dict[str, Any], settings: StartSettings) -> str | None:
    """The execution's ARN, or None where nothing was to be started."""
    upload = Upload.from_event(event)
    if not keys.is_film(upload.key):
        return None
    table = Intake(settings.table)
    with logs.about(upload), logs.call("start"):
        registered = table.register(upload)
        if registered.get("execution_arn") or registered["status"] in ("cancelled", "waiting"):
            return None
        upload = upload.with_revision(int(registered["revision"]))
        if (pause := table.state())["paused"]:
            table.wait(upload, pause)
            arn = None
        else:
            arn = executions.start(upload, settings.state_machine_arn)
            table.started(upload, arn)
        # Last: were it first and S3 slow, the film would never start.
        receipts.refresh(table, settings.sources_bucket, settings.delivery_url, upload)
        return arn
