"""The team's topic: one message per event, with attributes to filter on and an id to drop duplicates by."""

from __future__ import annotations

from typing import Any

from pipeline.aws.clients import client
from pipeline.aws.objects import to_json
from pipeline.media.asset import Upload


def announce(topic_arn: str, event: str, upload: Upload, parts: dict[str, Any], repeat: int = 0) -> None:
    """Say it to the topic; the same event of the same run has the same deduplication id, each `repeat` its own.

    Subjects must be ASCII without line breaks (SNS API Reference), so titles stay in the body."""
    message = {
        "event": event,
        "schema": 1,
        "deduplication_id": upload.deduplication_id(event) + (f"-{repeat}" if repeat else ""),
        "asset_id": upload.asset_id,
        "version": upload.version,
        "file": upload.key,
        **parts,
    }
    client("sns").publish(
        TopicArn=topic_arn,
        Subject=f"Film {event}",
        Message=to_json(message),
        MessageAttributes={"event": {"DataType": "String", "StringValue": event}},
    )
