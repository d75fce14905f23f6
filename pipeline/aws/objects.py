"""S3, as the steps need it: heads, small texts, conditional writes, listings. Films never pass through here."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Collection, Mapping
from types import MappingProxyType
from typing import Any

from botocore.exceptions import ClientError

from pipeline.aws.clients import client
from pipeline.aws.faults import code_of, status_of
from pipeline.media import sidecars
from pipeline.media.asset import Upload
from pipeline.media.errors import OutputMissing, PointerContended, SourceRejected, SourceSuperseded

_JSON = "application/json"
_FOR_EVER = "public, max-age=31536000, immutable"


def require_current(upload: Upload) -> int:
    """Size in bytes of the upload, when it still is the current object of its key.

    MediaConvert and Probe read the current object: there is no version field in their APIs. Raises SourceSuperseded
    where a newer upload lies there, SourceRejected (INPUT_MISSING) where nothing does. In a bucket without versioning
    the ETag tells uploads apart: the same bytes again are the same film.
    """
    head = head_object(upload.bucket, upload.key)
    name = upload.key
    if head is None:
        raise SourceRejected(
            "INPUT_MISSING", f"{name} is no longer in {upload.bucket}", {"bucket": upload.bucket, "key": upload.key}
        )
    this, found = _identity(upload.version_id, upload.etag), _identity(head.get("VersionId"), head["ETag"])
    if this != found:
        raise SourceSuperseded(
            "SOURCE_SUPERSEDED", f"{name} was uploaded again", {"this_version": this, "current_version": found}
        )
    return head["ContentLength"]


def _identity(version_id: str | None, etag: str) -> str:
    return version_id if version_id and version_id != "null" else etag.strip('"')


def head_object(bucket: str, key: str) -> dict[str, Any] | None:
    try:
        return client("s3").head_object(Bucket=bucket, Key=key)
    except ClientError as error:
        if status_of(error) == 404:
            return None
        raise


def read(bucket: str, key: str) -> bytes:
    """Raises OutputMissing with the object's name."""
    return _get(bucket, key)


def _get(bucket: str, key: str, **more: str) -> bytes:
    try:
        return client("s3").get_object(Bucket=bucket, Key=key, **more)["Body"].read()
    except ClientError as error:
        if status_of(error) == 404:
            raise OutputMissing(
                "OUTPUT_MISSING", f"s3://{bucket}/{key} does not exist", {"bucket": bucket, "key": key}
            ) from error
        raise


def read_with_etag(bucket: str, key: str) -> tuple[bytes | None, str | None]:
    """(body, ETag) for a conditional write later; (None, None) where nothing lies there."""
    try:
        answer = client("s3").get_object(Bucket=bucket, Key=key)
    except ClientError as error:
        if status_of(error) == 404:
            return None, None
        raise
    return answer["Body"].read(), answer["ETag"]


def write(bucket: str, key: str, body: str | bytes, content_type: str) -> None:
    client("s3").put_object(Bucket=bucket, Key=key, Body=_bytes(body), ContentType=content_type)


def write_once(bucket: str, key: str, body: str | bytes, content_type: str) -> None:
    """Write what will never change under this key, and let browsers know it."""
    client("s3").put_object(Bucket=bucket, Key=key, Body=_bytes(body), ContentType=content_type, CacheControl=_FOR_EVER)


def write_json(bucket: str, key: str, value: Any) -> None:
    write(bucket, key, to_json(value), _JSON)


def replace(
    bucket: str,
    key: str,
    body: str | bytes,
    content_type: str,
    etag: str | None,
    more: Mapping[str, Any] = MappingProxyType({}),
) -> None:
    """Write only over what was read: If-Match, or If-None-Match where nothing was there. Raises PointerContended.

    more: further parameters of PutObject, as Metadata and CacheControl.

    S3 User Guide, "How to prevent object overwrites with conditional writes": 412 when the object changed, 409 when
    another conditional write is under way.
    """
    condition = {"IfMatch": etag} if etag else {"IfNoneMatch": "*"}
    try:
        client("s3").put_object(
            Bucket=bucket, Key=key, Body=_bytes(body), ContentType=content_type, **condition, **more
        )
    except ClientError as error:
        if status_of(error) in (409, 412) or (etag and status_of(error) == 404):
            raise PointerContended(
                "POINTER_CONTENDED",
                f"s3://{bucket}/{key} changed while it was being replaced",
                {"key": key, "reason": code_of(error)},
            ) from error
        raise


def sizes_below(bucket: str, prefix: str) -> dict[str, int]:
    """Size in bytes of every object below `prefix`, by its path without the prefix."""
    pages = client("s3").get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    return {entry["Key"].removeprefix(prefix): entry["Size"] for page in pages for entry in page.get("Contents", [])}


def keys_below(bucket: str, prefix: str, limit: int = 1000) -> list[str]:
    """Up to `limit` keys that begin with `prefix`; one page, for looking around a film."""
    answer = client("s3").list_objects_v2(Bucket=bucket, Prefix=prefix, MaxKeys=limit)
    return [entry["Key"] for entry in answer.get("Contents", [])]


def keys_around(bucket: str, key: str, limit: int = 10_000) -> dict[str, str]:
    """The keys that pipeline.media.sidecars needs to know what belongs to what, for a film or a sidecar; with each,
    what tells one upload of it from another: ETag and time, because the same bytes sent again are somebody's wish.

    Of more than `limit` keys that begin with one name the rest is not seen: nobody named them by hand.
    """
    found: dict[str, str] = {}
    for name in sidecars.prefixes(key):
        # Of the keys that begin with a name, S3 lists the name itself first: a film without an extension.
        first = client("s3").list_objects_v2(Bucket=bucket, Prefix=name, MaxKeys=1).get("Contents", [])
        found |= {entry["Key"]: _upload_of(entry) for entry in first if entry["Key"] == name}
        pages = client("s3").get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=f"{name}.")
        below = (entry for page in pages for entry in page.get("Contents", []))
        found |= {entry["Key"]: _upload_of(entry) for entry in itertools.islice(below, limit)}
    return dict(sorted(found.items()))


def _upload_of(entry: dict[str, Any]) -> str:
    return f"{entry['ETag'].strip(chr(34))} {entry['LastModified'].isoformat()}"


def is_current(upload: Upload) -> bool | None:
    """Whether the upload is what lies under its key; None where nothing does."""
    head = head_object(upload.bucket, upload.key)
    if head is None:
        return None
    return _identity(upload.version_id, upload.etag) == _identity(head.get("VersionId"), head["ETag"])


def remove(bucket: str, key: str) -> None:
    """Delete one object, whether it is there or not."""
    client("s3").delete_object(Bucket=bucket, Key=key)


def remove_below(bucket: str, prefix: str, tell: Callable[[int], None] = lambda count: None) -> list[str]:
    """Delete every object below `prefix`, a folder's; the keys there were. Raises what S3 says of one it keeps.

    `tell` hears how many went with each page.
    """
    if not prefix.endswith("/"):
        raise ValueError(f"{prefix!r} is no folder")
    removed: list[str] = []
    for page in client("s3").get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        found = [{"Key": entry["Key"]} for entry in page.get("Contents", [])]
        _delete(bucket, found)
        removed += [each["Key"] for each in found]
        tell(len(found))
    return removed


def purge(bucket: str, wanted: Collection[str]) -> list[dict[str, str]]:
    """Delete every version and delete marker of these keys, so that nothing of them is left: [{key, version_id}].

    What is written while this runs may stay: it is another upload.
    """
    removed: list[dict[str, str]] = []
    for key in wanted:
        pages = client("s3").get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=key)
        for page in pages:
            entries = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
            # The prefix film.mov also finds film.mov.bak.
            found = [{"Key": key, "VersionId": entry["VersionId"]} for entry in entries if entry["Key"] == key]
            _delete(bucket, found)
            removed += [{"key": each["Key"], "version_id": each["VersionId"]} for each in found]
    return removed


def versioned_keys_below(bucket: str, prefix: str, limit: int = 1000) -> list[str]:
    """Keys that begin with `prefix`, deleted ones too; for finding all that belonged to a film."""
    answer = client("s3").list_object_versions(Bucket=bucket, Prefix=prefix, MaxKeys=limit)
    return sorted({entry["Key"] for kind in ("Versions", "DeleteMarkers") for entry in answer.get(kind, [])})


def _delete(bucket: str, found: list[dict[str, str]]) -> None:
    """Up to a thousand objects or versions, as many as a listing's page has."""
    if not found:
        return
    answer = client("s3").delete_objects(Bucket=bucket, Delete={"Objects": found, "Quiet": True})
    for refused in answer.get("Errors", []):
        raise ClientError({"Error": refused}, "DeleteObjects")


def tag(bucket: str, key: str, version_id: str, name: str, value: str) -> None:
    """Put a tag on one version, beside those it has. S3 has only whole sets of tags, of ten at most."""
    s3, which = client("s3"), {"Bucket": bucket, "Key": key, "VersionId": version_id}
    there = {each["Key"]: each["Value"] for each in s3.get_object_tagging(**which)["TagSet"]}
    if there.get(name) != value:
        tags = [{"Key": each, "Value": said} for each, said in {**there, name: value}.items()]
        s3.put_object_tagging(**which, Tagging={"TagSet": tags})


def read_start(bucket: str, key: str, length: int) -> bytes:
    """Up to `length` first bytes. Raises OutputMissing with the object's name."""
    return read_part(bucket, key, 0, length)


def read_part(bucket: str, key: str, first: int, length: int) -> bytes:
    """Up to `length` bytes from byte `first`; none behind the end. Raises OutputMissing with the object's name."""
    try:
        return _get(bucket, key, Range=f"bytes={first}-{first + length - 1}")
    except ClientError as error:
        if status_of(error) == 416:  # InvalidRange: the object ends before `first`, or has no bytes at all
            return b""
        raise


def to_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=1)


def read_if_there(bucket: str, key: str, length: int) -> bytes | None:
    """Up to `length` first bytes; None where nothing lies there any more, for what was seen in a listing."""
    try:
        return read_start(bucket, key, length)
    except OutputMissing:
        return None


def _bytes(body: str | bytes) -> bytes:
    return body.encode() if isinstance(body, str) else body
