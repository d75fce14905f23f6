"""Whether an execution may be redriven, and what is remembered of its redrives.

In: what is kept of an execution. Out: the reason why RedriveExecution refuses it, in the words that DescribeExecution's
redriveStatusReason documents; the answer a client token had before.

Sources: https://docs.aws.amazon.com/step-functions/latest/dg/redrive-executions.html and
.../apireference/API_RedriveExecution.html. One reason is not AWS's: Map Runs are not kept here, so that an execution
which would have to redrive one is refused.
"""

from __future__ import annotations

import datetime
from typing import Any

REDRIVABLE_FOR = datetime.timedelta(days=14)
OPEN_FOR = datetime.timedelta(days=365)
MAX_EVENTS = 24_999  # ExecutionRedriven and at least one more have to fit
TOKENS, TOKEN_LIFE = 10, datetime.timedelta(minutes=15)


def refusal(record: dict[str, Any], now: datetime.datetime) -> str | None:
    """Why not; None when RedriveExecution would do it."""
    status = record["status"]
    if status in ("RUNNING", "SUCCEEDED"):
        return f"Execution is {status} and cannot be redriven"
    if len(record["events"]) >= MAX_EVENTS:
        return "Execution history event limit exceeded"
    if now - _moment(record["startDate"]) > OPEN_FOR:
        return "Execution has exceeded the max execution time"
    if now - _moment(record["stopDate"]) > REDRIVABLE_FOR:
        return "Execution redrivable period exceeded"
    if record["progress"].has_map_run():
        return "Execution has a Map Run, which the local Step Functions does not redrive"
    return None


def described(record: dict[str, Any], now: datetime.datetime) -> dict[str, Any]:
    """The fields of DescribeExecution that are about redrives."""
    reason = refusal(record, now)
    return {
        "redriveCount": record.get("redriveCount", 0),
        **({"redriveDate": record["redriveDate"]} if record.get("redriveDate") else {}),
        "redriveStatus": "NOT_REDRIVABLE" if reason else "REDRIVABLE",
        **({"redriveStatusReason": reason} if reason else {}),
    }


def note(record: dict[str, Any], token: str | None, date: str) -> None:
    """Count a redrive, and remember whose it was."""
    record.update(redriveCount=record.get("redriveCount", 0) + 1, redriveDate=date)
    if token is not None:
        record["redriveTokens"] = [*record.get("redriveTokens", []), (token, date)][-TOKENS:]


def answered(record: dict[str, Any], token: str | None, now: datetime.datetime) -> str | None:
    """The date this token's redrive was answered with: the same request again does nothing again."""
    for known, date in record.get("redriveTokens", []):
        if known == token and now - _moment(date) < TOKEN_LIFE:
            return date
    return None


def _moment(stamp: str) -> datetime.datetime:
    return datetime.datetime.fromisoformat(stamp)
