"""Probe source: ask MediaConvert what is inside the file.

In: {upload}. Out: the `source` part (pipeline.media.source). Raises SourceUnreadable (tried once more), SourceRejected.
"""

from __future__ import annotations

from typing import Any

from pipeline.aws import objects, transcoder
from pipeline.aws.faults import handles_faults
from pipeline.aws.table import AssetTable
from pipeline.media.asset import Upload
from pipeline.media.keys import file_name
from pipeline.media.source import Source
from pipeline.settings import ProbeSettings


@handles_faults
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    upload = Upload.from_state(event["upload"])
    objects.require_current(upload)
    source = Source.from_probe(transcoder.probe(upload.url), file_name(upload.key)).as_state()
    AssetTable(ProbeSettings.from_env().table).note(upload, source=source)
    return source
