"""Publish asset: point the stable URLs at this run. After this viewers can play it.

In: {upload, asset, outputs, verified}. Out: the `playback` part: url, hls, dash. Raises SourceSuperseded where a
newer upload was published first or the run was cancelled, PointerContended where another run is publishing right now.
"""

from __future__ import annotations

from typing import Any

from pipeline.aws import objects, pointers
from pipeline.aws.faults import handles_faults
from pipeline.aws.table import AssetTable, now
from pipeline.media import manifest, playback, storyboard
from pipeline.media.asset import Upload
from pipeline.settings import PublishSettings


@handles_faults
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    settings = PublishSettings.from_env()
    upload = Upload.from_state(event["upload"])
    verified, title = event["verified"], event["asset"]["title"]
    tracks = playback.caption_tracks(event["outputs"]["captions"])
    shown = _storyboard(settings.outputs_bucket, upload, verified)
    cover = event["outputs"].get("cover", {}).get("path")
    asset_json = playback.published(upload, title, verified, tracks, now(), storyboard=shown, cover=cover)
    manifests = _manifests(settings.outputs_bucket, upload, verified, tracks)
    links = {
        "url": playback.playback_url(settings.delivery_url, upload.asset_id),
        "hls": playback.manifest_url(settings.delivery_url, upload.asset_id, "index.m3u8"),
        "dash": playback.manifest_url(settings.delivery_url, upload.asset_id, "index.mpd"),
    }
    table = AssetTable(settings.table)
    # Before the decision: whoever finds the film published finds what it is, too.
    table.note(upload, verified=verified, outputs=event["outputs"], playback=links, encode=upload.run)
    pointers.publish(table, settings.outputs_bucket, upload, title, manifests, asset_json)
    return links


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
