"""The player page in the outputs bucket: index.html and player/... below site/, out of the zip that the stack brought.

Scripts first, index.html last, so that nobody is sent to a script that is not there yet. Script names carry a hash of
their content; those of the page before stay for a week, for viewers who still have it open.

What can go wrong: the archive holds a path the distribution does not serve (`StrayPageFile`) or a kind of file whose
Content-Type is not in the table below (`UnknownPageFile`): then nothing has been written.
"""

from __future__ import annotations

import datetime
import io
import zipfile
from pathlib import PurePosixPath

from pipeline.aws.clients import client
from pipeline.media.keys import SITE

INDEX = "index.html"
FOLDER = "player/"
KEPT = datetime.timedelta(days=7)

CONTENT_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".ico": "image/x-icon",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".map": "application/json",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".webmanifest": "application/manifest+json",
    ".woff2": "font/woff2",
}


class StrayPageFile(Exception):
    """A file of the page that is neither index.html nor under player/."""


class UnknownPageFile(Exception):
    """A file of the page whose Content-Type nobody has decided."""


def install(archive_bucket: str, archive_key: str, outputs_bucket: str) -> list[str]:
    """Copy the page out of the archive; returns the files written, in their order."""
    archive = client("s3").get_object(Bucket=archive_bucket, Key=archive_key)["Body"].read()
    files = unpack(archive)
    for key in in_order(files):
        client("s3").put_object(
            Bucket=outputs_bucket,
            Key=SITE + key,
            Body=files[key],
            ContentType=content_type(key),
            CacheControl=cache_control(key),
        )
    _delete(outputs_bucket, _outdated(outputs_bucket, set(files)))
    return in_order(files)


def remove(outputs_bucket: str) -> None:
    """Take the page away, index.html first; films stay."""
    _delete(outputs_bucket, [INDEX, *_scripts(outputs_bucket)])


def unpack(archive: bytes) -> dict[str, bytes]:
    """Path of each file, below site/ in the outputs bucket -> content."""
    with zipfile.ZipFile(io.BytesIO(archive)) as page:
        files = {entry.filename: page.read(entry) for entry in page.infolist() if not entry.is_dir()}
    for key in files:
        if key != INDEX and not (key.startswith(FOLDER) and ".." not in PurePosixPath(key).parts):
            raise StrayPageFile(f"the page's archive holds {key}; only {INDEX} and {FOLDER}... are served")
        content_type(key)
    return files


def in_order(keys: dict[str, bytes]) -> list[str]:
    return sorted(keys, key=lambda key: (key == INDEX, key))


def content_type(key: str) -> str:
    suffix = PurePosixPath(key).suffix.lower()
    if suffix not in CONTENT_TYPES:
        raise UnknownPageFile(f"{key}: no Content-Type is known for {suffix or 'a name without suffix'}")
    return CONTENT_TYPES[suffix]


def cache_control(key: str) -> str:
    """The distribution says the same to browsers; this is for whoever else reads the bucket."""
    return "public, max-age=60" if key == INDEX else "public, max-age=31536000, immutable"


def _outdated(bucket: str, current: set[str]) -> list[str]:
    horizon = datetime.datetime.now(datetime.UTC) - KEPT
    return [key for key, written in _scripts(bucket).items() if key not in current and written < horizon]


def _scripts(bucket: str) -> dict[str, datetime.datetime]:
    pages = client("s3").get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=SITE + FOLDER)
    return {
        entry["Key"].removeprefix(SITE): entry["LastModified"] for page in pages for entry in page.get("Contents", [])
    }


def _delete(bucket: str, keys: list[str]) -> None:
    for key in keys:
        client("s3").delete_object(Bucket=bucket, Key=SITE + key)
