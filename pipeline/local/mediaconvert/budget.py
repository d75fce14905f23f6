"""Watch the disk while a job runs: all its files together, where the kernel's limit (confine.py) is on each alone.

In: a plan, the source's size, the film's length. Out: nothing while what has been written stays below what the outputs
can come to at their maximum bitrates. What can go wrong: `OverBudget` with MediaConvert's code 1507, when a film makes
more than it promised. Whether the disk can hold a job is asked before it starts (needs.py).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

SOUND_BITS_PER_SECOND = 10_000_000  # all audio outputs, generously
IMAGE_BYTES = 2 << 30  # posters and thumbnails have no bitrate: what a day of them comes to
COPIES = 2.5  # a rendition and the file it is copied into, and VBVs that are filled more than once


class OverBudget(Exception):
    """The job has written more than its film's length allows; `code` is MediaConvert's."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.code, self.message = 1507, f"Write error, disk full: {message}"


class Watch:
    """`seconds` is the film's length, `work` where the job's files are, its source among them."""

    def __init__(self, plan: Any, source_bytes: int, seconds: float, work: Path) -> None:
        self._work = work
        rates = sum(_max_bitrates(plan.groups)) + SOUND_BITS_PER_SECOND
        self.most = int(source_bytes + seconds * rates / 8 * COPIES + IMAGE_BYTES)

    def check(self) -> None:
        used = 0
        for path in self._work.iterdir():
            try:
                used += path.stat().st_size
            except FileNotFoundError:  # a temporary file of ffmpeg's, renamed meanwhile
                continue
        if used > self.most:
            raise OverBudget(f"the job has written {used / 1e9:.1f} GB; its length allows {self.most / 1e9:.1f} GB")


def _max_bitrates(value: Any) -> Iterator[int]:
    """Of every rendition, wherever in the plan it stands."""
    if isinstance(value, tuple | list):
        for item in value:
            yield from _max_bitrates(item)
    elif dataclasses.is_dataclass(value):
        if hasattr(value, "max_bitrate"):
            yield value.max_bitrate or 0
        else:
            yield from _max_bitrates([getattr(value, field.name) for field in dataclasses.fields(value)])
