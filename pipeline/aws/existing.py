"""Objects that were in the sources bucket before the pipeline listened, sent through the same door as uploads.

In: a prefix under uploads/. Out: how many films were announced. Each becomes a message shaped as S3's "Object Created"
event on the queue that those events take; `start` registers it under the same identity (the object's version id), so
that one that was heard of before starts nothing. Its place in the order of uploads is the second it was written in:
the upper half of S3's own sequencer in these events, so that any later upload of the key is newer.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from pipeline.aws.clients import client
from pipeline.media import keys

_BATCH = 10


class NotUnderUploads(Exception):
    """A prefix outside the one folder that films come in by."""


class QueueRefused(Exception):
    """SQS took some messages of a batch and not others. Announcing again is harmless."""


def announce(
    sources_bucket: str, prefix: str, queue_url: str, tell: Callable[[int], None] = lambda count: None
) -> dict[str, int]:
    """Send every film below `prefix`; {"sent", "left_out"}: sidecars, folders and hidden files are no films.

    `tell` hears how many were sent with each batch.
    """
    require_uploads(prefix)
    left_out = 0

    def films() -> Iterator[dict[str, Any]]:
        nonlocal left_out
        for version in newest(sources_bucket, prefix):
            if keys.is_film(version["Key"]):
                yield event_for(sources_bucket, version)
            else:
                left_out += 1

    sent = send(queue_url, films(), tell)
    return {"sent": sent, "left_out": left_out}


def require_uploads(prefix: str) -> None:
    """Raises NotUnderUploads."""
    if not prefix.startswith(keys.UPLOADS):
        raise NotUnderUploads(f"{prefix!r} does not begin with {keys.UPLOADS}: films are taken from there only")


def send(queue_url: str, events: Iterable[dict[str, Any]], tell: Callable[[int], None] = lambda count: None) -> int:
    """Put events on a queue in batches; how many. Raises QueueRefused."""
    sent, rest = 0, iter(events)
    while batch := [json.dumps(event) for event in itertools.islice(rest, _BATCH)]:
        _send(queue_url, batch)
        sent += len(batch)
        tell(len(batch))
    return sent


def event_for(bucket: str, version: dict[str, Any]) -> dict[str, Any]:
    """The event that S3 would have sent, as far as we read it (ListObjectVersions tells the rest)."""
    described = {
        "key": version["Key"],
        "size": version["Size"],
        "etag": version["ETag"].strip('"'),
        "version-id": version["VersionId"],
        "sequencer": f"{int(version['LastModified'].timestamp()):08X}00000000",
    }
    detail = {"version": "0", "bucket": {"name": bucket}, "object": described, "reason": "vod ingest"}
    return {"version": "0", "source": "aws.s3", "detail-type": "Object Created", "detail": detail}


def newest(bucket: str, prefix: str) -> Iterator[dict[str, Any]]:
    """The newest version of every key below `prefix`, as ListObjectVersions has it; not of deleted ones."""
    pages = client("s3").get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=prefix)
    for page in pages:
        yield from (version for version in page.get("Versions", []) if version["IsLatest"])


def _send(queue_url: str, bodies: list[str]) -> None:
    entries = [{"Id": str(number), "MessageBody": body} for number, body in enumerate(bodies)]
    answer = client("sqs").send_message_batch(QueueUrl=queue_url, Entries=entries)
    for refused in answer.get("Failed", []):
        raise QueueRefused(f"SQS refused a message: {refused.get('Code')} {refused.get('Message')}")
