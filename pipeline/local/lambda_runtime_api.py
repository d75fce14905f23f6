"""Serve the Lambda Runtime API (2018-06-01) to one sandbox: hand out events, take answers.

In: what AWS's awslambdaric sends (next, response, error, init/error). Out: calls on the Sandbox it serves. The wire
format: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html

Each sandbox has a listening socket of its own, because awslambdaric accepts nothing but host:port as the address and
that port is then all that tells the sandboxes apart. The few lines of HTTP are written by hand: http.server parses
headers with the e-mail package, which would be half the time of a warm invocation.
"""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from typing import BinaryIO, Protocol

API = "/2018-06-01/runtime/"
MAX_RESPONSE_BYTES = 6 * 1024 * 1024 + 100  # what Lambda's own refusal says: 6291556 bytes


class Sandbox(Protocol):
    """What the server tells of a sandbox's life; see pipeline.local.lambda_host."""

    def next_event(self) -> tuple[bytes, dict[str, str]] | None: ...
    def answered(self, request_id: str, payload: bytes, error: bool) -> None: ...
    def failed_to_start(self, error: bytes) -> None: ...


class RuntimeApi:
    """The server of one sandbox: `port` is its address, `close()` ends it."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.connections: set[socket.socket] = set()
        threading.Thread(target=self._accept, name=f"runtime-api-{self.port}", daemon=True).start()

    def close(self) -> None:
        for end in (self.listener, *tuple(self.connections)):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)  # wakes the thread that is blocked in it
            end.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.connections.add(connection)
            name = f"runtime-api-{self.port}"
            threading.Thread(target=self._serve, args=(connection,), name=name, daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            with connection, connection.makefile("rb") as stream:
                while (request := read_request(stream)) is not None:
                    connection.sendall(self._respond(*request))
        except (OSError, ValueError):
            pass  # the sandbox went away in the middle of a request; its exit status tells the rest
        finally:
            self.connections.discard(connection)

    def _respond(self, method: str, path: str, body: bytes) -> bytes:
        match path.removeprefix(API).split("/"):
            case ["invocation", "next"] if method == "GET":
                return self._next()
            case ["invocation", request_id, "response"]:
                return self._response(request_id, body)
            case ["invocation", request_id, "error"]:
                self.sandbox.answered(request_id, body, error=True)
            case ["init", "error"]:
                self.sandbox.failed_to_start(body)
            case _:
                return response(404, b'{"errorType":"NotFound","errorMessage":"no such path in the Runtime API"}')
        return response(202, b'{"status":"OK"}')

    def _next(self) -> bytes:
        event = self.sandbox.next_event()
        if event is None:
            raise ValueError("the sandbox is closing")
        payload, headers = event
        return response(200, payload, headers)

    def _response(self, request_id: str, body: bytes) -> bytes:
        if len(body) <= MAX_RESPONSE_BYTES:
            self.sandbox.answered(request_id, body, error=False)
            return response(202, b'{"status":"OK"}')
        message = f"Response payload size exceeded maximum allowed payload size ({MAX_RESPONSE_BYTES} bytes)."
        refusal = json.dumps({"errorMessage": message, "errorType": "Function.ResponseSizeTooLarge"}).encode()
        self.sandbox.answered(request_id, refusal, error=True)
        return response(413, refusal)


def read_request(stream: BinaryIO) -> tuple[str, str, bytes] | None:
    """Read one HTTP/1.1 request: (method, path, body), or None at the end of the connection."""
    line = stream.readline(65536)
    if not line.strip():
        return None
    method, path, _ = line.decode("latin-1").split(" ", 2)
    headers = dict(_headers(stream))
    if headers.get("transfer-encoding", "").lower() == "chunked":
        return method, path, b"".join(_chunks(stream))
    return method, path, stream.read(int(headers.get("content-length", 0)))


def _headers(stream: BinaryIO):
    while line := stream.readline(1 << 21).strip():  # an error's X-Ray cause is a header of up to 1 MB
        name, _, value = line.decode("latin-1").partition(":")
        yield name.strip().lower(), value.strip()


def _chunks(stream: BinaryIO):
    while size := int(stream.readline().split(b";")[0], 16):
        yield stream.read(size)
        stream.readline()
    stream.readline()


def response(status: int, body: bytes, headers: dict[str, str] | None = None) -> bytes:
    fields = {"Content-Type": "application/json", "Content-Length": str(len(body)), **(headers or {})}
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"HTTP/1.1 {status} {_REASONS[status]}\r\n{head}\r\n".encode("latin-1") + body


_REASONS = {200: "OK", 202: "Accepted", 404: "Not Found", 413: "Payload Too Large"}
