"""A console backend that plays from a script: the console's API over canned executions, and an S3 that takes parts.

Two servers, as in life: the page and its API have one origin, the bucket another. What the page asked for is kept in
`asked`, what was uploaded in `objects`; `gone`, `fail`, `delay`, `refuse_parts` and
`expire` make things go wrong.
"""

from __future__ import annotations

import base64
import collections
import hashlib
import json
import threading
import time
import urllib.parse
from collections.abc import Iterable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from pipeline.console import guard
from pipeline.media.graph import svg

ROOT = Path(__file__).resolve().parents[3]
PAGE = ROOT / "console"
TYPES = {".html": "text/html; charset=utf-8", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
PART_SIZE, URLS_AT_ONCE = 256 * 1024, 3
LIST_PARTS = (
    "name",
    "arn",
    "asset_id",
    "version",
    "revision",
    "film",
    "title",
    "status",
    "execution_status",
    "started_at",
    "stopped_at",
    "percent",
)


class Fake:
    """The state of both servers; tests change it while the page looks on."""

    def __init__(self) -> None:
        self.executions: dict[str, dict[str, Any]] = {}
        self.histories: dict[str, list[dict[str, Any]]] = {}
        self.place: dict[str, Any] = {
            "stack": "vod",
            "region": "eu-west-1",
            "account": "000000000000",
            "endpoint": "local",
            "can_write": True,
            "delivery_url": "http://127.0.0.1:9",
            "sources_bucket": "vod-sources",
            "state_machine_arn": "arn:aws:states:eu-west-1:000000000000:stateMachine:vod",
            "intake": {"paused": False, "since": None, "by": None, "reason": None},
        }
        self.page_size = 50
        self.fail: tuple[int, str, str] | None = None
        self.gone = False
        self.delay = 0.0
        self.refuse_parts: collections.Counter[int] = collections.Counter()
        self.expire: set[int] = set()
        self.asked: list[str] = []
        self.acted: list[tuple[str, str, dict[str, Any]]] = []
        self.answers: dict[str, tuple[int, dict[str, Any]]] = {}
        self.parts: dict[str, dict[int, bytes]] = {}
        self.objects: dict[str, bytes] = {}
        self.signed: list[int] = []
        self.completed: list[str] = []
        self.aborted: list[str] = []
        self._page = self._serve(_Page)
        self._bucket = self._serve(_Bucket)
        self.url = f"http://127.0.0.1:{self._page.server_port}"
        self.s3 = f"http://127.0.0.1:{self._bucket.server_port}"

    def add(self, *executions: dict[str, Any]) -> None:
        self.executions.update({one["name"]: one for one in executions})

    def stop(self) -> None:
        for server in (self._page, self._bucket):
            server.shutdown()
            server.server_close()

    def _serve(self, handler: type[_Handler]) -> ThreadingHTTPServer:
        bound = type(handler.__name__, (handler,), {"fake": self})
        server = ThreadingHTTPServer(("127.0.0.1", 0), bound)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return server


class _Handler(BaseHTTPRequestHandler):
    fake: Fake
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        pass

    def body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def send(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        if status != 304:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


CORS = {
    "Access_Control_Allow_Origin": "*",
    "Access_Control_Allow_Methods": "PUT",
    "Access_Control_Allow_Headers": "*",
    "Access_Control_Expose_Headers": "ETag",
}


class _Page(_Handler):
    def do_GET(self) -> None:
        url = urllib.parse.urlsplit(self.path)
        if url.path.startswith("/api/"):
            time.sleep(self.fake.delay)
            self.fake.asked.append(self.path)
            if self.fake.gone:
                self.close_connection = True
                return None
            return self._api(url.path.removeprefix("/api/"), dict(urllib.parse.parse_qsl(url.query)))
        path = PAGE / (url.path.lstrip("/") or "index.html")
        if path.parent != PAGE or not path.is_file():
            return self.send(404)
        policy = guard.headers((self.fake.s3,), ())
        self.send(200, path.read_bytes(), Content_Type=TYPES[path.suffix], **policy)

    def do_POST(self) -> None:
        given = json.loads(self.body() or b"{}")
        if self.headers.get("X-Vod-Console") != "1":
            return self._tell(403, {"error": "FORBIDDEN", "message": "the header X-Vod-Console is missing"})
        path = self.path.removeprefix("/api/")
        if self.fake.fail:
            return self._refuse()
        if path == "uploads":
            return self._begin(given)
        if path == "uploads/parts":
            return self._tell(200, {"parts": self._urls(given["key"], given["numbers"])})
        if path == "uploads/complete":
            parts = self.fake.parts.pop(given["upload_id"])
            assert [one["number"] for one in given["parts"]] == sorted(parts)
            assert all(one["etag"] == _etag(parts[one["number"]]) for one in given["parts"])
            self.fake.objects[given["key"]] = b"".join(parts[number] for number in sorted(parts))
            self.fake.completed.append(given["key"])
            return self._tell(200, {"key": given["key"]})
        if path == "uploads/abort":
            self.fake.parts.pop(given["upload_id"], None)
            self.fake.aborted.append(given["key"])
            return self._tell(200, {})
        name, action = urllib.parse.unquote(path).removeprefix("executions/").rsplit("/", 1)
        self.fake.acted.append((action, name, given))
        self._tell(*self.fake.answers.get(action, (200, {})))

    def _begin(self, given: dict[str, Any]) -> None:
        key = "/".join(["uploads", *filter(None, [given["folder"]]), given["name"]])
        self.fake.parts[key] = {}
        count = max(1, -(-given["size"] // PART_SIZE))
        parts = self._urls(key, range(1, min(count, URLS_AT_ONCE) + 1))
        self._tell(200, {"key": key, "upload_id": key, "part_size": PART_SIZE, "count": count, "parts": parts})

    def _urls(self, key: str, numbers: Iterable[int]) -> list[dict[str, Any]]:
        self.fake.signed.extend(numbers)
        url = f"{self.fake.s3}/{urllib.parse.quote(key)}?uploadId={urllib.parse.quote(key, safe='')}&partNumber="
        return [{"number": number, "url": f"{url}{number}"} for number in numbers]

    def _api(self, path: str, query: dict[str, str]) -> None:
        if self.fake.fail:
            return self._refuse()
        if path == "place":
            return self._tell(200, self.fake.place)
        if path == "graph":
            machine = json.loads((ROOT / "statemachine/vod.asl.json").read_text())
            return self._tell(200, {"svg": svg(machine, styled=False)})
        if path == "executions":
            return self._list(query)
        name, _, rest = urllib.parse.unquote(path.removeprefix("executions/")).partition("/")
        if name not in self.fake.executions:
            return self._tell(404, {"error": "NOT_FOUND", "message": f"{name}: there is no execution of that name."})
        if rest == "history":
            events = [one for one in self.fake.histories.get(name, []) if one["id"] > int(query.get("next") or 0)]
            page = events[: self.fake.page_size]
            return self._tell(200, {"events": page, "next": page[-1]["id"] if len(events) > len(page) else None})
        self._tell(200, self.fake.executions[name])

    def _list(self, query: dict[str, str]) -> None:
        found = sorted(self.fake.executions.values(), key=lambda one: one["started_at"], reverse=True)
        words = query.get("q", "").casefold().split()
        code = query.get("code")
        text = "{film} {title} {name}"
        found = [
            one
            for one in found
            if query.get("status") in (None, one["status"])
            and (not code or code == _code(one))
            and all(word in text.format(**one).casefold() for word in words)
        ]
        begin = int(base64.b64decode(query["next"])) if query.get("next") else 0
        end = begin + self.fake.page_size
        rows = [{**{part: one[part] for part in LIST_PARTS}, "code": _code(one)} for one in found[begin:end]]
        token = base64.b64encode(str(end).encode()).decode() if end < len(found) else None
        counts = collections.Counter(one["status"] for one in found)
        self._tell(200, {"executions": rows, "next": token, "counts": counts, "complete": True})

    def _refuse(self) -> None:
        status, error, message = self.fake.fail or (500, "", "")
        self._tell(status, {"error": error, "message": message})

    def _tell(self, status: int, answer: dict[str, Any]) -> None:
        body = json.dumps(answer).encode()
        etag = _etag(body)
        if status == 200 and self.headers.get("If-None-Match") == etag:
            return self.send(304, ETag=etag)
        self.send(status, body, Content_Type="application/json", ETag=etag)


class _Bucket(_Handler):
    """PUT of a part, with what a bucket's CORS configuration lets a browser do and see."""

    def do_OPTIONS(self) -> None:
        self.send(200, **CORS)

    def do_PUT(self) -> None:
        query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(self.path).query))
        number, body = int(query["partNumber"]), self.body()
        time.sleep(self.fake.delay)
        if self.fake.refuse_parts[number] > 0:
            self.fake.refuse_parts[number] -= 1
            return self.send(503, b"<Error><Code>SlowDown</Code></Error>", **CORS)
        if number in self.fake.expire:
            self.fake.expire.remove(number)
            return self.send(403, b"<Error><Code>AccessDenied</Code></Error>", **CORS)
        self.fake.parts[query["uploadId"]][number] = body
        self.send(200, ETag=_etag(body), **CORS)


def _etag(body: bytes) -> str:
    return f'"{hashlib.md5(body).hexdigest()}"'


def _code(one: dict[str, Any]) -> str | None:
    return (one["error"] or {}).get("code")
