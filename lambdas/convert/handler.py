"""Convert captions, Convert poster, Convert cover: what lies beside the pictures becomes files in the run's folder.

In: {upload, captions, duration_ms}, or {upload, wanted, poster} for a picture beside the film, or {upload, wanted} for
the cover inside a file of sound alone. Out: a list of caption tracks; {file, path, width, height, warnings} of the
poster, without a path where it is no picture; {path, width, height} of the cover, {} where there is none.

Every caption sidecar becomes a WebVTT file and a media playlist. What cannot be read is left out with a warning:
captions and posters never hold a film back. Of many warnings the first are kept.
"""

from __future__ import annotations

import dataclasses
from functools import partial
from typing import Any

from pipeline.aws import objects
from pipeline.aws.faults import handles_faults
from pipeline.media import captions, cover, keys, manifest, poster
from pipeline.media.asset import Upload
from pipeline.media.errors import OutputMissing, SourceRejected
from pipeline.settings import ConvertSettings


@handles_faults
def handler(event: dict[str, Any], context: Any) -> list[dict[str, Any]] | dict[str, Any]:
    bucket = ConvertSettings.from_env().outputs_bucket
    upload = Upload.from_state(event["upload"])
    if event.get("wanted") == "cover":
        return _cover(upload, bucket)
    if event.get("wanted") == "poster":
        return _poster(upload, event["poster"], bucket)
    taken: set[str] = set()
    return [_convert(upload, sidecar, event["duration_ms"], bucket, taken) for sidecar in event["captions"]]


def _cover(upload: Upload, bucket: str) -> dict[str, Any]:
    size = objects.require_current(upload)
    found = cover.find_cover(partial(objects.read_part, upload.bucket, upload.key), size)
    if found is None:
        return {}
    objects.write_once(bucket, upload.run_prefix + found.file_name, found.data, found.content_type)
    return {"path": found.file_name, "width": found.image.width, "height": found.image.height}


def _poster(upload: Upload, key: str, bucket: str) -> dict[str, Any]:
    found = poster.look_at(objects.read_if_there(upload.bucket, key, poster.MOST_BYTES + 1), keys.file_name(key))
    if found.path:
        objects.write_once(bucket, upload.run_prefix + found.path, found.data, found.content_type)
    return found.as_state()


def _convert(upload: Upload, sidecar: dict[str, Any], duration_ms: int, bucket: str, taken: set[str]) -> dict[str, Any]:
    name, language = keys.file_name(sidecar["key"]), sidecar["language"]
    try:
        # One byte more than is allowed: a longer file is refused, and never held in memory.
        data = objects.read_part(upload.bucket, sidecar["key"], 0, captions.MOST_BYTES + 1)
        parsed = captions.parse(data, name, duration_ms, language)
    except (SourceRejected, OutputMissing) as error:
        return {"file": name, "vtt": None, "warnings": [error.message]}
    track = captions.track(language, sidecar["marks"], taken)
    objects.write_once(bucket, upload.run_prefix + track.vtt, parsed.as_vtt(), "text/vtt")
    playlist = manifest.caption_playlist(keys.file_name(track.vtt), duration_ms)
    objects.write_once(bucket, upload.run_prefix + track.playlist, playlist, "application/vnd.apple.mpegurl")
    return {"file": name, **dataclasses.asdict(track), "warnings": captions.reported(parsed.warnings, name, language)}
