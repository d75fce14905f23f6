"""`vod retry`, `replay`, `ingest`: what operators let the pipeline do once more.

`replay` sends dead letters, and with --since what a window of time has lost without leaving a letter; `retry` with
--since tries every failed run of a window again, and only says which unless it is told --yes. All may be done twice:
what is sent again starts nothing that has started, and a run that goes on is not found among the failed ones.
"""

from __future__ import annotations

import argparse
import collections
import dataclasses
import datetime
from collections.abc import Sequence
from typing import Any

from botocore.exceptions import ClientError

from pipeline.aws import existing, library, operate, replay, transcoder, window
from pipeline.cli.operate import command, place
from pipeline.cli.progress import bar
from pipeline.cli.world import World

QUEUES = ("uploads", "jobs", "record", "sweep")


class Unclear(Exception):
    """Options that do not go together; the message says which do."""


def _retry(world: World, options: argparse.Namespace) -> dict[str, Any]:
    if (options.name is None) == (options.since is None):
        raise Unclear("retry what? Name an asset or an execution, or give --since for every failed run since then")
    if options.name is None:
        return _retry_many(place(world), options)
    if options.until or options.code or options.yes:
        raise Unclear("--until, --code and --yes go with --since: one run is tried again without them")
    return operate.retry(options.name, place(world))


def _retry_many(where: operate.Place, options: argparse.Namespace) -> dict[str, Any]:
    """Each of them as `vod retry EXECUTION` does it; one that cannot be tried again now does not keep the others."""
    found = window.failed(where, _window(options), options.code)
    runs = [{**dataclasses.asdict(each), "how": "a newer upload has come" if each.newer else None} for each in found]
    wanted = [run for run in runs if run["newer"] is None]
    if options.yes:
        with bar("trying again", len(wanted), options.json) as advance:
            for run in wanted:
                run["how"] = _retried(run["execution"], where)
                advance(1)
    tried = {"redriven": "redriven", "started anew": "started anew"}
    counts = collections.Counter(tried.get(run["how"], "left") for run in wanted) if options.yes else {}
    return {"done": options.yes, "runs": runs, "counts": dict(counts)}


def _retried(execution: str, where: operate.Place) -> str:
    try:
        return operate.retry(execution, where)["how"]
    except (operate.NotNow, operate.NothingByThatName, ClientError) as error:
        return f"not now: {error}"


def _tell_retried(result: dict[str, Any]) -> list[str]:
    if "runs" not in result:
        return [f"{result['how']}: {result['execution']}"]
    lines = [
        f"{run['at'][:19].replace('T', ' ')}  {run['execution']}  {run['code'] or ''}  {run['film']}"
        + (f"  ({run['how']})" if run["how"] else "")
        for run in result["runs"]
    ]
    if result["done"]:
        return [*lines, ", ".join(f"{count} {what}" for what, count in result["counts"].items()) or "nothing to do"]
    count = sum(run["newer"] is None for run in result["runs"])
    return [*lines, f"{count} runs would be tried again: say --yes" if count else "no failed runs to try again"]


def _replay(world: World, options: argparse.Namespace) -> dict[str, Any]:
    """An upload whose letter has just been sent may be announced as well: it starts once."""
    wanted = QUEUES if options.queue == "all" else (options.queue,)
    _require_a_window(options, wanted)
    letters = {} if options.no_letters else _letters(world.outputs, wanted, options)
    missed: dict[str, Any] = {}
    if options.since and "uploads" in wanted:
        missed["uploads"] = _missed_uploads(world, options)
    if options.since and "jobs" in wanted:
        missed["jobs"] = _missed_answers(world, options)
    return {"dry_run": options.dry_run, "letters": letters, "missed": missed}


def _require_a_window(options: argparse.Namespace, wanted: Sequence[str]) -> None:
    if options.since is None and (options.until or options.no_letters):
        raise Unclear("--until and --no-letters go with --since")
    if options.since and not {"uploads", "jobs"} & set(wanted):
        raise Unclear(f"--since is for uploads and for jobs: what {wanted[0]} has missed the sweep finds by itself")


def _letters(outputs: dict[str, str], wanted: Sequence[str], options: argparse.Namespace) -> dict[str, int]:
    dead = {name: outputs[f"{name.capitalize()}DeadLettersUrl"] for name in wanted}
    if options.dry_run:
        return {name: replay.waiting(url) for name, url in dead.items()}
    found = {}
    for name, url in dead.items():
        with bar(f"dead letters of {name}", quiet=options.json) as advance:
            if name in ("uploads", "jobs"):
                found[name] = replay.to_queue(url, outputs[f"{name.capitalize()}QueueUrl"], advance)
            else:
                found[name] = replay.to_function(url, outputs[f"{name.capitalize()}Function"], advance)
    return found


def _missed_uploads(world: World, options: argparse.Namespace) -> list[dict[str, Any]]:
    outputs = world.outputs
    with bar("uploads nobody announced", quiet=options.json) as advance:
        found = list(window.unstarted(outputs["SourcesBucket"], outputs["AssetsTable"], _window(options)))
        if not options.dry_run:
            existing.send(outputs["UploadsQueueUrl"], (each.event for each in found), advance)
    return [
        {"film": each.upload.key, "asset_id": each.upload.asset_id, "at": _iso(each.at), "why": each.why}
        for each in found
    ]


def _missed_answers(world: World, options: argparse.Namespace) -> list[dict[str, Any]]:
    found = []
    with bar("answers nobody heard", quiet=options.json) as advance:
        for upload, job in window.unheard(place(world), _window(options)):
            if not options.dry_run:
                transcoder.post_answer(job, world.outputs["JobsQueueUrl"])
            found.append({"execution": upload.execution_name, "job_id": job["Id"], "status": job["Status"]})
            advance(1)
    return found


def _window(options: argparse.Namespace) -> window.Window:
    now = datetime.datetime.now(datetime.UTC)
    found = window.Window(options.since, options.until or now)
    if found.until <= found.since:
        raise Unclear(f"the window ends ({_iso(found.until)}) before it begins ({_iso(found.since)})")
    return found


def _iso(moment: datetime.datetime) -> str:
    return moment.astimezone(datetime.UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _tell_replayed(result: dict[str, Any]) -> list[str]:
    sent = "would be sent once more" if result["dry_run"] else "sent once more"
    lines = [f"{name}: {count} dead letters {sent}" for name, count in result["letters"].items()]
    for each in result["missed"].get("uploads", []):
        lines.append(f"  {each['at']}  {each['asset_id']}  {each['film']}  ({each['why']})")
    for each in result["missed"].get("jobs", []):
        lines.append(f"  {each['execution']}  job {each['job_id']}  {each['status']}")
    what = {"uploads": "uploads without an execution", "jobs": "jobs whose end nobody heard"}
    return [*lines, *(f"{len(found)} {what[name]} {sent}" for name, found in result["missed"].items())]


def _ingest(world: World, options: argparse.Namespace) -> dict[str, Any]:
    if options.sample is not None and not options.dry_run:
        raise Unclear("--sample goes with --dry-run")
    if options.dry_run:
        return _look_first(world, options)
    with bar("films announced", quiet=options.json) as advance:
        return existing.announce(
            world.outputs["SourcesBucket"], options.prefix, world.outputs["UploadsQueueUrl"], advance
        )


def _look_first(world: World, options: argparse.Namespace) -> dict[str, Any]:
    settings = library.plan_settings(world.outputs["StateMachineArn"])
    sample = library.SAMPLE if options.sample is None else options.sample
    with bar("films probed", sample, options.json) as advance:
        found = library.looked_at(world.outputs["SourcesBucket"], options.prefix, settings, sample, advance)
    return {"dry_run": True, **found}


def _tell_looked_at(found: dict[str, Any]) -> list[str]:
    sampled, currency = found["sampled"], found["currency"]
    lines = [
        f"{found['new']} films would start, {_size(found['bytes'])}; {found['known']} came in before and "
        f"would not; {found['left_out']} objects are no films"
    ]
    if sampled["films"]:
        rest = "" if sampled["whole"] else ", without what has no known price"
        lines.append(
            f"probed {sampled['films']} of them: {sampled['duration_ms'] / 60_000:.1f} minutes of film, "
            f"{_amount(sampled['predicted'])} {currency} in profile {found['profile']}{rest}"
        )
    lines += [f"  {count} of these would be rejected: {code}" for code, count in sampled["rejected"].items()]
    if found["estimate"] is not None:
        whole = sampled["films"] == found["new"]
        rest = "" if whole else ", if the rest are as these are, byte for byte (--sample N probes more)"
        lines.append(f"all together: {'' if whole else 'about '}{_amount(found['estimate'])} {currency}{rest}")
    return [*lines, "nothing was announced: leave out --dry-run to begin"]


def _size(count: int) -> str:
    return f"{count / 2**30:.2f} GiB" if count >= 2**30 else f"{count / 2**20:.1f} MiB"


def _amount(usd: float) -> str:
    """Cents do for many films, and not for one."""
    return f"{usd:.2f}" if usd >= 10 else f"{usd:.4f}"


def _tell_ingested(result: dict[str, Any]) -> list[str]:
    if result.get("dry_run"):
        return _tell_looked_at(result)
    left_out = f"; {result['left_out']} objects are no films" if result["left_out"] else ""
    return [f"{result['sent']} films announced{left_out}; those that came in before start nothing"]


def _retry_status(result: dict[str, Any]) -> int:
    """1 where some of many were left: `vod retry NAME` fails in that case, too."""
    return 1 if result.get("counts", {}).get("left") else 0


retry = command(_retry, _tell_retried, _retry_status)
replay_letters = command(_replay, _tell_replayed)
ingest = command(_ingest, _tell_ingested)
