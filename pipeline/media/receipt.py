"""The receipt of an upload: what came, how far it is, what became of it, and what to do about it, as data.

In: every record of an asset (AssetTable.everything) and the base URL of delivery. Out: a dictionary, the same for the
same records; docs/receipts.md and docs/receipt.schema.json describe it. The page that people read is made of it
(receipt_page). It is made anew each time, so that it cannot drift away from the record; what is not known yet is left
out. Nothing is raised for records that lack what an older pipeline did not write.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import Any

from pipeline.media import errors, keys, notification, playback
from pipeline.media.asset import Upload
from pipeline.media.languages import english_name

SCHEMA = 2
#: What a receipt may call an upload: the statuses of versions, with one word for what an asset's deletion took away.
DELETED = "deleted"
#: Statuses after which nothing changes by itself.
FINAL = ("published", "rejected", "superseded", "cancelled", "failed", "expired", DELETED)
#: How many uploads of a key are listed; a file that is uploaded every night has many.
MOST_VERSIONS = 20

Item = Mapping[str, Any]


def receipt(items: Iterable[Item], delivery_url: str, upload: Upload | None = None) -> dict[str, Any] | None:
    """The receipt of the newest upload of the key; None where there is no upload, or its sources were purged.

    upload: one whose record may lack its identity, because somebody started its execution by hand.
    """
    found = {item["sk"]: item for item in items}
    asset, versions = found.get("asset", {}), _versions(found, upload)
    if not versions or _is_purged(asset, versions[0]):
        return None
    newest = versions[0]
    this = _upload(newest)
    known = _known(found, newest)
    status = _status(newest, asset)
    job = found.get(f"job#{this.run}#streams", {})
    parts = {
        "schema": SCHEMA,
        "file": this.key,
        "asset_id": this.asset_id,
        "version": this.version,
        "revision": this.revision,
        "title": known.get("asset", {}).get("title") or asset.get("title") or keys.title(this.key),
        "size_bytes": this.size,
        "status": status,
        "state": _state(status, newest, asset, known, job),
        "since": newest.get("since") or newest.get("updated_at"),
        "received_at": newest.get("created_at"),
        "deduplication_id": _deduplication_id(status, newest, this, known),
        "percent": _percent(status, known, job),
        "waits": _waits(newest, this.asset_id) if status in ("waiting", "held") else None,
        "approval": known.get("approval"),
        "release": known.get("release"),
        "error": newest.get("error"),
        "error_page": _page_of(newest.get("error")),
        "plays": asset.get("current"),
        "playback": _playback(asset, found, delivery_url, this.asset_id),
        "removed_objects": asset.get("removed_objects") if status == DELETED else None,
        **_about_the_film(known, newest.get("warnings", [])),
        **_listed(versions, asset),
    }
    return {name: part for name, part in parts.items() if part is not None}


# The records ---------------------------------------------------------------------------------------------------------


def _versions(found: Mapping[str, Item], upload: Upload | None) -> list[Item]:
    """The key's uploads, newest first."""
    versions = [_whole(item, upload) for sk, item in found.items() if sk.startswith("version#")]
    return sorted(
        (item for item in versions if "upload" in item), key=lambda item: item["upload"]["order"], reverse=True
    )


def _whole(item: Item, upload: Upload | None) -> Item:
    if upload is None or "upload" in item or item["sk"] != f"version#{upload.version}":
        return item
    return {"revision": upload.revision, **item, "upload": upload.as_state()}


def _upload(version: Item) -> Upload:
    return Upload.from_state(version["upload"]).with_revision(_shown_revision(version))


def _shown_revision(version: Item) -> int:
    """The run that a receipt tells of: what was published last, once that is how the version stands."""
    if version["status"] == "published":
        return int(version.get("published_revision") or version["revision"])
    return int(version["revision"])


def _known(found: Mapping[str, Item], version: Item) -> dict[str, Any]:
    """What the steps noted of the run, and of the run whose encode it uses again."""
    own = found.get(f"run#{_upload(version).run}", {})
    base = (own.get("asset") or {}).get("base")
    return {**(found.get(f"run#{base}", {}) if base else {}), **own}


def _is_purged(asset: Item, newest: Item) -> bool:
    return bool(asset.get("purged")) and _is_deleted(asset, newest)


def _is_deleted(asset: Item, version: Item) -> bool:
    return asset.get("removed", "") >= version["upload"]["order"]


def _status(version: Item, asset: Item) -> str:
    return DELETED if _is_deleted(asset, version) else version["status"]


def _is_playing(version: Item, asset: Item) -> bool:
    return (asset.get("current") or {}).get("version") == version["upload"]["version"]


# How it stands -------------------------------------------------------------------------------------------------------


def _state(status: str, version: Item, asset: Item, known: Mapping[str, Any], job: Item) -> str:
    """Where the upload stands, in a sentence or two for somebody who knows the film and not the pipeline."""
    said = _SENTENCES.get(status) or _under_way(known, job)
    if status == "published" and not _is_playing(version, asset):
        said = "It was published. Another version plays in its place now."
    elif status == "published" and version.get("error"):
        said = f"{said} Something that came after it did not work."
    playing = asset.get("current")
    if playing and status not in ("published", DELETED) and playing["version"] != version["upload"]["version"]:
        said += " An earlier version plays meanwhile."
    return said


_SENTENCES = {
    "received": "It has arrived, and will be looked at in a moment.",
    "waiting": "It waits until new work goes on.",
    "held": "It is ready, and will be published when somebody approves it.",
    "published": "It is published.",
    "rejected": "It cannot be published as it is.",
    "superseded": "It was not published: another upload takes its place.",
    "cancelled": "It was stopped before it was published.",
    "failed": "It could not be prepared. Those who run this service have been told.",
    "expired": "It was replaced, and what was made of it is no longer kept.",
    "removed": "It was deleted.",
    DELETED: "It was deleted. Nothing of it plays any more.",
}


def _under_way(known: Mapping[str, Any], job: Item) -> str:
    """Of a version that is being transcoded: what is done with it now."""
    if (known.get("asset") or {}).get("base"):
        return "What came after its publication is being added."
    if "source" not in known:
        return "It is being looked at."
    if "plan" not in known:
        return "Its renditions are being planned."
    if job.get("status") == "COMPLETE":
        return "It is encoded, and is being checked."
    if job.get("status") == "PROGRESSING":
        return f"It is being encoded: {int(job.get('percent') or 0)} %."
    return "It waits for its turn to be encoded."


def _percent(status: str, known: Mapping[str, Any], job: Item) -> int | None:
    """Of the encode, while it is under way."""
    if status != "transcoding" or job.get("status") not in ("PROGRESSING", "COMPLETE"):
        return None
    return int(job.get("percent") or 0)


#: Who lets a version go on that waits, and how.
_RELEASES = {
    "approval": ("whoever may approve films", "vod approve {asset_id}"),
    "budget": ("an operator, or the next day's budget", "vod release {asset_id}"),
    "paused": ("an operator", "vod resume"),
}


def _waits(version: Item, asset_id: str) -> dict[str, Any]:
    """{reason, since, message, by, command}; of a reason that is not known here, what the record says."""
    waits = dict(version.get("waits") or {})
    if waits.get("reason") in _RELEASES:
        by, command = _RELEASES[waits["reason"]]
        waits |= {"by": by, "command": command.format(asset_id=asset_id)}
    return waits


def _deduplication_id(status: str, version: Item, upload: Upload, known: Mapping[str, Any]) -> str | None:
    """That of the message which was sent of this status, where one is."""
    if status not in notification.EVENTS:
        return None
    event = "updated" if status == "published" and (known.get("asset") or {}).get("base") else status
    return notification.deduplication_id(upload, event, int(version.get("recorded", 0)) if event == "failed" else 0)


def _page_of(error: Mapping[str, Any] | None) -> str | None:
    code = (error or {}).get("code")
    return errors.page_of(code) if code in errors.CODES else None


def _playback(asset: Item, found: Mapping[str, Item], delivery_url: str, asset_id: str) -> dict[str, Any] | None:
    """Where viewers find what plays now, this upload or an earlier one; the addresses stay the same."""
    current = asset.get("current")
    if not current:
        return None
    run = found.get(f"run#{keys.run(current['version'], int(current['revision']))}", {})
    links = {
        "url": playback.playback_url(delivery_url, asset_id),
        "hls": playback.manifest_url(delivery_url, asset_id, "index.m3u8"),
        "dash": playback.manifest_url(delivery_url, asset_id, "index.mpd"),
    }
    return {**links, **{name: part for name, part in (run.get("playback") or {}).items() if name == "poster" and part}}


# The film ------------------------------------------------------------------------------------------------------------


def _about_the_film(known: Mapping[str, Any], told: list[str]) -> dict[str, Any]:
    """What was found, what was changed, what was made; each as soon as it is known. told: of what came afterwards."""
    asset, source, plan, verified = (known.get(name) or {} for name in ("asset", "source", "plan", "verified"))
    poster = (known.get("outputs") or {}).get("poster") or {}
    warnings = [line for part in (asset, poster, source, plan) for line in part.get("warnings", [])] + told
    return {
        "duration_ms": verified.get("duration_ms") or source.get("duration_ms"),
        "found": found_in(source) if source else None,
        "source": source or None,
        "changes": plan.get("changes"),
        "planned": plan.get("rungs") if not verified else None,
        "renditions": verified.get("renditions"),
        "audio": verified.get("audio"),
        "captions": _captions(known, asset, verified),
        "captions_left_out": asset.get("captions_left_out") or None,
        "wishes": asset.get("wishes") or None,
        "warnings": warnings or None,
        "price": _price(known.get("price") or {}),
    }


def _captions(known: Mapping[str, Any], asset: Item, verified: Item) -> list[dict[str, Any]] | None:
    """Sidecars as they were converted, or as they were found; and what MediaConvert made of captions in the film."""
    converted = (known.get("outputs") or {}).get("captions")
    if converted is None:
        converted = [
            {
                "file": keys.file_name(sidecar["key"]),
                "language": sidecar["language"],
                "forced": "forced" in sidecar["marks"],
                "sdh": bool({"sdh", "cc"} & set(sidecar["marks"])),
            }
            for sidecar in asset.get("captions", [])
        ]
    inside = [{"file": None, **track} for track in verified.get("captions", [])]
    return [*converted, *inside] or None


def _price(price: Mapping[str, Any]) -> dict[str, Any] | None:
    """Totals: `vod cost` has the items."""
    kept = ("total", "currency", "whole", "sure", "region", "prices_read")
    bills = {name: price[name] for name in ("predicted", "actual") if price.get(name)}
    return {name: {key: bill[key] for key in kept if key in bill} for name, bill in bills.items()} or None


def _listed(versions: list[Item], asset: Item) -> dict[str, Any]:
    return {
        "versions": [_version(version, asset) for version in versions[:MOST_VERSIONS]],
        "versions_left_out": max(0, len(versions) - MOST_VERSIONS) or None,
    }


def _version(version: Item, asset: Item) -> dict[str, Any]:
    """One upload of the key, newest first in the receipt."""
    parts = {
        "version": version["upload"]["version"],
        "revision": int(version["revision"]),
        "status": _status(version, asset),
        "since": version.get("since") or version.get("updated_at"),
        "received_at": version.get("created_at"),
        "size_bytes": version["upload"]["size"],
        "replaced_at": version.get("replaced_at"),
        "code": (version.get("error") or {}).get("code"),
        "plays": _is_playing(version, asset),
    }
    return {name: part for name, part in parts.items() if part is not None}


# What was found ------------------------------------------------------------------------------------------------------

#: As people call them. MediaConvert's own word stands where there is none here.
_CODECS = {"AVC": "H.264", "MPEG2": "MPEG-2", "MPEG1": "MPEG-1", "PRORES": "ProRes", "AC3": "Dolby Digital",
           "EAC3": "Dolby Digital Plus", "OPUS": "Opus", "VORBIS": "Vorbis"}  # fmt: skip
_RANGES = {"PQ": "HDR (PQ)", "HLG": "HDR (HLG)"}
_CHANNELS = {1: "mono", 2: "stereo", 6: "5.1", 8: "7.1"}
_TRANSFERS = {"SMPTE_2084": "PQ", "ARIB_B67": "HLG"}


def found_in(source: Mapping[str, Any]) -> str:
    """The `source` part of the state in one line: 1080p HEVC 10 bit HDR (HLG), 29.97 fps, AAC stereo, 12.3 s."""
    sounds = [_sound(track, len(source["audio"])) for track in source["audio"]]
    picture = _picture(source["video"]) if source["video"] else ["no picture"]
    return ", ".join([*picture, *(sounds or ["no sound"]), length(source["duration_ms"])])


def _picture(video: Mapping[str, Any]) -> list[str]:
    words = [_size(video), _CODECS.get(video["codec"], video["codec"])]
    words += [f"{video['bit_depth']} bit"] if video["bit_depth"] > 8 else []
    words += [_RANGES[_TRANSFERS[video["transfer"]]]] if video["transfer"] in _TRANSFERS else []
    rate = f"{rate_of(video['frame_rate'])} fps"
    said = [" ".join(words), f"{rate} on average (variable)" if video.get("variable_rate") else rate]
    return [*said, f"rotated {video['rotation']} degrees"] if video["rotation"] else said


def _size(video: Mapping[str, Any]) -> str:
    """1080p and 1080i for pictures of the usual shape, pixels for all others."""
    width, height = video["width"], video["height"]
    usual = abs(width * 9 - height * 16) <= 2 * height and height in (2160, 1440, 1080, 720, 576, 540, 480, 360, 240)
    if usual:
        return f"{height}{'i' if video['interlaced'] else 'p'}"
    return f"{width}x{height}{' interlaced' if video['interlaced'] else ''}"


def _sound(track: Mapping[str, Any], tracks: int) -> str:
    channels = _CHANNELS.get(track["channels"], f"{track['channels']} channels")
    named = f" ({english_name(track['language'])})" if tracks > 1 and track["language"] != "und" else ""
    return f"{_CODECS.get(track['codec'], track['codec'])} {channels}{named}"


def rate_of(rate: str | float) -> str:
    """29.97, 25: as people say it."""
    return f"{float(Fraction(str(rate))):.3f}".rstrip("0").rstrip(".")


def length(duration_ms: int) -> str:
    """12.3 s, 4 min 05 s, 1 h 32 min."""
    if duration_ms < 60_000:
        return f"{duration_ms / 1000:.1f} s"
    minutes, seconds = divmod(round(duration_ms / 1000), 60)
    return f"{minutes} min {seconds:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"
