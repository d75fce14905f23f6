"""One execution: its states with what went in and out, its jobs, its error, what it costs, where to look further.

In: an execution's name. Out: plain dictionaries, made of the table's items about the asset (one Query), the execution's
description and history, and MediaConvert's word on jobs that work. Raises NothingByThatName.

An asset's earlier revisions are known to Step Functions alone: they are told with the status of their execution.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Mapping
from typing import Any

from pipeline.aws import executions, objects, reading, transcoder, uploads
from pipeline.aws.histories import Histories
from pipeline.aws.operate import NothingByThatName
from pipeline.aws.table import ASSET, AssetTable
from pipeline.console.listed import iso
from pipeline.console.place import Here
from pipeline.media import keys, playback, timeline
from pipeline.media.reconcile import ALIVE

EVENTS_AT_ONCE = 500
_NAME = re.compile(r"(?P<asset>.+)-(?P<version>[0-9a-f]{10})-r(?P<revision>\d+)")
_JOB_SECONDS = 4.0


class Executions:
    """Executions of one stack. Callable from any thread."""

    def __init__(self, here: Here):
        self._here = here
        self._histories = Histories()
        self._table = AssetTable(here.place.table)
        self._jobs: dict[str, tuple[float, dict[str, Any]]] = {}
        self._lock = threading.Lock()

    def detail(self, name: str) -> dict[str, Any]:
        items, match = self._items(name), _parts(name)
        version = items.get(f"version#{match['version']}", {})
        run = keys.run(match["version"], int(match["revision"]))
        known = items.get(f"run#{run}", {})
        is_newest = int(version.get("revision", 0)) == int(match["revision"])
        arn = executions.arn_of(name, self._here.place.state_machine_arn)
        described = executions.find(arn)
        if not described and not version:
            raise NothingByThatName(f"{name}: there is no execution of that name")
        described = described or {}
        jobs = [self._job(item) for sk, item in items.items() if sk.startswith(f"job#{run}#")]
        return {
            "name": name,
            "arn": arn,
            "asset_id": match["asset"],
            "version": match["version"],
            "revision": int(match["revision"]),
            "film": version.get("film"),
            "title": (known.get("asset") or {}).get("title") or items.get(ASSET, {}).get("title"),
            "status": version.get("status") if is_newest else None,
            "newer": None if is_newest or not version else _newest(match, version),
            "execution_status": described.get("status"),
            "redrives": described.get("redriveCount", 0),
            "started_at": iso(described.get("startDate")),
            "stopped_at": iso(described.get("stopDate")),
            "percent": next((job["percent"] for job in jobs if job["role"] == "streams"), None),
            "jobs": jobs,
            "error": version.get("error") if is_newest else _ended_with(described),
            "waits": version.get("waits") if is_newest else None,
            "links": {**self._links(name, match["asset"], items), "preview": _preview(version, is_newest)},
            "states": [_state(box) for box in timeline.boxes(self._histories.events(arn))],
            "price": known.get("price"),
            "known": {part: known[part] for part in sorted(known) if part not in ("pk", "sk", "price")},
        }

    def history(self, name: str, after: int) -> dict[str, Any]:
        """Events behind number `after`, in order; next: the number to ask with for more, None at the end."""
        arn = executions.arn_of(name, self._here.place.state_machine_arn)
        events = self._histories.events(arn)
        if not events:
            raise NothingByThatName(f"{name}: Step Functions has no history of that name (it forgets after 90 days)")
        states = timeline.states_of(events)
        rest = [event for event in events if event["id"] > after]
        page = rest[:EVENTS_AT_ONCE]
        following = page[-1]["id"] if len(rest) > len(page) else None
        return {"events": [_event(event, states) for event in page], "next": following}

    def receipt_url(self, name: str) -> str:
        """Where the film's receipt can be read for a few minutes: for people, or else for programs."""
        version = self._items(name).get(f"version#{_parts(name)['version']}", {})
        for ending in (".html", ".json"):
            key = keys.receipt_key(version.get("film", ""), ending)
            if version and objects.head_object(self._here.sources_bucket, key):
                return uploads.download_url(self._here.sources_bucket, key)
        raise NothingByThatName(f"{name} has no receipt yet")

    def _items(self, name: str) -> dict[str, dict[str, Any]]:
        return {item["sk"]: item for item in self._table.everything(_parts(name)["asset"])}

    def _links(self, name: str, asset_id: str, items: Mapping[str, Any]) -> dict[str, str | None]:
        plays = bool(items.get(ASSET, {}).get("current"))
        arn = executions.arn_of(name, self._here.place.state_machine_arn)
        delivery = self._here.place.delivery_url
        return {
            "player": playback.playback_url(delivery, asset_id) if plays else None,
            "asset_json": playback.manifest_url(delivery, asset_id, "asset.json") if plays else None,
            "receipt": f"/api/executions/{name}/receipt",
            "aws_console": None if self._here.endpoint else reading.console_url(arn),
        }

    def _job(self, item: Mapping[str, Any]) -> dict[str, Any]:
        """A job as the table has it, and while it works with MediaConvert's own percentage and last words."""
        told = {
            "role": item["role"],
            "job_id": item.get("job_id"),
            "attempt": item.get("attempt"),
            "status": item.get("status"),
            "percent": 100 if item.get("status") == "COMPLETE" else item.get("percent"),
        }
        return {**told, **self._asked(item)} if item.get("job_id") else told

    def _asked(self, item: Mapping[str, Any]) -> dict[str, Any]:
        job_id, now = item["job_id"], time.monotonic()
        with self._lock:
            at, told = self._jobs.get(job_id, (float("-inf"), {}))
        if told and (told["status"] not in ALIVE or now - at < _JOB_SECONDS):
            return told
        job = transcoder.find_by_id(job_id)
        if not job:
            return {}  # MediaConvert forgets after 90 days
        messages = job.get("Messages") or {}
        told = {
            "status": job["Status"],
            "percent": 100 if job["Status"] == "COMPLETE" else job.get("JobPercentComplete", item.get("percent") or 0),
            "phase": job.get("CurrentPhase"),
            "error_code": job.get("ErrorCode"),
            "error_message": job.get("ErrorMessage"),
            "messages": [*messages.get("Warning", []), *messages.get("Info", [])],
        }
        with self._lock:
            self._jobs[job_id] = (now, told)
        return told


def _parts(name: str) -> Mapping[str, str]:
    match = _NAME.fullmatch(name)
    if not match:
        raise NothingByThatName(f"{name}: not an execution's name")
    return match.groupdict()


def _newest(match: Mapping[str, str], version: Mapping[str, Any]) -> str:
    return keys.execution_name(match["asset"], match["version"], int(version["revision"]))


def _preview(version: Mapping[str, Any], is_newest: bool) -> str | None:
    """Where whoever is to approve the film can watch it first."""
    return (version.get("waits") or {}).get("preview_url") if is_newest else None


def _ended_with(described: Mapping[str, Any]) -> dict[str, Any] | None:
    if not described.get("error"):
        return None
    return {"code": described["error"], "message": described.get("cause", "")}


def _state(box: timeline.Step) -> dict[str, Any]:
    return {
        "name": box.name,
        "kind": box.kind,
        "status": box.status,
        "entered_at": _at(box.entered),
        "exited_at": _at(box.exited),
        "attempts": max(1, box.attempts),
        "failed_attempts": box.failures,
        "input": box.input,
        "output": box.output,
        "error": box.error,
        "cause": box.cause,
        "inside": box.inside,
    }


def _event(event: Mapping[str, Any], states: Mapping[int, str]) -> dict[str, Any]:
    details = next((part for name, part in event.items() if name.endswith("EventDetails")), {})
    return {
        "id": event["id"],
        "previous": event.get("previousEventId", 0),
        "at": iso(event["timestamp"]),
        "type": event["type"],
        "state": states.get(event["id"]),
        "details": {name: iso(part) if hasattr(part, "astimezone") else part for name, part in details.items()},
    }


def _at(seconds: float | None) -> str | None:
    return None if seconds is None else reading.iso(seconds * 1000)
