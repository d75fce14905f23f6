"""The embedded AWS endpoint: ministack in this process, on its own thread and event loop, on 127.0.0.1 only.

A bound socket and this run's folders in; an HTTP endpoint out. In front of ministack stand two of ours: object bytes go
to disk (s3.py), and requests to MediaConvert go to the handler given, on threads of their own.

One at a time in a process: ministack's state is in its modules. It is configured through environment variables, read
when it is first imported, so `prepared()` is entered before any module that imports it. Nothing of it is told to listen
but our socket: no SFTP, no IoT broker, no docker, no start-up scripts, and no signal handlers.

Can go wrong: the port is taken (PortTaken), the server does not come up (ServerFailed, with its log's folder).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import re
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Protocol

from pipeline.local import faults, faults_http

HOST = "127.0.0.1"
DEFAULT_PORT = 4566
PORTS_TRIED = 100
START_SECONDS = 60
STOP_SECONDS = 5

_USERS_SETTINGS = (
    "AUTH",
    "PERSIST_STATE",
    "S3_PERSIST",
    "LOCALSTACK_PERSISTENCE",
    "SERVICES",
    "USE_SSL",
    "EDGE_PORT",
    "CLOUDTRAIL_RECORDING",
    "LAMBDA_EXECUTOR",
)
_one_at_a_time = threading.Lock()
_MEDIACONVERT_PATH = "/2017-08-29/"
_SERVICE_IN_SCOPE = re.compile(r"Credential=[^/]+/[^/]+/[^/]+/([^/]+)/")


class PortTaken(Exception):
    """Something else listens where we were told to."""


class ServerFailed(Exception):
    """The embedded endpoint did not come up; the cause says why."""


class Handler(Protocol):
    """A service of ours on the same endpoint: called on a thread, may take seconds."""

    def handle(
        self, method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, list[str]]
    ) -> tuple[int, dict[str, str], bytes]: ...


def reserve(port: int | None, default: int = DEFAULT_PORT) -> socket.socket:
    """A socket bound to the port asked for, or to the first free one from the default on."""
    for candidate in [port] if port is not None else [*range(default, default + PORTS_TRIED), 0]:
        # With its protocol named: asyncio sets TCP_NODELAY only then, and without it a small answer waits 40 ms.
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind((HOST, candidate))
            sock.listen(1024)
            return sock
        except OSError as error:
            sock.close()
            reason = error.strerror
    raise PortTaken(f"cannot listen on {HOST}:{port}: {reason}. Choose another port, or none for the next free one")


@contextlib.contextmanager
def prepared(port: int, region: str, account: str) -> Iterator[None]:
    """Say to ministack what it reads from the environment, and undo what the user's may say; restored at the end."""
    if not _one_at_a_time.acquire(blocking=False):
        raise ServerFailed("this process already serves an embedded AWS endpoint; ministack has one state a process")
    ours = {
        "GATEWAY_PORT": str(port),
        "BIND_HOST": HOST,
        "MINISTACK_HOST": HOST,
        "MINISTACK_ACCOUNT_ID": account,
        "MINISTACK_REGION": region,
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "LOG_LEVEL": "WARNING",
        **dict.fromkeys(_USERS_SETTINGS),
    }
    before = {name: os.environ.get(name) for name in ours}
    try:
        _set_environment(ours)
        _import_ministack(port)
        yield
    finally:
        _set_environment(before)
        _one_at_a_time.release()


def _set_environment(values: dict[str, str | None]) -> None:
    for name, value in values.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


def _import_ministack(port: int) -> None:
    with _without_its_logging():
        from ministack import app
        from ministack.services import sqs
        from ministack.services.cloudformation import custom_resource

    # Read once at import, and this may be the second server of the process.
    app._MINISTACK_PORT = sqs.DEFAULT_PORT = custom_resource._PORT = str(port)
    sqs._CANONICAL_NETLOC = f"{HOST}:{port}"


class EmulatorServer:
    """ministack, served. `start()` returns when it answers; `stop()` when nothing of it listens."""

    def __init__(self, sock: socket.socket, log_path: Path, mediaconvert: Handler | None = None):
        self.mediaconvert = mediaconvert
        self.install_faults: Callable[[faults.Plan | None], None] = faults.install
        self.port = sock.getsockname()[1]
        self.endpoint_url = f"http://{HOST}:{self.port}"
        self._sock = sock
        self._log = _LogFile(log_path)
        self._ready = threading.Event()
        self._failure: BaseException | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event | None = None
        self._pool = ThreadPoolExecutor(32, thread_name_prefix="mediaconvert")
        self._thread = threading.Thread(target=self._run, name="emulators", daemon=True)

    def start(self) -> None:
        logging.getLogger().addHandler(self._log)
        self._thread.start()
        if not self._ready.wait(START_SECONDS) or self._failure:
            self.stop()
            raise ServerFailed(
                f"the embedded AWS endpoint did not start: {self._failure!r}; see {self._log.path}"
            ) from self._failure

    def stop(self) -> None:
        if self._loop and self._stopping:
            with contextlib.suppress(RuntimeError):  # the loop has ended already
                self._loop.call_soon_threadsafe(self._stopping.set)
        if self._thread.is_alive():
            self._thread.join(STOP_SECONDS)
        self._sock.close()
        self._pool.shutdown(wait=False, cancel_futures=True)
        _forget_everything()
        logging.getLogger().removeHandler(self._log)
        self._log.close()

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:
            self._failure = error
        finally:
            self._ready.set()

    async def _serve(self) -> None:
        from hypercorn.app_wrappers import ASGIWrapper
        from hypercorn.asyncio.run import worker_serve
        from hypercorn.config import Config, Sockets

        self._loop, self._stopping = asyncio.get_running_loop(), asyncio.Event()
        config = Config()
        config.accesslog = None
        config.errorlog = logging.getLogger("hypercorn.error")
        config.keep_alive_timeout = 75
        config.keep_alive_max_requests = 1_000_000
        config.graceful_timeout = 1
        self._sock.setblocking(False)
        await worker_serve(
            ASGIWrapper(self._front),
            config,
            sockets=Sockets([], [self._sock], []),
            shutdown_trigger=self._stopping.wait,
        )

    async def _front(
        self, scope: dict, receive: Callable[[], Awaitable[dict]], send: Callable[[dict], Awaitable[None]]
    ) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "http" and scope["path"] == faults_http.PATH:
            await faults_http.serve_plan(scope, receive, send, self.install_faults)
        elif scope["type"] == "http" and faults.current is not None:
            await faults_http.meet(scope, receive, send, self._serve_request)
        else:
            await self._serve_request(scope, receive, send)

    async def _serve_request(
        self, scope: dict, receive: Callable[[], Awaitable[dict]], send: Callable[[dict], Awaitable[None]]
    ) -> None:
        from ministack import app

        from pipeline.local.emulators import s3

        if scope["type"] == "http":
            if self.mediaconvert is not None and _is_for_mediaconvert(scope):
                await self._to_mediaconvert(scope, receive, send)
                return
            s3.announce(scope, receive)
        try:
            await app.app(scope, receive, send)
        except OSError as error:  # a full disk, in the middle of an upload
            logging.getLogger(__name__).exception("%s %s", scope.get("method"), scope.get("path"))
            await _send_error(send, error)

    async def _lifespan(self, receive: Callable, send: Callable) -> None:
        """What ministack's own start-up does, without its docker sweeps, brokers and scripts."""
        from ministack import app
        from ministack.services import eventbridge, scheduler

        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                app._MAIN_LOOP = asyncio.get_running_loop()
                app._reset_lock = None  # made on first use, on this loop
                app._MAIN_LOOP.set_default_executor(ThreadPoolExecutor(64, thread_name_prefix="emulators"))
                eventbridge.start_scheduler()
                scheduler.start_scheduler()
                await send({"type": "lifespan.startup.complete"})
                app._MAIN_LOOP.call_soon(self._ready.set)
            else:
                await send({"type": "lifespan.shutdown.complete"})
                return

    async def _to_mediaconvert(self, scope: dict, receive: Callable, send: Callable) -> None:
        from urllib.parse import parse_qs

        body = b""
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body += message.get("body", b"")
            more = message.get("more_body", False)
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        query = parse_qs(scope.get("query_string", b"").decode(), keep_blank_values=True)
        status, answer, content = await asyncio.get_running_loop().run_in_executor(
            self._pool,
            self.mediaconvert.handle,
            scope["method"],
            scope["raw_path"].decode("ascii"),
            headers,
            body,
            query,
        )
        await _send(send, status, answer, content)


def _is_for_mediaconvert(scope: dict) -> bool:
    for name, value in scope["headers"]:
        if name.lower() == b"authorization":
            service = _SERVICE_IN_SCOPE.search(value.decode("latin-1"))
            if service:
                return service[1] == "mediaconvert"
    return scope["path"].startswith(_MEDIACONVERT_PATH)


async def _send(send: Callable, status: int, headers: dict[str, str], body: bytes) -> None:
    fields = {**{name.lower(): value for name, value in headers.items()}, "content-length": str(len(body))}
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [(name.encode("latin-1"), str(value).encode("utf-8")) for name, value in fields.items()],
        }
    )
    await send({"type": "http.response.body", "body": body, "more_body": False})


async def _send_error(send: Callable, error: OSError) -> None:
    text = f"{error.strerror or error}: {error.filename or 'local storage'}".replace("&", "&amp;").replace("<", "&lt;")
    body = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>InternalError</Code><Message>{text}</Message></Error>'
    await _send(send, 500, {"content-type": "application/xml"}, body.encode())


def _forget_everything() -> None:
    """Empty ministack's modules, so that a next server in this process starts with none of this one's state."""
    from ministack import app

    app._reset_all_state()


@contextlib.contextmanager
def _without_its_logging():
    """ministack calls logging.basicConfig() when imported, which would send everybody's logs to our terminal."""
    root, placeholder = logging.getLogger(), logging.NullHandler()
    root.addHandler(placeholder)
    try:
        yield
    finally:
        root.removeHandler(placeholder)


class _LogFile(logging.Handler):
    """Takes the emulators' log records into a file; leaves all others as they would be without us."""

    _ours = (
        f"{os.sep}ministack{os.sep}",
        f"{os.sep}hypercorn{os.sep}",
        f"{os.sep}moto{os.sep}",
        f"{os.sep}asyncio{os.sep}",
        f"{os.sep}pipeline{os.sep}local{os.sep}emulators{os.sep}",
    )

    def __init__(self, path: Path):
        super().__init__(logging.WARNING)
        self.path = path
        self._file = logging.FileHandler(path, encoding="utf-8", delay=True)
        self._file.setFormatter(logging.Formatter("%(asctime)s %(levelname)s [%(name)s] %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        if any(part in record.pathname for part in self._ours):
            self._file.handle(record)
        elif logging.getLogger().handlers == [self] and logging.lastResort:
            logging.lastResort.handle(record)

    def close(self) -> None:
        self._file.close()
        super().close()
