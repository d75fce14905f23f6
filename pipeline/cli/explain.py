"""`vod explain`, `logs`: why a film is where it is, what was said about it, and the command that does it again.

One bundle that leads to the cause without our code: the failing box, its error and what to do; every attempt; the jobs'
last words, the engine's own lines among them; what was in the file and what was planned; the functions' log. With
--fetch DIR film and sidecars are brought here, and the bundle beside them as explain.json: what `reproduce` names is
then put through a pipeline of one's own, with the same profile, and nobody's film is touched.
"""

from __future__ import annotations

import argparse
import json
import shlex
from pathlib import Path
from typing import Any

from pipeline.aws import objects, reading
from pipeline.aws.clients import client
from pipeline.cli.inspect import links, waits_line
from pipeline.cli.lines import each_line, rendition_line, source_line
from pipeline.cli.operate import command, place
from pipeline.cli.progress import bar
from pipeline.cli.world import World
from pipeline.media import errors, keys, sidecars

FOLDER = "again"
_LOG_LINES = 12


def _explain(world: World, options: argparse.Namespace) -> dict[str, Any]:
    told = reading.explain(options.name, place(world))
    told |= {"reproduce": reproduce(told, options.fetch or FOLDER, options.stack), "links": links(told, world)}
    told["fetched"] = _fetched(told, world, options.fetch, options.json) if options.fetch else []
    return told


def reproduce(told: dict[str, Any], folder: Path | str, stack: str | None) -> str:
    """The same film, with what lies beside it, through a pipeline of one's own: --port 0 is never somebody else's."""
    of_stack = ["--stack", stack] if stack else []
    profile = ["-c", f"profile={told['profile']}"] if told["profile"] not in (None, "default") else []
    fetch = ["vod", "explain", told["execution"], *of_stack, "--fetch", str(folder)]
    film = str(Path(folder) / keys.file_name(told["film"]))
    again = ["vod", "run", "--once", "--port", "0", "--edge-port", "0", *profile, film]
    return f"{shlex.join(fetch)} && {shlex.join(again)}"


def _fetched(told: dict[str, Any], world: World, folder: Path, quiet: bool) -> list[str]:
    """The film as that version was, its sidecars as they are now, and the bundle; the files' names."""
    bucket, s3 = world.outputs["SourcesBucket"], client("s3")
    folder.mkdir(parents=True, exist_ok=True)
    beside = sidecars.beside(told["film"], objects.keys_around(bucket, told["film"]))
    wanted = [*(one.key for one in beside.captions), beside.poster, beside.wishes]
    version = told["version_id"]
    which = {"VersionId": version} if version and version != "null" else {}
    size = s3.head_object(Bucket=bucket, Key=told["film"], **which)["ContentLength"]
    files = [folder / keys.file_name(key) for key in (told["film"], *filter(None, wanted))]
    with bar(f"fetching {files[0].name}", size, quiet) as advance:
        s3.download_file(bucket, told["film"], str(files[0]), ExtraArgs=which, Callback=advance)
    for key, file in zip(filter(None, wanted), files[1:], strict=True):
        s3.download_file(bucket, key, str(file))
    files.append(folder / "explain.json")
    files[-1].write_text(json.dumps(told, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    return [str(file) for file in files]


def _tell_explained(told: dict[str, Any]) -> list[str]:
    lines = [f"{told['film']}: {told['status']} ({told['execution']})", *_error(told)]
    lines += waits_line(told["waits"])
    for step in told["failed_attempts"]:
        times = "once" if step["failed_attempts"] == 1 else f"{step['failed_attempts']} times"
        lines.append(f"  attempts  {step['state']} failed {times}, last with {step['error']}: {step['message']}")
    for job in told["jobs"]:
        head = f"{job['job_id']} ({job['role']}), attempt {job['attempt']}: {job['status']} {job['error_code'] or ''}"
        lines.append(f"  job       {head}".rstrip())
        said = [*each_line(job["error_message"] or ""), *(part for line in job["messages"] for part in each_line(line))]
        lines += [f"              {line}" for line in said]
    if told["source"]:
        lines.append(f"  source    {source_line(told['source'])}")
        lines += [f"              {line}" for line in told["source"].get("warnings", [])]
    if told["plan"]:
        rungs = ", ".join(map(rendition_line, told["plan"]["rungs"])) or "no pictures"
        lines.append(f"  plan      profile {told['profile']}: {rungs}")
    lines += [f"  log       {line}" for one in told["log"][-_LOG_LINES:] for line in log_lines(one)]
    lines.append(f"  again     {told['reproduce']}")
    lines += [f"  fetched   {file}" for file in told["fetched"]]
    return [*lines, *(f"  {name:<9} {link}" for name, link in told["links"].items() if link)]


def _error(told: dict[str, Any]) -> list[str]:
    error = told["error"] or {}
    if not error:
        return []
    evidence = ", ".join(f"{name} {_short(value)}" for name, value in error.get("evidence", {}).items())
    # A rejection ends in its own box: where it came from is the last that failed.
    tried = [step["state"] for step in told["failed_attempts"]]
    lines = [
        f"  where     {error.get('state') or (tried[-1] if tried else 'not known')}",
        f"  error     {error.get('code')} ({error.get('class')}): {error.get('message')}",
        f"  evidence  {evidence or 'none'}",
        f"  fix       {error.get('fix')}",
    ]
    if error.get("code") in errors.CODES:
        operators = f", docs/runbook.md#{error['code'].lower()}" if error.get("class") in ("service", "config") else ""
        lines.append(f"  more      {errors.page_of(error['code'])}{operators}")
    return lines


def _short(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _logs(world: World, options: argparse.Namespace) -> dict[str, Any]:
    return {"lines": reading.logs(options.name, place(world), options.since)}


def _tell_logs(result: dict[str, Any]) -> list[str]:
    return [line for one in result["lines"] for line in log_lines(one)] or ["nothing was logged"]


def log_lines(one: dict[str, str]) -> list[str]:
    """A line of a function's log for a person: Lambda's JSON (level, message, traceback), a metric, or plain text."""
    head = f"{one['at'][:23].replace('T', ' ')}  {one['function']:<9}"
    try:
        record = json.loads(one["line"])
    except ValueError:
        record = None
    if not isinstance(record, dict):
        return [f"{head} {line}" for line in each_line(one["line"])]
    if "_aws" in record:
        names = [each["Name"] for group in record["_aws"]["CloudWatchMetrics"] for each in group["Metrics"]]
        return [f"{head} METRIC  {', '.join(f'{name} {record.get(name)}' for name in names)}"]
    told = str(record.get("message") or record.get("errorMessage") or one["line"])
    took = f" ({record['ms']} ms)" if "ms" in record else ""
    lines = [f"{head} {record.get('level', ''):<7} {line}" for line in each_line(told)]
    if lines:
        lines[0] += took
    if record.get("message") and record.get("errorType"):
        lines += [f"{head}         {record['errorType']}: {line}" for line in each_line(record.get("errorMessage", ""))]
    return lines + [f"{head}         {line}" for each in record.get("stackTrace", []) for line in each_line(each)]


explain = command(_explain, _tell_explained)
logs = command(_logs, _tell_logs)
