"""Faults of the AWS services themselves: what a request meets on its way into the endpoint.

In: an HTTP request to the embedded AWS. Out: the service's own answer, or that of a service in trouble: throttled,
broken, or broken after the work was done. Which film a request is about is read from its key, its table key or its
payload; a request about none still matches faults that name no film.

`/_vod/faults` on the endpoint is the plan itself: GET shows it with what has happened, PUT sets it, DELETE ends it.
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
import re
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qs, unquote, unquote_plus

from pipeline.local import faults
from pipeline.media import keys

PATH = "/_vod/faults"
READ_BYTES = 1 << 20  # of a body, to find the film it is about; objects' bodies are never read
_SCOPE = re.compile(r"Credential=[^/]+/[^/]+/[^/]+/([^/]+)/")
ASSET_ID = re.compile(r'"asset_id\\*":\s*\\*"([a-z0-9-]+)\\*"')
_OBJECT_OPERATIONS = {"GET": "GetObject", "HEAD": "HeadObject", "PUT": "PutObject", "DELETE": "DeleteObject"}
_ERRORS = {  # kind -> status, code, message
    "s3.slow_down": (503, "SlowDown", "Please reduce your request rate."),
    "s3.fault": (500, "InternalError", "We encountered an internal error. Please try again."),
    "s3.lost_answer": (500, "InternalError", "We encountered an internal error. Please try again."),
    "dynamodb.throttle": (400, "ProvisionedThroughputExceededException", "The level of configured provisioned "
                          "throughput for the table was exceeded."),
    "dynamodb.fault": (500, "InternalServerError", "Internal server error"),
    "dynamodb.lost_answer": (500, "InternalServerError", "Internal server error"),
    "lambda.throttle": (429, "TooManyRequestsException", "Rate Exceeded."),
    "lambda.fault": (500, "ServiceException", "Service error."),
    "states.throttle": (400, "ThrottlingException", "Rate exceeded"),
    "states.fault": (500, "InternalFailure", "Internal failure"),
    "states.lost_answer": (500, "InternalFailure", "Internal failure"),
    "sns.fault": (500, "InternalError", "Internal error"),
}  # fmt: skip

Receive = Callable[[], Awaitable[dict]]
Send = Callable[[dict], Awaitable[None]]


async def meet(scope: dict, receive: Receive, send: Send, serve: Callable[[dict, Receive, Send], Awaitable]) -> None:
    """Serve the request, or let it meet what the plan has for it."""
    facts, receive = await _facts(scope, receive)
    happening = faults.at("http.request", **facts) if facts else ()
    if not happening:
        await serve(scope, receive, send)
        return
    fault = happening[0]
    if fault.kind.endswith(".lost_answer"):
        await serve(scope, receive, _swallow)
    else:
        await _read_to_end(receive)
    await _answer(send, facts["service"], fault.kind)


async def _swallow(message: dict) -> None:
    pass


async def _read_to_end(receive: Receive) -> None:
    """A client that is still sending would take an early answer for a broken connection."""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect" or not message.get("more_body", False):
            return


# --- what a request is about -----------------------------------------------------------------------------------------


async def _facts(scope: dict, receive: Receive) -> tuple[dict[str, str], Receive]:
    headers = {name.lower(): value.decode("latin-1") for name, value in scope["headers"]}
    signed = _SCOPE.search(headers.get(b"authorization", ""))
    service = signed[1] if signed else ""
    if service == "s3":
        return _s3_facts(scope), receive
    if service not in ("dynamodb", "lambda", "states", "sns"):
        return {}, receive
    if int(headers.get(b"content-length") or 0) > READ_BYTES:
        return {"service": service}, receive
    body, receive = await _peek(receive)
    facts = {"service": service, **_operation(service, scope["path"], headers, body)}
    return facts | {"asset_id": _asset(service, body)}, receive


def _s3_facts(scope: dict) -> dict[str, str]:
    bucket, _, key = unquote(scope["raw_path"].decode("latin-1").lstrip("/")).partition("/")
    query = parse_qs(scope.get("query_string", b"").decode(), keep_blank_values=True)
    if not key:
        key = query.get("prefix", [""])[0]
        operation = "ListObjectsV2" if "list-type" in query else "Bucket"
    elif "uploads" in query or "uploadId" in query:
        operation = "Multipart"
    else:
        operation = _OBJECT_OPERATIONS.get(scope["method"], scope["method"])
    return {"service": "s3", "operation": operation, "bucket": bucket, "key": key, "asset_id": asset_of(bucket, key)}


def asset_of(bucket: str, key: str) -> str:
    """The asset an object belongs to, wherever it lies; "" when it belongs to none."""
    for prefix in (keys.ASSETS, keys.WORK):
        if key.startswith(prefix):
            return key.removeprefix(prefix).split("/")[0]
    if key.startswith(keys.RECEIPTS):
        key = keys.UPLOADS + key.removeprefix(keys.RECEIPTS).removesuffix(".json").removesuffix(".html")
    return keys.asset_id(bucket, key) if keys.is_film(key) else ""


def _operation(service: str, path: str, headers: dict[bytes, str], body: bytes) -> dict[str, str]:
    if target := headers.get(b"x-amz-target"):
        return {"operation": target.rpartition(".")[2]}
    if service == "lambda":
        function = re.search(r"/functions/([^/]+)/invocations", path)
        return {"operation": "Invoke", "function": unquote(function[1])} if function else {"operation": "other"}
    return {"operation": parse_qs(body.decode("utf-8", "replace")).get("Action", [""])[0]}


def _asset(service: str, body: bytes) -> str:
    if service == "dynamodb":
        try:
            said = json.loads(body)
            values = said.get("Key") or said.get("Item") or {"pk": said.get("ExpressionAttributeValues", {})[":pk"]}
            return values["pk"]["S"]
        except (ValueError, KeyError, TypeError, AttributeError):
            return ""
    text = body.decode("utf-8", "replace")
    found = ASSET_ID.search(unquote_plus(text) if service == "sns" else text)
    return found[1] if found else ""


async def _peek(receive: Receive) -> tuple[bytes, Receive]:
    """The body, and a `receive` that gives it once more."""
    body, more = b"", True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            break
        body += message.get("body", b"")
        more = message.get("more_body", False)
    waiting = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> dict:
        return waiting.pop() if waiting else await receive()

    return body, again


# --- what a service in trouble says ----------------------------------------------------------------------------------


async def _answer(send: Send, service: str, kind: str) -> None:
    status, code, message = _ERRORS[kind]
    headers = {"x-amzn-requestid": "injected", "x-amzn-errortype": code}
    if service in ("s3", "sns"):
        said = f"<Code>{code}</Code><Message>{message}</Message>"
        request = "<RequestId>injected</RequestId>"
        text = f"<Error>{said}{request}</Error>"
        if service == "sns":
            text = f"<ErrorResponse><Error><Type>Receiver</Type>{said}</Error>{request}</ErrorResponse>"
        await _send(send, status, text, headers | {"content-type": "application/xml"})
    else:
        text = json.dumps({"__type": code, "message": message, "Type": "User"})
        await _send(send, status, text, headers | {"content-type": "application/x-amz-json-1.0"})


async def _send(send: Send, status: int, text: str, headers: dict[str, str]) -> None:
    body = text.encode()
    fields = [(name.encode(), value.encode()) for name, value in headers.items()]
    fields.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": fields})
    await send({"type": "http.response.body", "body": body, "more_body": False})


# --- the plan over HTTP ----------------------------------------------------------------------------------------------


async def serve_plan(scope: dict, receive: Receive, send: Send, install: Callable[[faults.Plan | None], None]) -> None:
    """GET, PUT and DELETE of PATH."""
    body, _ = await _peek(receive)
    status, answer = 200, None
    try:
        if scope["method"] == "PUT":
            plan = faults.plan_of(json.loads(body or b"null"), PATH)
            await asyncio.get_running_loop().run_in_executor(None, install, plan)
        elif scope["method"] == "DELETE":
            install(None)
        elif scope["method"] != "GET":
            status, answer = 405, {"message": f"{PATH} takes GET, PUT and DELETE"}
    except ValueError as error:
        status, answer = 400, {"message": str(error)}
    text = json.dumps(answer or describe())
    await _send(send, status, text, {"content-type": "application/json"})


def describe() -> dict[str, Any]:
    if faults.current is None:
        return {"plan": None, "injected": []}
    injected = [dataclasses.asdict(one) for one in list(faults.current.injected)]
    return {"plan": dataclasses.asdict(faults.current.plan), "injected": injected}
