"""Uploads that go straight from a browser to S3: a multipart upload whose parts the browser PUTs by presigned URLs.

In: a name, a folder, a size. Out: key, upload id, part size and a URL for each part; later the parts' ETags, and the
object is there, as if any S3 client had sent it. Films never pass through here. Names are kept as they are; one that is
no key S3 would take, or that a browser would spell otherwise on its way, is `NotAKey`, which says why.

Sizes: S3 User Guide, "Amazon S3 multipart upload limits": parts of 5 MiB to 5 GiB, 10,000 of them at most.
A URL is good for a part that begins within `URL_SECONDS`, and no longer than the credentials it was signed with.
"""

from __future__ import annotations

import dataclasses
import functools
import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

from botocore.exceptions import ClientError

from pipeline.aws.clients import client
from pipeline.aws.faults import code_of
from pipeline.media import keys

MOST_PARTS = 10_000
#: As many parts a film has at most while they are of a size that is quickly sent again.
WANTED_PARTS = 1000
SMALLEST_PART, LARGEST_WANTED, LARGEST_PART = 8 << 20, 128 << 20, 5 << 30
LARGEST_FILM = MOST_PARTS * LARGEST_PART
URLS_AT_ONCE = 1000
URL_SECONDS = 12 * 3600
_LONGEST_KEY = 1024  # bytes of UTF-8: S3 User Guide, "Naming Amazon S3 objects"
# XML 1.0, in which S3 lists keys, has no word for these.
_UNSPEAKABLE = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff\ufffe\uffff]")


class NotAKey(Exception):
    """This name, folder or size cannot become an upload; the message says why."""


class UploadGone(Exception):
    """The multipart upload was completed or aborted already, or its parts are not those that S3 has."""


@dataclasses.dataclass(frozen=True)
class Begun:
    key: str
    upload_id: str
    part_size: int
    count: int


def key_of(name: str, folder: str) -> str:
    """uploads/<folder>/<name>. Raises NotAKey."""
    folder = folder.strip("/")
    if not name or "/" in name:
        raise NotAKey("a film's name is not empty and has no slash: folders have a field of their own")
    key = f"{keys.UPLOADS}{folder}/{name}" if folder else f"{keys.UPLOADS}{name}"
    if bad := _UNSPEAKABLE.search(key):
        raise NotAKey(f"{name!r} has the character {bad[0]!r}, which S3 could not list: rename the file")
    if any(part in ("", ".", "..") for part in key.split("/")):
        raise NotAKey(f"{key!r} has an empty folder, '.' or '..' in it, which a browser would not send as it is")
    if len(key.encode()) > _LONGEST_KEY:
        raise NotAKey(f"{key!r} is {len(key.encode())} bytes long, S3 takes {_LONGEST_KEY}: shorten name or folder")
    return key


def part_size(size: int) -> int:
    """The size of all parts but the last, in whole MiB."""
    if not 0 <= size <= LARGEST_FILM:
        raise NotAKey(f"a file of {size} bytes cannot be uploaded: S3 takes up to {LARGEST_FILM}")
    wanted = min(_mebibytes(size, WANTED_PARTS), LARGEST_WANTED)
    return max(SMALLEST_PART, wanted, _mebibytes(size, MOST_PARTS))


def _mebibytes(size: int, parts: int) -> int:
    """The smallest number of whole MiB of which so many parts suffice, in bytes."""
    return -(-size // (parts << 20)) << 20


def begin(bucket: str, name: str, folder: str, size: int, content_type: str) -> Begun:
    key, each = key_of(name, folder), part_size(size)
    described = {"ContentType": content_type} if content_type else {}
    answer = _signer(bucket).create_multipart_upload(Bucket=bucket, Key=key, **described)
    return Begun(key, answer["UploadId"], each, max(1, -(-size // each)))


def part_urls(bucket: str, key: str, upload_id: str, numbers: Iterable[int]) -> list[dict[str, Any]]:
    """[{number, url}] for these parts, numbered from 1."""
    common = {"Bucket": bucket, "Key": key, "UploadId": upload_id}
    sign = functools.partial(_signer(bucket).generate_presigned_url, "upload_part", ExpiresIn=URL_SECONDS)
    return [{"number": number, "url": sign(Params={**common, "PartNumber": number})} for number in numbers]


def complete(bucket: str, key: str, upload_id: str, parts: list[dict[str, Any]]) -> None:
    """parts: [{number, etag}], as the browser had them from S3. Raises UploadGone."""
    listed = [{"PartNumber": part["number"], "ETag": part["etag"]} for part in parts]
    listed.sort(key=lambda part: part["PartNumber"])
    _of_the_upload(
        lambda: _signer(bucket).complete_multipart_upload(
            Bucket=bucket, Key=key, UploadId=upload_id, MultipartUpload={"Parts": listed}
        )
    )


def abort(bucket: str, key: str, upload_id: str) -> None:
    """Forget the upload and its parts; one that is gone already is the same success."""
    try:
        _signer(bucket).abort_multipart_upload(Bucket=bucket, Key=key, UploadId=upload_id)
    except ClientError as error:
        if code_of(error) != "NoSuchUpload":
            raise


def download_url(bucket: str, key: str, seconds: int = 300) -> str:
    """A link to an object that opens for so long."""
    return _signer(bucket).generate_presigned_url(
        "get_object", Params={"Bucket": bucket, "Key": key}, ExpiresIn=seconds
    )


def origin(bucket: str) -> str:
    """Scheme, host and port of the bucket as a browser speaks to it: what a page's connect-src must name."""
    scheme, host, *_ = urlsplit(download_url(bucket, "x"))
    return f"{scheme}://{host}"


def _of_the_upload(call: Any) -> None:
    try:
        call()
    except ClientError as error:
        if code_of(error) in ("NoSuchUpload", "InvalidPart", "InvalidPartOrder", "EntityTooSmall", "MalformedXML"):
            raise UploadGone(error.response["Error"].get("Message") or code_of(error)) from error
        raise


def _signer(bucket: str = "") -> Any:
    return client("s3:browsers-dotted" if "." in bucket else "s3:browsers")
