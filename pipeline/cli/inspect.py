"""`vod list`, `show`: what operators want to know about a pipeline that runs elsewhere.

As in operate.py, the pipeline is the one that `vod up` keeps in this home, or a deployed stack; --json prints one
object, otherwise lines for a person.
"""

from __future__ import annotations

import argparse
import collections
from typing import Any

from pipeline.aws import reading
from pipeline.aws.intake import Intake
from pipeline.cli import holds
from pipeline.cli.cost import BILLS, bill_line
from pipeline.cli.operate import command, place
from pipeline.cli.world import World


def _list(world: World, options: argparse.Namespace) -> dict[str, Any]:
    films = [
        one
        for one in reading.listed(world.outputs["AssetsTable"], options.since)
        if options.status in (None, one["status"]) and options.code in (None, one["code"])
    ]
    intake = Intake(world.outputs["AssetsTable"]).state()
    return {"films": films[: options.limit], "found": len(films), "intake": intake}


def _tell_listed(result: dict[str, Any]) -> list[str]:
    lines = [
        f"{one['updated_at'][:19].replace('T', ' ')}  {one['status']:<12} {one['asset_id']}  {one['film']}"
        + (f"  {one['code']}" if one["code"] else "")
        for one in result["films"]
    ]
    counts = collections.Counter(one["status"] for one in result["films"])
    said = ", ".join(f"{count} {status}" for status, count in counts.most_common()) or "no films"
    more = result["found"] - len(result["films"])
    lines.append(said + (f"; {more} older ones are not shown (--limit)" if more else ""))
    paused = result["intake"]["paused"]
    return [*lines, f"intake is paused, {holds.said(result['intake'])}"] if paused else lines


def _show(world: World, options: argparse.Namespace) -> dict[str, Any]:
    shown = reading.show(options.name, place(world))
    plays = f"{world.delivery_url}/?asset={shown['asset_id']}" if shown["plays"] else None
    return {**shown, "links": {**links(shown, world), "play": plays}}


def links(of_run: dict[str, Any], world: World) -> dict[str, str | None]:
    """Where a run can be looked at: in AWS's own console, or in ours where the pipeline is on this machine."""
    if not world.endpoint_url:
        return of_run["links"]
    return {"console": f"{world.console_url}/?execution={of_run['execution']}" if world.console_url else None}


def _tell_shown(shown: dict[str, Any]) -> list[str]:
    plays = shown["plays"] or {}
    lines = [f"{shown['asset_id']}  {shown['film']}"]
    for version in shown["versions"]:
        current = version["version"] == plays.get("version")
        code = f"  {version['error']['code']}" if version["error"] else ""
        lines.append(
            f"  version {version['version']}-r{version['revision']}  {version['status']}{code}  "
            f"{version['created_at']}{'  plays' if current else ''}"
        )
        lines += waits_line(version["waits"])
    lines.append(f"  execution {shown['execution']}")
    over = _OVER.get(shown["versions"][-1]["status"], "running")
    lines += [_step_line(step, over) for step in shown["steps"]]
    lines += [
        f"  job {job['job_id']}  {job['role']}, attempt {job['attempt']}: {job['status']} {job['percent'] or 0} %"
        + (f"  {job['error_code']}: {job['error_message']}" if job["error_code"] else "")
        for job in shown["jobs"]
    ]
    lines += [
        f"  rendition {one['name']}  {one['width']}x{one['height']}  {one['bitrate_bps'] / 1000:.0f} kb/s"
        for one in shown["renditions"]
    ]
    lines += [f"  {word:<9} {bill_line(shown['price'][name])}" for name, word in BILLS if shown["price"].get(name)]
    return [*lines, *(f"  {name} {link}" for name, link in shown["links"].items() if link)]


def waits_line(waits: dict[str, Any] | None) -> list[str]:
    return [f"  waits     since {waits['since'][:19].replace('T', ' ')} UTC: {waits['message']}"] if waits else []


#: What a box without an end is, once its run is over.
_OVER = {"failed": "failed", "cancelled": "stopped"}


def _step_line(step: dict[str, Any], without_end: str) -> str:
    took = without_end if step["seconds"] is None else f"{step['seconds']:.1f} s"
    failed = f"  {step['failed_attempts']} failed attempts ({step['error']})" if step["failed_attempts"] else ""
    return f"    {step['state']:<20} {took:>10}{failed}"


list_films = command(_list, _tell_listed)
show = command(_show, _tell_shown)
