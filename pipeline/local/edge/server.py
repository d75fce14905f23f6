"""Give an edge a port: hypercorn in a thread of its own, on the loopback address only.

Comes in: an `Edge` and a port (0: any free one). Goes out: a `Serving` with the URL and a `stop` that lets answers
under way finish for a moment. Goes wrong: a taken port is an `OSError` that names it, raised before anything starts.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from typing import Self

from hypercorn.asyncio import serve as hypercorn_serve
from hypercorn.config import Config
from starlette.types import ASGIApp

from .app import Edge

HOST = "127.0.0.1"
GRACE_SECONDS = 2.0


def serve(edge: Edge, port: int = 0) -> Serving:
    """Start serving; returns once connections are accepted."""
    return Serving(edge, _listen(port))


def _listen(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
        listener.listen(256)
    except OSError as error:
        listener.close()
        raise OSError(error.errno, f"the local edge cannot listen on {HOST}:{port}: {error.strerror}") from error
    return listener


class Serving:
    """A running edge, or any other application; a context manager that stops it."""

    def __init__(self, edge: ASGIApp, listener: socket.socket) -> None:
        self.edge = edge
        self.port: int = listener.getsockname()[1]
        self.url = f"http://{HOST}:{self.port}"
        self._listener = listener
        self._loop = asyncio.new_event_loop()
        self._stopping = asyncio.Event()
        self._started = threading.Event()
        self._thread = threading.Thread(target=self._run, name="local-edge", daemon=True)
        self._thread.start()
        self._started.wait()

    def stop(self) -> None:
        """Stop accepting, let answers under way finish for a moment, close. Safe to call twice."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stopping.set)
            self._thread.join(GRACE_SECONDS + 5)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._serve())
        finally:
            self._started.set()
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
            self._loop.close()

    async def _serve(self) -> None:
        config = Config()
        # hypercorn adopts the listening socket, so that a free port cannot be lost between choosing and binding.
        config.bind = [f"fd://{self._listener.detach()}"]
        config.loglevel = "WARNING"
        config.graceful_timeout = GRACE_SECONDS
        config.include_server_header = False
        config.keep_alive_timeout = 30
        # Room for a request that is too large, so that the edge itself can say so.
        config.h11_max_incomplete_size = 64 * 1024
        self._started.set()
        await hypercorn_serve(self.edge, config, shutdown_trigger=self._stopping.wait)  # type: ignore[arg-type]
