"""The local edge: an ASGI application that answers as the distribution in the synthesised template would.

Comes in: HTTP requests from players. Goes out: objects of the outputs bucket with CloudFront's caching, ranges,
conditions, CORS and headers. Goes wrong: a setting the edge does not honour stops it at start
(`DistributionNotHonoured`); an object replaced while it is sent cuts that answer short.

The order of a request: refuse what CloudFront refuses, choose the behaviour, find the object (objects.py), decide what
of it to send (ranges.py), dress the answer (policies.py), send, log. A private behaviour's request is let in first
(signed.py), before anything of the object is said; a behaviour whose origin is a function asks it (function.py).

Known differences from CloudFront: gzip only (browsers ask for brotli over https alone), one edge location, no TLS.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import time
from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from starlette.types import Receive, Scope, Send

from . import access_log, policies, ranges, signed
from .bucket import cors_rule_for
from .cache import GZIP, SLICE_BYTES, SliceStore
from .distribution import Behaviour, Distribution, ForeignBucket, read_distribution
from .function import FunctionClient, FunctionOrigin, Question
from .objects import Entry, Library, ObjectChanged, Wanted
from .origin import OriginUnreachable, S3Client
from .ranges import ByteRange

BLOCK_BYTES = 256 * 1024
LONGEST_URL = 8192
#: "Quotas": a request with its headers and query, without its body. What CloudFront answers is not documented: 494, as
#: other servers of its kind do.
LONGEST_REQUEST = 20_480
ONE_GIB = 1 << 30
_FAILED = {"content-type": "text/plain", "cache-control": "no-store", "x-cache": "Error from cloudfront"}


@dataclass(frozen=True)
class Request:
    method: str
    path: str  # as it came, escapes and all
    query: str
    headers: Mapping[str, str]
    client: str
    scheme: str = "http"

    @property
    def is_preflight(self) -> bool:
        return self.method == "OPTIONS" and "access-control-request-method" in self.headers


@dataclass
class Answer:
    """Status, headers, and a body of literal bytes and ranges of one object."""

    status: int
    headers: dict[str, str]
    result: str
    body: list[bytes | ByteRange] = field(default_factory=list)
    entry: Entry | None = None
    wanted: Wanted | None = None
    packed: bool = False
    cookies: tuple[str, ...] = ()

    @property
    def length(self) -> int:
        return sum(len(part) if isinstance(part, bytes) else part.length for part in self.body)


class Edge:
    """One distribution on a laptop. `serve` (server.py) gives it a port."""

    def __init__(
        self,
        template: Mapping[str, Any],
        physical: Mapping[str, str],
        endpoint_url: str,
        cache_dir: Path,
        *,
        account: str = "123456789012",
        region: str | None = None,
        most_cache_bytes: int = ONE_GIB,
        access_log_path: Path | None = None,
        foreign: ForeignBucket | None = None,
    ) -> None:
        self.distribution: Distribution = read_distribution(template, physical, foreign)
        region = region or os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"
        self.client = S3Client(endpoint_url, account, region)
        self.functions = FunctionClient(endpoint_url, account, region, self.client.http)
        self.library = Library(self.distribution, SliceStore(Path(cache_dir), most_cache_bytes), self.client)
        self._forgotten: deque[str] = deque()
        self.log = access_log.AccessLog(access_log_path or Path(cache_dir) / "access.jsonl")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "http":
            await self._exchange(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 1000})

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while (message := await receive())["type"] != "lifespan.shutdown":
            await send({"type": f"{message['type']}.complete"})
        await self.close()
        await send({"type": "lifespan.shutdown.complete"})

    def invalidate(self, patterns: Sequence[str]) -> None:
        """Forget the copies under these paths, as an invalidation asks. Callable from any thread."""
        self._forgotten.extend(patterns)

    def _forget(self) -> None:
        """Done before the next request is answered, on the loop that the copies belong to."""
        while self._forgotten:
            pattern = self._forgotten.popleft()
            self.library.forget(lambda path, pattern=pattern: policies.matches(pattern, path))

    async def close(self) -> None:
        await self.client.close()
        self.log.close()

    async def _exchange(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = time.perf_counter()
        self._forget()
        request = _request(scope)
        request_id = secrets.token_urlsafe(24)
        answer = await self._answer(request)
        self._sign(answer, request_id)
        sent = 0
        try:
            sent = await self._send(answer, request.method, receive, send)
        finally:
            self._log(request, answer, request_id, sent, time.perf_counter() - started)

    async def _answer(self, request: Request) -> Answer:
        if refusal := _refuse(request):
            return refusal
        path = request.path
        if path == "/" and self.distribution.default_root_object:
            path = f"/{self.distribution.default_root_object}"
        behaviour = policies.behaviour_for(self.distribution, path)
        answer = await self._inside(behaviour, path, request)
        origin = request.headers.get("origin")
        answer.headers = policies.apply_headers_policy(
            behaviour.response_headers, answer.headers, origin, request.is_preflight
        )
        return answer

    async def _inside(self, behaviour: Behaviour, path: str, request: Request) -> Answer:
        """The answer before the response headers policy dresses it."""
        if request.method not in behaviour.methods:
            return _generated(403, "This distribution is not configured to allow the HTTP request method.")
        try:
            self._admit(behaviour, path, request)
        except signed.Refused as refusal:
            return await self._refused(refusal, request)
        if isinstance(behaviour.origin, FunctionOrigin):
            return await self._function(behaviour, behaviour.origin, path, request)
        if request.method == "OPTIONS":
            return _preflight(behaviour, request)
        try:
            wanted = _wanted(behaviour, path, request)
            entry, result = await self.library.find(wanted)
            if entry.is_error:
                return await self._error(entry, request)
            return _object(entry, wanted, result, request, self.library.clock())
        except policies.BadPath as error:
            return _generated(400, f"Bad request: {error}.")

    def _admit(self, behaviour: Behaviour, path: str, request: Request) -> None:
        """Raises signed.Refused where the behaviour is private and the request is not signed for what it asks."""
        if behaviour.trusted_keys is None:
            return
        rest = signed.without_signature(request.query)
        base, query = f"{request.scheme}://{request.headers.get('host', '')}", f"?{rest}" if rest else ""
        urls = tuple(base + each + query for each in (path, policies.normalised(path)))
        visit = signed.Visit(urls, request.client, self.library.clock())
        signed.check(behaviour.trusted_keys, request.query, request.headers.get("cookie", ""), visit)

    async def _refused(self, refusal: signed.Refused, request: Request) -> Answer:
        text = f"<Error><Code>{refusal.code}</Code><Message>{escape(str(refusal))}</Message></Error>"
        headers = {"content-type": "text/xml", "server": "CloudFront"}
        plain = Answer(403, headers, "Error", [f'<?xml version="1.0" encoding="UTF-8"?>{text}'.encode()])
        return await self._page_for(403, request) or plain

    async def _function(self, behaviour: Behaviour, origin: FunctionOrigin, path: str, request: Request) -> Answer:
        if not origin.may_call:
            return _generated(403, "The function's policy does not let this distribution call it.")
        sends, cookies = behaviour.forwarded, request.headers.get("cookie", "").split(";")
        forwarded = {
            name: value
            for name, value in request.headers.items()
            if sends.headers.selects(name) and name not in ("cookie", "authorization")
        }
        named = (each.strip() for each in cookies)
        pairs = tuple(each for each in named if each and sends.cookies.selects(each.partition("=")[0]))
        query = "&".join(
            pair
            for pair in signed.without_signature(request.query).split("&")
            if pair and sends.query_strings.selects(pair.partition("=")[0])
        )
        question = Question(request.method, path, query, request.client, forwarded, pairs)
        told = await self.functions.ask(origin.function, question)
        failed = told.status >= 400
        kept = tuple(each for each in told.cookies if sends.cookies.selects(each.partition("=")[0].strip()))
        if failed and (page := await self._page_for(told.status, request)):
            return page
        return Answer(told.status, dict(told.headers), "Error" if failed else "Miss", [told.body], cookies=kept)

    async def _error(self, entry: Entry, request: Request) -> Answer:
        """The origin's error, or the page the distribution shows in its place."""
        plain = Answer(entry.status, dict(entry.headers), "Error", [entry.body])
        return await self._page_for(entry.status, request) or plain

    async def _page_for(self, status: int, request: Request) -> Answer | None:
        """The page the distribution shows in place of an error; None where there is none, or it cannot be had."""
        rule = self.distribution.error(status)
        if not rule or not rule.page_path:
            return None
        behaviour = policies.behaviour_for(self.distribution, rule.page_path)
        if isinstance(behaviour.origin, FunctionOrigin) or behaviour.trusted_keys is not None:
            return None
        plain = Request("GET", rule.page_path, "", {}, request.client)
        wanted = _wanted(behaviour, rule.page_path, plain)
        page, _ = await self.library.find(wanted)
        if page.is_error:
            return None
        answer = _object(page, wanted, "Error", plain, self.library.clock())
        answer.status = rule.response_code or status
        return answer

    def _sign(self, answer: Answer, request_id: str) -> None:
        """The headers CloudFront itself puts on every answer."""
        if answer.status not in (204, 304):
            answer.headers["content-length"] = str(answer.length)
        answer.headers["x-cache"] = f"{answer.result} from cloudfront"
        answer.headers["via"] = "1.1 local-edge.cloudfront.net (CloudFront)"
        answer.headers["x-amz-cf-pop"] = "LOCAL"
        answer.headers["x-amz-cf-id"] = request_id

    async def _send(self, answer: Answer, method: str, receive: Receive, send: Send) -> int:
        """Send the answer; returns the bytes of its body. An answer that cannot be finished breaks the connection."""
        if method == "HEAD" or answer.status == 304:
            answer.body = []
        blocks = self._blocks(answer)
        # The first block is read before the status goes out: a failure up to here is still a proper error.
        try:
            block = await self._pack(answer) or await anext(blocks, b"")
        except (OriginUnreachable, ObjectChanged) as error:
            answer.status, answer.body, answer.result = 502, [], "Error"
            block = str(error).encode()
            answer.headers = _FAILED | {"content-length": str(len(block)), "x-amz-cf-id": answer.headers["x-amz-cf-id"]}
        headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in answer.headers.items()]
        headers += [(b"set-cookie", cookie.encode("latin-1")) for cookie in answer.cookies]
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        if len(block) >= answer.length:
            await send({"type": "http.response.body", "body": block})
            return len(block)
        return await _stream(block, blocks, receive, send)

    async def _pack(self, answer: Answer) -> bytes:
        """The whole compressed copy, where the answer is to be compressed."""
        if not answer.packed or not answer.entry or not answer.wanted or not answer.body:
            return b""
        with await self.library.open_slice(answer.entry, answer.wanted, GZIP) as file:
            block = file.read()
        answer.body = [block]
        answer.headers["content-length"] = str(len(block))
        return block

    async def _blocks(self, answer: Answer) -> AsyncIterator[bytes]:
        for part in answer.body:
            if isinstance(part, bytes):
                yield part
            else:
                async for block in self._read(answer, part):
                    yield block

    async def _read(self, answer: Answer, wanted_bytes: ByteRange) -> AsyncIterator[bytes]:
        assert answer.entry and answer.wanted
        position = wanted_bytes.start
        while position < wanted_bytes.stop:
            index, offset = divmod(position, SLICE_BYTES)
            end = min(wanted_bytes.stop, (index + 1) * SLICE_BYTES)
            with await self.library.open_slice(answer.entry, answer.wanted, index) as file:
                if end < wanted_bytes.stop and (answer.entry.number, index + 1) not in self.library.store:
                    self.library.fill(answer.entry, answer.wanted, index + 1)  # read ahead by one slice
                file.seek(offset)
                while position < end:
                    # A plain read: these bytes are in the page cache, and a thread would cost more than it saves.
                    block = file.read(min(BLOCK_BYTES, end - position))
                    position += len(block)
                    yield block

    def _log(self, request: Request, answer: Answer, request_id: str, sent: int, seconds: float) -> None:
        self.log.write(
            access_log.fields(
                request_id=request_id,
                client=request.client,
                method=request.method,
                path=request.path,
                query=request.query,
                headers=request.headers,
                status=answer.status,
                sent_bytes=sent,
                result=answer.result,
                seconds=seconds,
                content_type=answer.headers.get("content-type", ""),
            )
        )


def _request(scope: Scope) -> Request:
    return Request(
        method=scope["method"],
        path=scope["raw_path"].decode("latin-1"),
        query=scope["query_string"].decode("latin-1"),
        headers=policies.first(scope["headers"]),
        client=(scope.get("client") or ("-",))[0],
        scheme=scope.get("scheme", "http"),
    )


def _refuse(request: Request) -> Answer | None:
    """What CloudFront turns away before it looks at any behaviour."""
    if len(request.path) + len(request.query) > LONGEST_URL:
        return _generated(414, "The URL is longer than 8,192 bytes.")
    headers = sum(len(name) + len(value) + 4 for name, value in request.headers.items())
    if len(request.path) + len(request.query) + headers > LONGEST_REQUEST:
        return _generated(494, "The request and its headers are longer than 20,480 bytes.")
    if not request.path.startswith("/"):
        return _generated(400, "Bad request: the path must begin with a slash.")
    if request.headers.get("content-length", "0") != "0" or "transfer-encoding" in request.headers:
        return _generated(403, "Bad request: a request with a body cannot be cached.")
    return None


def _generated(status: int, sentence: str) -> Answer:
    """An error the edge makes itself, in CloudFront's words."""
    page = (
        f"<!DOCTYPE html><html><head><title>ERROR: The request could not be satisfied</title></head><body>"
        f"<h1>{status} ERROR</h1><h2>The request could not be satisfied.</h2><p>{escape(sentence)}</p></body></html>"
    )
    headers = {"content-type": "text/html; charset=utf-8", "server": "CloudFront"}
    return Answer(status, headers, "Error", [page.encode()])


def _preflight(behaviour: Behaviour, request: Request) -> Answer:
    """OPTIONS goes to the bucket, whose own CORS rules decide; the response headers policy only adds headers.

    A bucket without rules answers 403 and the preflight fails whatever the policy adds, in AWS as here.
    """
    asked = request.headers.get("access-control-request-headers", "")
    rule = cors_rule_for(
        behaviour.origin.cors_rules,
        request.headers.get("origin", ""),
        request.headers.get("access-control-request-method", ""),
        [name.strip().lower() for name in asked.split(",") if name.strip()],
    )
    if rule is None:
        text = b"<Error><Code>AccessForbidden</Code><Message>CORSResponse: not allowed by the bucket.</Message></Error>"
        return Answer(403, {"content-type": "application/xml"}, "Error", [text])
    headers = {
        "access-control-allow-origin": "*" if "*" in rule.origins else request.headers["origin"],
        "access-control-allow-methods": ", ".join(rule.methods),
        "access-control-allow-headers": asked,
    }
    if rule.max_age is not None:
        headers["access-control-max-age"] = str(rule.max_age)
    return Answer(200, headers, "Miss")


def _wanted(behaviour: Behaviour, path: str, request: Request) -> Wanted:
    hint = ranges.first_byte_hint(request.headers.get("range"))
    return Wanted(
        behaviour=behaviour,
        cache_key=policies.cache_key(behaviour, path, signed.without_signature(request.query), request.headers),
        key=policies.object_key(path),
        slice_index=hint // SLICE_BYTES,
        head_only=request.method == "HEAD",
    )


def _object(entry: Entry, wanted: Wanted, result: str, request: Request, now: float) -> Answer:
    """What of the object to send: nothing, all of it, all of it compressed, or ranges."""
    headers = dict(entry.headers) | {"accept-ranges": "bytes"}
    if result in ("Hit", "Error"):
        headers["age"] = str(max(0, int(now - entry.stored_at)))
    answer = Answer(200, headers, result, [], entry, wanted)
    _add_bucket_cors(answer, wanted.behaviour, request)
    packable = policies.compressible(wanted.behaviour, entry.headers, entry.length, "gzip")
    if packable:
        headers["vary"] = policies.join_vary(headers.get("vary"), "Accept-Encoding")
    if ranges.not_modified(request.headers, entry.headers):
        answer.status = 304
        return answer
    try:
        parts = _parts(entry, request)
    except ranges.NotSatisfiable as error:
        return Answer(416, {"content-range": str(error), "content-type": "text/plain"}, "Error", [b""])
    if parts is not None:
        return _partial(answer, parts, entry)
    answer.body = [ByteRange(0, entry.length)] if entry.length else []
    if packable and policies.accepts_gzip(request.headers.get("accept-encoding", "")):
        _mark_packed(answer)
    return answer


def _parts(entry: Entry, request: Request) -> list[ByteRange] | None:
    if not ranges.range_applies(request.headers, entry.headers):
        return None
    return ranges.ranges_for(request.headers.get("range"), entry.length)


def _mark_packed(answer: Answer) -> None:
    """A compressed copy is another representation: CloudFront makes its strong ETag a weak one."""
    answer.packed = True
    answer.headers["content-encoding"] = "gzip"
    etag = answer.headers.get("etag", "")
    if etag and not etag.startswith("W/"):
        answer.headers["etag"] = f"W/{etag}"


def _partial(answer: Answer, parts: list[ByteRange], entry: Entry) -> Answer:
    answer.status = 206
    if len(parts) == 1:
        answer.headers["content-range"] = parts[0].content_range(entry.length)
        answer.body = [parts[0]]
        return answer
    boundary = secrets.token_hex(12)
    content_type = answer.headers.get("content-type", "application/octet-stream")
    for part in parts:
        lines = f"--{boundary}\r\nContent-Type: {content_type}\r\nContent-Range: {part.content_range(entry.length)}"
        answer.body += [f"\r\n{lines}\r\n\r\n".encode(), part]
    answer.body.append(f"\r\n--{boundary}--\r\n".encode())
    answer.headers["content-type"] = f"multipart/byteranges; boundary={boundary}"
    return answer


def _add_bucket_cors(answer: Answer, behaviour: Behaviour, request: Request) -> None:
    """The bucket's own CORS headers, which S3 only sends when the edge passes the viewer's Origin on."""
    origin = request.headers.get("origin")
    if not origin or not behaviour.forwards_origin_header:
        return
    if rule := cors_rule_for(behaviour.origin.cors_rules, origin, request.method, []):
        answer.headers["access-control-allow-origin"] = "*" if "*" in rule.origins else origin
        answer.headers["vary"] = policies.join_vary(answer.headers.get("vary"), "Origin")
        if rule.expose:
            answer.headers["access-control-expose-headers"] = ", ".join(rule.expose)


async def _stream(block: bytes, blocks: AsyncIterator[bytes], receive: Receive, send: Send) -> int:
    """Send block after block until the end, or until the viewer has gone."""
    sent = 0
    gone = asyncio.ensure_future(_viewer_gone(receive))
    try:
        while block and not gone.done():
            await send({"type": "http.response.body", "body": block, "more_body": True})
            sent += len(block)
            await asyncio.sleep(
                0
            )  # hypercorn's send need not pause; without this nobody hears that the viewer has gone
            block = await anext(blocks, b"")
        if not gone.done():
            await send({"type": "http.response.body", "body": b""})
        return sent
    finally:
        gone.cancel()


async def _viewer_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
