"""`vod approve`, `release`, `budget`, `pause`, `resume`: what waits for a person, and the person's word.

As in operate.py, the pipeline is the one that `vod up` keeps in this home, or a deployed stack; --json prints one
object. Who decides is written down: --by NAME, or the name of whoever is logged in here.
"""

from __future__ import annotations

import argparse
from decimal import Decimal
from typing import Any

from pipeline.aws import decide, intake
from pipeline.aws.budget import Budget, day
from pipeline.cli.operate import command, place
from pipeline.cli.progress import bar
from pipeline.cli.world import World
from pipeline.media.asset import Upload


class NothingNamed(Exception):
    """The command was not told what to release, or was told two things; the message says what to say."""


def _by(options: argparse.Namespace) -> str:
    return options.by or decide.whoever_is_here()


def _approve(world: World, options: argparse.Namespace) -> dict[str, Any]:
    return decide.approve(options.name, place(world), _by(options), options.note)


def _tell_approved(done: dict[str, Any]) -> list[str]:
    return [f"approved {done['execution']}, by {done['by']}: it is published now", *_unheard([done])]


def _release(world: World, options: argparse.Namespace) -> dict[str, Any]:
    if bool(options.name) == options.all:
        raise NothingNamed("release what? Name an asset or an execution, or say --all")
    if options.all:
        return {"released": decide.release_all(place(world), _by(options), options.note)}
    return {"released": [decide.release(options.name, place(world), _by(options), options.note)]}


def _tell_released(result: dict[str, Any]) -> list[str]:
    done = result["released"]
    lines = [f"released {each['execution']}, by {each['by']}: it is encoded now" for each in done]
    return [*(lines or ["nothing waits for the daily budget"]), *_unheard(done)]


def _unheard(done: list[dict[str, Any]]) -> list[str]:
    waiting = [each["execution"] for each in done if not each["goes_on"]]
    return [f"{name}: its step has not heard yet; the sweep tells it within five minutes" for name in waiting]


def _budget(world: World, options: argparse.Namespace) -> dict[str, Any]:
    table = Budget(world.outputs["AssetsTable"])
    today = table.of_day(day())
    limit = world.outputs.get("DailyBudgetUsd") or today["limit_usd"]
    waiting = [
        {
            "execution": Upload.from_state(hold["upload"]).execution_name,
            "asset_id": hold["pk"],
            "film": hold["upload"]["key"],
            "price_usd": hold["price_usd"],
            "since": hold["waits"]["since"],
            "message": hold["waits"]["message"],
        }
        for hold in table.waiting()
    ]
    return {
        "day": today["day"],
        "limit_usd": None if limit is None else float(limit),
        "reserved_usd": today["reserved_usd"],
        "left_usd": None if limit is None else float(max(Decimal(str(limit)) - Decimal(str(today["reserved_usd"])), 0)),
        "waiting": waiting,
    }


def _tell_budget(told: dict[str, Any]) -> list[str]:
    if told["limit_usd"] is None:
        return ["no daily budget is set (daily_budget_usd): every film is encoded at once", *_waiting_for_money(told)]
    return [
        f"{told['day']} (UTC): {told['reserved_usd']:.2f} of {told['limit_usd']:.2f} USD are reserved, "
        f"{told['left_usd']:.2f} are left",
        *_waiting_for_money(told),
    ]


def _waiting_for_money(told: dict[str, Any]) -> list[str]:
    return [
        f"  waits since {each['since'][:16].replace('T', ' ')}  {each['price_usd']:.2f} USD  {each['execution']}  "
        f"{each['film']}"
        for each in told["waiting"]
    ]


def _pause(world: World, options: argparse.Namespace) -> dict[str, Any]:
    return intake.pause(world.outputs["AssetsTable"], _by(options), options.reason)


def _tell_paused(done: dict[str, Any]) -> list[str]:
    first = "intake is paused now" if done["changed"] else "intake was paused already"
    return [
        f"{first}: {said(done)}",
        "uploads are registered and wait; what runs goes on; `vod resume` starts what waits, oldest first",
    ]


def _resume(world: World, options: argparse.Namespace) -> dict[str, Any]:
    table, machine = world.outputs["AssetsTable"], world.outputs["StateMachineArn"]
    with bar("uploads that waited", quiet=options.json) as advance:
        return intake.resume(table, _by(options), machine, lambda name: advance(1))


def _tell_resumed(done: dict[str, Any]) -> list[str]:
    first = "intake is open again" if done["changed"] else "intake was not paused"
    if done["paused"]:
        first = f"intake was paused again meanwhile, {said(done)}"
    return [
        f"{first}; {len(done['started'])} uploads that waited are started",
        *(f"  {name}" for name in done["started"]),
    ]


def said(pause: dict[str, Any]) -> str:
    """By whom and since when intake is paused, and why."""
    reason = f" ({pause['reason']})" if pause.get("reason") else ""
    return f"by {pause['by']}, since {pause['since'][:19].replace('T', ' ')} UTC{reason}"


approve = command(_approve, _tell_approved)
release = command(_release, _tell_released)
budget = command(_budget, _tell_budget)
pause = command(_pause, _tell_paused)
resume = command(_resume, _tell_resumed)
