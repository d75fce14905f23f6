"""Convert captions, Convert poster, Convert cover: what lies beside the pictures becomes files in the run's folder.

In: {upload, captions, duration_ms}, or {upload, wanted, poster} for a picture beside the film, or {upload, wanted} for
the cover. Out: a list of caption tracks with their warnings; {path, width, height, warnings} of the poster, without a
path where it is no picture; {path, width, height} of the cover, {} where there is none.

Every sidecar becomes a WebVTT file and a media playlist. One that cannot be read is left out with a warning: captions
and posters never hold a film back. Of many warnings the first are kept. The cover is the picture inside a file of sound
alone.
"""

from __future__ import annotations

import dataclasses
from functools import partial
from typing import Any

from pipeline.aws import objects
from pipeline.aws.faults import handles_faults
from pipeline.media import captions, cover, images, keys, manifest
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
    """The picture beside the film, as it is: its kind is told by its bytes and not by its name."""
    name = keys.file_name(key)
    try:
        # One byte more than is allowed: a larger file is refused, and never held in memory.
        data = objects.read_part(upload.bucket, key, 0, images.MOST_BYTES + 1)
        found = images.show(data)
    except images.ImageBroken as error:
        return {"file": name, "warnings": [f"{name} is not used as the poster: {error}; save it as JPEG or PNG"]}
    except OutputMissing:
        return {"file": name, "warnings": [f"{name} was deleted before it could become the poster"]}
    path = f"poster-sidecar.{'png' if found.kind == 'png' else 'jpg'}"
    objects.write_once(bucket, upload.run_prefix + path, data, f"image/{found.kind}")
    return {
        "file": name,
        "path": path,
        "width": found.width,
        "height": found.height,
        "warnings": images.heavy(data, name),
    }


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
