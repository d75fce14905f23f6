"""The console's ASGI application: its static page, and the JSON that the page asks for every two seconds.

In: a stack (`Here`), the origin it is served at, and the page's folder. Out: answers with an ETag, so that a poll which
brings nothing new is a 304 without a body. All of AWS is asked on threads. What goes wrong is {error, message} with a
status, never a traceback, and the next poll tries again:

    403, 421 refused by guard.py        404 nothing by that name       409 not as things stand
    400   not understood                403 read-only, or AWS denies   502, 503 AWS (pipeline.aws.trouble)
"""

from __future__ import annotations

import functools
import hashlib
import json
import re
import sys
import threading
import time
import traceback
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pipeline.aws import clients, trouble, uploads
from pipeline.aws.intake import Intake
from pipeline.aws.operate import NothingByThatName, NotNow
from pipeline.console import actions, guard
from pipeline.console.detail import Executions
from pipeline.console.drawn import Drawings
from pipeline.console.listed import BadQuestion, Films, Wanted
from pipeline.console.place import Here

PAGE = Path(__file__).resolve().parents[2] / "console"
LARGEST_BODY = 2 << 20  # ten thousand parts with their ETags
_FORGET_SECONDS = 15.0


class Refused(Exception):
    """The request cannot be done; carries what to answer."""

    def __init__(self, status: int, error: str, message: str):
        super().__init__(message)
        self.status, self.error = status, error


def application(here: Here, origin: str, page: Path = PAGE) -> ASGIApp:
    """The whole console. origin: where it is served, such as http://127.0.0.1:8090."""
    api = Api(here)
    app = Starlette(
        routes=[
            *api.routes(),
            Route("/api/{rest:path}", _unknown, methods=["GET", "POST"]),
            Mount("/", _Page(directory=page, html=True)) if page.is_dir() else Route("/", _no_page),
        ],
        exception_handlers={HTTPException: _http_error},
    )
    return Guarded(app, origin, here)


class _Page(StaticFiles):
    """Asked for again every time: modules of two versions in one page would not fit each other."""

    def file_response(self, *given: Any, **named: Any) -> Response:
        response = super().file_response(*given, **named)
        response.headers["cache-control"] = "no-cache"
        return response


class Api:
    """One handler a route. Reading is GET, answered with an ETag; what changes something is POST."""

    def __init__(self, here: Here):
        self._here = here
        self._films = Films(here)
        self._executions = Executions(here)
        self._drawings = Drawings(here.place.state_machine_arn)
        self._intake = Intake(here.place.table)
        self._forgotten = float("-inf")

    def routes(self) -> list[Route]:
        one = "/api/executions/{name}"
        return [
            Route("/api/place", self._reading(lambda request: {**self._here.told(), "intake": self._intake.state()})),
            Route("/api/executions", self._reading(lambda request: self._films.page(Wanted.of(request.query_params)))),
            Route("/api/graph", self._reading(lambda request: self._drawings.drawn(request.query_params))),
            Route(f"{one}/history", self._reading(self._history)),
            Route(f"{one}/receipt", self._receipt),
            Route(one, self._reading(lambda request: self._executions.detail(request.path_params["name"]))),
            Route("/api/uploads", self._writing(self._begin), methods=["POST"]),
            Route("/api/uploads/parts", self._writing(self._more_parts), methods=["POST"]),
            Route("/api/uploads/complete", self._writing(self._complete), methods=["POST"]),
            Route("/api/uploads/abort", self._writing(self._abort), methods=["POST"]),
            Route(f"{one}/{{action}}", self._writing(self._act), methods=["POST"]),
        ]

    # Reading -------------------------------------------------------------------------------------------------

    def _reading(self, read: Callable[[Request], Any]) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            return await run_in_threadpool(self._guarded, lambda: _with_etag(request, read(request)))

        return answer

    def _history(self, request: Request) -> dict[str, Any]:
        after = request.query_params.get("next", "0")
        if not after.isdecimal():
            raise BadQuestion(f"next={after}: the number of an event")
        return self._executions.history(request.path_params["name"], int(after))

    async def _receipt(self, request: Request) -> Response:
        def redirect() -> Response:
            return RedirectResponse(self._executions.receipt_url(request.path_params["name"]), 302, _FRESH)

        return await run_in_threadpool(self._guarded, redirect)

    # Writing -------------------------------------------------------------------------------------------------

    def _writing(self, write: Callable[[Request, Mapping[str, Any]], Any]) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            try:
                body = await _body(request)
            except Refused as refused:
                return _told(refused.status, refused.error, str(refused))
            return await run_in_threadpool(self._guarded, lambda: self._written(request, write, body))

        return answer

    def _written(self, request: Request, write: Callable[..., Any], body: Mapping[str, Any]) -> Response:
        if not self._here.may_write:
            raise Refused(403, "read_only", "this console only reads: start `vod console` with --write")
        return _json(200, write(request, body))

    def _begin(self, request: Request, body: Mapping[str, Any]) -> dict[str, Any]:
        name, folder, kind = (_text(body, field) for field in ("name", "folder", "type"))
        bucket = self._here.sources_bucket
        begun = uploads.begin(bucket, name, folder, _number(body, "size"), kind)
        first = range(1, min(begun.count, uploads.URLS_AT_ONCE) + 1)
        return {
            "key": begun.key,
            "upload_id": begun.upload_id,
            "part_size": begun.part_size,
            "count": begun.count,
            "parts": uploads.part_urls(bucket, begun.key, begun.upload_id, first),
        }

    def _more_parts(self, request: Request, body: Mapping[str, Any]) -> dict[str, Any]:
        numbers = body.get("numbers")
        if not isinstance(numbers, list) or not all(_is_part(number) for number in numbers):
            raise Refused(400, "not_understood", "numbers: a list of part numbers from 1 to 10000")
        if len(numbers) > uploads.URLS_AT_ONCE:
            raise Refused(400, "not_understood", f"numbers: up to {uploads.URLS_AT_ONCE} at once")
        return {"parts": uploads.part_urls(self._here.sources_bucket, *_upload(body), numbers)}

    def _complete(self, request: Request, body: Mapping[str, Any]) -> dict[str, Any]:
        parts = body.get("parts")
        if not isinstance(parts, list) or not parts or not all(_is_sent(part) for part in parts):
            raise Refused(400, "not_understood", 'parts: a list of {"number": 1, "etag": "..."}, one for each part')
        key, upload_id = _upload(body)
        uploads.complete(self._here.sources_bucket, key, upload_id, parts)
        return {"key": key}

    def _abort(self, request: Request, body: Mapping[str, Any]) -> dict[str, Any]:
        key, upload_id = _upload(body)
        uploads.abort(self._here.sources_bucket, key, upload_id)
        return {"key": key}

    def _act(self, request: Request, body: Mapping[str, Any]) -> dict[str, Any]:
        action = actions.ACTIONS.get(request.path_params["action"])
        if action is None:
            raise Refused(404, "not_found", f"actions are {', '.join(actions.ACTIONS)}")
        return action(request.path_params["name"], self._here, _text(body, "note"))

    # What goes wrong -----------------------------------------------------------------------------------------

    def _guarded(self, work: Callable[[], Response]) -> Response:
        try:
            return work()
        except Refused as refused:
            return _told(refused.status, refused.error, str(refused))
        except (BadQuestion, uploads.NotAKey) as error:
            return _told(400, "not_understood", str(error))
        except NothingByThatName as error:
            return _told(404, "not_found", str(error))
        except (NotNow, uploads.UploadGone) as error:
            return _told(409, "not_now", str(error))
        except Exception as error:
            return self._failed(error)

    def _failed(self, error: Exception) -> Response:
        told = trouble.of(error)
        if told is None:
            traceback.print_exception(error, file=sys.stderr)
            return _told(500, "internal", f"the console has a fault ({type(error).__name__}); its terminal says more")
        if told.error == "credentials":
            self._look_for_credentials()
        return _told(told.status, told.error, told.message)

    def _look_for_credentials(self) -> None:
        """Renewed ones are found without a restart: boto3 reads its files when a session begins."""
        now = time.monotonic()
        if now - self._forgotten >= _FORGET_SECONDS:
            self._forgotten = now
            clients.forget()


class Guarded:
    """Refuses who may not speak to the console, and dresses every answer in its security headers."""

    def __init__(self, app: ASGIApp, origin: str, here: Here):
        self._app, self._origin, self._here = app, origin, here
        self._headers: dict[str, str] | None = None
        self._lock = threading.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1000})
            return
        dressed = await run_in_threadpool(self._dress) if self._headers is None else self._headers
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        refused = guard.refusal(scope["method"], scope["path"], headers, self._origin)
        app = self._app if refused is None else _told(refused[0], "refused", refused[1])
        await app(scope, receive, _dressing(send, dressed))

    def _dress(self) -> dict[str, str]:
        """The bucket's origin follows from region and credentials; without them pages can still say what is wrong."""
        with self._lock:
            delivery = (_origin(self._here.place.delivery_url),)
            try:
                self._headers = guard.headers((uploads.origin(self._here.sources_bucket),), delivery)
            except Exception as error:
                if trouble.of(error) is None:
                    raise
                return guard.headers((), delivery)
            return self._headers


_FRESH = {"cache-control": "no-store"}
_COMPARE = {"cache-control": "no-cache"}


def _with_etag(request: Request, value: Any) -> Response:
    body = _encoded(value)
    etag = f'"{hashlib.blake2b(body, digest_size=12).hexdigest()}"'
    if etag in re.split(r"\s*,\s*", request.headers.get("if-none-match", "")):
        return Response(status_code=304, headers={**_COMPARE, "etag": etag})
    return Response(body, headers={**_COMPARE, "etag": etag}, media_type="application/json")


def _json(status: int, value: Any) -> Response:
    return Response(_encoded(value), status, _FRESH, "application/json")


def _told(status: int, error: str, message: str) -> Response:
    return _json(status, {"error": error, "message": message})


def _encoded(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")


async def _unknown(request: Request) -> Response:
    return _told(404, "not_found", f"{request.url.path} is nothing this console has")


async def _no_page(request: Request) -> Response:
    return Response(f"the page's files are not in {PAGE}", 404, media_type="text/plain")


async def _http_error(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    if request.url.path.startswith("/api/"):
        return _told(status, "refused", f"{request.method} {request.url.path}: {getattr(error, 'detail', error)}")
    return Response(f"{request.url.path}: {getattr(error, 'detail', error)}", status, media_type="text/plain")


async def _body(request: Request) -> Mapping[str, Any]:
    raw = b""
    async for chunk in request.stream():
        raw += chunk
        if len(raw) > LARGEST_BODY:
            raise Refused(413, "not_understood", f"a request of more than {LARGEST_BODY} bytes")
    try:
        value = json.loads(raw or b"{}")
    except ValueError as error:
        raise Refused(400, "not_understood", f"the body is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise Refused(400, "not_understood", "the body is not a JSON object")
    return value


def _text(body: Mapping[str, Any], field: str) -> str:
    value = body.get(field) or ""
    if not isinstance(value, str):
        raise Refused(400, "not_understood", f"{field}: a text")
    return value


def _number(body: Mapping[str, Any], field: str) -> int:
    value = body.get(field)
    if not isinstance(value, int) or isinstance(value, bool):
        raise Refused(400, "not_understood", f"{field}: a whole number")
    return value


def _upload(body: Mapping[str, Any]) -> tuple[str, str]:
    key, upload_id = _text(body, "key"), _text(body, "upload_id")
    if not key.startswith("uploads/") or not upload_id:
        raise Refused(400, "not_understood", "key and upload_id: those that POST /api/uploads gave")
    return key, upload_id


def _is_part(number: Any) -> bool:
    return isinstance(number, int) and not isinstance(number, bool) and 1 <= number <= uploads.MOST_PARTS


def _is_sent(part: Any) -> bool:
    return isinstance(part, dict) and _is_part(part.get("number")) and isinstance(part.get("etag"), str)


def _origin(url: str) -> str:
    return "/".join(url.split("/", 3)[:3])


def _dressing(send: Send, dressed: Mapping[str, str]) -> Send:
    @functools.wraps(send)
    async def dressing(message: Message) -> None:
        if message["type"] == "http.response.start":
            ours = [(name.encode(), value.encode("latin-1")) for name, value in dressed.items()]
            if not any(name == b"cache-control" for name, _ in message["headers"]):
                ours.append((b"cache-control", b"no-cache"))  # the page's files: a newer console is a newer page
            message = {**message, "headers": [*message["headers"], *ours]}
        await send(message)

    return dressing


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
