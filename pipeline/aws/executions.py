"""Step Functions, as the answer events need it: start, answer a token, read why an execution ended.

A token that nobody holds any more is no error: its step timed out, was stopped, or was answered before.
"""

from __future__ import annotations

import json
from typing import Any

from botocore.exceptions import ClientError

from pipeline.aws.clients import client
from pipeline.aws.faults import code_of
from pipeline.media.asset import Upload
from pipeline.media.errors import VodError

_NOBODY_WAITS = ("TaskDoesNotExist", "TaskTimedOut", "InvalidToken")
_HISTORY_PAGE = 1000  # a job that was asked after two hundred times entered its state eight hundred events ago
_FAILURES = (
    *("TaskFailed", "TaskTimedOut", "TaskStartFailed", "TaskSubmitFailed"),
    *("FunctionFailed", "FunctionTimedOut", "FunctionStartFailed", "FunctionScheduleFailed"),
)
_ERROR_LIMIT, _CAUSE_LIMIT = 256, 32768  # SendTaskFailure's own limits, in characters


def start(upload: Upload, state_machine_arn: str) -> str:
    """Start the upload's execution and return its ARN; one that exists already is the same success."""
    try:
        answer = client("stepfunctions").start_execution(
            stateMachineArn=state_machine_arn,
            name=upload.execution_name,
            input=json.dumps({"upload": upload.as_state()}, ensure_ascii=False),
        )
        return answer["executionArn"]
    except ClientError as error:
        if code_of(error) != "ExecutionAlreadyExists":
            raise
        return arn_of(upload.execution_name, state_machine_arn)


def arn_of(execution_name: str, state_machine_arn: str) -> str:
    return state_machine_arn.replace(":stateMachine:", ":execution:") + f":{execution_name}"


def running(state_machine_arn: str) -> set[str]:
    """The ARNs of all executions that run now: one call for a thousand of them."""
    pages = client("stepfunctions").get_paginator("list_executions")
    found = pages.paginate(
        stateMachineArn=state_machine_arn, statusFilter="RUNNING", PaginationConfig={"PageSize": _HISTORY_PAGE}
    )
    return {execution["executionArn"] for page in found for execution in page["executions"]}


def is_running(execution_arn: str) -> bool:
    return (find(execution_arn) or {}).get("status") == "RUNNING"


def stop(execution_arn: str, error: str, cause: str) -> None:
    """Stop an execution; one that has ended stays as it ended."""
    try:
        client("stepfunctions").stop_execution(executionArn=execution_arn, error=error, cause=cause)
    except ClientError as refused:
        if code_of(refused) != "ExecutionDoesNotExist":
            raise


def redrive(execution_arn: str) -> bool:
    """Let a failed execution go on at its red box; False where Step Functions does not allow it (any more)."""
    try:
        client("stepfunctions").redrive_execution(executionArn=execution_arn)
        return True
    except ClientError as refused:
        if code_of(refused) in ("ExecutionNotRedrivable", "ExecutionDoesNotExist"):
            return False
        raise


def find(execution_arn: str) -> dict[str, Any] | None:
    """As `describe`; None where Step Functions does not know the execution (it forgets after 90 days)."""
    try:
        return describe(execution_arn)
    except ClientError as error:
        if code_of(error) == "ExecutionDoesNotExist":
            return None
        raise


def succeed(task_token: str, output: dict[str, Any]) -> bool:
    """Answer a waiting step; False when nobody waits."""
    return _answer("send_task_success", taskToken=task_token, output=json.dumps(output))


def fail(task_token: str, error: VodError) -> bool:
    return _answer(
        "send_task_failure",
        taskToken=task_token,
        error=type(error).__name__[:_ERROR_LIMIT],
        cause=str(error)[:_CAUSE_LIMIT],
    )


def heartbeat(task_token: str) -> bool:
    return _answer("send_task_heartbeat", taskToken=task_token)


def describe(execution_arn: str) -> dict[str, Any]:
    """Status, error and cause as they are by now; "eventually consistent" (API Reference), so perhaps a little old."""
    return client("stepfunctions").describe_execution(executionArn=execution_arn)


def has_moved_on(described: dict[str, Any], redrives: int) -> bool:
    """Whether an execution was redriven, or succeeded, since the event that counted `redrives` so far."""
    return described["status"] == "SUCCEEDED" or described.get("redriveCount", 0) > redrives


def failed_state(execution_arn: str) -> str | None:
    """The name of the box that failed or was stopped, read from the history's end.

    One branch of a Parallel fails and the others are aborted after it: the failure counts, not the newest event.
    """
    answer = client("stepfunctions").get_execution_history(
        executionArn=execution_arn, reverseOrder=True, maxResults=_HISTORY_PAGE
    )
    events = answer["events"]
    by_id = {event["id"]: event for event in events}
    failed = bool(events) and events[0]["type"] == "ExecutionFailed"
    endings = _FAILURES if failed else ("StateAborted",)
    event = next((event for event in events if event["type"].endswith(endings)), events[0] if events else None)
    while event is not None and "stateEnteredEventDetails" not in event:
        event = by_id.get(event.get("previousEventId", 0))
    return event["stateEnteredEventDetails"]["name"] if event else None


def _answer(operation: str, **parameters: Any) -> bool:
    try:
        getattr(client("stepfunctions"), operation)(**parameters)
        return True
    except ClientError as error:
        if code_of(error) in _NOBODY_WAITS:
            return False
        raise
