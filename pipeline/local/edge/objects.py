"""Find an object: in the cache while fresh, else at the origin, asking for it once however many viewers wait.

Comes in: a `Wanted` object. Goes out: an `Entry` and how it was found (Hit, Miss, RefreshHit, Error), then its slices
as open files. Goes wrong: `ObjectChanged` when the object is replaced while it is being read (the answer is cut short
rather than mixed from two objects), `OriginUnreachable` when nothing is cached and the origin is silent.

An entry past its lifetime is revalidated with its ETag; while the origin fails, the stale copy is served, as
CloudFront does.
"""

from __future__ import annotations

import asyncio
import dataclasses
import gzip
import itertools
import re
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import BinaryIO
from xml.sax.saxutils import escape

import httpx

from . import policies
from .cache import GZIP, SLICE_BYTES, SliceStore
from .distribution import Behaviour, Distribution
from .origin import OriginUnreachable, S3Client, object_headers

MOST_ENTRIES = 20_000
MOST_ERROR_BYTES = 64 * 1024


class ObjectChanged(Exception):
    """The object at the origin is no longer the one whose first bytes were sent."""


@dataclass(frozen=True)
class Wanted:
    """One object as a request names it, and which slice of it will be read first."""

    behaviour: Behaviour
    cache_key: Hashable
    key: str
    slice_index: int = 0
    head_only: bool = False


@dataclass
class Entry:
    """What the edge knows of one object (or of its absence). `body` holds an error's text; objects live in slices."""

    number: int
    status: int
    headers: dict[str, str]
    length: int
    stored_at: float
    fresh_until: float
    body: bytes = b""

    @property
    def is_error(self) -> bool:
        return self.status >= 400


class Library:
    def __init__(
        self, distribution: Distribution, store: SliceStore, client: S3Client, clock: Callable[[], float] = time.time
    ) -> None:
        self.distribution = distribution
        self.store = store
        self.client = client
        self.clock = clock
        self.entries: OrderedDict[Hashable, Entry] = OrderedDict()
        self._numbers = itertools.count(1)
        self._asking: dict[Hashable, asyncio.Lock] = {}
        self._filling: dict[tuple[int, int], asyncio.Task[None]] = {}

    async def find(self, wanted: Wanted) -> tuple[Entry, str]:
        """The entry for this request, fresh or refreshed. Concurrent requests for it wait for one answer."""
        if entry := self._fresh(wanted):
            return entry, self._found(entry, wanted)
        lock = self._asking.setdefault(wanted.cache_key, asyncio.Lock())
        try:
            async with lock:
                if entry := self._fresh(wanted):
                    return entry, self._found(entry, wanted)
                return await self._refresh(wanted, self.entries.get(wanted.cache_key))
        finally:
            if not lock.locked():
                self._asking.pop(wanted.cache_key, None)

    async def open_slice(self, entry: Entry, wanted: Wanted, index: int) -> BinaryIO:
        """One slice of the entry as an open file, fetched first where it is not in the cache."""
        while True:
            if file := self.store.open(entry.number, index):
                return file
            await asyncio.shield(self.fill(entry, wanted, index))

    def fill(self, entry: Entry, wanted: Wanted, index: int) -> asyncio.Task[None]:
        """Start to fetch a slice, or join the fetch under way. It outlives the viewer who asked for it."""
        name = (entry.number, index)
        if name not in self._filling:
            work = self._compress(entry, wanted) if index == GZIP else self._fetch(entry, wanted, index)
            task = asyncio.ensure_future(work)
            self._filling[name] = task
            task.add_done_callback(lambda done: (self._filling.pop(name, None), done.cancelled() or done.exception()))
        return self._filling[name]

    def forget(self, is_meant: Callable[[str], bool]) -> None:
        """Drop every copy whose path is meant, errors too. Answers under way go on."""
        for name in [name for name in self.entries if is_meant(name[1])]:  # the path is a cache key's second part
            self.store.drop(self.entries.pop(name).number)

    def _fresh(self, wanted: Wanted) -> Entry | None:
        entry = self.entries.get(wanted.cache_key)
        if entry is None or entry.fresh_until <= self.clock():
            return None
        self.entries.move_to_end(wanted.cache_key)
        return entry

    def _found(self, entry: Entry, wanted: Wanted) -> str:
        if entry.is_error:
            return "Error"
        here = wanted.head_only or entry.length == 0 or (entry.number, wanted.slice_index) in self.store
        return "Hit" if here else "Miss"

    async def _refresh(self, wanted: Wanted, stale: Entry | None) -> tuple[Entry, str]:
        if not wanted.behaviour.origin.may_read(wanted.key):
            return self._keep_error(wanted, 403, {}, _error_text("AccessDenied", "Access Denied")), "Error"
        try:
            return await self._ask(wanted, stale)
        except OriginUnreachable as error:
            if stale and not stale.is_error:
                return self._serve_stale(stale, 504)
            text = _error_text("GatewayTimeout", f"The origin did not answer. {error}")
            return self._keep_error(wanted, 504, {}, text), "Error"

    async def _ask(self, wanted: Wanted, stale: Entry | None) -> tuple[Entry, str]:
        """First contact: one slice of the object (or its HEAD), conditional on the copy we hold."""
        headers = {} if wanted.head_only else {"range": _range_of(wanted.slice_index)}
        if stale and not stale.is_error and "etag" in stale.headers:
            headers["if-none-match"] = stale.headers["etag"]
        method = "HEAD" if wanted.head_only else "GET"
        async with self.client.ask(method, wanted.behaviour.origin, wanted.key, headers) as answer:
            if answer.status_code == 304 and stale:
                return self._renew(wanted, stale)
            if answer.status_code in (200, 206):
                return await self._keep(wanted, answer, stale), "Miss"
            if answer.status_code >= 500 and stale and not stale.is_error:
                return self._serve_stale(stale, answer.status_code)
            if answer.status_code != 416:
                return await self._keep_failure(wanted, answer), "Error"
        # The object ends before the slice begins (an empty object has no first byte): learn its length without one.
        return await self._ask(dataclasses.replace(wanted, head_only=True), stale)

    def _renew(self, wanted: Wanted, stale: Entry) -> tuple[Entry, str]:
        now = self.clock()
        stale.stored_at = now
        stale.fresh_until = now + policies.lifetime(wanted.behaviour.cache, stale.headers, now)
        # With caching disabled CloudFront keeps no copy to refresh; that ours saves the transfer is our affair.
        return stale, "RefreshHit" if wanted.behaviour.cache.max_ttl else "Miss"

    def _serve_stale(self, stale: Entry, status: int) -> tuple[Entry, str]:
        now = self.clock()
        stale.fresh_until = now + policies.error_lifetime(status, self.distribution.error(status), {}, now)
        return stale, "RefreshHit"

    async def _keep(self, wanted: Wanted, answer: httpx.Response, stale: Entry | None) -> Entry:
        now = self.clock()
        headers = object_headers(answer)
        length = _total_length(headers)
        headers.pop("content-range", None)
        headers.pop("content-length", None)
        fresh_until = now + policies.lifetime(wanted.behaviour.cache, headers, now)
        entry = Entry(next(self._numbers), 200, headers, length, now, fresh_until)
        if not wanted.head_only:
            start = wanted.slice_index if answer.status_code == 206 else 0
            await self._receive(entry, start, answer)
        self._remember(wanted.cache_key, entry, stale)
        return entry

    async def _keep_failure(self, wanted: Wanted, answer: httpx.Response) -> Entry:
        status, body = answer.status_code, await answer.aread()
        if status == 404 and not wanted.behaviour.origin.access.may_list:
            # S3 does not tell one who may not list whether the object exists.
            status, body = 403, _error_text("AccessDenied", "Access Denied")
        return self._keep_error(wanted, status, object_headers(answer), body[:MOST_ERROR_BYTES])

    def _keep_error(self, wanted: Wanted, status: int, headers: dict[str, str], body: bytes) -> Entry:
        now = self.clock()
        kept = {"content-type": "application/xml"} | headers
        kept.pop("content-length", None)
        seconds = policies.error_lifetime(status, self.distribution.error(status), headers, now)
        entry = Entry(next(self._numbers), status, kept, len(body), now, now + seconds, body)
        self._remember(wanted.cache_key, entry, self.entries.get(wanted.cache_key))
        return entry

    def _remember(self, cache_key: Hashable, entry: Entry, replaced: Entry | None) -> None:
        if replaced:
            self.store.drop(replaced.number)
        self.entries[cache_key] = entry
        self.entries.move_to_end(cache_key)
        while len(self.entries) > MOST_ENTRIES:
            self.store.drop(self.entries.popitem(last=False)[1].number)

    async def _fetch(self, entry: Entry, wanted: Wanted, index: int) -> None:
        headers = {"range": _range_of(index), "if-match": entry.headers.get("etag", "*")}
        async with self.client.ask("GET", wanted.behaviour.origin, wanted.key, headers) as answer:
            same = object_headers(answer).get("etag") == entry.headers.get("etag")
            if answer.status_code not in (200, 206) or not same:
                entry.fresh_until = 0
                raise ObjectChanged(f"{wanted.key}: the origin answered {answer.status_code} to slice {index}")
            await self._receive(entry, index if answer.status_code == 206 else 0, answer)

    async def _receive(self, entry: Entry, index: int, answer: httpx.Response) -> None:
        """Write the answer's body into slices. An origin that ignores ranges sends all of them at once."""
        left = entry.length - index * SLICE_BYTES
        if answer.status_code == 206:
            left = min(left, SLICE_BYTES)
        chunks = _Chunks(answer)
        while left > 0:
            wanted = min(left, SLICE_BYTES)
            with self.store.writing(entry.number, index) as file:
                await chunks.copy(file, wanted)
            left -= wanted
            index += 1

    async def _compress(self, entry: Entry, wanted: Wanted) -> None:
        plain = bytearray()
        for index in range(-(-entry.length // SLICE_BYTES)):
            with await self.open_slice(entry, wanted, index) as file:
                plain += file.read()
        packed = await asyncio.to_thread(gzip.compress, plain, 6, mtime=0)
        with self.store.writing(entry.number, GZIP) as file:
            file.write(packed)


class _Chunks:
    """An answer's body, taken in pieces of exact size."""

    def __init__(self, answer: httpx.Response) -> None:
        self._chunks = answer.aiter_raw()
        self._rest = b""

    async def copy(self, file: BinaryIO, count: int) -> None:
        while count > 0:
            if not self._rest:
                self._rest = await anext(self._chunks, b"")
                if not self._rest:
                    raise OriginUnreachable(f"the origin's answer ended {count} bytes early")
            taken, self._rest = self._rest[:count], self._rest[count:]
            file.write(taken)
            count -= len(taken)


def _range_of(index: int) -> str:
    return f"bytes={index * SLICE_BYTES}-{(index + 1) * SLICE_BYTES - 1}"


def _total_length(headers: dict[str, str]) -> int:
    match = re.fullmatch(r"bytes \d+-\d+/(\d+)", headers.get("content-range", ""))
    return int(match[1] if match else headers.get("content-length", 0))


def _error_text(code: str, message: str) -> bytes:
    error = f"<Error><Code>{code}</Code><Message>{escape(message)}</Message></Error>"
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{error}'.encode()
