"""The team's topic: one message per event, with attributes to filter on and an id to drop duplicates by."""

from __future__ import annotations

from typing import Any

from pipeline.aws.clients import client
from pipeline.aws.objects import to_json
from pipeline.aws.table import now
from pipeline.media import notification
from pipeline.media.asset import Upload


def announce(
    topic_arn: str, event: str, upload: Upload, parts: dict[str, Any], repeat: int = 0, title: str | None = None
) -> None:
    """Say it to the topic; the same event of the same run has the same deduplication id, each `repeat` its own.

    event: one of notification.EVENTS. title: the asset's, where it may have another than its file's name.
    """
    message = notification.message(event, upload, now(), title, repeat, **parts)
    client("sns").publish(
        TopicArn=topic_arn,
        Subject=notification.EVENTS[event],
        Message=to_json(message),
        MessageAttributes=notification.attributes(message),
    )
