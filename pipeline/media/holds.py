"""Holds: what a film may wait for besides its job, for how long, and how that is said.

In: the reason, and what is known when the waiting begins. Out: the `waits` of a version's record, {reason, since,
message} and until where there is an end, which lists, receipts and messages show; and the refusal of a film that nobody
released in time. The message always names the command that ends the waiting.

    approval   encoded and verified; somebody is to look at it before viewers do          status held
    budget     planned; the day's budget has no room for it                               status waiting
    paused     registered; intake is paused                                               status waiting
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from pipeline.media.errors import SourceRejected

APPROVAL, BUDGET, PAUSED = "approval", "budget", "paused"
STATUS = {APPROVAL: "held", BUDGET: "waiting", PAUSED: "waiting"}
#: How long a film waits for somebody. Four weeks: a holiday and the days after it. TimeoutSeconds of the states.
LONGEST = datetime.timedelta(days=28)


def for_approval(asset_id: str, since: datetime.datetime, preview_url: str) -> dict[str, Any]:
    return {
        **_waits(APPROVAL, since),
        "preview_url": preview_url,
        "message": f"encoded and verified; it waits for approval until {_day(since + LONGEST)}: watch it at "
        f"{preview_url}, then `vod approve {asset_id}`, or `vod cancel {asset_id}`",
    }


def for_budget(
    asset_id: str, since: datetime.datetime, price: Mapping[str, Any], limit_usd: Decimal, reserved_usd: Decimal
) -> dict[str, Any]:
    """price: the plan's, as Bill.as_dict(); reserved_usd: of today, by all films."""
    needs = f"it needs {_usd(Decimal(str(price['total'])))} USD"
    if not price["whole"]:
        needs = needs.replace("it needs", "it needs at least") + " (not all of its prices are known)"
    if is_dearer_than_a_day(price, limit_usd):
        why = f"{needs}, more than the budget of a whole day ({_usd(limit_usd)} USD): an operator must decide"
        how = f"`vod release {asset_id}` encodes it all the same"
    else:
        why = f"{needs} and {_usd(max(limit_usd - reserved_usd, Decimal(0)))} USD of today's {_usd(limit_usd)} are left"
        how = (
            f"it goes on by itself when a day's budget has room (days are those of UTC), or by `vod release {asset_id}`"
        )
    return {**_waits(BUDGET, since), "message": f"planned, and held for its price: {why}; {how}"}


def for_pause(since: datetime.datetime, intake: Mapping[str, Any]) -> dict[str, Any]:
    """intake: what is known of the pause."""
    reason = f" ({intake['reason']})" if intake.get("reason") else ""
    return {
        "reason": PAUSED,
        "since": _iso(since),
        "message": f"uploaded while intake was paused{reason}; it starts by itself after `vod resume`",
    }


def is_dearer_than_a_day(price: Mapping[str, Any], limit_usd: Decimal) -> bool:
    """Whether no day's budget will ever have room for this film."""
    return Decimal(str(price["total"])) > limit_usd


def timed_out(reason: str, since: str, name: str) -> SourceRejected:
    """The refusal of a film that nobody released in time."""
    evidence = {"waited_for": reason, "since": since, "days": LONGEST.days}
    if reason == BUDGET:
        message = f"{name} waited {LONGEST.days} days for room in the daily budget, and nobody released it"
        return SourceRejected("BUDGET_TIMED_OUT", message, evidence)
    message = f"{name} was ready to be published and waited {LONGEST.days} days: nobody approved it"
    return SourceRejected("APPROVAL_TIMED_OUT", message, evidence)


def _waits(reason: str, since: datetime.datetime) -> dict[str, Any]:
    return {"reason": reason, "since": _iso(since), "until": _iso(since + LONGEST)}


def _usd(amount: Decimal) -> str:
    """Cents, and below a dollar what MediaConvert counts in."""
    return f"{amount:.2f}" if amount >= 1 or not amount else f"{amount:.4f}"


def _day(moment: datetime.datetime) -> str:
    return moment.astimezone(datetime.UTC).date().isoformat()


def _iso(moment: datetime.datetime) -> str:
    return moment.astimezone(datetime.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
