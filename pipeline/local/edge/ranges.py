"""Range and conditional requests, as functions of plain values.

Comes in: the request's headers, the object's length, ETag and Last-Modified. Goes out: the byte ranges to send, or
that nothing needs to be sent. Goes wrong: `NotSatisfiable` (416), as RFC 9110 says.

CloudFront answers 200 with the whole object to a Range it finds malformed: descending, overlapping or negative
ranges ("How CloudFront processes partial requests for an object").
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

MOST_RANGES = 16  # a request for thousands of one-byte ranges is an attack (CVE-2011-3192), not a player


class NotSatisfiable(Exception):
    """No byte of the object lies in the ranges asked for."""


@dataclass(frozen=True)
class ByteRange:
    """Bytes from `start` up to, not including, `stop`."""

    start: int
    stop: int

    @property
    def length(self) -> int:
        return self.stop - self.start

    def content_range(self, total: int) -> str:
        return f"bytes {self.start}-{self.stop - 1}/{total}"


def ranges_for(header: str | None, total: int) -> list[ByteRange] | None:
    """The ranges a Range header asks for; None when the whole object is to be sent."""
    match = re.fullmatch(r"bytes=(.+)", (header or "").strip(), re.IGNORECASE)
    if not match:
        return None
    specs = [spec.strip() for spec in match[1].split(",")]
    if len(specs) > MOST_RANGES:
        return None
    wanted = [_resolve(spec, total) for spec in specs]
    if None in wanted:
        return None
    found = [item for item in wanted if item is not None and item.length > 0]
    if not found:
        raise NotSatisfiable(f"bytes */{total}")
    ascending = all(before.stop <= after.start for before, after in itertools.pairwise(found))
    return found if ascending else None


def first_byte_hint(header: str | None) -> int:
    """Where reading will most likely begin, before the object's length is known."""
    match = re.match(r"bytes=(\d{1,15})-", (header or "").strip(), re.IGNORECASE)
    return int(match[1]) if match else 0


def _resolve(spec: str, total: int) -> ByteRange | None:
    """One range within an object of `total` bytes: empty when it lies outside, None when it is malformed."""
    match = re.fullmatch(r"(\d{0,19})-(\d{0,19})", spec, re.ASCII)
    if not match or spec == "-":
        return None
    if not match[1]:
        return ByteRange(max(0, total - int(match[2])), total)
    start = int(match[1])
    last = int(match[2]) if match[2] else total - 1
    if match[2] and last < start:
        return None
    return ByteRange(start, max(start, min(last + 1, total)))


def not_modified(request: Mapping[str, str], response: Mapping[str, str]) -> bool:
    """Whether the viewer already holds this object: If-None-Match decides alone where it is present."""
    if "if-none-match" in request:
        offers = [offer.strip().removeprefix("W/") for offer in request["if-none-match"].split(",")]
        return "*" in offers or response.get("etag", "").removeprefix("W/") in offers
    since, changed = _time(request.get("if-modified-since")), _time(response.get("last-modified"))
    return since is not None and changed is not None and changed <= since


def range_applies(request: Mapping[str, str], response: Mapping[str, str]) -> bool:
    """If-Range: a range only makes sense on the very object the viewer holds the rest of."""
    condition = request.get("if-range")
    if condition is None:
        return True
    if condition.startswith('"'):
        return condition == response.get("etag")
    return condition == response.get("last-modified")


def _time(value: str | None) -> float | None:
    try:
        return parsedate_to_datetime(value).timestamp() if value else None
    except ValueError:
        return None
