"""S3's data path for the embedded stack: object bytes go to disk and come from disk, a megabyte at a time.

ministack keeps the bucket's books (listing, versions, tags, conditions, deletes, notifications) and, left alone, also
every body in memory, whole. Here a body that arrives is written to `objects/` while its digests are computed, and
ministack is handed a `StoredBody` in its place; its functions only ask a body for `len()`, a slice, an MD5 or a
checksum, so those four are answered without reading. A response whose body is stored is streamed out.

Why not a proxy with its own books: listings, versions and conditional writes would exist twice and disagree.

Also put right here: Range together with versionId, Range headers that S3 ignores, presigned URLs signed with any
credentials, and CORS: what other origins' pages may do follows from the bucket's configuration. Multipart uploads are
completed in multipart.py, form uploads taken apart in forms.py.

Can go wrong, as S3 says it: IncompleteBody, BadDigest, InvalidRange; a full disk is InternalError and names the
folder.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import contextvars
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs

from ministack import app
from ministack.core import router
from ministack.services import s3

from pipeline.local.emulators import forms, multipart
from pipeline.local.emulators.checksums import ALGORITHMS
from pipeline.local.emulators.chunked import BadFraming, Decoder, is_chunked, without_chunked
from pipeline.local.emulators.storage import CHUNK, BodyWriter, StoredBody

Receive = Callable[[], Awaitable[dict]]
Send = Callable[[dict], Awaitable[None]]

SMALL = 256 << 10  # read or written on the event loop: a thread's round trip costs more


@dataclass(frozen=True)
class Request:
    """What the request's own line says; ministack's body reader is not told."""

    method: str
    path: str
    query: Mapping[str, list[str]]
    headers: Mapping[str, str]
    receive: Receive


_request: contextvars.ContextVar[Request] = contextvars.ContextVar("request")
_objects = Path()
_original: dict[str, Callable] = {}


def install(objects: Path) -> None:
    """Put the disk under ministack's S3; `objects` is the folder of this run."""
    global _objects
    _objects = objects
    if _original:
        return
    _replace(app, "_read_request_body", _read_request_body)
    _replace(app, "_send_response", _send_response)
    _replace(app, "_routing_params", _routing_params)
    _replace(app, "_handle_options_request", _handle_options_request)
    for name in (
        "_get_object",
        "_get_object_data",
        "_compute_s3_checksum",
        "_validate_content_md5",
        "_verify_presigned_sigv4",
        "_parse_multipart_form",
        "md5_hash",
    ):
        _replace(s3, name, globals()[name])
    _replace(s3, "_create_multipart_upload", multipart.remembering_checksum_type(s3._create_multipart_upload))
    _replace(s3, "_complete_multipart_upload", multipart.complete_multipart_upload)
    _replace(s3, "handle_request", _handle_request)


def _replace(module: object, name: str, replacement: Callable) -> None:
    _original[name] = getattr(module, name)
    setattr(module, name, replacement)


def announce(scope: Mapping, receive: Receive) -> None:
    """Remember the request for the functions below; called once for each, in its own context."""
    query = parse_qs(scope.get("query_string", b"").decode("utf-8", "replace"), keep_blank_values=True)
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
    _request.set(Request(scope["method"], scope["path"], query, headers, receive))


# ---- bodies in ------------------------------------------------------------------------------------------------------


async def _read_request_body(receive: Receive, method: str, headers: dict) -> bytes | StoredBody:
    request = _request.get()
    if not _carries_object(request, headers):
        return await _original["_read_request_body"](receive, method, headers)
    writer = BodyWriter(_objects, _wanted_checksums(request, headers))
    try:
        await _spool(receive, headers, writer)
        return writer.finish()
    except BaseException:
        writer.abort()
        raise


def _carries_object(request: Request, headers: Mapping[str, str]) -> bool:
    """PutObject, UploadPart and form uploads; everything else is small and is ministack's."""
    if request.path.startswith(("/_", "/iceberg")) or "x-amz-copy-source" in headers:
        return False
    bucket = app._extract_s3_vhost_bucket(headers.get("host", ""))
    _, slash, key = request.path.lstrip("/").partition("/")
    has_key = bool(request.path.strip("/")) if bucket else bool(slash and key)
    if request.method == "PUT":
        fits = has_key and not request.query.keys() & _SUBRESOURCES
    else:
        fits = request.method == "POST" and headers.get("content-type", "").startswith("multipart/form-data")
    return fits and router.detect_service(request.method, request.path, dict(headers), dict(request.query)) == "s3"


_SUBRESOURCES = frozenset(
    {"acl", "annotation", "legal-hold", "retention", "tagging", "torrent", "renameObject", "encryption"}
)


def _wanted_checksums(request: Request, headers: Mapping[str, str]) -> set[str]:
    named = {name.removeprefix("x-amz-checksum-") for name in headers if name.startswith("x-amz-checksum-")}
    named |= {name.strip().removeprefix("x-amz-checksum-") for name in headers.get("x-amz-trailer", "").split(",")}
    named |= {headers.get("x-amz-sdk-checksum-algorithm", "")}
    upload = s3._multipart_uploads.get((request.query.get("uploadId") or [""])[0]) or {}
    named |= {upload.get("checksum_algorithm") or ""}
    return {name.upper().replace("_", "") for name in named} & ALGORITHMS


async def _spool(receive: Receive, headers: dict, writer: BodyWriter) -> None:
    """Take the body from the connection to the disk, a megabyte in memory at most."""
    decoder = Decoder() if is_chunked(headers) else None
    arrived, pieces, pending, more = 0, [], 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise app._RequestBodyDisconnected
        piece, more = message.get("body", b""), message.get("more_body", False)
        pieces.append(piece)
        pending += len(piece)
        if pending >= CHUNK or not more:
            await _off_loop(pending, _store, pieces, decoder, writer)
            arrived, pieces, pending = arrived + pending, [], 0
    _check_arrival(headers, decoder, arrived, writer.length)


async def _off_loop(size: int, work: Callable, *args: object) -> object:
    return work(*args) if size <= SMALL else await asyncio.to_thread(work, *args)


def _store(pieces: list[bytes], decoder: Decoder | None, writer: BodyWriter) -> None:
    try:
        for piece in pieces:
            for data in decoder.feed(piece) if decoder else (piece,):
                writer.write(data)
    except BadFraming as error:
        raise _incomplete(str(error)) from error


def _check_arrival(headers: dict, decoder: Decoder | None, arrived: int, decoded: int) -> None:
    if headers.get("content-length", str(arrived)).strip() != str(arrived):
        raise _incomplete("Content-Length does not match the body")
    if decoder is None:
        return
    try:
        decoder.close()
    except BadFraming as error:
        raise _incomplete(str(error)) from error
    if headers.get("x-amz-decoded-content-length", str(decoded)).strip() != str(decoded):
        raise _incomplete("X-Amz-Decoded-Content-Length does not match the body")
    announced = {name.strip().lower() for name in headers.get("x-amz-trailer", "").split(",") if name.strip()}
    if missing := announced - decoder.trailers.keys():
        raise _incomplete(f"trailing header missing: {', '.join(sorted(missing))}")
    for name, value in decoder.trailers.items():
        headers.setdefault(name, value)  # where ministack looks for checksums
    without_chunked(headers)


def _incomplete(why: str) -> Exception:
    error = app._IncompleteRequestBody(why)
    error.body = b""
    return error


# ---- bodies out -----------------------------------------------------------------------------------------------------


async def _send_response(send: Send, status: int, headers: dict, body: object, *, head: bool = False) -> None:
    headers = _with_cors(headers)
    if not isinstance(body, StoredBody):
        await _original["_send_response"](send, status, headers, body, head=head)
        return
    headers["Content-Length"] = str(len(body))
    await send({"type": "http.response.start", "status": status, "headers": app._asgi_header_list(headers)})
    if len(body) > SMALL:
        await _stream(send, body)
    else:
        await send({"type": "http.response.body", "body": bytes(body), "more_body": False})


async def _stream(send: Send, body: StoredBody) -> None:
    """Read ahead of nobody: a chunk leaves before the next is read, and a viewer who seeks away ends it."""
    gone = asyncio.ensure_future(_disconnected(_request.get().receive))
    chunks = body.chunks()
    try:
        while chunk := await asyncio.to_thread(next, chunks, b""):
            if gone.done():
                return
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})
    finally:
        gone.cancel()
        with contextlib.suppress(ValueError):  # cancelled while a thread reads: it closes the file when it is done
            chunks.close()


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


# ---- ministack's questions about a body -----------------------------------------------------------------------------


def md5_hash(body: bytes | StoredBody) -> str:
    return body.md5_hex() if isinstance(body, StoredBody) else _original["md5_hash"](body)


def _compute_s3_checksum(algorithm: str, body: bytes | StoredBody) -> str | None:
    name = (algorithm or "").upper().replace("_", "")
    if isinstance(body, StoredBody) and name in ALGORITHMS:
        return body.checksum(name)
    return _original["_compute_s3_checksum"](algorithm, body)


def _validate_content_md5(headers: Mapping[str, str], body: bytes | StoredBody) -> tuple | None:
    if not isinstance(body, StoredBody) or not headers.get("content-md5"):
        return _original["_validate_content_md5"](headers, body)
    try:
        expected = base64.b64decode(headers["content-md5"], validate=True)
    except binascii.Error:
        expected = b""
    if len(expected) != 16:
        return s3._error("InvalidDigest", "The Content-MD5 you specified is not valid.", 400)
    if expected != body.digest("MD5"):
        return s3._error("BadDigest", "The Content-MD5 you specified did not match what we received.", 400)
    return None


def _routing_params(method: str, path: str, headers: dict, body: object, query: dict) -> dict:
    """An object's bytes are not a form, even where the client (curl) calls them one."""
    return query if isinstance(body, StoredBody) else _original["_routing_params"](method, path, headers, body, query)


def _get_object_data(bucket: str, key: str, version_id: str | None = None) -> bytes | None:
    """Lambda code and CloudFormation templates, which their readers need whole."""
    data = _original["_get_object_data"](bucket, key, version_id)
    return bytes(data) if isinstance(data, StoredBody) else data


def _parse_multipart_form(content_type: str, body: bytes | StoredBody) -> list[tuple]:
    if isinstance(body, StoredBody):
        return forms.parts(content_type, body)
    return _original["_parse_multipart_form"](content_type, body)


def _verify_presigned_sigv4(method: str, path: str, headers: Mapping, query: Mapping) -> tuple | None:
    """Signatures are not checked here, so that any credentials presign; an expired URL is still expired."""
    date, expires = (s3._qp(query, name) or s3._qp(query, name.lower()) for name in ("X-Amz-Date", "X-Amz-Expires"))
    if date and expires.isdigit() and s3.presigned_request_is_expired(date, expires):
        return s3._error("AccessDenied", "Request has expired", 403, path)
    return None


async def _handle_request(method: str, path: str, headers: dict, body: object, query: dict, *args, **kwargs) -> tuple:
    """Off the event loop where a body must be read again: a part copied out of a larger object has its own MD5."""
    call = _original["handle_request"]
    if not (method == "PUT" and "partNumber" in query and "x-amz-copy-source" in headers):
        return await call(method, path, headers, body, query, *args, **kwargs)
    return await asyncio.to_thread(asyncio.run, call(method, path, headers, body, query, *args, **kwargs))


# ---- CORS -----------------------------------------------------------------------------------------------------------


def _handle_options_request(method: str, path: str, headers: dict, query: dict, request_id: str) -> tuple | None:
    """ministack says yes to every preflight (unless it checks signatures); S3 asks the bucket's configuration."""
    target = _cors_target(method, path, headers, query) if method == "OPTIONS" else None
    if target is None:
        return _original["_handle_options_request"](method, path, headers, query, request_id)
    status, answer, body = s3.cors_preflight(*target, headers)
    return status, {**answer, "x-amz-request-id": request_id}, body


def _with_cors(headers: dict) -> dict:
    """An answer's headers with the CORS headers that the bucket's configuration gives this origin, and no others."""
    request = _request.get()
    if "origin" not in request.headers or request.method == "OPTIONS":
        return headers
    target = _cors_target(request.method, request.path, dict(request.headers), dict(request.query))
    if target is None:
        return headers
    kept = {name: value for name, value in headers.items() if not name.lower().startswith("access-control-")}
    return {**kept, **s3.cors_response_headers(target[0], request.method, dict(request.headers))}


def _cors_target(method: str, path: str, headers: dict, query: dict) -> tuple[str, str] | None:
    """(bucket, key) of a request to S3 about a bucket that there is."""
    target = app._s3_cors_target(headers.get("host", ""), path)
    return target if target and router.detect_service(method, path, headers, query) == "s3" else None


# ---- GetObject ------------------------------------------------------------------------------------------------------

_RANGE = re.compile(r"bytes=(?:(\d+)-(\d*)|-(\d+))\Z")


def _get_object(bucket: str, key: str, headers: dict, query: dict | None = None) -> tuple:
    """ministack answers 416 to ranges S3 ignores (malformed, several) and ignores Range beside versionId."""
    wanted = _RANGE.match(headers.get("range", "").strip())
    if "range" in headers and not _is_well_formed(wanted):
        headers = {name: value for name, value in headers.items() if name != "range"}
        wanted = None
    status, answer, body = _original["_get_object"](bucket, key, headers, query)
    if status == 206 and wanted and not len(body):
        return _unsatisfiable(bucket, key, 0)  # a suffix of an empty object
    if status == 200 and wanted and isinstance(body, StoredBody):
        return _slice(bucket, key, answer, body, headers["range"])
    return status, answer, body


def _is_well_formed(match: re.Match | None) -> bool:
    return bool(match) and not (match[1] and match[2] and int(match[2]) < int(match[1]))


def _slice(bucket: str, key: str, answer: dict, body: StoredBody, header: str) -> tuple:
    bounds = s3._parse_range(header.strip(), len(body))
    if bounds is None or not len(body):
        return _unsatisfiable(bucket, key, len(body))
    first, last = bounds
    kept = {name: value for name, value in answer.items() if not name.startswith("x-amz-checksum-")}
    kept["Content-Range"] = f"bytes {first}-{last}/{len(body)}"
    kept["Content-Length"] = str(last - first + 1)
    return 206, kept, body[first : last + 1]


def _unsatisfiable(bucket: str, key: str, size: int) -> tuple:
    headers = {"Content-Type": "application/xml", "Content-Range": f"bytes */{size}"}
    return 416, headers, s3._xml_body(s3._range_error_xml(bucket, key))
