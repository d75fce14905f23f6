"""Dead letters, sent on once more: each queue's back to where they came from.

In: a dead-letter queue and where its messages were meant to go. Out: how many were sent. A message is deleted only
after it was handed over, so one that dies in between is handed over twice, and everything behind these queues takes
the same message twice without harm. SQS has a task for this (StartMessageMoveTask), but it does not know where to send
what EventBridge put there, and a function's dead letters go to no queue at all.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from pipeline.aws.clients import client

_HIDDEN_SECONDS = 120  # longer than the slowest function behind takes


class ReplayRefused(Exception):
    """A function failed once more on a dead letter; the message says with what. The letter stays where it was."""


def waiting(dead_letters_url: str) -> int:
    """How many letters lie there, "approximately" (SQS API Reference, GetQueueAttributes); none is touched."""
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    answer = client("sqs").get_queue_attributes(QueueUrl=dead_letters_url, AttributeNames=names)
    return sum(int(answer["Attributes"][name]) for name in names)


def to_queue(dead_letters_url: str, queue_url: str, tell: Callable[[int], None] = lambda count: None) -> int:
    """Send every letter to the queue; `tell` hears of each."""

    def send(body: str) -> None:
        client("sqs").send_message(QueueUrl=queue_url, MessageBody=body)

    return _each(dead_letters_url, send, tell)


def to_function(dead_letters_url: str, function: str, tell: Callable[[int], None] = lambda count: None) -> int:
    """Call the function with every letter and wait. Raises ReplayRefused."""

    def call(body: str) -> None:
        answer = client("lambda").invoke(FunctionName=function, Payload=json.dumps(event_of(body)).encode())
        if answer.get("FunctionError"):
            raise ReplayRefused(f"{function} failed once more: {answer['Payload'].read().decode()[:500]}")

    return _each(dead_letters_url, call, tell)


def event_of(body: str) -> Any:
    """The event in a dead letter: as EventBridge put it there, or within Lambda's account of a failed invocation.

    Lambda Developer Guide, "Capturing records of Lambda asynchronous invocations": requestContext, requestPayload.
    """
    said = json.loads(body)
    wrapped = isinstance(said, dict) and {"requestContext", "requestPayload"} <= said.keys()
    return said["requestPayload"] if wrapped else said


def _each(dead_letters_url: str, hand_over: Callable[[str], None], tell: Callable[[int], None]) -> int:
    """What lies there now, and no more: what fails again comes back here, and would go round for ever."""
    sqs, handed = client("sqs"), set()
    while True:
        answer = sqs.receive_message(
            QueueUrl=dead_letters_url, MaxNumberOfMessages=10, VisibilityTimeout=_HIDDEN_SECONDS, WaitTimeSeconds=1
        )
        messages = [each for each in answer.get("Messages", []) if each["MessageId"] not in handed]
        if not messages:
            return len(handed)
        for message in messages:
            hand_over(message["Body"])
            sqs.delete_message(QueueUrl=dead_letters_url, ReceiptHandle=message["ReceiptHandle"])
            handed.add(message["MessageId"])
            tell(1)
