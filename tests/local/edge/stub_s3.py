"""An S3 that answers GET and HEAD as S3 does, counts what it is asked, and fails on demand; and a Lambda beside it."""

from __future__ import annotations

import hashlib
import json
import re
import threading
import time
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote


@dataclass
class StubObject:
    body: bytes
    headers: dict[str, str]
    modified: str = field(default_factory=lambda: formatdate(1_700_000_000, usegmt=True))

    @property
    def etag(self) -> str:
        return f'"{hashlib.md5(self.body).hexdigest()}"'


class StubS3:
    def __init__(self) -> None:
        self.objects: dict[str, StubObject] = {}
        self.asked: list[tuple[str, str, dict[str, str]]] = []
        self.fail_with: int | None = None
        #: What functions answer (bytes: as it is), and the events they were called with.
        self.function: Any = {"statusCode": 200, "body": "hello"}
        self.function_failed = False
        self.events: list[tuple[str, dict[str, Any]]] = []
        self.delay = 0.0
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"stub": self}))
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def put(self, key: str, body: bytes | str, content_type: str = "binary/octet-stream", **headers: str) -> None:
        data = body.encode() if isinstance(body, str) else body
        named = {name.replace("_", "-").title(): value for name, value in headers.items()}
        self.objects[key] = StubObject(data, {"Content-Type": content_type, **named})

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    stub: StubS3

    def log_message(self, *_: Any) -> None:
        pass

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.stub.events.append((unquote(self.path.split("/")[3]), json.loads(body)))
        answer = self.stub.function
        failed = {"X-Amz-Function-Error": "Unhandled"} if self.stub.function_failed else {}
        self._send(200, answer if isinstance(answer, bytes) else json.dumps(answer).encode(), failed, True)

    def do_HEAD(self) -> None:
        self._answer(send_body=False)

    def do_GET(self) -> None:
        self._answer(send_body=True)

    def _answer(self, send_body: bool) -> None:
        _, _bucket, key = self.path.split("/", 2)
        key = unquote(key)
        self.stub.asked.append((self.command, key, {name.lower(): value for name, value in self.headers.items()}))
        time.sleep(self.stub.delay)
        if self.stub.fail_with:
            return self._send(self.stub.fail_with, b"<Error><Code>SlowDown</Code></Error>", {}, send_body)
        found = self.stub.objects.get(key)
        if found is None:
            return self._send(
                404, b"<Error><Code>NoSuchKey</Code></Error>", {"Content-Type": "application/xml"}, send_body
            )
        headers = found.headers | {"ETag": found.etag, "Last-Modified": found.modified, "Accept-Ranges": "bytes"}
        headers["Access-Control-Allow-Origin"] = "*"  # as the emulator does, for everything
        if self.headers.get("If-None-Match") == found.etag:
            return self._send(304, b"", headers, False)
        if self.headers.get("If-Match") not in (None, "*", found.etag):
            return self._send(412, b"<Error><Code>PreconditionFailed</Code></Error>", {}, send_body)
        return self._object(found, headers, send_body)

    def _object(self, found: StubObject, headers: dict[str, str], send_body: bool) -> None:
        match = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        if not match:
            return self._send(200, found.body, headers, send_body)
        start, stop = int(match[1]), min(int(match[2]) + 1, len(found.body))
        if start >= len(found.body):
            return self._send(416, b"", {"Content-Range": f"bytes */{len(found.body)}"}, send_body)
        headers["Content-Range"] = f"bytes {start}-{stop - 1}/{len(found.body)}"
        return self._send(206, found.body[start:stop], headers, send_body)

    def _send(self, status: int, body: bytes, headers: dict[str, str], send_body: bool) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if status != 304:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if send_body:
            self.wfile.write(body)
