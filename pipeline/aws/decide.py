"""An operator's decisions about what waits: approve a film, release it beyond the daily budget.

In: an asset's id, or an execution's name or ARN, and who decides. Out: what was decided, as plain dictionaries;
`goes_on` is False where the step has not heard yet, and the sweep will tell it. Raises NothingByThatName, and NotNow
where nothing by this name waits for such a decision.
"""

from __future__ import annotations

import getpass
from typing import Any

from pipeline.aws import receipts
from pipeline.aws.budget import Budget
from pipeline.aws.holds import Holds, decision
from pipeline.aws.operate import NotNow, Place, records_of
from pipeline.aws.table import upload_of
from pipeline.media import holds
from pipeline.media.asset import Upload


def whoever_is_here() -> str:
    """Who is logged in on this machine: the name that a decision is kept under where nobody says another."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container whose user has no name
        return "somebody without a name"


def approve(name: str, place: Place, by: str, note: str = "") -> dict[str, Any]:
    """Let the newest held run by this name be published; who said so, and when, is kept in its record."""
    table, decided = Holds(place.table), decision(by, note)
    upload = upload_of(_the_waiting(name, place, holds.APPROVAL))
    if not table.decide(upload, holds.APPROVAL, decided):
        raise NotNow(_nothing_waits(upload.execution_name, [table.version(upload) or {}], table, holds.APPROVAL))
    heard = table.answer(table.find(upload, holds.APPROVAL) or {})
    receipts.refresh(table, upload.bucket, place.delivery_url, upload)
    return {"execution": upload.execution_name, "waited_for": holds.APPROVAL, **decided, "goes_on": heard}


def _the_waiting(name: str, place: Place, reason: str) -> dict[str, Any]:
    """The record of the newest run by this name that waits for this. Raises NotNow where none does."""
    records = records_of(name, place)
    waiting = [record for record in records if (record.get("waits") or {}).get("reason") == reason]
    if not waiting:
        raise NotNow(_nothing_waits(name, records, Holds(place.table), reason))
    return max(waiting, key=lambda record: record["upload"]["order"])


def release(name: str, place: Place, by: str, note: str = "") -> dict[str, Any]:
    """Let a run that waits for the budget be encoded all the same; who said so, and when, is kept in its record."""
    table = Budget(place.table)
    record = _the_waiting(name, place, holds.BUDGET)
    return _release(table, upload_of(record), decision(by, note), place)


def release_all(place: Place, by: str, note: str = "") -> list[dict[str, Any]]:
    """Let everything go on that waits for the budget, oldest first; what somebody else decides meanwhile is theirs."""
    table, done = Budget(place.table), []
    for hold in table.waiting():
        try:
            done.append(_release(table, Upload.from_state(hold["upload"]), decision(by, note), place))
        except NotNow:
            continue
    return done


def _release(table: Budget, upload: Upload, decided: dict[str, Any], place: Place) -> dict[str, Any]:
    hold = table.find(upload, holds.BUDGET) or {}
    if not hold or not table.exceed(hold, decided):
        raise NotNow(_nothing_waits(upload.execution_name, [table.version(upload) or {}], table, holds.BUDGET))
    heard = table.answer(table.find(upload, holds.BUDGET) or {})
    receipts.refresh(table, upload.bucket, place.delivery_url, upload)
    return {"execution": upload.execution_name, "waited_for": holds.BUDGET, **decided, "goes_on": heard}


_WORDS = {
    holds.APPROVAL: ("approved", "does not wait for approval"),
    holds.BUDGET: ("released", "does not wait for the daily budget"),
}


def _nothing_waits(name: str, records: list[dict[str, Any]], table: Holds, reason: str) -> str:
    """In words, why no run by this name can be approved or released."""
    newest = max(records, key=lambda record: record["upload"]["order"])
    did, does_not = _WORDS[reason]
    decided = (table.find(upload_of(newest), reason) or {}).get("decided")
    if decided:
        return f"{name} was {did} already, by {decided['by']} at {decided['at']}; it is {newest['status']}"
    if newest["status"] == "waiting" and (newest.get("waits") or {}).get("reason") == holds.PAUSED:
        return f"{name} waits because intake is paused: `vod resume` starts it"
    if (newest.get("waits") or {}).get("reason") == reason:
        return f"{name} was written to by somebody else at the same moment: say it again"
    return f"{name} is {newest['status']}: it {does_not}"
