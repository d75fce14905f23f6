"""Convert captions: every sidecar becomes a WebVTT file and a media playlist in the run's folder.

In: {upload, captions, duration_ms}. Out: a list of caption tracks with their warnings. A sidecar that cannot be read
is left out with a warning: captions never hold a film back. Of many warnings the first are kept.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from pipeline.aws import objects
from pipeline.aws.faults import handles_faults
from pipeline.media import captions, keys, manifest
from pipeline.media.asset import Upload
from pipeline.media.errors import OutputMissing, SourceRejected
from pipeline.settings import ConvertSettings

_MOST_WARNINGS = 5


@handles_faults
def handler(event: dict[str, Any], context: Any) -> list[dict[str, Any]]:
    settings = ConvertSettings.from_env()
    upload = Upload.from_state(event["upload"])
    taken: set[str] = set()
    return [
        _convert(upload, sidecar, event["duration_ms"], settings.outputs_bucket, taken) for sidecar in event["captions"]
    ]


def _convert(upload: Upload, sidecar: dict[str, Any], duration_ms: int, bucket: str, taken: set[str]) -> dict[str, Any]:
    name = keys.file_name(sidecar["key"])
    try:
        parsed = captions.parse(objects.read(upload.bucket, sidecar["key"]), name, duration_ms)
    except (SourceRejected, OutputMissing) as error:
        return {"file": name, "vtt": None, "warnings": [error.message]}
    track = _track(sidecar, taken)
    objects.write_once(bucket, upload.run_prefix + track.vtt, parsed.as_vtt(), "text/vtt")
    playlist = manifest.caption_playlist(keys.file_name(track.vtt), duration_ms)
    objects.write_once(bucket, upload.run_prefix + track.playlist, playlist, "application/vnd.apple.mpegurl")
    return {"file": name, **dataclasses.asdict(track), "warnings": _first(parsed.warnings)}


def _first(warnings: tuple[str, ...]) -> list[str]:
    more = len(warnings) - _MOST_WARNINGS
    return [*warnings[:_MOST_WARNINGS], *([f"and {more} more"] if more > 0 else [])]


def _track(sidecar: dict[str, Any], taken: set[str]) -> manifest.CaptionTrack:
    """Two sidecars of one language (film.en.srt and film.en.vtt) both stay, the second with a number."""
    marks = sidecar["marks"]
    base = "-".join([sidecar["language"].lower(), *marks])
    name, number = base, 1
    while name in taken:
        number += 1
        name = f"{base}-{number}"
    taken.add(name)
    suffix = f" {number}" if number > 1 else ""
    return manifest.CaptionTrack(
        language=sidecar["language"],
        label=captions.label(sidecar["language"], marks) + suffix,
        vtt=f"captions/{name}.vtt",
        playlist=f"captions/{name}.m3u8",
        forced="forced" in marks,
        sdh=bool({"sdh", "cc"} & set(marks)),
    )
