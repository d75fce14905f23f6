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
        return state_machine_arn.replace(":stateMachine:", ":execution:") + f":{upload.execution_name}"


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


def failed_state(execution_arn: str) -> str | None:
    """The name of the box that failed: the last state entered before the failure, read from the history's end."""
    events = client("stepfunctions").get_execution_history(
        executionArn=execution_arn, reverseOrder=True, maxResults=100
    )["events"]
    by_id = {event["id"]: event for event in events}
    failed = next(
        (
            event
            for event in events
            if event["type"].endswith(
                ("TaskFailed", "TaskTimedOut", "FunctionFailed", "FunctionTimedOut", "StateAborted")
            )
        ),
        None,
    )
    event = failed or (events[0] if events else None)
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
