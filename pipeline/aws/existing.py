"""Objects that were in the sources bucket before the pipeline listened, sent through the same door as uploads.

In: a prefix under uploads/. Out: how many films were announced. Each becomes a message shaped as S3's "Object Created"
event on the queue that those events take; `start` registers it under the same identity (the object's version id), so
that one that was heard of before starts nothing. Its place in the order of uploads is the second it was written in:
the upper half of S3's own sequencer in these events, so that any later upload of the key is newer.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from pipeline.aws.clients import client
from pipeline.media import keys

_BATCH = 10


class NotUnderUploads(Exception):
    """A prefix outside the one folder that films come in by."""


class QueueRefused(Exception):
    """SQS took some messages of a batch and not others. Announcing again is harmless."""


def announce(sources_bucket: str, prefix: str, queue_url: str) -> dict[str, int]:
    """Send every film below `prefix`; {"sent", "left_out"}: sidecars, folders and hidden files are no films."""
    if not prefix.startswith(keys.UPLOADS):
        raise NotUnderUploads(f"{prefix!r} does not begin with {keys.UPLOADS}: films are taken from there only")
    sent = left_out = 0
    batch: list[str] = []
    for version in _newest(sources_bucket, prefix):
        if not keys.is_film(version["Key"]):
            left_out += 1
            continue
        batch.append(json.dumps(event_for(sources_bucket, version)))
        sent += 1
        if len(batch) == _BATCH:
            _send(queue_url, batch)
            batch = []
    _send(queue_url, batch)
    return {"sent": sent, "left_out": left_out}


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


def _newest(bucket: str, prefix: str) -> Iterator[dict[str, Any]]:
    pages = client("s3").get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=prefix)
    for page in pages:
        yield from (version for version in page.get("Versions", []) if version["IsLatest"])


def _send(queue_url: str, bodies: list[str]) -> None:
    if not bodies:
        return
    entries = [{"Id": str(number), "MessageBody": body} for number, body in enumerate(bodies)]
    answer = client("sqs").send_message_batch(QueueUrl=queue_url, Entries=entries)
    for refused in answer.get("Failed", []):
        raise QueueRefused(f"SQS refused a message: {refused.get('Code')} {refused.get('Message')}")
