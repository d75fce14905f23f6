"""The canary: a file and a web server that nobody has a reason to touch, and a log of who did.

In: a folder. Out: `Canary.touched()`, what the kernel (inotify) and the server saw since the beginning. Its control is
in its test: a canary that nobody could wake would prove nothing.
"""

from __future__ import annotations

import ctypes
import http.server
import os
import struct
import sys
import threading
from pathlib import Path

IN_ACCESS, IN_OPEN = 0x1, 0x20
SONG = "canary-9f1c4c6a"


class Canary:
    def __init__(self, folder: Path) -> None:
        self.path = folder / "canary.ts"
        self.path.write_text(f"{SONG}\n" * 500)
        self.hits: list[str] = []
        hits = self.hits

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                hits.append(f"{self.command} {self.path}")
                self.send_error(404)

            do_HEAD = do_POST = do_PUT = do_OPTIONS = do_GET

            def log_message(self, *args: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/canary.ts"
        self._watch = self._begin_watch() if sys.platform == "linux" else None

    def _begin_watch(self) -> int:
        libc = ctypes.CDLL(None, use_errno=True)
        descriptor = libc.inotify_init1(os.O_NONBLOCK)
        if libc.inotify_add_watch(descriptor, os.fsencode(self.path), IN_ACCESS | IN_OPEN) < 0:
            raise OSError(ctypes.get_errno(), "inotify does not watch the canary")
        return descriptor

    def touched(self) -> list[str]:
        seen = [*self.hits]
        try:
            events = os.read(self._watch, 1 << 16) if self._watch is not None else b""
        except BlockingIOError:
            events = b""
        at = 0
        while at < len(events):
            _, mask, _, length = struct.unpack_from("iIII", events, at)
            seen.append("opened" if mask & IN_OPEN else "read")
            at += 16 + length
        return seen

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        if self._watch is not None:
            os.close(self._watch)
