"""The daily budget: what a day's encodes may cost, reserved before the first job and corrected by what it did cost.

In: a run, its price and the limit, all in US dollars. Out: whether there is room. One item a day (of UTC) keeps what is
reserved; a reservation is one transaction over it and the run's own item, so that a repeated step reserves once. What
was reserved stays so until the film is published, when the actual price takes its place; a run that ends otherwise
keeps its reservation for the day, because nobody knows what its jobs did cost.

Raises ServiceThrottled where too many write the day's item at once: the step is tried again.
"""

from __future__ import annotations

import datetime
import random
import time
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from botocore.exceptions import ClientError

from pipeline.aws.faults import code_of
from pipeline.aws.holds import Holds, decision
from pipeline.aws.table import CONTROL, now
from pipeline.media import holds
from pipeline.media.asset import Upload
from pipeline.media.errors import ServiceThrottled

RESERVED, EXHAUSTED, UNLIMITED = "reserved", "exhausted", "unlimited"
#: A burst of uploads plans at once, and all write one item: each tries so often before its step does.
_ATTEMPTS = 6


class Budget(Holds):
    """The table, as far as money goes."""

    def reserve(self, upload: Upload, price_usd: Decimal, limit_usd: Decimal) -> bool:
        """Reserve a run's price in today's budget, once for each run; False where it has no room."""
        if price_usd > limit_usd:
            return bool(self.known(upload).get("budget"))
        today = day()
        charge, mark = self._charge(today, price_usd, limit_usd), _mark(today, price_usd)
        noted = self._expression(upload.asset_id, f"run#{upload.run}", "attribute_not_exists(#budget)", budget=mark)
        for attempt in range(_ATTEMPTS):
            reasons = self._refused([charge, noted])
            if not reasons or reasons[1] == "ConditionalCheckFailed":
                return True  # now, or by an earlier attempt of the step
            if reasons[0] == "ConditionalCheckFailed":
                return False
            time.sleep(random.uniform(0, 0.05 * 2**attempt))
        raise ServiceThrottled("SERVICE_THROTTLED", f"too many films are planned at once: {reasons}", {"day": today})

    def release(self, hold: dict[str, Any], limit_usd: Decimal) -> bool:
        """Let a run that waits go on if today's budget has room for it, or there is no limit any more."""
        upload, price_usd, today = Upload.from_state(hold["upload"]), _usd(hold["price_usd"]), day()
        if not limit_usd:
            return self.decide(upload, holds.BUDGET, decision("the configuration, which has no daily budget any more"))
        if price_usd > limit_usd:
            return False
        charge, mark = self._charge(today, price_usd, limit_usd), _mark(today, price_usd)
        return self.decide(upload, holds.BUDGET, decision(f"the budget of {today}"), charge, budget=mark)

    def exceed(self, hold: dict[str, Any], decided: dict[str, Any]) -> bool:
        """Let a run that waits go on because somebody said so; its price counts all the same, beyond the limit too."""
        upload, price_usd, today = Upload.from_state(hold["upload"]), _usd(hold["price_usd"]), day()
        charge = self._charge(today, price_usd, _usd(hold["limit_usd"]), beyond=True)
        return self.decide(upload, holds.BUDGET, decided, charge, budget=_mark(today, price_usd))

    def correct(self, upload: Upload, actual_usd: Decimal) -> None:
        """Put what a run did cost in the place of what was reserved for it. Nothing where nothing was; done twice, the
        same."""
        mark = self.known(upload).get("budget")
        if not mark or "actual_usd" in mark:
            return
        difference = actual_usd - _usd(mark["reserved_usd"])
        day_item = self._expression(CONTROL, _sk(mark["day"]), None, updated_at=now())
        _add(day_item, "reserved_usd", difference)
        condition, seen = "#budget = :seen", {":seen": mark}
        told = {**mark, "actual_usd": actual_usd}
        noted = self._expression(upload.asset_id, f"run#{upload.run}", condition, seen, budget=told)
        self._transacted([day_item, noted])

    def of_day(self, today: str) -> dict[str, Any]:
        """What is reserved: {day, limit_usd, reserved_usd}; the limit as it was when something was reserved last."""
        item = self._get(CONTROL, _sk(today)) or {}
        return {"day": today, "limit_usd": item.get("limit_usd"), "reserved_usd": item.get("reserved_usd", 0)}

    def waiting(self) -> Iterator[dict[str, Any]]:
        """Holds for the budget that nobody has decided, oldest first."""
        return (hold for hold in self.open_holds(holds.BUDGET) if "decided" not in hold)

    def _charge(self, today: str, price_usd: Decimal, limit_usd: Decimal, beyond: bool = False) -> dict[str, Any]:
        condition = None if beyond else "attribute_not_exists(#reserved_usd) OR #reserved_usd <= :room"
        room = {} if beyond else {":room": limit_usd - price_usd}
        update = self._expression(CONTROL, _sk(today), condition, room, limit_usd=limit_usd, updated_at=now())
        _add(update, "reserved_usd", price_usd)
        return update

    def _refused(self, updates: list[dict[str, Any]]) -> list[str]:
        """Why a transaction was refused, part by part; [] where it was done."""
        try:
            self._transact(updates)
            return []
        except ClientError as error:
            if code_of(error) != "TransactionCanceledException":
                raise
            return [reason.get("Code", "None") for reason in error.response["CancellationReasons"]]


def day() -> str:
    """Today, in UTC."""
    return datetime.datetime.now(datetime.UTC).date().isoformat()


def _mark(today: str, price_usd: Decimal) -> dict[str, Any]:
    return {"day": today, "reserved_usd": price_usd}


def _usd(number: Any) -> Decimal:
    return Decimal(str(number))


def _sk(today: str) -> str:
    return f"budget#{today}"


def _add(update: dict[str, Any], name: str, amount: Decimal) -> None:
    """Add to a number of the item, in DynamoDB's own decimal arithmetic."""
    update["UpdateExpression"] += f" ADD #{name} :{name}"
    update["ExpressionAttributeNames"][f"#{name}"] = name
    update["ExpressionAttributeValues"][f":{name}"] = {"N": str(amount)}
