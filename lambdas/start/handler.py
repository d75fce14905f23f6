"""Start executions: S3's "Object Created" events, through SQS, become one execution each.

In: an SQS batch of EventBridge events: an object was created, or an execution of ours succeeded. Out: the messages to
try again. A film starts its execution; a duplicate finds its version already registered and started, and starts
nothing. A sidecar whose film is published, or was rejected for its JSON file, starts the film's next revision; so does
the end of an execution, where something came in the meantime (pipeline.aws.updates). While intake is paused what would
start waits. Hidden files, folders and whatever fits no film are let go.
"""

from __future__ import annotations

import json
from typing import Any

from pipeline.aws import executions, logs, receipts, updates
from pipeline.aws.batch import each_message
from pipeline.aws.intake import Intake
from pipeline.media import keys, sidecars
from pipeline.media.asset import Upload
from pipeline.settings import StartSettings


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    settings = StartSettings.from_env()
    return each_message(event, lambda body: start(json.loads(body), settings))


def start(event: dict[str, Any], settings: StartSettings) -> None:
    """What one event asks for, if anything."""
    if event.get("source") == "aws.states":
        _look_again(event, settings)
        return
    upload = Upload.from_event(event)
    if keys.is_film(upload.key):
        _start(upload, settings)
    elif sidecars.is_sidecar(upload.key):
        _update(upload, settings)


def _start(upload: Upload, settings: StartSettings) -> None:
    table = Intake(settings.table)
    with logs.about(upload), logs.call("start"):
        registered = table.register(upload)
        if registered.get("execution_arn") or registered["status"] in ("cancelled", "waiting"):
            return
        upload = upload.with_revision(int(registered["revision"]))
        if (pause := table.state())["paused"]:
            table.wait(upload, pause)
        else:
            table.started(upload, executions.start(upload, settings.state_machine_arn))
        # Last: were it first and S3 slow, the film would never start.
        receipts.refresh(table, settings.sources_bucket, settings.delivery_url, upload)


def _update(sidecar: Upload, settings: StartSettings) -> None:
    with logs.call("start"):
        for film in updates.films_of(sidecar.bucket, sidecar.key):
            _look(sidecar.bucket, film, settings, told=True)


def _look_again(event: dict[str, Any], settings: StartSettings) -> None:
    """An execution has ended: what came while it was under way has waited for this."""
    try:
        upload = logs.upload_in(json.loads(event["detail"]["input"]))
    except (KeyError, TypeError, ValueError):
        upload = None
    if upload is None:
        return  # somebody started it by hand, with an input of their own
    with logs.about(upload), logs.call("start"):
        _look(upload.bucket, upload.key, settings, told=False)


def _look(bucket: str, film: str, settings: StartSettings, told: bool) -> None:
    updates.look(bucket, film, Intake(settings.table), settings.state_machine_arn, settings.delivery_url, told)
