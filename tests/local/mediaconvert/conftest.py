"""A local MediaConvert with a worker that only talks, behind real HTTP, and a real boto3 client in front of it."""

from __future__ import annotations

import copy
import http.server
import json
import queue
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import boto3
import pytest
from botocore.config import Config
from botocore.validate import ParamValidator

from pipeline.local.mediaconvert import model
from pipeline.local.mediaconvert.service import MediaConvertService
from tests.local.mediaconvert.tiny_s3 import TinyS3

HERE = Path(__file__).parent
FAKE_WORKER = (sys.executable, str(HERE / "fake_worker.py"))
ROLE = "arn:aws:iam::123456789012:role/MediaConvert"
JOB = json.loads((HERE / "job.json").read_text())


@pytest.fixture
def s3() -> Iterator[TinyS3]:
    """Where jobs find their films and leave their outputs."""
    store = TinyS3()
    yield store
    store.close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Films that a module makes once."""
    return tmp_path_factory.mktemp("films")


class Events:
    """What `emit` was given, in order; tests wait for the one they need."""

    def __init__(self):
        self.seen: list[dict[str, Any]] = []
        self.envelopes: list[tuple[str, list[str]]] = []
        self._arrivals: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()

    def emit(self, detail_type: str, detail: dict[str, Any], resources: list[str]) -> None:
        self.seen.append(detail)
        self.envelopes.append((detail_type, resources))
        self._arrivals.put(detail)

    def wait_for(self, *statuses: str, job_id: str | None = None, seconds: float = 20) -> dict[str, Any]:
        deadline = time.monotonic() + seconds
        while True:
            try:
                detail = self._arrivals.get(timeout=max(0, deadline - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"no {statuses} after {seconds} s; seen: {self.seen}") from None
            if detail["status"] in statuses and job_id in (None, detail["jobId"]):
                return detail

    def statuses(self, job_id: str | None = None) -> list[str]:
        return [detail["status"] for detail in self.seen if job_id in (None, detail["jobId"])]


class Handler(http.server.BaseHTTPRequestHandler):
    """HTTP in front of a service; every good answer is checked against the operation's output shape."""

    service: MediaConvertService
    protocol_version = "HTTP/1.1"

    def answer(self) -> None:
        url = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        status, headers, answer = self.service.handle(
            self.command, url.path, dict(self.headers), body, parse_qs(url.query)
        )
        if status < 300:
            check_against_the_model(self.command, url.path, json.loads(answer))
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(answer))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(answer)

    do_GET = do_POST = do_PUT = do_DELETE = answer

    def log_message(self, *args: Any) -> None:
        pass


def check_against_the_model(method: str, path: str, answer: dict[str, Any]) -> None:
    operation, _ = model.route(method, path)
    violations: list[model.Violation] = []
    pascal = model._read(operation.output_shape, answer, "", violations)
    assert not violations, [str(violation) for violation in violations]
    report = ParamValidator().validate(pascal, operation.output_shape)
    assert not report.has_errors(), report.generate_report()


@pytest.fixture
def events() -> Events:
    return Events()


@pytest.fixture
def start_service(tmp_path: Path, events: Events) -> Iterator[Callable[..., MediaConvertService]]:
    services: list[MediaConvertService] = []

    def start(**settings: Any) -> MediaConvertService:
        arguments = {"workers": 1, "worker_command": FAKE_WORKER, "emit": events.emit, **settings}
        service = MediaConvertService(tmp_path, "http://127.0.0.1:9", "eu-west-1", "123456789012", **arguments)
        services.append(service)
        return service

    yield start
    for service in services:
        service.close()


@pytest.fixture
def serve() -> Iterator[Callable[[MediaConvertService], Any]]:
    """boto3's own client for a service."""
    servers: list[http.server.ThreadingHTTPServer] = []

    def start(service: MediaConvertService) -> Any:
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (Handler,), {"service": service}))
        servers.append(server)
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        return boto3.session.Session().client(
            "mediaconvert",
            endpoint_url=f"http://127.0.0.1:{server.server_port}",
            region_name="eu-west-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=Config(retries={"total_max_attempts": 1}, parameter_validation=False),
        )

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def service(start_service: Callable[..., MediaConvertService]) -> MediaConvertService:
    return start_service()


@pytest.fixture
def client(serve: Callable[[MediaConvertService], Any], service: MediaConvertService) -> Any:
    return serve(service)


def wait_until(condition: Callable[[], Any], seconds: float = 15) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)


def settings_for(acts: str = "complete") -> dict[str, Any]:
    """The job whose fake worker does these acts."""
    settings = copy.deepcopy(JOB)
    settings["Inputs"][0]["FileInput"] = f"s3://films/{acts}.mov"
    return settings


def create(client: Any, acts: str = "complete", **request: Any) -> dict[str, Any]:
    return client.create_job(**{"Role": ROLE, "Settings": settings_for(acts), **request})["Job"]
