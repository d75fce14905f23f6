"""`vod list`, `show`, `logs`, `explain`: what operators want to know about a pipeline that runs elsewhere.

As in operate.py, the pipeline is the one that `vod up` keeps in this home, or a deployed stack; --json prints one
object, otherwise lines for a person.
"""

from __future__ import annotations

import argparse
import collections
import json
from typing import Any

from pipeline.aws import reading
from pipeline.aws.intake import Intake
from pipeline.cli import holds
from pipeline.cli.operate import command, place
from pipeline.cli.world import World
from pipeline.media import errors


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
    return {**shown, "links": {**shown["links"], "play": plays}}


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
        lines += _waits(version["waits"])
    lines.append(f"  execution {shown['execution']}")
    lines += [_step_line(step) for step in shown["steps"]]
    lines += [
        f"  job {job['job_id']}  {job['role']}, attempt {job['attempt']}: {job['status']} {job['percent'] or 0} %"
        + (f"  {job['error_code']}: {job['error_message']}" if job["error_code"] else "")
        for job in shown["jobs"]
    ]
    lines += [
        f"  rendition {one['name']}  {one['width']}x{one['height']}  {one['bitrate_bps'] / 1000:.0f} kb/s"
        for one in shown["renditions"]
    ]
    return [*lines, *(f"  {name} {link}" for name, link in shown["links"].items() if link)]


def _waits(waits: dict[str, Any] | None) -> list[str]:
    return [f"  waits     since {waits['since'][:19].replace('T', ' ')} UTC: {waits['message']}"] if waits else []


def _step_line(step: dict[str, Any]) -> str:
    took = "running" if step["seconds"] is None else f"{step['seconds']:.1f} s"
    failed = f"  {step['failed_attempts']} failed attempts ({step['error']})" if step["failed_attempts"] else ""
    return f"    {step['state']:<20} {took:>10}{failed}"


def _logs(world: World, options: argparse.Namespace) -> dict[str, Any]:
    return {"lines": reading.logs(options.name, place(world), options.since)}


def _tell_logs(result: dict[str, Any]) -> list[str]:
    return [f"{one['at']} {one['function']}: {one['line']}" for one in result["lines"]] or ["nothing was logged"]


def _explain(world: World, options: argparse.Namespace) -> dict[str, Any]:
    return reading.explain(options.name, place(world))


def _tell_explained(told: dict[str, Any]) -> list[str]:
    error = told["error"] or {}
    lines = [f"{told['film']}: {told['status']} ({told['execution']})"]
    if error:
        lines += [
            f"  where     {error.get('state') or 'see failed attempts'}",
            f"  error     {error.get('code')}: {error.get('message')}",
            f"  evidence  {json.dumps(error.get('evidence', {}), ensure_ascii=False)}",
            f"  fix       {error.get('fix')}",
        ]
    lines += _waits(told["waits"])
    if error.get("code") in errors.CODES:
        lines.append(f"  more      {errors.page_of(error['code'])}")
    for step in told["failed_attempts"]:
        lines.append(
            f"  {step['state']} failed {step['failed_attempts']} times, last: {step['error']}: {step['cause']}"
        )
    for job in told["jobs"]:
        lines.append(f"  job {job['job_id']} ({job['role']}): {job['status']} {job['error_code'] or ''}".rstrip())
        lines += [f"    {line}" for line in (job["error_message"] or "").splitlines()]
        lines += [f"    {line}" for line in job["messages"]]
    if told["source"]:
        lines.append(f"  source    {json.dumps(told['source'], ensure_ascii=False)}")
    lines += [f"  log       {one['at']} {one['function']}: {one['line']}" for one in told["log"][-10:]]
    return [*lines, f"  again     {told['reproduce']}", f"  console   {told['links']['console']}"]


list_films = command(_list, _tell_listed)
show = command(_show, _tell_shown)
logs = command(_logs, _tell_logs)
explain = command(_explain, _tell_explained)
