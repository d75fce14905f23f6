"""Receipts of films at every point of their way, made of records as the steps write them (pipeline.aws.table)."""

from __future__ import annotations

from typing import Any

from pipeline.media import holds, keys
from pipeline.media.asset import Upload
from pipeline.media.changes import changes
from pipeline.media.errors import OutputMissing, SourceRejected, SourceSuperseded
from pipeline.media.job import plan_for
from pipeline.media.profiles import load
from pipeline.media.receipt import receipt
from tests.media.films import OUTPUTS, data, picture, sound, source, upload

DELIVERY = "https://d111111abcdef8.cloudfront.net"
KEY = "uploads/autumn campaign/Garçon & Fille (final).mov"
FILM = upload(KEY)
PHONE = {"Rotation": 90, "TransferCharacteristics": "ARIB_B67", "ColorPrimaries": "ITU_2020"}
SOURCE = source(
    picture(1920, 1080, "30000/1001", codec="HEVC", **PHONE),
    sound(language="eng"),
    sound(6, language="fra", index=3),
    data(None, "deu"),
    container="quicktime",
    seconds=12.3,
)
PLAN = plan_for(FILM, SOURCE, OUTPUTS, load()["default"])
BILL = {
    "total": 0.0273,
    "currency": "USD",
    "whole": True,
    "sure": True,
    "region": "us-east-1",
    "prices_read": "2025-11-01",
}
RENDITIONS = [
    {
        "name": rung.name,
        "playlist": f"stream_{rung.name}.m3u8",
        "width": rung.width,
        "height": rung.height,
        "codecs": "avc1.640028",
        "bitrate_bps": rung.max_bitrate_bps * 6 // 10,
        "peak_bps": rung.max_bitrate_bps,
        "size_bytes": rung.max_bitrate_bps * 12 // 14,
        "frame_rate": 29.97,
        "video_range": "SDR",
    }
    for rung in PLAN.rungs
]
AUDIO = {"playlist": "stream_en.m3u8", "group": "audio", "language": "en", "label": "English", "channels": 2,
         "codecs": "mp4a.40.2", "default": True, "bitrate_bps": 128_000}  # fmt: skip
ASSET = {
    "title": keys.title(KEY),
    "captions": [{"key": f"{KEY.removesuffix('.mov')}.{end}", "language": language, "marks": marks}
                 for end, language, marks in [("de.srt", "de", []), ("fr.forced.vtt", "fr", ["forced"])]],
    "captions_left_out": 0,
    "poster": None,
    "wishes": {},
    "base": None,
    "warnings": [],
}  # fmt: skip
CAPTIONS = [
    {"file": "Garçon & Fille (final).de.srt", "vtt": None, "warnings": ["no caption could be read in it"]},
    {"file": "Garçon & Fille (final).fr.forced.vtt", "language": "fr", "label": "Français (forced)", "forced": True,
     "sdh": False, "vtt": "captions/fr-forced.vtt", "playlist": "captions/fr-forced.m3u8", "warnings": []},
]  # fmt: skip
VERIFIED = {
    "renditions": RENDITIONS, "audio": [AUDIO], "captions": [], "duration_ms": 12_300, "poster": "poster.0000000.jpg"
}  # fmt: skip


def version(of: Upload = FILM, status: str = "transcoding", **more: Any) -> dict[str, Any]:
    return {
        "pk": of.asset_id,
        "sk": f"version#{of.version}",
        "upload": of.with_revision(1).as_state(),
        "revision": of.revision,
        "status": status,
        "since": "2026-11-23T12:49:03.512Z",
        "created_at": "2026-11-23T12:47:01.120Z",
        "updated_at": "2026-11-23T12:50:00.000Z",
        **more,
    }


def run(of: Upload = FILM, **parts: Any) -> dict[str, Any]:
    return {"pk": of.asset_id, "sk": f"run#{of.run}", **parts}


def job(of: Upload = FILM, status: str = "PROGRESSING", percent: int = 42) -> dict[str, Any]:
    return {"pk": of.asset_id, "sk": f"job#{of.run}#streams", "status": status, "percent": percent, "role": "streams"}


def asset(of: Upload | None = None, **more: Any) -> dict[str, Any]:
    """of: the run that plays."""
    current = {"current": {"version": of.version, "revision": of.revision}} if of else {}
    return {"pk": FILM.asset_id, "sk": "asset", "key": KEY, "title": ASSET["title"], **current, **more}


def planned(of: Upload = FILM, **more: Any) -> dict[str, Any]:
    plan = {**PLAN.as_state(), "profile": "default", "changes": list(changes(SOURCE, PLAN))}
    return run(of, asset=ASSET, source=SOURCE.as_state(), plan=plan, price={"predicted": {**BILL, "items": []}}, **more)


def whole(of: Upload = FILM, **more: Any) -> dict[str, Any]:
    poster = f"{DELIVERY}/{of.run_prefix}poster.0000000.jpg"
    price = {"predicted": {**BILL, "items": []}, "actual": {**BILL, "total": 0.0281, "items": []}}
    return {
        **planned(of),
        "verified": VERIFIED,
        "outputs": {"captions": CAPTIONS},
        "playback": {"url": "", "poster": poster},
        "price": price,
        **more,
    }


REJECTED = SourceRejected(
    "INPUT_TRUNCATED",
    "Garçon & Fille (final).mov breaks off after 3.2 s of 12.3 s",
    {"probe": "no moov box", "mediaconvert_error_code": 1076},
).as_dict()
FAILED = {
    **OutputMissing("OUTPUT_MISSING", "stream_720p.m3u8 does not exist", {"object": "stream_720p.m3u8"}).as_dict(),
    "state": "Verify outputs",
}
SUPERSEDED = SourceSuperseded("SOURCE_SUPERSEDED", f"{KEY} was uploaded again", {"this_version": "1"}).as_dict()
OLDER = upload(KEY, sequencer="00417F08299329D189", **{"version-id": "older"})
SINCE = "2026-11-23T12:49:03.512Z"
HELD = {
    "reason": holds.APPROVAL,
    "since": SINCE,
    "until": "2026-12-21T12:49:03.512Z",
    "preview_url": f"{DELIVERY}/?asset={FILM.asset_id}&run={FILM.run}",
    "message": f"encoded and verified; it waits for approval: `vod approve {FILM.asset_id}`",
}
BUDGET = {"reason": holds.BUDGET, "since": SINCE, "message": "planned, and held for its price"}
PAUSED = {"reason": holds.PAUSED, "since": SINCE, "message": "uploaded while intake was paused"}
UPDATE = FILM.with_revision(2)

#: What the table holds at each point of a film's way.
RECORDS: dict[str, list[dict[str, Any]]] = {
    "received": [version(status="received")],
    "looked at": [version(), asset(), run(asset=ASSET)],
    "probed": [version(), asset(), run(asset=ASSET, source=SOURCE.as_state())],
    "planned": [version(), asset(), planned()],
    "encoding": [version(), asset(), planned(), job()],
    "encoded": [version(), asset(), planned(), job(status="COMPLETE", percent=100)],
    "published": [version(status="published"), asset(FILM), whole(), job(status="COMPLETE", percent=100)],
    "rejected": [version(status="rejected", error=REJECTED), asset(), run(asset=ASSET)],
    "failed": [version(status="failed", error=FAILED, recorded=1), asset(), planned(), job(status="COMPLETE")],
    "held": [version(status="held", waits=HELD), asset(), whole()],
    "waiting for the budget": [version(status="waiting", waits=BUDGET), asset(), planned()],
    "waiting for the end of a pause": [version(status="waiting", waits=PAUSED), asset()],
    "cancelled": [version(status="cancelled"), asset(), planned()],
    "superseded": [version(status="superseded", error=SUPERSEDED), asset(), run(asset=ASSET)],
    "deleted": [
        version(status="removed"),
        version(OLDER, status="removed"),
        asset(status="removed", removed=FILM.order, removed_objects={"outputs": 231, "sources": 0}),
        whole(),
    ],
    "replacing": [
        version(),
        version(OLDER, status="published", since="2026-11-20T08:00:00.000Z"),
        asset(OLDER),
        planned(),
        whole(OLDER),
        job(),
    ],
    "replaced": [
        version(status="published"),
        version(OLDER, status="published", replaced_at=SINCE),
        asset(FILM),
        whole(),
        whole(OLDER),
    ],
    "rolled back": [
        version(status="published", replaced_at=SINCE),
        version(OLDER, status="published"),
        asset(OLDER),
        whole(),
        whole(OLDER),
    ],
    "being updated": [
        version(UPDATE, published_revision=1),
        asset(FILM),
        whole(),
        run(UPDATE, asset={**ASSET, "base": FILM.run}),
    ],
    "updated": [
        version(UPDATE, status="published", published_revision=2),
        asset(UPDATE),
        whole(),
        run(UPDATE, asset={**ASSET, "base": FILM.run}, verified=VERIFIED, outputs={"captions": CAPTIONS},
            playback={"poster": f"{DELIVERY}/{FILM.run_prefix}poster.0000000.jpg"}),
    ],
    "updated in vain": [
        version(UPDATE, status="published", published_revision=1, error=FAILED),
        asset(FILM),
        whole(),
        run(UPDATE, asset={**ASSET, "base": FILM.run}),
    ],
    "expired": [
        version(status="expired", replaced_at=SINCE), version(OLDER, status="published"), asset(OLDER), whole(OLDER)
    ],
    "of an older pipeline": [
        {name: part for name, part in version(status="published").items() if name != "since"},
        asset(FILM),
    ],
}  # fmt: skip
RECEIPTS = {name: receipt(items, DELIVERY) for name, items in RECORDS.items()}
