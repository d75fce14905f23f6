"""How many bytes the container says the file should have beyond those it has: the surest sign of a broken upload.

In: a local file. Out: the number of missing bytes, 0 when nothing is missing or the container does not say. Reads a few
box headers and no more. ffmpeg plays half a film and exits with status 0, so nobody else would notice.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

EBML, SEGMENT = 0x1A45DFA3, 0x18538067
MAX_BOXES = 500_000  # a day in fragments of half a second; a file of nothing but headers is not counted to its end


def missing_bytes(path: Path) -> int:
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(12)
        if is_mp4(head):
            promised = _mp4_end(file, size)
        elif head[:4] == EBML.to_bytes(4, "big"):
            promised = _matroska_end(file, size)
        elif head[:4] == b"RIFF" and head[8:12] in (b"AVI ", b"WAVE"):
            promised = 8 + int.from_bytes(head[4:8], "little")
        else:
            return 0
    return max(0, promised - size)


def place_of_index(path: Path) -> tuple[int, int] | None:
    """Where the moov of an MP4 begins and ends; an end beyond the file's means that it was cut off."""
    size, start = path.stat().st_size, 0
    with path.open("rb") as file:
        if is_mp4(file.read(12)):
            for kind, end in _top_level(file, size):
                if kind == b"moov":
                    return start, end
                start = end
    return None


def is_mp4(head: bytes) -> bool:
    """By its first box, whatever the file is called."""
    return head[4:8] in (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"styp")


def _mp4_end(file: BinaryIO, size: int) -> int:
    """Where the last top-level box ends."""
    end = 0
    for _, end in _top_level(file, size):  # noqa: B007 - the last one is what is asked for
        pass
    return end


def _top_level(file: BinaryIO, size: int) -> Iterator[tuple[bytes, int]]:
    """(type, where it ends) of each top-level box; what makes no sense ends where the file does."""
    at = 0
    for _ in range(MAX_BOXES):
        if at + 8 > size:
            return
        file.seek(at)
        header = file.read(16)
        length, kind = int.from_bytes(header[:4], "big"), header[4:8]
        if length == 1:
            length = int.from_bytes(header[8:16], "big")
        if length < 8 or not kind.isascii():  # 0: "to the end of the file"; else rubbish after the last box
            yield kind, size
            return
        at += length
        yield kind, at
    yield b"", size


def _matroska_end(file: BinaryIO, size: int) -> int:
    """Where the segment ends, when its size is known (a live recording leaves it open)."""
    at = 0
    while at + 12 <= size:
        identifier, after_id = _ebml_number(file, at, keep_marker=True)
        length, start = _ebml_number(file, after_id, keep_marker=False)
        if identifier == SEGMENT:
            return size if length is None else start + length
        if length is None or identifier not in (EBML, 0xEC, 0xBF):
            return size
        at = start + length
    return size


def _ebml_number(file: BinaryIO, at: int, keep_marker: bool) -> tuple[int | None, int]:
    file.seek(at)
    raw = file.read(8)
    width = 9 - raw[0].bit_length() if raw and raw[0] else 8
    value = int.from_bytes(raw[:width], "big")
    if keep_marker:
        return value, at + width
    value &= (1 << (7 * width)) - 1
    return (None if value == (1 << (7 * width)) - 1 else value), at + width
