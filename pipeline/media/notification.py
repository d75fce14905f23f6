"""Messages on the team's topic: one shape for all of them, with attributes to filter on.

In: an event, the upload it is about, the moment, and what there is to say. Out: the message as a dictionary, its
attributes as SNS takes them, its subject. docs/notifications.md and docs/notification.schema.json describe them. The
state machine's own message (Notify team) is made here too, by the step before it. Nothing can go wrong: what SNS would
refuse in an attribute is replaced.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pipeline.media import keys
from pipeline.media.asset import Upload

SCHEMA = 2
#: Every event, and the subject that people see in an e-mail. Subjects are ASCII without line breaks (SNS API
#: Reference, Publish), so titles stay in the body.
EVENTS = {
    "published": "Film published",
    "updated": "Film updated",
    "rejected": "Film rejected",
    "failed": "Film failed",
    "held": "Film waits for approval",
    "waiting": "Film waits",
    "deleted": "Film deleted",
    "announcement_failed": "Film published, announcement failed",
}
#: What a folder is called where a film lies directly below uploads/: no attribute may be empty.
NO_FOLDER = "/"
#: What XML 1.0 does not allow, nor SQS in a message's attribute ("Valid values", SQS API Reference, SendMessage).
_NOT_ALLOWED = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def deduplication_id(upload: Upload, event: str, repeat: int = 0) -> str:
    """What receivers drop repetitions by: the same however often this event of this run is sent. `repeat` counts what
    may honestly happen again to one run: failures after a redrive."""
    return upload.deduplication_id(event) + (f"-{repeat}" if repeat else "")


def message(
    event: str, upload: Upload, at: str, title: str | None = None, repeat: int = 0, **parts: Any
) -> dict[str, Any]:
    """The body. at: the moment in UTC, ISO 8601. parts: what this event has to say besides; None is left out."""
    return {
        "event": event,
        "schema": SCHEMA,
        "deduplication_id": deduplication_id(upload, event, repeat),
        "asset_id": upload.asset_id,
        "version": upload.version,
        "revision": upload.revision,
        "file": upload.key,
        "title": title or keys.title(upload.key),
        "at": at,
        **{name: part for name, part in parts.items() if part is not None},
    }


def published(
    upload: Upload, at: str, asset: Mapping[str, Any], links: Mapping[str, str | None], duration_ms: int
) -> dict[str, Any]:
    """The message of a film that plays now: published, or updated where an earlier run's encode is used again."""
    there = {name: link for name, link in links.items() if link}
    return message(
        "updated" if asset.get("base") else "published",
        upload,
        at,
        asset["title"],
        playback_url=links["url"],
        playback=there,
        duration_ms=duration_ms,
    )


def attributes(said: dict[str, Any]) -> dict[str, dict[str, str]]:
    """The message attributes of a message: event, schema, asset_id, folder, and the error's code where there is one."""
    values = {
        "event": said["event"],
        "schema": str(said["schema"]),
        "asset_id": said["asset_id"],
        "folder": folder(said["file"]),
        "code": (said.get("error") or {}).get("code"),
    }
    return {name: {"DataType": "String", "StringValue": value} for name, value in values.items() if value}


def folder(key: str) -> str:
    """The first folder below uploads/: most often the team's."""
    first, slash, _ = key.removeprefix(keys.UPLOADS).partition("/")
    return _NOT_ALLOWED.sub("\ufffd", first) if slash and first else NO_FOLDER
