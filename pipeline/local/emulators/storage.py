"""Object bodies on disk: the bytes of an S3 object, never more than one chunk of them in memory.

A `Blob` is one file; it is removed with the last reference to it, so deleting or overwriting an object frees its
disk, a download in progress keeps what it is reading, and a copy costs nothing. A `StoredBody` is a run of extents
over blobs: a multipart upload is completed by listing its parts' files, not by writing them again.

`StoredBody` answers `len()` and slices as bytes do, because ministack's own S3 functions ask just that of a body, and
remembers the digests that were computed while the bytes arrived.

Can go wrong: the disk is full or the file is gone (OSError, with the path).
"""

from __future__ import annotations

import base64
import contextlib
import os
import uuid
import weakref
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pipeline.local.emulators.checksums import Checksums

CHUNK = 1 << 20


class Blob:
    """One file of object bytes, gone with its last reference."""

    __slots__ = ("__weakref__", "path")

    def __init__(self, path: str):
        self.path = path
        # Not at exit: the whole run folder goes then, and ten thousand single removals would delay it.
        weakref.finalize(self, _unlink, path).atexit = False


def _unlink(path: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)


@dataclass(frozen=True)
class Extent:
    blob: Blob
    offset: int
    length: int


class StoredBody:
    """The bytes of one object (or of a part, or of a slice of either), on disk."""

    __slots__ = ("_digests", "_length", "extents")

    def __init__(self, extents: tuple[Extent, ...], digests: Mapping[str, bytes] | None = None):
        self.extents = extents
        self._length = sum(extent.length for extent in extents)
        self._digests = dict(digests or {})

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, index: slice) -> StoredBody:
        start, stop, step = index.indices(self._length)
        if step != 1:
            raise ValueError("an object body is read forwards")
        if (start, stop) == (0, self._length):
            return self
        return StoredBody(tuple(_cut(self.extents, start, max(start, stop))))

    def __bytes__(self) -> bytes:
        return b"".join(self.chunks())

    def __deepcopy__(self, memo: dict) -> StoredBody:
        return self  # ministack copies records to replicate them; the bytes never change

    def chunks(self, size: int = CHUNK) -> Iterator[bytes]:
        for extent in self.extents:
            yield from _read(extent, size)

    def digest(self, algorithm: str) -> bytes:
        """The raw digest; computed while the body arrived, or now by reading it once."""
        if algorithm not in self._digests:
            checksums = Checksums({algorithm})
            for chunk in self.chunks():
                checksums.update(chunk)
            self._digests.update(checksums.digests())
        return self._digests[algorithm]

    def md5_hex(self) -> str:
        return self.digest("MD5").hex()

    def checksum(self, algorithm: str) -> str:
        """As S3 writes it in `x-amz-checksum-*`."""
        return base64.b64encode(self.digest(algorithm)).decode()


def joined(bodies: list[StoredBody]) -> StoredBody:
    return StoredBody(tuple(extent for body in bodies for extent in body.extents))


class BodyWriter:
    """Writes one arriving body to a file of `folder`, digesting it on the way."""

    def __init__(self, folder: Path, algorithms: set[str]):
        self._path = os.path.join(folder, uuid.uuid4().hex)
        self._file = open(self._path, "wb", buffering=0)  # noqa: SIM115 - closed by finish() or abort()
        self._checksums = Checksums({"MD5", *algorithms})
        self.length = 0

    def write(self, data: bytes | memoryview) -> None:
        view = memoryview(data)
        self._checksums.update(view)
        self.length += len(view)
        while view:
            view = view[self._file.write(view) :]

    def finish(self) -> StoredBody:
        self._file.close()
        extents = (Extent(Blob(self._path), 0, self.length),) if self.length else ()
        if not self.length:
            _unlink(self._path)
        return StoredBody(extents, self._checksums.digests())

    def abort(self) -> None:
        self._file.close()
        _unlink(self._path)


def _cut(extents: tuple[Extent, ...], start: int, stop: int) -> Iterator[Extent]:
    position = 0
    for extent in extents:
        first = max(start, position)
        last = min(stop, position + extent.length)
        if first < last:
            yield Extent(extent.blob, extent.offset + first - position, last - first)
        position += extent.length


def _read(extent: Extent, size: int) -> Iterator[bytes]:
    with open(extent.blob.path, "rb", buffering=0) as file:
        file.seek(extent.offset)
        left = extent.length
        while left:
            data = file.read(min(size, left))
            if not data:
                raise OSError(f"{extent.blob.path} ends {left} bytes early")
            left -= len(data)
            yield data
