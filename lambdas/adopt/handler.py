"""Adopt a bucket: CloudFormation asks to fit an existing bucket to the pipeline (Create, Update) or to let it go.

Comes in: `Bucket` and `Wish` (JSON: policy statements, CORS and lifecycle rules, EventBridge). Goes out: the bucket's
configurations with ours merged in, and an answer at the event's ResponseURL. What can go wrong is answered as FAILED
in the error's words (`BucketUnfit` says what to do to the bucket) and fails the deployment.
"""

from __future__ import annotations

from typing import Any

from pipeline.aws import adoption, custom_resource


def handler(event: dict[str, Any], context: Any) -> None:
    custom_resource.respond(event, lambda: _apply(event))


def _apply(event: dict[str, Any]) -> str:
    """The physical id is the bucket's name: when that changes, CloudFormation asks to let the old one go."""
    properties, ours = event["ResourceProperties"], adoption.mark(event["StackId"])
    bucket = properties["Bucket"]
    if event["RequestType"] != "Delete":
        adoption.adopt(bucket, adoption.Wish.from_json(properties["Wish"]), ours)
    elif event["PhysicalResourceId"] == bucket:  # "none": it was never adopted
        adoption.release(bucket, ours)
    return bucket
