"""Probe a large object without fetching it: its beginning, its end and its index in a file full of holes.

In: an S3 client and an s3:// URL. Out: what probe.read_facts says of the whole file, from a few MiB of it; None when
that cannot be known, and then the caller fetches everything. What can go wrong: `TransferFailed`, as in a download.

ffprobe has no network here (ffmpeg.py says why), so it looks at a sparse file of the object's full size. A hole reads
as zeros, and ffprobe would believe them: so its answer counts only if it said nothing on standard error, and if all
packets it read lie in what was fetched. Otherwise more is fetched, and it is asked again. MP4 and MOV are walked box
by box for the index, wherever it is; Matroska and transport streams keep what ffprobe wants at both ends. Other
containers, and whatever ffprobe complains about, are fetched whole: nothing is refused on the strength of an outline.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from pipeline.local.mediaconvert import extent, probe, transfer

WHOLE_BYTES = 32 << 20  # up to here a download is as quick
END_BYTES = 8 << 20  # ffprobe's probesize is 5 MB, and a transport stream's duration is in its last
INDEX_BYTES = 64 << 20  # of a moov: some ten hours
BOXES = 64  # a file of more is fragmented, and its duration is all over it
ROUNDS = 4
_PACKED = (b"mdat", b"free", b"skip", b"wide")


class _NoOutline(Exception):
    """This one must be fetched whole."""


@dataclasses.dataclass
class Outline:
    """A file with holes, and where it has none."""

    client: Any
    url: str
    source: transfer.Source
    path: Path
    ranges: list[tuple[int, int]] = dataclasses.field(default_factory=list)

    def fetch(self, start: int, end: int) -> None:
        """Make sure of the bytes from `start` to `end`; what is there already is not asked for again."""
        for first, last in list(self._missing(max(0, start), min(end, self.source.size))):
            transfer.fetch_range(self.client, self.url, self.source, first, last, self.path)
            self._add(first, last)

    def read(self, start: int, size: int) -> bytes:
        self.fetch(start, start + size)
        with self.path.open("rb") as file:
            return os.pread(file.fileno(), size, start)

    def has(self, start: int, end: int) -> bool:
        return not list(self._missing(start, min(end, self.source.size)))

    @property
    def fetched(self) -> int:
        return sum(end - start for start, end in self.ranges)

    def _missing(self, start: int, end: int) -> Iterator[tuple[int, int]]:
        at = start
        for first, last in self.ranges:
            if first >= end:
                break
            if last > at:
                if first > at:
                    yield at, first
                at = last
        if at < end:
            yield at, end

    def _add(self, start: int, end: int) -> None:
        merged: list[tuple[int, int]] = []
        for first, last in sorted([*self.ranges, (start, end)]):
            if merged and first <= merged[-1][1]:
                merged[-1] = merged[-1][0], max(last, merged[-1][1])
            else:
                merged.append((first, last))
        self.ranges = merged


def facts(client: Any, url: str, source: transfer.Source, path: Path) -> probe.SourceFacts | None:
    """The facts of an object from its outline, in a file at `path`; None when it takes the whole object."""
    with path.open("wb") as file:
        file.truncate(source.size)
    outline = Outline(client, url, source, path)
    try:
        _sketch(outline)
        for turn in range(ROUNDS):
            seen = probe.look(path, url)
            complains = bool(seen.errors) or not seen.packets
            if not _fill(outline, seen.packets):
                if not complains:
                    return seen.facts
                outline.fetch(0, END_BYTES << (turn + 1))  # it lost its way in a hole, or the film is damaged there
    except (_NoOutline, probe.ProbeRefused):
        pass
    return None


def _sketch(outline: Outline) -> None:
    head = outline.read(0, 12)
    if extent.is_mp4(head):
        _walk_boxes(outline)
    elif not (head.startswith(b"\x1a\x45\xdf\xa3") or _is_transport_stream(outline)):
        raise _NoOutline("no container whose ends are enough")
    outline.fetch(0, END_BYTES)
    outline.fetch(outline.source.size - END_BYTES, outline.source.size)


def _is_transport_stream(outline: Outline) -> bool:
    """A sync byte every 188 bytes, or every 192 where each packet has its time before it."""
    data = outline.read(0, 5 * 192)
    steps = [data[0 : 5 * 188 : 188], data[4 : 4 + 5 * 192 : 192]]
    return any(len(found) == 5 and set(found) == {0x47} for found in steps)


def _walk_boxes(outline: Outline) -> None:
    """Every top-level box that is not media, and the beginning of the first that is."""
    at, boxes, media = 0, 0, False
    while at + 8 <= outline.source.size:
        if (boxes := boxes + 1) > BOXES:
            raise _NoOutline("fragmented")
        header = outline.read(at, 16)
        kind, length = header[4:8], int.from_bytes(header[:4], "big")
        if length == 1:
            length = int.from_bytes(header[8:16], "big")
        if length < 8:  # "to the end of the file", or rubbish
            length = outline.source.size - at
        if kind in (b"moof", b"mfra", b"sidx"):
            raise _NoOutline("fragmented")
        if kind not in _PACKED:
            if length > INDEX_BYTES:
                raise _NoOutline(f"a box {kind!r} of {length} bytes")
            outline.fetch(at, at + length)
        elif kind == b"mdat" and not media:
            media = True
            outline.fetch(at, min(at + length, at + END_BYTES))
        at += length


def _fill(outline: Outline, packets: Iterable[tuple[int, int]]) -> bool:
    """Fetch what ffprobe read of holes, and say whether it read any."""
    holes = [(start, end) for start, end in packets if not outline.has(start, end)]
    for start, end in holes:
        outline.fetch(start, max(end, start + (END_BYTES >> 3)))
    return bool(holes)
