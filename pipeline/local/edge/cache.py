"""The edge's cache on disk: objects in slices of 8 MiB, least recently used first to go.

Comes in: slices of an object, under the number the edge gave to that object. Goes out: open files. A film of two
gigabytes passes through in slices and is never held in memory, and a viewer who jumps to its end does not wait for
its beginning. Goes wrong: a full disk is an `OSError`, told to the viewer as 500; the cache itself stays consistent
because a slice gets its name only when it is whole.

Nothing survives a restart: what is on disk only means something together with the entries in memory.
"""

from __future__ import annotations

import contextlib
import os
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

SLICE_BYTES = 8 * 1024 * 1024
GZIP = -1  # the index under which an object's compressed copy is kept


class SliceStore:
    """Slices by (object number, index), bounded by size. Used from one event loop only."""

    def __init__(self, folder: Path, most_bytes: int) -> None:
        self.folder = folder
        self.most_bytes = most_bytes
        self.total_bytes = 0
        self._sizes: OrderedDict[tuple[int, int], int] = OrderedDict()
        folder.mkdir(parents=True, exist_ok=True)
        for left_over in folder.glob("*.slice*"):
            left_over.unlink()

    def __contains__(self, name: tuple[int, int]) -> bool:
        return name in self._sizes

    def open(self, number: int, index: int) -> BinaryIO | None:
        """The slice, open for reading; it stays readable even if it is evicted meanwhile."""
        if (number, index) not in self._sizes:
            return None
        self._sizes.move_to_end((number, index))
        return open(self._path(number, index), "rb")

    @contextlib.contextmanager
    def writing(self, number: int, index: int) -> Iterator[BinaryIO]:
        """A file to fill; it becomes the slice when the block ends well, and vanishes when it does not."""
        path = self._path(number, index)
        partial = path.with_suffix(".slice-partial")
        try:
            with open(partial, "wb") as file:
                yield file
                size = file.tell()
            os.replace(partial, path)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise
        self._added((number, index), size)

    def drop(self, number: int) -> None:
        """Forget every slice of an object."""
        for name in [name for name in self._sizes if name[0] == number]:
            self._remove(name)

    def _added(self, name: tuple[int, int], size: int) -> None:
        self.total_bytes += size - self._sizes.get(name, 0)
        self._sizes[name] = size
        self._sizes.move_to_end(name)
        while self.total_bytes > self.most_bytes and len(self._sizes) > 1:
            self._remove(next(iter(self._sizes)))

    def _remove(self, name: tuple[int, int]) -> None:
        self.total_bytes -= self._sizes.pop(name)
        self._path(*name).unlink(missing_ok=True)

    def _path(self, number: int, index: int) -> Path:
        return self.folder / (f"{number}-gzip.slice" if index == GZIP else f"{number}-{index}.slice")
