"""Verify outputs: read what MediaConvert really wrote, and compare it with the plan.

In: {upload, source, plan}. Out: the `verified` part (pipeline.media.outputs). Raises OutputMissing,
OutputWrong, SourceRejected (the film breaks off) and SourceSuperseded (MediaConvert may have read another film).
"""

from __future__ import annotations

import concurrent.futures
import dataclasses
from typing import Any

from pipeline.aws import objects
from pipeline.aws.faults import handles_faults
from pipeline.media import outputs
from pipeline.media.asset import Upload
from pipeline.media.boxes import FIRST_BYTES
from pipeline.media.keys import file_name
from pipeline.media.source import Source
from pipeline.settings import VerifySettings


@handles_faults
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    settings = VerifySettings.from_env()
    upload = Upload.from_state(event["upload"])
    objects.require_current(upload)
    source, texts = Source.from_state(event["source"]), _texts(settings.outputs_bucket, upload.run_prefix)
    verified = outputs.verify(
        texts=texts,
        sizes=objects.sizes_below(settings.outputs_bucket, upload.run_prefix),
        plan=event["plan"],
        has_audio=bool(source.audio),
        source_duration_ms=source.duration_ms,
        name=file_name(upload.key),
        sound_ms=source.sound_ms,
    )
    outputs.check_heads(texts, _heads(settings.outputs_bucket, upload.run_prefix, texts))
    return dataclasses.asdict(verified)


def _texts(bucket: str, prefix: str) -> dict[str, str]:
    """Every manifest that a player will read. One that is not text is `outputs`' to report."""
    texts = {name: _text(bucket, prefix + name) for name in outputs.manifests_needed()}
    for name in outputs.media_playlists(texts[outputs.manifests_needed()[0]]):
        texts[name] = _text(bucket, prefix + name)
    return texts


def _heads(bucket: str, prefix: str, texts: dict[str, str]) -> dict[str, outputs.Head]:
    """The first bytes of every track. A film may have forty tracks, so the reading is done side by side."""

    def head(names: tuple[str, str]) -> outputs.Head:
        init, first = (objects.read_start(bucket, prefix + name, FIRST_BYTES) for name in names)
        return outputs.Head(init, first)

    needed = outputs.heads_needed(texts)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        return dict(zip(needed, pool.map(head, needed.values()), strict=True))


def _text(bucket: str, key: str) -> str:
    return objects.read(bucket, key).decode("utf-8", "replace")
