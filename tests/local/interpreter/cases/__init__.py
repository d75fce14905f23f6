"""The contract with Step Functions: state machines, and how AWS ends them.

A case is a sentence, a machine, its input, and what comes out. The machines are as small as the sentence allows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.local.interpreter.world import QUEUE, Ended

ANYTHING = object()
INVOKE = "arn:aws:states:::lambda:invoke"
INVOKE_AND_WAIT = f"{INVOKE}.waitForTaskToken"
SEND_AND_WAIT = "arn:aws:states:::sqs:sendMessage.waitForTaskToken"


@dataclass(frozen=True)
class Case:
    says: str
    machine: dict
    given: Any = None
    output: Any = ANYTHING
    error: str | None = None
    status: str = "SUCCEEDED"
    check: Callable[[Ended], object] = lambda ended: True


def succeeds(
    says: str,
    machine: dict,
    given: Any = None,
    output: Any = ANYTHING,
    check: Callable[[Ended], object] = lambda ended: True,
) -> Case:
    return Case(says, machine, given, output, check=check)


def fails(
    says: str,
    machine: dict,
    given: Any = None,
    error: str | None = None,
    check: Callable[[Ended], object] = lambda ended: True,
) -> Case:
    return Case(says, machine, given, error=error, status="FAILED", check=check)


def machine(states: dict[str, dict], **fields: Any) -> dict:
    """The states in their order, the first of them the start."""
    return {"StartAt": next(iter(states)), "States": states, **fields}


def one(state: dict, **fields: Any) -> dict:
    return machine({"A": state}, **fields)


def passing(**fields: Any) -> dict:
    return {"Type": "Pass", "End": True, **fields}


def task(resource: str, **fields: Any) -> dict:
    state = {"Type": "Task", "Resource": resource, **fields}
    return state if "Next" in state else {**state, "End": True}


def invoke(function: str, payload: Any = None, resource: str = INVOKE, **fields: Any) -> dict:
    payload = {} if payload is None else payload
    return task(resource, Parameters={"FunctionName": function, "Payload": payload}, **fields)


def told(order: dict, **fields: Any) -> dict:
    """A task whose token is dealt with as the order says, by the one who reads the queue."""
    message = {"token.$": "$$.Task.Token", **order}
    return task(SEND_AND_WAIT, Parameters={"QueueUrl": queue_url(), "MessageBody": message}, **fields)


def queue_url() -> str:
    return f"http://127.0.0.1/123456789012/{QUEUE}"


def catching(*errors: str, next: str = "Caught", **fields: Any) -> list[dict]:
    return [{"ErrorEquals": list(errors), "Next": next, **fields}]


def caught(state: dict, *errors: str) -> dict:
    """A machine in which catching one of these errors is the only way to succeed; the output is the error."""
    return machine({"A": {**state, "Catch": catching(*errors)}, "Caught": {"Type": "Succeed"}})
