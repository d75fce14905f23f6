"""Convert captions, Convert poster, Convert cover: what lies beside the pictures becomes files in the run's convert.

In: {upload, captions, duration_ms}, or {upload, wanted, poster} for a picture beside the film, or {upload, wanted} for
the cover inside a file of sound alone; an update brings {upload, captions, duration_ms, before} and {upload, wanted,
poster, before}. Out: a list of caption tracks; {file, path, width, height, warnings} of the poster, without a path
where it is no picture; {path, width, height} of the cover, {} where there is none.

Every caption sidecar becomes a WebVTT file and a media playlist. What cannot be read is left out with a warning:
captions and posters never hold a film back.
"""

from __future__ import annotations

from typing import Any

from pipeline.aws.converting import Converter
from pipeline.aws.faults import handles_faults
from pipeline.media.asset import Upload
from pipeline.settings import ConvertSettings


@handles_faults
def handler(event: dict[str, Any], context: Any) -> list[dict[str, Any]] | dict[str, Any]:
    upload = Upload.from_state(event["upload"])
    convert = Converter(ConvertSettings.from_env().outputs_bucket, upload, event.get("before"))
    if event.get("wanted") == "cover":
        return convert.cover()
    if event.get("wanted") == "poster":
        return convert.poster(event["poster"]) if event["poster"] else {}
    return convert.captions(event["captions"], event["duration_ms"])
