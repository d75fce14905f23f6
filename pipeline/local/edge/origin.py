"""Read objects from the origin bucket as CloudFront does: signed GetObject and HeadObject over HTTP, in ranges.

Comes in: an `Origin`, an object key, the conditions of the request. Goes out: a streaming answer with the headers S3
itself would send. Goes wrong: `OriginUnreachable` when the endpoint does not answer or breaks off.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping
from urllib.parse import quote

import httpx
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from .distribution import Origin

# What S3 says about an object. Anything else in the answer is the emulator's own (it adds CORS headers to everything).
_OBJECT_HEADERS = frozenset(
    {
        "accept-ranges",
        "cache-control",
        "content-disposition",
        "content-encoding",
        "content-language",
        "content-length",
        "content-range",
        "content-type",
        "etag",
        "expires",
        "last-modified",
        "x-amz-server-side-encryption",
        "x-amz-version-id",
    }
)


class OriginUnreachable(Exception):
    """The bucket's endpoint did not answer, or broke off in the middle of an object."""


class S3Client:
    """One pool of connections to the S3 endpoint. Belongs to the event loop that first uses it."""

    def __init__(self, endpoint_url: str, account: str, region: str) -> None:
        self.endpoint_url = endpoint_url.rstrip("/")
        self.region = region
        # The emulator takes a twelve-digit access key as the account; it does not check the signature.
        self.credentials = Credentials(account, "local-edge")
        self.http = httpx.AsyncClient(
            timeout=httpx.Timeout(30, connect=5),
            limits=httpx.Limits(max_connections=64, max_keepalive_connections=16),
            trust_env=False,
        )

    @contextlib.asynccontextmanager
    async def ask(
        self, method: str, origin: Origin, key: str, headers: Mapping[str, str]
    ) -> AsyncIterator[httpx.Response]:
        """An answer whose body has not been read yet."""
        request = self._request(method, origin, key, headers)
        try:
            answer = await self.http.send(request, stream=True)
        except httpx.HTTPError as error:
            raise OriginUnreachable(f"{method} {request.url}: {error or type(error).__name__}") from error
        try:
            yield answer
        except httpx.HTTPError as error:
            raise OriginUnreachable(f"{method} {request.url} broke off: {error or type(error).__name__}") from error
        finally:
            await answer.aclose()

    async def close(self) -> None:
        await self.http.aclose()

    def _request(self, method: str, origin: Origin, key: str, headers: Mapping[str, str]) -> httpx.Request:
        target = f"/{origin.bucket}{quote(origin.path, safe='/')}/{_escaped(key)}"
        signed = AWSRequest(method, self.endpoint_url + target, headers={**headers, "accept-encoding": "identity"})
        S3SigV4Auth(self.credentials, "s3", self.region).add_auth(signed)
        # As an extension the path reaches S3 as it is; in the URL, httpx would resolve its dot segments.
        return self.http.build_request(
            method, self.endpoint_url + "/", headers=dict(signed.headers), extensions={"target": target.encode()}
        )


def _escaped(key: str) -> str:
    """The key with everything escaped that is not plain, dots too where they stand for a folder."""
    segments = (quote(segment, safe="") for segment in key.split("/"))
    return "/".join(segment.replace(".", "%2E") if segment in (".", "..") else segment for segment in segments)


def object_headers(answer: httpx.Response) -> dict[str, str]:
    """The headers of the object, lower case, without those of the connection."""
    return {
        name.lower(): value
        for name, value in answer.headers.items()
        if name.lower() in _OBJECT_HEADERS or name.lower().startswith("x-amz-meta-")
    }
