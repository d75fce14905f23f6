"""What a run publishes, put together: two manifests and asset.json, as they stand in the run's own folder.

In: the run's parts of the state (asset, outputs, verified). Out: the texts, and the storyboard written beside the
thumbnails it is made of. An update has captions of its own and an earlier run's pictures (asset.base), to which its
manifests point. Publish makes the pointers of them, a hold for approval shows them to who is to approve: one
code for both, so that what is published is what was approved. Raises OutputMissing where a manifest is not there.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from pipeline.aws import objects
from pipeline.media import keys, manifest, playback, storyboard
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
    published_at: str | None,
) -> Assembled:
    """The run's manifests and asset.json; the storyboard is written."""
    tracks = playback.caption_tracks(outputs["captions"])
    encode = encode_of(upload, asset)
    # Those of an earlier run were written when that was published.
    shown = _storyboard(bucket, upload, verified) if encode == upload.run else _storyboard_name(verified)
    asset_json = playback.published(
        upload,
        asset["title"],
        verified,
        tracks,
        published_at,
        storyboard=shown,
        cover=(outputs.get("cover") or {}).get("path"),
        encode=encode,
        own_poster=(outputs.get("poster") or {}).get("path"),
        wished=asset.get("wishes"),
    )
    return Assembled(_manifests(bucket, upload, encode, verified, tracks), asset_json)


def encode_of(upload: Upload, asset: Mapping[str, Any]) -> str:
    """The run in whose folder the pictures lie: an earlier one for an update, else this one."""
    return asset.get("base") or upload.run


def _manifests(
    bucket: str, upload: Upload, encode: str, verified: dict[str, Any], tracks: tuple[manifest.CaptionTrack, ...]
) -> dict[str, str]:
    """Our two manifests as they stand in the run's folder; from these the pointers are made, now and in a repair."""
    folder = keys.folder_of(upload.asset_id, encode)
    multivariant, mpd = (objects.read(bucket, folder + verified[name]).decode() for name in ("hls", "dash"))
    away = "" if encode == upload.run else f"../{encode}/"
    ranges = {
        away + each["playlist"]: each["video_range"] for each in verified["renditions"] if each["video_range"] != "SDR"
    }
    moved = manifest.hls(multivariant, away, ()) if away else multivariant
    return {
        "index.m3u8": manifest.hls(moved, "", tracks, ranges, verified["closed_captions"]),
        "index.mpd": manifest.dash(mpd, "", tracks, away),
    }


def _storyboard_name(verified: dict[str, Any]) -> str | None:
    return storyboard.NAME if verified["thumbnails"] else None


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
