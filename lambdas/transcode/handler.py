"""Transcode streams, Transcode download: see that one MediaConvert job works on this role, and leave.

In: {role, upload, job: {settings_key}, task_token}. Out: nothing that matters: the step sleeps until `complete`
answers the token. Raises SourceSuperseded, TranscodeFailed.
"""

from __future__ import annotations

import json
from typing import Any

from pipeline.aws import objects, transcoder
from pipeline.aws.faults import handles_faults
from pipeline.media.asset import Upload
from pipeline.settings import TranscodeSettings


@handles_faults
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    settings = TranscodeSettings.from_env()
    upload = Upload.from_state(event["upload"])
    objects.require_current(upload)  # MediaConvert reads the current object, whatever version was meant
    job_settings = json.loads(objects.read(settings.outputs_bucket, event["job"]["settings_key"]))
    return {"job_id": transcoder.transcode(upload, event["role"], job_settings, event["task_token"], settings)}
