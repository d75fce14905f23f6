"""The list of all films, kept up to date in memory: what a page that asks every two seconds can afford.

In: the table. Out: its versions as `reading.listed` gives them, newest upload first. The first look reads the index
`Listed` whole, each later one only what has changed since: one Query that mostly brings nothing. The index is
"eventually consistent", so every look goes a minute back; and every ten minutes all is read again.

Raises ClientError where AWS refuses; what was known before stays known.
"""

from __future__ import annotations

import datetime
import itertools
import threading
import time
from typing import Any

from pipeline.aws import reading

#: More versions than this are not kept; those that changed last are.
MOST = 20_000
FRESH_SECONDS = 1.0
#: Where a look takes long (a laptop's DynamoDB with thousands of films), looking takes an eighth of the time at most.
_SHARE, _LONGEST_SECONDS = 8, 10.0
ANEW_SECONDS = 600.0
_LAG = datetime.timedelta(minutes=1)


class Listing:
    """Rows are `reading.listed`'s dictionaries with `text`, what a search looks through. Callable from any thread."""

    def __init__(self, table: str):
        self._table = table
        self._rows: dict[tuple[str, str], dict[str, Any]] = {}
        self._sorted: list[dict[str, Any]] = []
        self._lock = threading.Lock()
        self._next = self._read_whole = float("-inf")
        self._since: datetime.datetime | None = None
        self.whole = True

    def rows(self) -> list[dict[str, Any]]:
        """All versions, newest upload first, as they were a moment ago (`FRESH_SECONDS`). Not to be changed."""
        with self._lock:
            now = time.monotonic()
            if now >= self._next:
                self._look(now)
                done = time.monotonic()
                self._next = done + min(max(FRESH_SECONDS, _SHARE * (done - now)), _LONGEST_SECONDS)
            return self._sorted

    def _look(self, now: float) -> None:
        anew = now - self._read_whole >= ANEW_SECONDS
        begun = datetime.datetime.now(datetime.UTC)
        found = list(itertools.islice(reading.listed(self._table, None if anew else self._since), MOST))
        if anew:
            self._rows, self._read_whole, self.whole = {}, now, len(found) < MOST
        # The clock of whoever wrote may be behind ours: nothing newer than the newest change is skipped.
        newest = max((_moment(row["updated_at"]) for row in found), default=None)
        self._since = min(begun - _LAG, newest or self._since or begun - _LAG)
        changed = [row for row in found if self._is_news(row)]
        for row in changed:
            text = f"{row['film']}\n{row['title']}\n{row['asset_id']}-{row['version']}-r{row['revision']}".casefold()
            self._rows[row["asset_id"], row["version"]] = {**row, "text": text}
        if changed or anew:
            self._sorted = sorted(self._rows.values(), key=order_of, reverse=True)

    def _is_news(self, row: dict[str, Any]) -> bool:
        known = self._rows.get((row["asset_id"], row["version"]))
        return known is None or (known["updated_at"] <= row["updated_at"] and not row.items() <= known.items())


def order_of(row: dict[str, Any]) -> tuple[str, str, str]:
    """What rows are sorted by: when the upload came in; made unique, so that a page can begin after it."""
    return row["created_at"], row["asset_id"], row["version"]


def _moment(stamp: str) -> datetime.datetime:
    return datetime.datetime.fromisoformat(stamp)
