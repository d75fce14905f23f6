"""As much of S3 as a worker needs, in memory: HEAD, GET with Range and If-Match, PUT; and a record of what was put."""

from __future__ import annotations

import dataclasses
import hashlib
import http.server
import threading
from urllib.parse import unquote, urlsplit


@dataclasses.dataclass
class Stored:
    body: bytes
    headers: dict[str, str]

    @property
    def etag(self) -> str:
        return f'"{hashlib.md5(self.body).hexdigest()}"'


class TinyS3:
    """Objects by "bucket/key". `refuse` maps such a name, or the beginning of one, to the status to answer instead."""

    def __init__(self) -> None:
        self.objects: dict[str, Stored] = {}
        self.order: list[str] = []
        self.refuse: dict[str, int] = {}
        self.served = 0  # bytes of bodies
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def put(self, name: str, body: bytes) -> None:
        self.objects[name] = Stored(body, {})

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _handler(self):
        store = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def _name(self) -> str:
                return unquote(urlsplit(self.path).path[1:])

            def _status(self) -> int | None:
                name = self._name()
                return next((status for start, status in store.refuse.items() if name.startswith(start)), None)

            def _answer(
                self, status: int, body: bytes = b"", headers: dict[str, str] | None = None, length: int | None = None
            ):
                self.send_response(status)
                for key, value in (headers or {}).items():
                    self.send_header(key, value)
                self.send_header("Content-Length", str(len(body) if length is None else length))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            def do_HEAD(self):
                found = store.objects.get(self._name())
                status = self._status() or (200 if found else 404)
                self._answer(
                    status, headers={"ETag": found.etag} if found else {}, length=len(found.body) if found else 0
                )

            def do_GET(self):
                found = store.objects.get(self._name())
                if self._status() or not found:
                    self._answer(self._status() or 404)
                elif self.headers.get("If-Match", found.etag) != found.etag:
                    self._answer(412)
                else:
                    first, last = (int(part) for part in self.headers["Range"].removeprefix("bytes=").split("-"))
                    body = found.body[first : last + 1]
                    store.served += len(body)
                    self._answer(206, body, {"ETag": found.etag})

            def do_PUT(self):
                body = self._body()
                if self._status():
                    self._answer(self._status())
                    return
                store.objects[self._name()] = Stored(body, {key.lower(): value for key, value in self.headers.items()})
                store.order.append(self._name())
                self._answer(200, headers={"ETag": store.objects[self._name()].etag})

            def _body(self) -> bytes:
                if "Content-Length" in self.headers and "aws-chunked" not in self.headers.get("Content-Encoding", ""):
                    return self.rfile.read(int(self.headers["Content-Length"]))
                body = b""
                while size := int(self.rfile.readline().partition(b";")[0], 16):
                    body += self.rfile.read(size)
                    self.rfile.readline()
                while self.rfile.readline().strip():
                    pass
                return body

        return Handler
