"""The executions list: which rows of all films a page asks for, and what is told of each.

In: the rows of pipeline.aws.listing and a `Wanted`. Out: a page of plain dictionaries, a token for the next one, and
how many there are of each status. Choosing looks at rows in memory only; Step Functions and percentages are asked
for what stands on the page, and for no more of that than has changed.
"""

from __future__ import annotations

import base64
import collections
import dataclasses
import datetime
import json
import re
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from pipeline.aws import executions
from pipeline.aws.histories import Descriptions
from pipeline.aws.listing import Listing, order_of
from pipeline.aws.table import AssetTable
from pipeline.console.place import Here
from pipeline.media import keys
from pipeline.media.reconcile import STATUSES

LIMIT, MOST = 50, 200
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_AGE = re.compile(r"(\d{1,6})([smhd])")


class BadQuestion(Exception):
    """A parameter that cannot be understood; the message says which and what it may be."""


@dataclasses.dataclass(frozen=True)
class Wanted:
    """What a page asks for. statuses, codes: any of them; words: all of them, in the film's key, its title or a name;
    after: the row that the page before ended with."""

    statuses: frozenset[str] = frozenset()
    codes: frozenset[str] = frozenset()
    words: tuple[str, ...] = ()
    since: str = ""
    after: tuple[str, ...] | None = None
    limit: int = LIMIT

    @classmethod
    def of(cls, query: Mapping[str, str]) -> Wanted:
        statuses = frozenset(_words(query, "status") + _words(query, "state"))
        known = {*STATUSES, "expired", "removed"}
        if unknown := statuses - known:
            raise BadQuestion(f"status={','.join(sorted(unknown))}: known are {', '.join(sorted(known))}")
        return cls(
            statuses,
            frozenset(_words(query, "code")),
            tuple(query.get("q", "").casefold().split()),
            _since(query.get("age", "")),
            _after(query.get("next", "")),
            _limit(query.get("limit", "")),
        )

    def takes(self, row: Mapping[str, Any]) -> bool:
        return (
            (not self.codes or row["code"] in self.codes)
            and row["updated_at"] >= self.since
            and all(word in row["text"] for word in self.words)
        )


def choose(rows: Iterable[dict[str, Any]], wanted: Wanted) -> tuple[list[dict[str, Any]], str | None, dict[str, int]]:
    """(the page's rows, the token of the next page, how many there are of each status when status is not asked for)."""
    taken = [row for row in rows if wanted.takes(row)]
    counts = collections.Counter(row["status"] for row in taken)
    if wanted.statuses:
        taken = [row for row in taken if row["status"] in wanted.statuses]
    if wanted.after:
        taken = [row for row in taken if order_of(row) < wanted.after]
    page = taken[: wanted.limit]
    more = len(taken) > len(page)
    return page, _token(order_of(page[-1])) if more else None, dict(sorted(counts.items()))


class Films:
    """All films of one stack, a page at a time. Callable from any thread."""

    def __init__(self, here: Here):
        self._here = here
        self._listing = Listing(here.place.table)
        self._descriptions = Descriptions()
        self._table = AssetTable(here.place.table)
        self._pool = ThreadPoolExecutor(8, thread_name_prefix="console")

    def page(self, wanted: Wanted) -> dict[str, Any]:
        rows, following, counts = choose(self._listing.rows(), wanted)
        percents = self._percents(rows)
        described = list(self._pool.map(self._described, rows))
        told = [self._row(row, one, percents) for row, one in zip(rows, described, strict=True)]
        return {"executions": told, "next": following, "counts": counts, "complete": self._listing.whole}

    def _row(self, row: dict[str, Any], described: dict[str, Any] | None, percents: dict[str, Any]) -> dict[str, Any]:
        name, described = _name(row), described or {}
        return {
            "name": name,
            "arn": executions.arn_of(name, self._here.place.state_machine_arn),
            "asset_id": row["asset_id"],
            "version": row["version"],
            "revision": row["revision"],
            "film": row["film"],
            "title": row["title"],
            "status": row["status"],
            "execution_status": described.get("status"),
            "started_at": iso(described.get("startDate")) or row["created_at"],
            "stopped_at": iso(described.get("stopDate")),
            "updated_at": row["updated_at"],
            "percent": percents.get(name),
            "code": row["code"],
        }

    def _described(self, row: dict[str, Any]) -> dict[str, Any] | None:
        arn = executions.arn_of(_name(row), self._here.place.state_machine_arn)
        return self._descriptions.of(arn, row["updated_at"], time.monotonic())

    def _percents(self, rows: Sequence[dict[str, Any]]) -> dict[str, int]:
        """How far the encode of each film on the page is: what MediaConvert's last event said."""
        runs = {
            (row["asset_id"], f"job#{keys.run(row['version'], row['revision'])}#streams"): _name(row)
            for row in rows
            if row["status"] == "transcoding"
        }
        found = self._table.look_up(list(runs))
        return {runs[item["pk"], item["sk"]]: item.get("percent") or 0 for item in found}


def iso(moment: datetime.datetime | None) -> str | None:
    if moment is None:
        return None
    return moment.astimezone(datetime.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _name(row: Mapping[str, Any]) -> str:
    return keys.execution_name(row["asset_id"], row["version"], row["revision"])


def _words(query: Mapping[str, str], name: str) -> list[str]:
    return [word for word in query.get(name, "").split(",") if word]


def _since(text: str) -> str:
    if not text:
        return ""
    match = _AGE.fullmatch(text)
    if not match:
        raise BadQuestion(f"age={text}: write 90s, 30m, 6h or 14d")
    moment = datetime.datetime.now(datetime.UTC) - datetime.timedelta(**{_UNITS[match[2]]: int(match[1])})
    return iso(moment) or ""


def _limit(text: str) -> int:
    if not text:
        return LIMIT
    if not text.isdecimal() or not 1 <= int(text) <= MOST:
        raise BadQuestion(f"limit={text}: a number from 1 to {MOST}")
    return int(text)


def _token(order: tuple[str, ...]) -> str:
    return base64.urlsafe_b64encode(json.dumps(order).encode()).decode()


def _after(token: str) -> tuple[str, ...] | None:
    if not token:
        return None
    try:
        created, asset, version = json.loads(base64.urlsafe_b64decode(token))
    except ValueError as error:
        raise BadQuestion("next: not a token that this list gave") from error
    return str(created), str(asset), str(version)
