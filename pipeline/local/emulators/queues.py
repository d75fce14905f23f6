"""SQS under many threads, and its messages on their way to Lambda without waiting for a clock.

ministack's queues are lists that are copied and replaced (`queue["messages"] = kept`) by the event loop and by the
poller of event source mappings, while event threads append to them: a message that arrives between the copy and the
replacement is lost. Every function that touches a queue's messages therefore takes one lock here.

The poller already wakes when a message is sent; only its pause after a wake for nothing is shortened.

Not modelled: a mapping looks for messages whose visibility timeout has ended once a second.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from types import ModuleType

from ministack.services import eventbridge, lambda_svc, s3, sns, sqs

IDLE_PAUSE_SECONDS = 0.002

_lock = threading.RLock()
_readers_and_writers: dict[ModuleType, tuple[str, ...]] = {
    sqs: (
        "_act_send_message",
        "_act_delete_message",
        "_act_change_visibility",
        "_act_send_message_batch",
        "_act_delete_message_batch",
        "_act_change_visibility_batch",
        "_act_purge_queue",
        "_expire_retained",
        "_dlq_sweep",
        "_collect_msgs",
        "_refresh_counts",
        "_receive_messages_for_esm",
        "_delete_messages_for_esm",
    ),
    eventbridge: ("_dispatch_to_sqs",),
    s3: ("_deliver_event_to_sqs",),
    sns: ("_deliver_to_sqs",),
    lambda_svc: ("_route_async_failure",),
}


def install() -> None:
    if hasattr(sqs._collect_msgs, "__wrapped__"):
        return
    for module, names in _readers_and_writers.items():
        for name in names:
            original = getattr(module, name)
            setattr(module, name, _locked(original))
            for action, handler in sqs._HANDLERS.items():
                if handler is original:
                    sqs._HANDLERS[action] = getattr(module, name)
    lambda_svc._ESM_IDLE_WAKE_GAP_SECONDS = IDLE_PAUSE_SECONDS


def _locked(function: Callable) -> Callable:
    @functools.wraps(function)
    def call(*args: object, **kwargs: object) -> object:
        with _lock:
            return function(*args, **kwargs)

    return call
