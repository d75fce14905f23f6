"""Undo aws-chunked, the framing in which SDKs stream an upload whose checksum they know only at the end.

Raw body bytes in, decoded bytes out as they arrive; the trailing headers (the checksum) when the last frame has gone
by. Framing: `<hex size>[;chunk-signature=...]\\r\\n<bytes>\\r\\n` ..., `0[;...]\\r\\n`, trailers, an empty line.

Can go wrong: the framing is broken or the body stops short (BadFraming), which S3 answers with IncompleteBody.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

_SIZE = re.compile(rb"([0-9A-Fa-f]{1,16})(?:;[^\r\n]*)?\Z")
_LONGEST_LINE = 8192


class BadFraming(Exception):
    """The body is not what its aws-chunked headers announce."""


def is_chunked(headers: Mapping[str, str]) -> bool:
    return (
        headers.get("x-amz-content-sha256", "").startswith("STREAMING-")
        or "aws-chunked" in headers.get("content-encoding", "")
        or bool(headers.get("x-amz-decoded-content-length"))
    )


class Decoder:
    """Feed it what arrives; it yields what was meant."""

    def __init__(self) -> None:
        self.trailers: dict[str, str] = {}
        self._line = bytearray()
        self._left = 0  # bytes of the open frame still to come
        self._state = self._size

    def feed(self, data: bytes) -> Iterator[memoryview]:
        view = memoryview(data)
        while view:
            if self._state is None:
                raise BadFraming("bytes after the end of the last frame")
            if self._left:
                piece, view = view[: self._left], view[self._left :]
                self._left -= len(piece)
                yield piece
            else:
                view = self._take_line(view)

    def close(self) -> None:
        # A body whose trailer section is empty may end right behind the last frame's size line.
        if self._state is not None and not (self._state == self._trailer and not self._line):
            raise BadFraming("the body ends inside a frame")

    def _take_line(self, view: memoryview) -> memoryview:
        end = bytes(view[:_LONGEST_LINE]).find(b"\n")
        self._line += view if end < 0 else view[: end + 1]
        if len(self._line) > _LONGEST_LINE:
            raise BadFraming("a frame's header line is too long")
        if end < 0:
            return view[len(view) :]
        if not self._line.endswith(b"\r\n"):
            raise BadFraming("a frame's line must end in CR LF")
        line = bytes(self._line[:-2])
        self._line.clear()
        self._state(line)
        return view[end + 1 :]

    def _size(self, line: bytes) -> None:
        match = _SIZE.match(line.strip())
        if not match:
            raise BadFraming(f"not a frame size: {line[:40]!r}")
        self._left = int(match[1], 16)
        self._state = self._end_of_frame if self._left else self._trailer

    def _end_of_frame(self, line: bytes) -> None:
        if line:
            raise BadFraming("a frame is longer than its size")
        self._state = self._size

    def _trailer(self, line: bytes) -> None:
        if not line:
            self._state = None
            return
        name, colon, value = line.decode("utf-8", "replace").partition(":")
        if not colon or not name.strip():
            raise BadFraming(f"not a trailing header: {line[:40]!r}")
        self.trailers.setdefault(name.strip().lower(), value.strip())


def without_chunked(headers: dict[str, str]) -> None:
    """aws-chunked is transport, not an encoding of the object: it must not be stored with it."""
    if "aws-chunked" not in headers.get("content-encoding", ""):
        return
    encodings = [name.strip() for name in headers.pop("content-encoding").split(",")]
    if kept := [name for name in encodings if name and name != "aws-chunked"]:
        headers["content-encoding"] = ", ".join(kept)
