"""Verify outputs: read what MediaConvert really wrote, and compare it with what its job was asked for.

In: {upload, source, plan}. Out: the `verified` part (pipeline.media.outputs). Raises OutputMissing,
OutputWrong, SourceRejected (the film breaks off) and SourceSuperseded (MediaConvert may have read another film).
"""

from __future__ import annotations

import dataclasses
import json
from typing import Any

from pipeline.aws import objects
from pipeline.aws.faults import handles_faults
from pipeline.aws.run_folder import RunFolder
from pipeline.media import outputs
from pipeline.media.asset import Upload
from pipeline.media.keys import file_name
from pipeline.media.promise import promised
from pipeline.media.source import Source
from pipeline.settings import VerifySettings


@handles_faults
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    bucket = VerifySettings.from_env().outputs_bucket
    upload = Upload.from_state(event["upload"])
    objects.require_current(upload)
    promise = promised(*(_settings(bucket, event["plan"][role]) for role in ("streams", "download")))
    with RunFolder(bucket, upload.run_prefix) as folder:
        streams, sizes = folder.streams(promise), folder.sizes()
        source = Source.from_state(event["source"])
        verified = outputs.verify(streams, sizes, promise, source, file_name(upload.key))
        verified = outputs.check_heads(verified, streams, folder.heads(streams))
        if found := outputs.first_image(streams):
            playlist, image = found
            verified = outputs.check_image(verified, streams, playlist, folder.image(image))
        folder.check_boxes(outputs.segments_to_read(streams, sizes), sizes, outputs.check_segment)
        if verified.download:
            folder.check_boxes([verified.download], sizes, outputs.check_download)
    return dataclasses.asdict(verified)


def _settings(bucket: str, stored: dict[str, str] | None) -> dict[str, Any] | None:
    """A job's settings as the plan step wrote them, where it wrote them."""
    return json.loads(objects.read(bucket, stored["settings_key"])) if stored else None
