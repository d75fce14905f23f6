"""S3 as the service and its workers see it: one kind of client, and the meaning of an `s3://` URL.

MediaConvert's URLs hold the raw key, unescaped: `s3://films/My Film+1.mov` names the key `My Film+1.mov`.
"""

from __future__ import annotations

import os
from typing import Any

import boto3
from botocore.config import Config


class NotAnS3Url(Exception):
    """A URL that does not name a bucket (and, for an object, a key)."""


def client(endpoint_url: str, region: str) -> Any:
    """A client for the stack's S3. Without credentials in the environment it signs with a name the local S3 accepts:
    the user's own profiles are never consulted, so that no real account's keys reach a local endpoint."""
    return boto3.session.Session().client(
        "s3",
        endpoint_url=endpoint_url,
        region_name=region,
        aws_access_key_id=os.environ.get("AWS_ACCESS_KEY_ID", "local"),
        aws_secret_access_key=os.environ.get("AWS_SECRET_ACCESS_KEY", "local"),
        aws_session_token=os.environ.get("AWS_SESSION_TOKEN"),
        config=Config(
            s3={"addressing_style": "path"},  # bucket names are not host names on 127.0.0.1
            retries={"mode": "standard", "max_attempts": 3},
            connect_timeout=10,
            read_timeout=120,
        ),
    )


def split_url(url: str) -> tuple[str, str]:
    """(bucket, key) of an s3:// URL; the key may be empty, as in a destination that is a whole bucket."""
    bucket, _, key = url.removeprefix("s3://").partition("/")
    if not url.startswith("s3://") or not bucket:
        raise NotAnS3Url(f"{url} is not an s3://bucket/key URL")
    return bucket, key
