"""`vod cost`: what films should have cost and did cost, one film run by run, or a period day by day.

In: the pipeline, and an asset's id, an execution's name, or a moment. Out: lines, or with --json one object, in the
shapes of pipeline.aws.costs. What can go wrong: NothingByThatName, Unclear, and what operate.py says of AWS.
"""

from __future__ import annotations

import argparse
import datetime
from collections.abc import Iterator, Mapping
from typing import Any

from pipeline.aws import costs
from pipeline.cli.again import Unclear
from pipeline.cli.operate import command, place
from pipeline.cli.world import World

#: The bills of a run, and what people call them.
BILLS = (("predicted", "predicted"), ("actual", "spent"))
#: How far back a period goes that nobody has said.
DAYS = 30


def _cost(world: World, options: argparse.Namespace) -> dict[str, Any]:
    if options.name and options.since:
        raise Unclear("--since is for a period: name a film, or say since when, not both")
    if options.name:
        return costs.of_film(options.name, place(world))
    default = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=DAYS)
    return costs.of_period(world.outputs["AssetsTable"], options.since or default)


def _tell(told: dict[str, Any]) -> list[str]:
    return list(_film(told) if "runs" in told else _period(told))


# --- one film --------------------------------------------------------------------------------------------------------


def _film(told: Mapping[str, Any]) -> Iterator[str]:
    yield f"{told['film']}  {told['asset_id']}"
    for run in told["runs"]:
        status = run["status"] or "replaced by the next run"
        yield f"  {run['execution']}  {status}"
        for name, word in BILLS:
            yield f"    {word:<10}{bill_line(run[name]) if run[name] else 'not known'}"
        for job in run["jobs"]:
            why = f": {job['why']}" if job["why"] else ""
            yield f"    {job['role']:<10}job {job['job_id']}  {job['status']}{why}"
        for item in (run["actual"] or {"items": []})["items"] or (run["predicted"] or {"items": []})["items"]:
            yield f"      {_item(item)}"
        if run["kept"]:
            size, month = run["kept"]["bytes"] / 2**20, run["kept"]["usd_a_month"]
            amount = f"{month:.4f}" if month else "less than 0.0001"
            yield f"    kept      {size:.1f} MiB of outputs, {amount} {told['currency']} a month in S3"
    if len(told["runs"]) > 1:
        yield f"  all runs: predicted {told['predicted']:.4f}, spent {told['actual']:.4f} {told['currency']}"


def bill_line(bill: Mapping[str, Any]) -> str:
    """A sum with everything that has to be said of it."""
    if not bill["items"]:
        return f"{bill['total']:.4f} {bill['currency']}" + ("" if bill["whole"] else ": no bill could be made")
    about = "" if bill["sure"] else "about "
    unknown = sorted({item["class"] for item in bill["items"] if item["price"] is None})
    rest = f", without {', '.join(unknown)}: no price known" if unknown else ""
    return f"{about}{bill['total']:.4f} {bill['currency']}{rest} ({bill['region']}, prices of {bill['prices_read']})"


def _item(item: Mapping[str, Any]) -> str:
    amount = "unknown" if item["price"] is None else f"{item['price']:.4f}"
    minutes = f"{item['minutes']:.2f} min"
    return f"{item['output']:<24} {item['class']:<18} {minutes:>12}  {amount:>9}  {item['why']}".rstrip()


# --- a period --------------------------------------------------------------------------------------------------------


def _period(told: Mapping[str, Any]) -> Iterator[str]:
    yield f"{'day (UTC)':<12}{'films':>7}{'predicted':>14}{'spent':>14}  {told['currency']}"
    for day in told["days"]:
        yield _row(day["day"], day)
    yield _row("all", told)
    under_way = told["under_way"]
    if under_way["films"]:
        yield f"under way: {_films(under_way['films'])}, predicted {under_way['predicted']:.4f} {told['currency']}"
    if told["deviations"]:
        yield "furthest from what was predicted:"
    for one in told["deviations"]:
        yield f"  {_apart(one):<22}{one['film']}  {one['asset_id']}"
    yield f"Encoding alone, in {told['region']}, by prices of {told['prices_read']} (docs/money.md)."


def _row(name: str, sums: Mapping[str, Any]) -> str:
    return f"{name:<12}{sums['films']:>7}{sums['predicted']:>14.4f}{sums['actual']:>14.4f}"


def _films(count: int) -> str:
    return "1 film" if count == 1 else f"{count} films"


def _apart(one: Mapping[str, Any]) -> str:
    difference = one["actual"] - one["predicted"]
    share = f" ({difference / one['predicted']:+.0%})" if one["predicted"] else ""
    return f"{difference:+.4f}{share}"


cost = command(_cost, _tell)
