"""What operators ask: which films there are, what became of one, why it failed, what its functions said.

In: a place, and an asset's id or an execution's name or ARN. Out: plain dictionaries and lists, as the command line
prints them and a console may show them. Nothing here writes. Raises NothingByThatName; ClientError where AWS refuses.
"""

from __future__ import annotations

import datetime
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from pipeline.aws import executions, operate, transcoder
from pipeline.aws.clients import client
from pipeline.aws.objects import read_with_etag
from pipeline.aws.operate import Place
from pipeline.aws.table import VERSION, AssetTable, upload_of
from pipeline.media import errors, keys, timeline
from pipeline.media.reconcile import LISTED_INDEX

_FUNCTION = re.compile(r"arn:aws[a-z-]*:lambda:[a-z0-9-]+:\d{12}:function:([A-Za-z0-9_-]+)")
_AROUND = ("start", "complete", "record", "sweep")
_LOG_LINES = 1000
_CLOCKS_DIFFER = datetime.timedelta(minutes=1)


def listed(table: str, since: datetime.datetime | None = None) -> Iterator[dict[str, Any]]:
    """Every version, newest change first: asset_id, version, revision, film, title, status, code, created_at,
    updated_at, and what it should cost and did cost: predicted_usd, cost_usd, billed_at, each None as long as nobody
    knows.

    since: those that changed after it. Read from an index, so perhaps a second old.
    """
    after = (since or datetime.datetime.fromtimestamp(0, datetime.UTC)).astimezone(datetime.UTC)
    pages = (
        client("dynamodb")
        .get_paginator("query")
        .paginate(
            TableName=table,
            IndexName=LISTED_INDEX,
            KeyConditionExpression="#listed = :version AND #updated_at > :after",
            ExpressionAttributeNames={"#listed": "listed", "#updated_at": "updated_at"},
            ExpressionAttributeValues={
                ":version": {"S": VERSION},
                ":after": {"S": after.isoformat(timespec="milliseconds").replace("+00:00", "Z")},
            },
            ScanIndexForward=False,
        )
    )
    for page in pages:
        for item in page["Items"]:
            # All of them are texts and numbers: boto3's deserializer would take most of the time of a long list.
            flat = {name: next(iter(value.values())) for name, value in item.items()}
            yield {
                "asset_id": flat["pk"],
                "version": flat["sk"].partition("#")[2],
                "revision": int(flat["revision"]),
                "film": flat["film"],
                "title": flat.get("title") or keys.title(flat["film"]),
                "status": flat["status"],
                "code": flat.get("code"),
                "created_at": flat["created_at"],
                "updated_at": flat["updated_at"],
                "predicted_usd": _amount(flat.get("predicted_usd")),
                "cost_usd": _amount(flat.get("cost_usd")),
                "billed_at": flat.get("billed_at"),
            }


def _amount(text: str | None) -> float | None:
    return None if text is None else float(text)


def show(name: str, place: Place) -> dict[str, Any]:
    """One asset: its uploads, the newest run's boxes with times and retries, its jobs and price; what plays, links."""
    records = sorted(operate.records_of(name, place), key=lambda record: record["upload"]["order"])
    newest = upload_of(records[-1])
    table = AssetTable(place.table)
    asset = table.asset(newest.asset_id) or {}
    body, _ = read_with_etag(place.outputs_bucket, f"{keys.pointer_prefix(newest.asset_id)}asset.json")
    told = json.loads(body or b"{}")
    arn = executions.arn_of(newest.execution_name, place.state_machine_arn)
    history = _history(arn)
    return {
        "asset_id": newest.asset_id,
        "title": asset.get("title"),
        "film": newest.key,
        "plays": asset.get("current"),
        "versions": [_version(record) for record in records],
        "execution": newest.execution_name,
        "steps": [_step(step) for step in timeline.steps(history)],
        "jobs": [_job(record) for record in table.jobs(newest)],
        "renditions": told.get("renditions", []),
        "price": table.known(newest).get("price", {}),
        "duration_ms": told.get("duration_ms"),
        "links": {"console": console_url(arn)},
    }


def explain(name: str, place: Place) -> dict[str, Any]:
    """Why the newest run by this name is where it is: one bundle that leads to the cause without our code.

    The failing box, error and cause; what the probe found and the planner planned; the jobs' last words, the engine's
    among them; and the functions' log lines about this run.
    """
    record = max(operate.records_of(name, place), key=lambda record: record["upload"]["order"])
    upload = upload_of(record)
    arn = executions.arn_of(upload.execution_name, place.state_machine_arn)
    history = _history(arn)
    described = executions.find(arn) or {}
    state, table = timeline.last_input(history), AssetTable(place.table)
    return {
        "asset_id": upload.asset_id,
        "film": upload.key,
        "version_id": upload.version_id,
        "execution": upload.execution_name,
        "status": record["status"],
        "execution_status": described.get("status"),
        "error": record.get("error"),
        "waits": record.get("waits"),
        "failed_attempts": [_step(step) for step in timeline.steps(history) if step.failures],
        "source": state.get("source"),
        "plan": state.get("plan"),
        "profile": (table.known(upload).get("plan") or {}).get("profile"),
        "jobs": [_job(job) for job in table.jobs(upload)],
        "log": logs(upload.execution_name, place)[-40:],
        "links": {"console": console_url(arn)},
    }


def logs(name: str, place: Place, since: datetime.datetime | None = None) -> list[dict[str, str]]:
    """What the pipeline's functions logged about an asset, or about one run of it: at (ISO 8601), function, line.

    Oldest first. Without `since` from when the first of its uploads came: CloudWatch reads a whole group otherwise.
    """
    records = operate.records_of(name, place)
    came = min(datetime.datetime.fromisoformat(record["created_at"]) for record in records)
    start = int(((since or came) - _CLOCKS_DIFFER).timestamp() * 1000)
    found = [line for group in _log_groups(place) for line in _lines(group, _phrase(name, records), start)]
    found.sort(key=lambda line: line[0])
    return [{"at": iso(at), "function": function, "line": text} for at, function, text in found[-_LOG_LINES:]]


def _lines(group: str, phrase: str, start: int) -> Iterator[tuple[int, str, str]]:
    pages = client("logs").get_paginator("filter_log_events")
    try:
        for page in pages.paginate(logGroupName=group, filterPattern=f'"{phrase}"', startTime=start):
            for event in page["events"]:
                yield event["timestamp"], group.rpartition("-")[2], event["message"].rstrip()
    except client("logs").exceptions.ResourceNotFoundException:
        return  # this stack has no such function, or it has logged nothing yet


def _phrase(name: str, records: list[dict[str, Any]]) -> str:
    """What every line about it holds: the execution's name, where that is what was asked for."""
    bare = name.rsplit(":", 1)[-1]
    runs = {upload_of(record).execution_name for record in records}
    return bare if bare in runs else upload_of(records[0]).asset_id


def _log_groups(place: Place) -> list[str]:
    """The groups of all functions that work on a film: those in the state machine, and those that stand around it.

    A group is called /aws/lambda/<stack>-<function> (pipeline.stacks.functions), so that one tells its neighbours.
    """
    definition = client("stepfunctions").describe_state_machine(stateMachineArn=place.state_machine_arn)["definition"]
    called = dict.fromkeys(_FUNCTION.findall(definition))
    groups = [_log_group(function) for function in called]
    stack = groups[0].rpartition("-")[0] if groups else ""
    return [*groups, *(f"{stack}-{name}" for name in _AROUND)]


def _log_group(function: str) -> str:
    configured = client("lambda").get_function_configuration(FunctionName=function)
    return configured.get("LoggingConfig", {}).get("LogGroup") or f"/aws/lambda/{function}"


def _history(arn: str) -> list[dict[str, Any]]:
    steps = client("stepfunctions")
    try:
        pages = steps.get_paginator("get_execution_history").paginate(executionArn=arn)
        return [event for page in pages for event in page["events"]]
    except steps.exceptions.ExecutionDoesNotExist:
        return []  # never started, or forgotten after 90 days


def _version(record: Mapping[str, Any]) -> dict[str, Any]:
    names = ("status", "revision", "error", "waits", "created_at", "updated_at")
    return {"version": record["sk"].partition("#")[2], **{name: record.get(name) for name in names}}


def _step(step: timeline.Step) -> dict[str, Any]:
    return {
        "state": step.name,
        "entered": iso(step.entered * 1000),
        "seconds": None if step.exited is None else round(step.exited - step.entered, 3),
        "failed_attempts": step.failures,
        "error": step.error,
        "cause": step.cause,
        "message": errors.parse_cause(step.error, step.cause or "")["message"] if step.error else None,
    }


def _job(record: Mapping[str, Any]) -> dict[str, Any]:
    """A transcode as we know it and, where MediaConvert still knows it, its own last words."""
    job = (transcoder.find_by_id(record["job_id"]) or {}) if record.get("job_id") else {}
    messages = job.get("Messages") or {}
    return {
        "role": record["role"],
        "job_id": record.get("job_id"),
        "attempt": record.get("attempt"),
        "status": job.get("Status") or record.get("status"),
        "percent": job.get("JobPercentComplete", record.get("percent")),
        "error_code": job.get("ErrorCode"),
        "error_message": job.get("ErrorMessage"),
        "messages": [*messages.get("Warning", []), *messages.get("Info", [])],
    }


def console_url(arn: str) -> str:
    region = arn.split(":")[3]
    return f"https://{region}.console.aws.amazon.com/states/home?region={region}#/v2/executions/details/{arn}"


def iso(milliseconds: float) -> str:
    moment = datetime.datetime.fromtimestamp(milliseconds / 1000, datetime.UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
