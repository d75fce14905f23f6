"""The local MediaConvert alone: its API on a port of this machine, for any program, with files from any S3.

In: a folder, where S3 is (or nothing: then as the AWS SDK decides, AWS_ENDPOINT_URL_S3 and profiles included), workers
and queues. Out: an HTTP endpoint for AWS_ENDPOINT_URL_MEDIACONVERT; events to `emit`. What can go wrong: `PortTaken`,
`NoCredentials` when nobody says who reads S3.

It listens on 127.0.0.1 and answers requests signed for MediaConvert only. The signature is not checked, there being no
secret to check it with; but a web page cannot send one, so no page that a browser on this machine shows can start jobs.
"""

from __future__ import annotations

import contextlib
import http.server
import logging
import os
import threading
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from pipeline.local.mediaconvert.errors import ApiError, BadRequestException, ForbiddenException
from pipeline.local.mediaconvert.events import Emit
from pipeline.local.mediaconvert.service import BODY_BYTES, MediaConvertService, Response, error_response
from pipeline.local.mediaconvert.transfer import OWN

HOST = "127.0.0.1"
DEFAULT_PORT = 4567
PORTS_TRIED = 100
IDLE_SECONDS = 60
ACCOUNT = "000000000000"
log = logging.getLogger(__name__)


class PortTaken(Exception):
    """Something else listens where we were told to."""


class NoCredentials(Exception):
    """Nobody says who reads and writes S3."""


class Server:
    """Answers from its making until `close()`, which leaves no process, no thread and no scratch."""

    def __init__(
        self,
        home: Path,
        emit: Emit,
        *,
        port: int | None = None,
        workers: int | None = None,
        logs: Path | None = None,
        queues: tuple[tuple[str, int | None], ...] = (),
        **service: Any,
    ):
        """`queues`: names, each with how many jobs it runs at once. `service`: for the MediaConvertService."""
        self.region, self.s3_endpoint = s3_in_use()
        self._http = _listen(port)
        self.endpoint_url = f"http://{HOST}:{self._http.server_port}"
        with contextlib.ExitStack() as failing:
            failing.callback(self._http.server_close)
            self.service = MediaConvertService(
                home, self.endpoint_url, self.region, ACCOUNT, emit, workers, logs=logs, s3_endpoint_url=OWN, **service
            )
            failing.callback(self.service.close)
            for name, concurrent in queues:
                several = {"ConcurrentJobs": concurrent} if concurrent else {}
                self.service.create_queue_from_template({"Name": name, **several})
            failing.pop_all()
        self._http.service = self.service
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.1,), name="mediaconvert-http")
        self._thread.start()

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()
        self.service.close()


def s3_in_use() -> tuple[str, str]:
    """(region, endpoint) of the S3 that the AWS SDK finds for the caller, and whether it can sign for it."""
    import botocore.exceptions
    import botocore.session

    session = botocore.session.Session()
    region = session.get_config_variable("region") or "us-east-1"
    try:
        if session.get_credentials() is None:
            raise NoCredentials(
                "no AWS credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (any values for a local S3) "
                "or AWS_PROFILE"
            )
        return region, session.create_client("s3", region_name=region).meta.endpoint_url
    except botocore.exceptions.BotoCoreError as error:
        raise NoCredentials(f"the AWS configuration cannot be used: {error}") from error


class _Http(http.server.ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = os.name == "posix"
    service: MediaConvertService


def _listen(port: int | None) -> _Http:
    for candidate in [port] if port is not None else [*range(DEFAULT_PORT, DEFAULT_PORT + PORTS_TRIED), 0]:
        try:
            return _Http((HOST, candidate), _Handler)
        except OSError as error:
            reason = error.strerror
    raise PortTaken(f"cannot listen on {HOST}:{port}: {reason}. Choose another port, or none for the next free one")


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = IDLE_SECONDS
    server: _Http

    def answer(self) -> None:
        try:
            status, headers, content = self._handled(self._body())
        except ApiError as error:
            self.close_connection = True  # what is left of the body is not the next request
            status, headers, content = error_response(error)
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = answer

    def _handled(self, body: bytes) -> Response:
        url = urlsplit(self.path)
        query = parse_qs(url.query, keep_blank_values=True)
        return self.server.service.handle(self.command, url.path, dict(self.headers), body, query)

    def _body(self) -> bytes:
        if "/mediaconvert/aws4_request" not in self.headers.get("Authorization", ""):
            raise ForbiddenException("Missing Authentication Token: requests are signed for mediaconvert (AWS SDKs do)")
        length = self.headers.get("Content-Length", "0")
        if "Transfer-Encoding" in self.headers or not length.isdecimal():
            raise BadRequestException("The request needs a Content-Length")
        if int(length) > BODY_BYTES:
            raise BadRequestException(f"The request body is longer than {BODY_BYTES} bytes")
        return self.rfile.read(int(length))

    def log_message(self, form: str, *words: Any) -> None:
        log.debug(form, *words)
