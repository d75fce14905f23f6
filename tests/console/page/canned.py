"""Executions as the console's API tells them, without a pipeline: one for every end and pause there is."""

from __future__ import annotations

import datetime
import json
from typing import Any

REJECTION = {
    "code": "INPUT_TRUNCATED",
    "message": "uploads/spring/broken.mp4 ends before its contents do",
    "evidence": {"mediaconvert_error_code": 1075, "job_id": "1699-abc"},
    "fix": "The file breaks off. Upload it again, whole; if it still fails, export it again.",
}
FAILURE = {
    "code": "TRANSCODE_FAILED",
    "message": "MediaConvert job 1699-xyz ended with error 1404",
    "evidence": {"job_id": "1699-xyz", "mediaconvert_error_code": 1404},
    "fix": "Look the job up in MediaConvert's console.",
    "class": "service",
    "state": "Transcode streams",
}
HOSTILE = "<img src=x onerror=\"document.title='owned'\"><b>bold</b>"
BEGIN = ("Ingest upload", "Encoded already?", "Probe source", "Plan renditions", "Budget left?")
BRANCHES = ("Transcode streams", "Download wanted?", "No download", "Has captions?", "Convert captions")
FINISH = ("Verify outputs", "Approval wanted?", "Publish asset", "Announce", "Published")


def ago(seconds: float) -> str:
    moment = datetime.datetime.now(datetime.UTC) - datetime.timedelta(seconds=seconds)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def state(
    name: str, status: str = "succeeded", begin: float = 60, end: float | None = 58, **more: Any
) -> dict[str, Any]:
    """begin, end: seconds ago. input and output are JSON texts, as Step Functions' history has them."""
    given = {"upload": {"bucket": "sources", "key": "uploads/film.mp4", "size": 12345678, "name": name}}
    return {
        "name": name,
        "kind": "Task",
        "status": status,
        "entered_at": ago(begin),
        "exited_at": None if end is None else ago(end),
        "attempts": 1,
        "failed_attempts": 0,
        "input": json.dumps(given),
        "output": None if end is None else json.dumps({**given, "asset": {"title": "A film", "captions": []}}),
        "error": None,
        "cause": None,
        "inside": None,
        **more,
    }


def execution(
    name: str, status: str, execution_status: str, states: list[dict[str, Any]], **more: Any
) -> dict[str, Any]:
    begin = states[0]["entered_at"] if states else ago(1)
    return {
        "name": name,
        "arn": f"arn:aws:states:eu-west-1:000000000000:execution:vod:{name}",
        "asset_id": name.rsplit("-", 2)[0],
        "version": name.rsplit("-", 2)[1],
        "revision": 1,
        "film": f"uploads/spring/{name.rsplit('-', 2)[0]}.mp4",
        "title": name.rsplit("-", 2)[0].replace("-", " ").title(),
        "status": status,
        "newer": None,
        "execution_status": execution_status,
        "redrives": 0,
        "started_at": begin,
        "stopped_at": None if execution_status in (None, "RUNNING") else (states[-1]["exited_at"] or ago(1)),
        "percent": None,
        "jobs": [],
        "error": None,
        "waits": None,
        "links": {
            "player": None,
            "asset_json": None,
            "receipt": f"/api/executions/{name}/receipt",
            "aws_console": None,
        },
        "states": states,
        "price": None,
        "known": {},
        **more,
    }


def _first(begin: float) -> list[dict[str, Any]]:
    return [state(name, begin=begin - place, end=begin - place - 1) for place, name in enumerate(BEGIN)]


def running(percent: int = 42) -> dict[str, Any]:
    """A Parallel at work: the encode runs, the download was not wanted, the captions are done."""
    states = [
        *_first(60),
        state("Transcode", "running", 57, None, kind="Parallel"),
        state("Transcode streams", "running", 57, None, inside="Transcode"),
        state("Download wanted?", begin=57, end=57, kind="Choice", inside="Transcode"),
        state("No download", begin=57, end=56, kind="Pass", inside="Transcode"),
        state("Has captions?", begin=57, end=57, kind="Choice", inside="Transcode"),
        state(
            "Convert captions",
            "retrying",
            57,
            None,
            attempts=3,
            failed_attempts=2,
            error="ServiceThrottled",
            cause="Rate exceeded",
            inside="Transcode",
        ),
    ]
    job = {"role": "streams", "job_id": "1700-run", "attempt": 1, "status": "PROGRESSING", "percent": percent}
    return execution(
        "harbour-at-dawn-aaaaaaaaaa-r1", "transcoding", "RUNNING", states, percent=percent, jobs=[job], price=price()
    )


def published() -> dict[str, Any]:
    states = [
        *_first(400),
        state("Transcode", begin=397, end=290, kind="Parallel"),
        *[state(name, begin=397, end=300, inside="Transcode") for name in BRANCHES],
        *[state(name, begin=290 - place, end=289 - place) for place, name in enumerate(FINISH)],
    ]
    links = {
        "player": "http://127.0.0.1:9/?asset=boats",
        "asset_json": "http://127.0.0.1:9/a/boats/asset.json",
        "receipt": "/api/executions/boats-bbbbbbbbbb-r1/receipt",
        "aws_console": None,
    }
    return execution(
        "boats-bbbbbbbbbb-r1", "published", "SUCCEEDED", states, links=links, price=price(0.0123), known=KNOWN
    )


def failed() -> dict[str, Any]:
    told = {"errorMessage": json.dumps(FAILURE), "errorType": "TranscodeFailed", "stackTrace": []}
    streams = state("Transcode streams", "failed", 997, None, attempts=2, failed_attempts=2, inside="Transcode")
    streams |= {"error": "TranscodeFailed", "cause": json.dumps(told)}
    states = [
        *_first(1000),
        state("Transcode", "failed", 997, None, kind="Parallel", error="TranscodeFailed", cause=json.dumps(told)),
        streams,
        state("Has captions?", begin=997, end=997, kind="Choice", inside="Transcode"),
        state("Convert captions", "aborted", 997, None, inside="Transcode"),
    ]
    job = {"role": "streams", "job_id": "1699-xyz", "attempt": 2, "status": "ERROR", "percent": 61}
    return execution("red-kite-cccccccccc-r1", "failed", "FAILED", states, error=FAILURE, jobs=[job])


def rejected() -> dict[str, Any]:
    probe = state(
        "Probe source",
        "caught",
        3000,
        2999,
        error="SourceRejected",
        cause=json.dumps(REJECTION),
        attempts=2,
        failed_attempts=2,
    )
    states = [
        state("Ingest upload", begin=3001, end=3000),
        probe,
        state("Reject upload", begin=2999, end=2998),
        state("Upload rejected", begin=2998, end=2998, kind="Succeed"),
    ]
    return execution("broken-dddddddddd-r1", "rejected", "SUCCEEDED", states, error=REJECTION)


def held() -> dict[str, Any]:
    states = [
        *_first(90_000),
        state("Verify outputs", begin=89_000, end=88_999),
        state("Hold for approval", "running", 88_999, None),
    ]
    waits = {"reason": "approval", "since": ago(88_999), "message": "Its sidecar says publish: hold."}
    return execution("premiere-eeeeeeeeee-r1", "held", "RUNNING", states, waits=waits)


def waiting() -> dict[str, Any]:
    states = [*_first(7200), state("Hold for budget", "running", 7100, None)]
    waits = {"reason": "budget", "since": ago(7100), "message": "Today's 5.00 USD are spent."}
    return execution("long-film-ffffffffff-r1", "waiting", "RUNNING", states, waits=waits)


def paused() -> dict[str, Any]:
    """Registered while intake was paused: there is no execution yet."""
    waits = {"reason": "paused", "since": ago(60), "message": "intake is paused"}
    return execution("patient-abababab00-r1", "waiting", None, [], waits=waits)


def hostile() -> dict[str, Any]:
    one = running(7)
    bad = state("Ingest upload", begin=60, end=59, input=json.dumps({HOSTILE: [HOSTILE]}), output=HOSTILE)
    return {
        **one,
        "name": "evil-0000000000-r1",
        "title": HOSTILE,
        "film": f"uploads/{HOSTILE}.mp4",
        "states": [bad],
        "error": {"code": HOSTILE, "message": HOSTILE, "fix": HOSTILE, "evidence": {HOSTILE: HOSTILE}},
    }


def price(actual: float | None = None) -> dict[str, Any]:
    item = {
        "output": "video_1080",
        "class": "B-AVC-HD-SHQ-30",
        "minutes": 1.5,
        "normalized_minutes": 3.0,
        "price": 0.0225,
        "sure": True,
        "why": "",
    }
    bill = {
        "total": 0.0225,
        "currency": "USD",
        "whole": True,
        "sure": True,
        "region": "eu-west-1",
        "prices_read": "2026-11-01",
        "items": [item],
    }
    return (
        {"predicted": bill}
        if actual is None
        else {"predicted": bill, "actual": {**bill, "total": actual, "sure": False}}
    )


KNOWN = {
    "asset": {"title": "Boats", "captions": [], "warnings": ["boats.fr.srt: 2 cues could not be read"]},
    "plan": {
        "profile": "standard",
        "changes": ["Rotated 90 degrees.", "47.95 fps variable became 23.976."],
        "warnings": [],
        "renditions": [
            {"name": "video_1080", "width": 1920, "height": 1080},
            {"name": "video_720", "width": 1280, "height": 720},
        ],
    },
}


def history(one: dict[str, Any]) -> list[dict[str, Any]]:
    """Events in the shapes of Step Functions: enough to fill a table."""
    events = [{"type": "ExecutionStarted", "state": None, "at": one["started_at"], "details": {"input": "{}"}}]
    for each in one["states"]:
        name = each["name"]
        events.append(
            {
                "type": f"{each['kind']}StateEntered",
                "state": name,
                "at": each["entered_at"],
                "details": {"name": name, "input": each["input"]},
            }
        )
        for _ in range(each["failed_attempts"]):
            events.append(
                {
                    "type": "LambdaFunctionFailed",
                    "state": name,
                    "at": each["entered_at"],
                    "details": {"error": each["error"], "cause": each["cause"]},
                }
            )
        if each["exited_at"]:
            events.append(
                {
                    "type": f"{each['kind']}StateExited",
                    "state": name,
                    "at": each["exited_at"],
                    "details": {"name": name, "output": each["output"]},
                }
            )
    if one["execution_status"] == "FAILED":
        events.append(
            {"type": "ExecutionFailed", "state": None, "at": one["stopped_at"], "details": {"error": "TranscodeFailed"}}
        )
    events.sort(key=lambda event: event["at"])
    return [{"id": place, "previous": place - 1, **event} for place, event in enumerate(events, 1)]
