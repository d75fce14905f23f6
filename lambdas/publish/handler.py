"""Publish asset: point the stable URLs at this run. After this viewers can play it.

In: {upload, asset, outputs, verified}. Out: the `playback` part: url, hls, dash, poster, and the team's
message with the folder to filter by. Raises SourceSuperseded where a newer upload was published first or the run was
cancelled, PointerContended where another run publishes right now.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from pipeline.aws import assembly, money, pointers
from pipeline.aws.budget import Budget
from pipeline.aws.faults import handles_faults
from pipeline.aws.table import now
from pipeline.media import notification, playback
from pipeline.media.asset import Upload
from pipeline.settings import PublishSettings


@handles_faults
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    settings = PublishSettings.from_env()
    upload = Upload.from_state(event["upload"])
    asset, outputs, verified = event["asset"], event["outputs"], event["verified"]
    made = assembly.assemble(settings.outputs_bucket, upload, asset, outputs, verified, now())
    links = {
        "url": playback.playback_url(settings.delivery_url, upload.asset_id),
        "hls": playback.manifest_url(settings.delivery_url, upload.asset_id, "index.m3u8"),
        "dash": playback.manifest_url(settings.delivery_url, upload.asset_id, "index.mpd"),
        "poster": _poster(made.asset_json, settings),
    }
    table = Budget(settings.table)
    # Before the decision: whoever finds the film published finds what it is, too.
    table.note(upload, verified=verified, outputs=outputs, playback=links, encode=assembly.encode_of(upload, asset))
    spent = money.settle(table, upload)
    if not spent["unbilled"]:
        table.correct(upload, Decimal(str(spent["total"])))
    pointers.publish(table, settings.outputs_bucket, upload, asset["title"], made.manifests, made.asset_json)
    # The team's message is sent by the state machine, whose redrive tells those who were not told.
    message = notification.published(upload, made.asset_json["published_at"], asset, links, verified["duration_ms"])
    return {**links, "message": message, "folder": notification.folder(upload.key)}


def _poster(asset_json: dict[str, Any], settings: PublishSettings) -> str | None:
    """Where people see the poster in a receipt; None of a private film, whose poster asks for a signature too."""
    path = asset_json["poster"] if settings.playback == "public" else None
    return playback.manifest_url(settings.delivery_url, asset_json["asset_id"], path) if path else None
