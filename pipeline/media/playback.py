"""asset.json: what players and programs read about an asset.

In: an upload and what became of it. Out: plain dictionaries, written by others. URIs in asset.json are relative to
its own URL, so that they hold on any domain. docs/asset-json.md describes every field.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from pipeline.media.asset import Upload
from pipeline.media.keys import ASSETS
from pipeline.media.manifest import CaptionTrack

_RENDITION_FIELDS = (
    "name", "width", "height", "codecs", "bitrate_bps", "peak_bps", "frame_rate", "video_range",
)  # fmt: skip
_AUDIO_FIELDS = ("language", "label", "channels", "codecs", "group", "default")
_CAPTION_FIELDS = ("language", "label", "forced", "sdh")

#: What viewers read while there is nothing to play.
MESSAGES = {
    "processing": "This film is still being prepared. It will play here as soon as it is ready.",
    "rejected": "This film could not be prepared. Its owner has been told why.",
    "failed": "This film could not be prepared. Those who run this service have been told.",
    "removed": "Its owner has taken it down.",
}


def playback_url(delivery_url: str, asset_id: str) -> str:
    return f"{delivery_url}/?asset={asset_id}"


def preview_url(delivery_url: str, asset_id: str, run: str) -> str:
    """The page, playing a run that is not published: from its own folder, for who is to approve it."""
    return f"{playback_url(delivery_url, asset_id)}&run={run}"


def manifest_url(delivery_url: str, asset_id: str, name: str) -> str:
    return f"{delivery_url}/{ASSETS}{asset_id}/{name}"


def published(
    upload: Upload,
    title: str,
    verified: dict[str, Any],
    captions: tuple[CaptionTrack, ...],
    published_at: str | None,
    storyboard: str | None = None,
    cover: str | None = None,
    encode: str | None = None,
    own_poster: str | None = None,
    wished: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """asset.json of a film that plays, or of sound alone.

    verified: outputs.Verified as a dictionary. published_at: None in a preview. encode: the run whose folder holds the
    pictures, where that is not this run's own. storyboard and cover: paths in that folder. own_poster: the picture that
    lay beside the film, in this run's folder, as captions are. wished: what the film's owner says of it
    (pipeline.media.wishes).
    """
    own, folder = f"v/{upload.run}/", f"v/{encode or upload.run}/"

    def below(path: str | None) -> str | None:
        return folder + path if path else None

    about = wished or {}
    best = verified["renditions"][0] if verified["renditions"] else {"width": None, "height": None}
    return {
        "schema": 1,
        "asset_id": upload.asset_id,
        "status": "published",
        "title": title,
        "description": about.get("description"),
        "language": about.get("language"),
        "tags": list(about.get("tags", ())),
        "duration_ms": verified["duration_ms"],
        "version": upload.version,
        "revision": upload.revision,
        "hls": "index.m3u8",
        "dash": "index.mpd",
        "poster": own + own_poster if own_poster else below(verified["poster"] or cover),
        "storyboard": below(storyboard),
        "download": below(verified["download"]),
        "audio_only": verified["audio_only"],
        "width": best["width"],
        "height": best["height"],
        "has_audio": verified["has_audio"],
        "captions": [*_sidecars(captions, own), *_from_the_film(verified["captions"], folder)],
        "audio": [{key: sound[key] for key in _AUDIO_FIELDS} for sound in verified["audio"]],
        "renditions": [{key: rendition[key] for key in _RENDITION_FIELDS} for rendition in verified["renditions"]],
        "published_at": published_at,
        "order": upload.order,
    }


def _sidecars(captions: tuple[CaptionTrack, ...], folder: str) -> list[dict[str, Any]]:
    return [{**{key: getattr(track, key) for key in _CAPTION_FIELDS}, "vtt": folder + track.vtt} for track in captions]


def _from_the_film(captions: list[dict[str, Any]], folder: str) -> list[dict[str, Any]]:
    """MediaConvert may write a file for every few seconds: those are for players that read manifests."""
    return [
        {**{key: track[key] for key in _CAPTION_FIELDS}, "vtt": folder + track["vtt"] if track["vtt"] else None}
        for track in captions
    ]


def unpublished(upload: Upload, title: str, status: str) -> dict[str, Any]:
    """asset.json of an asset that does not play: processing, rejected, failed or removed."""
    return {
        "schema": 1,
        "asset_id": upload.asset_id,
        "status": status,
        "title": title,
        "message": MESSAGES[status],
        "version": upload.version,
        "revision": upload.revision,
        "order": upload.order,
    }


def may_replace(existing: dict[str, Any] | None, new: dict[str, Any]) -> bool:
    """Whether asset.json may change from `existing` to `new`.

    Never back to an older upload, nor to an older run of the same; never from playing to anything but "removed",
    whoever says so; a removed asset comes back with a newer upload only; "processing", said once more after the
    run's outcome, comes too late.
    """
    if existing is None:
        return True
    was, comes = _age(existing), _age(new)
    if comes < was:
        return False
    if existing["status"] == "published":
        return new["status"] in ("published", "removed")
    if existing["status"] == "removed":
        return new["status"] == "removed" or comes[0] > was[0]
    return comes > was or new["status"] != "processing" or existing["status"] == "processing"


def _age(asset_json: dict[str, Any]) -> tuple[str, int]:
    """Uploads are ordered by S3's sequencer, runs of one upload by their revision."""
    return str(asset_json.get("order", "")), int(asset_json.get("revision", 0))


def caption_tracks(outputs: list[dict[str, Any]]) -> tuple[CaptionTrack, ...]:
    """Read the convert step's part of the state back into tracks; sidecars that could not be read have no file."""
    fields = {field.name for field in dataclasses.fields(CaptionTrack)}
    readable = [track for track in outputs if track["vtt"]]
    return tuple(CaptionTrack(**{key: value for key, value in track.items() if key in fields}) for track in readable)
