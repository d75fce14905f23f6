"""What an MP4's index says that ffmpeg would not tell, or only after it had worked for a minute.

In: a local file. Out: an `Index`: whether a track is encrypted (ffmpeg puts the decrypted codec's name in its place,
and decodes noise), and the most entries in any edit list (ffmpeg's work grows with their square: a hundred thousand,
which are a megabyte, took forty seconds). None when the file is no MP4 or has no index. Never raises for what is in
the file: what makes no sense is passed over, as ffmpeg will have its own opinion of it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

from pipeline.local.mediaconvert import extent

MAX_BYTES = 256 << 20  # the index of a day-long film is a tenth of that
MAX_BOXES = 100_000
ENCRYPTED = (b"encv", b"enca", b"encs", b"enct")
_INSIDE = (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"edts")


@dataclasses.dataclass(frozen=True)
class Index:
    encrypted: bool
    most_edits: int


def read(path: Path) -> Index | None:
    place = extent.place_of_index(path)
    if place is None:
        return None
    start, end = place
    with path.open("rb") as file:
        file.seek(start)
        moov = file.read(min(end - start, MAX_BYTES))
    encrypted, edits = False, 0
    for kind, body, stop in _boxes(moov):
        if kind == b"elst" and stop - body >= 8:
            rows = (stop - body - 8) // (20 if moov[body] else 12)
            edits = max(edits, min(rows, int.from_bytes(moov[body + 4 : body + 8], "big")))
        elif kind == b"stsd":  # version and count, then entries: size, codec
            encrypted |= moov[body + 12 : body + 16] in ENCRYPTED
    return Index(encrypted, edits)


def _boxes(moov: bytes) -> Iterator[tuple[bytes, int, int]]:
    """(type, start and end of its body) of the boxes in which tracks are described, at every depth, in order."""
    at, seen = 0, 0
    while at + 8 <= len(moov) and seen < MAX_BOXES:
        seen += 1
        size, kind = int.from_bytes(moov[at : at + 4], "big"), moov[at + 4 : at + 8]
        if size < 8:
            return
        yield kind, at + 8, min(at + size, len(moov))
        at += 8 if kind in _INSIDE else size
