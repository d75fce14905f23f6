"""What a run publishes, put together: two manifests and asset.json, as they stand in the run's own folder.

In: the run's parts of the state (asset, outputs, verified). Out: the texts, and the storyboard written beside the
thumbnails it is made of. Publish makes the pointers of them, a hold for approval shows them to who is to approve: one
code for both, so that what is published is what was approved. Raises OutputMissing where a manifest is not there.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from pipeline.aws import objects
from pipeline.media import manifest, playback, storyboard
from pipeline.media.asset import Upload


@dataclasses.dataclass(frozen=True)
class Assembled:
    """manifests: index.m3u8 and index.mpd, with URIs relative to the run's folder."""

    manifests: dict[str, str]
    asset_json: dict[str, Any]


def assemble(
    bucket: str,
    upload: Upload,
    asset: Mapping[str, Any],
    outputs: Mapping[str, Any],
    verified: dict[str, Any],
    published_at: str,
) -> Assembled:
    """The run's manifests and asset.json; the storyboard is written."""
    tracks = playback.caption_tracks(outputs["captions"])
    shown = _storyboard(bucket, upload, verified)
    cover = (outputs.get("cover") or {}).get("path")
    asset_json = playback.published(
        upload, asset["title"], verified, tracks, published_at, storyboard=shown, cover=cover
    )
    return Assembled(_manifests(bucket, upload, verified, tracks), asset_json)


def _manifests(
    bucket: str, upload: Upload, verified: dict[str, Any], tracks: tuple[manifest.CaptionTrack, ...]
) -> dict[str, str]:
    """Our two manifests as they stand in the run's folder; from these the pointers are made, now and in a repair."""
    multivariant = objects.read(bucket, upload.run_prefix + verified["hls"]).decode()
    mpd = objects.read(bucket, upload.run_prefix + verified["dash"]).decode()
    ranges = {each["playlist"]: each["video_range"] for each in verified["renditions"] if each["video_range"] != "SDR"}
    return {
        "index.m3u8": manifest.hls(multivariant, "", tracks, ranges, verified["closed_captions"]),
        "index.mpd": manifest.dash(mpd, "", tracks),
    }


def _storyboard(bucket: str, upload: Upload, verified: dict[str, Any]) -> str | None:
    """Write the storyboard of the run's thumbnails; its name, or None where there are none."""
    found = verified["thumbnails"]
    if found is None:
        return None
    text = objects.read(bucket, upload.run_prefix + found["playlist"]).decode()
    playlist = manifest.media_playlist(text, found["playlist"])
    board = storyboard.storyboard(playlist, (found["width"], found["height"]), verified["duration_ms"])
    objects.write_once(bucket, upload.run_prefix + storyboard.NAME, board, "text/vtt")
    return storyboard.NAME
