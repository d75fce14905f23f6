"""Move bytes between S3 and the disk: the source down, every output up, in a small pool of threads.

In: an endpoint URL, s3:// URLs, files and byte ranges. Out: the source as a file; objects with MediaConvert's
Content-Type and, as in AWS, no Cache-Control. What can go wrong: `TransferFailed` with MediaConvert's code: 1404 no
such object or bucket, 1401 denied, 1517 a write that failed, 3408/3450 a read that failed or never ended.

It reads the *current* object, as MediaConvert does: the API has no field for a version. When the object is replaced
during a download, the parts would be of two films; each part therefore asks for the ETag of the first (If-Match), and
the download begins again.
"""

from __future__ import annotations

import concurrent.futures
import dataclasses
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

PART_BYTES = 16 << 20
WORKERS = 8
RESTARTS = 3
MULTIPART_BYTES = 64 << 20
OWN = "own"  # instead of an endpoint's URL: as the AWS SDK decides for the caller

CONTENT_TYPES = {
    "m3u8": "application/vnd.apple.mpegurl",
    "mpd": "application/dash+xml",
    "cmfv": "video/mp4",
    "cmfa": "audio/mp4",
    "mp4": "video/mp4",
    "jpg": "image/jpeg",
    "vtt": "text/vtt",
}


class TransferFailed(Exception):
    """S3 did not give or take an object; `code` is MediaConvert's."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code, self.message = code, message


class _Replaced(Exception):
    """The object is not the one we began to read."""


@dataclasses.dataclass(frozen=True)
class Source:
    bucket: str
    key: str
    size: int
    etag: str
    modified: float | None = None  # seconds since 1970
    content_type: str | None = None


def s3_client(endpoint_url: str | None, region: str) -> Any:
    """A client for an endpoint that never looks for credentials beyond the environment: a user's own profile must not
    reach a local stack, and looking for an instance's role takes seconds where there is none. With OWN as the endpoint
    it is the caller's own client: endpoint, credentials and all as the AWS SDK finds them."""
    import botocore.session  # without boto3, whose import alone is a tenth of a second, and here, where it is needed
    from botocore.config import Config

    config = Config(
        s3={"addressing_style": "path"},
        retries={"mode": "standard", "total_max_attempts": 5},
        connect_timeout=5,
        read_timeout=60,
        max_pool_connections=2 * WORKERS,
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    given = {} if endpoint_url == OWN else {"endpoint_url": endpoint_url, **_local_credentials()}
    return botocore.session.Session().create_client("s3", region_name=region, config=config, **given)


def _local_credentials() -> dict[str, str | None]:
    return {
        "aws_access_key_id": os.environ.get("AWS_ACCESS_KEY_ID", "local"),
        "aws_secret_access_key": os.environ.get("AWS_SECRET_ACCESS_KEY", "local"),
        "aws_session_token": os.environ.get("AWS_SESSION_TOKEN"),
    }


def split_url(url: str) -> tuple[str, str]:
    """Bucket and key of an s3:// URL. The key is taken as it stands: MediaConvert does not unescape it."""
    bucket, _, key = url.removeprefix("s3://").partition("/")
    return bucket, key


# --- down ------------------------------------------------------------------------------------------------------------


def download(client: Any, url: str, path: Path, report: Callable[[int, int], None] = lambda done, size: None) -> Source:
    """Fetch an object to a file in ranges, several at once; `report` hears how many of how many bytes are there."""
    for _ in range(RESTARTS):
        source = head(client, url)
        try:
            _fetch(client, url, source, path, report)
            return source
        except _Replaced:
            continue
    raise TransferFailed(
        3450, f"Unable to open input file [{url}]: [The object was replaced {RESTARTS} times while it was read]"
    )


def head(client: Any, url: str) -> Source:
    """What S3 says of an object without giving it."""
    from botocore.exceptions import BotoCoreError, ClientError

    bucket, key = split_url(url)
    try:
        answer = client.head_object(Bucket=bucket, Key=key)
    except (ClientError, BotoCoreError) as error:
        raise _read_failure(url, error, "HeadObject failed") from error
    modified = answer["LastModified"].timestamp() if "LastModified" in answer else None
    return Source(bucket, key, answer["ContentLength"], answer["ETag"], modified, answer.get("ContentType"))


def fetch_range(client: Any, url: str, source: Source, start: int, end: int, path: Path) -> None:
    """The bytes from `start` to `end` of an object, at their place in a file that is there already."""
    try:
        with path.open("r+b") as file:
            for piece_at, piece in _range(client, url, source, start, end):
                os.pwrite(file.fileno(), piece, piece_at)
    except _Replaced as error:
        raise TransferFailed(3450, f"Unable to open input file [{url}]: [The object was replaced]") from error


def _fetch(client: Any, url: str, source: Source, path: Path, report: Callable[[int, int], None]) -> None:
    done, lock = 0, threading.Lock()
    with path.open("wb") as file, concurrent.futures.ThreadPoolExecutor(min(WORKERS, 4)) as pool:
        file.truncate(source.size)

        def fetch(start: int) -> None:
            nonlocal done
            for piece_at, piece in _range(client, url, source, start, min(start + PART_BYTES, source.size)):
                os.pwrite(file.fileno(), piece, piece_at)
                with lock:
                    done += len(piece)
                    report(done, source.size)

        parts = [pool.submit(fetch, start) for start in range(0, source.size, PART_BYTES)]
        try:
            for part in parts:
                part.result()
        except BaseException:
            for part in parts:
                part.cancel()
            raise


def _range(client: Any, url: str, source: Source, start: int, end: int):
    from botocore.exceptions import BotoCoreError, ClientError

    at = start
    try:
        # Opened again where it broke off: a long read may lose its connection, and nothing be wrong with the film.
        for attempt in range(5):
            answer = client.get_object(
                Bucket=source.bucket, Key=source.key, Range=f"bytes={at}-{end - 1}", IfMatch=source.etag
            )
            try:
                for piece in answer["Body"].iter_chunks(1 << 20):
                    yield at, piece
                    at += len(piece)
            except (BotoCoreError, OSError):
                if attempt == 4:
                    raise
            if at >= end:
                return
        raise TransferFailed(
            3450, f"Unable to open input file [{url}]: [The object ended at byte {at} of {source.size}]"
        )
    except ClientError as error:
        if error.response["ResponseMetadata"].get("HTTPStatusCode") in (412, 416):
            raise _Replaced from error
        raise _read_failure(url, error, "GetObject failed") from error
    except (BotoCoreError, OSError) as error:
        raise _read_failure(url, error, "GetObject failed") from error


def _read_failure(url: str, error: Exception, what: str) -> TransferFailed:
    status = getattr(error, "response", {}).get("ResponseMetadata", {}).get("HTTPStatusCode")
    if status == 404:
        return TransferFailed(1404, _unreadable(url, what))
    if status in (401, 403):
        return TransferFailed(1401, _unreadable(url, f"Access denied to [{url}]"))
    return TransferFailed(3450, f"Unable to open input file [{url}]: [Failed to read data: {what}: {error}]")


def _unreadable(url: str, why: str) -> str:
    reason = f"Can't read input stream: [Failed to read data: {why}]"
    return f"Unable to open input file [{url}]: [Failed probe/open: [{reason}]]"


# --- up --------------------------------------------------------------------------------------------------------------


class Uploader:
    """Writes objects in the background. `submit` never waits; `finish` waits for all and tells the first failure."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._pool = concurrent.futures.ThreadPoolExecutor(WORKERS)
        self._pending: list[concurrent.futures.Future[None]] = []
        self._failed = threading.Event()

    def submit(self, bucket: str, key: str, read: Callable[[], bytes]) -> None:
        """`read` is called when its turn comes, so that what waits is a few numbers and not its bytes."""
        self._pending.append(self._pool.submit(self._put, bucket, key, read))

    def submit_file(self, bucket: str, key: str, path: Path) -> None:
        self._pending.append(self._pool.submit(self._put_file, bucket, key, path))

    @property
    def submitted(self) -> int:
        return len(self._pending)

    def finished(self) -> int:
        return sum(future.done() for future in self._pending)

    def check(self) -> None:
        """Raise the first failure so far: an hour of encoding is not spent on a bucket that takes nothing."""
        if self._failed.is_set():
            for future in self._pending:
                if future.done():
                    future.result()

    def finish(self, report: Callable[[int, int], None] = lambda done, count: None) -> None:
        for done, _ in enumerate(concurrent.futures.as_completed(self._pending), 1):
            report(done, len(self._pending))
        for future in self._pending:
            future.result()

    def close(self) -> None:
        """Begin nothing more; what is being written is written to its end, so that no object is left half said."""
        self._failed.set()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _put(self, bucket: str, key: str, read: Callable[[], bytes]) -> None:
        if not self._failed.is_set():
            self._try(
                bucket,
                key,
                lambda: self._client.put_object(Bucket=bucket, Key=key, Body=read(), ContentType=content_type(key)),
            )

    def _put_file(self, bucket: str, key: str, path: Path) -> None:
        if self._failed.is_set():
            return
        if path.stat().st_size < MULTIPART_BYTES:
            self._put(bucket, key, path.read_bytes)
        else:
            self._try(bucket, key, lambda: self._put_in_parts(bucket, key, path))

    def _put_in_parts(self, bucket: str, key: str, path: Path) -> None:
        from s3transfer.manager import TransferManager  # what boto3's upload_file is made of

        with TransferManager(self._client) as manager:
            manager.upload(str(path), bucket, key, {"ContentType": content_type(key)}).result()

    def _try(self, bucket: str, key: str, write: Callable[[], Any]) -> None:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            write()
        except (ClientError, BotoCoreError) as error:
            self._failed.set()  # the rest would fail alike, and nobody wants it
            raise _write_failure(f"s3://{bucket}/{key}", error) from error


def _write_failure(url: str, error: Exception) -> TransferFailed:
    status = getattr(error, "response", {}).get("ResponseMetadata", {}).get("HTTPStatusCode")
    if status in (401, 403):
        return TransferFailed(1401, f"Unable to write to output file [{url}]: [Failed to write data: Access Denied]")
    if status == 404:
        return TransferFailed(
            1404, f"Unable to write to output file [{url}]: [Failed to write data: the bucket does not exist]"
        )
    return TransferFailed(1517, f"Unable to write to output file [{url}]: [Failed to write data: {error}]")


def content_type(key: str) -> str:
    return CONTENT_TYPES.get(key.rpartition(".")[2], "application/octet-stream")
