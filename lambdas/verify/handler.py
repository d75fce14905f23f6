"""Verify outputs: read what MediaConvert really wrote, and compare it with the plan.

In: {upload, source, plan}. Out: the `verified` part (pipeline.media.outputs). Raises OutputMissing,
OutputWrong, SourceRejected (the film breaks off) and SourceSuperseded (MediaConvert may have read another film).
"""

from __future__ import annotations

import dataclasses
from typing import Any

from pipeline.aws import objects
from pipeline.aws.faults import handles_faults
from pipeline.media import outputs
from pipeline.media.asset import Upload
from pipeline.media.keys import file_name
from pipeline.settings import VerifySettings


@handles_faults
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    settings = VerifySettings.from_env()
    upload = Upload.from_state(event["upload"])
    objects.require_current(upload)
    verified = outputs.verify(
        texts=_texts(settings.outputs_bucket, upload.run_prefix),
        sizes=objects.sizes_below(settings.outputs_bucket, upload.run_prefix),
        plan=event["plan"],
        has_audio=bool(event["source"]["audio"]),
        source_duration_ms=event["source"]["duration_ms"],
        name=file_name(upload.key),
    )
    return dataclasses.asdict(verified)


def _texts(bucket: str, prefix: str) -> dict[str, str]:
    """Every manifest that a player will read. One that is not text is `outputs`' to report."""
    texts = {name: _text(bucket, prefix + name) for name in outputs.manifests_needed()}
    for name in outputs.media_playlists(texts[outputs.manifests_needed()[0]]):
        texts[name] = _text(bucket, prefix + name)
    return texts


def _text(bucket: str, key: str) -> str:
    return objects.read(bucket, key).decode("utf-8", "replace")
