"""EventBridge as S3, MediaConvert and rules with a dead-letter queue need it.

- S3's "Object Created" and "Object Deleted" in AWS's shape: with the version id, and a sequencer that grows.
- `emit`: the events of our MediaConvert, whose source `aws.mediaconvert` PutEvents rightly refuses from users.
- A rule's target that does not exist sends the event to the target's dead-letter queue, as AWS does at once for what
  no retry can cure; a Lambda target is invoked asynchronously, with Lambda's own retries and failure destination.

Can go wrong: nothing reaches the caller. What cannot be delivered and has no dead-letter queue is in ministack.log.
"""

from __future__ import annotations

import contextvars
import json
import logging
import random
import string
import threading
import time
from collections.abc import Callable
from typing import Any

from ministack.core.arn import ArnParseError, parse_arn
from ministack.services import eventbridge, lambda_svc, s3, sns, sqs, stepfunctions

from pipeline.local import faults, faults_world

log = logging.getLogger(__name__)

_version: contextvars.ContextVar[str | None] = contextvars.ContextVar("version", default=None)
_original: dict[str, Callable] = {}
_last_sequencer = 0
_sequencer_lock = threading.Lock()


def install() -> None:
    if _original:
        return
    for module, name, ours in (
        (s3, "_next_event_sequencer", _next_event_sequencer),
        (s3, "_fire_s3_event", _fire_s3_event),
        (eventbridge, "_dispatch_event", _dispatch_event),
        (eventbridge, "_invoke_target", _invoke_target),
        (eventbridge, "_dispatch_to_lambda", _dispatch_to_lambda),
    ):
        _original[name] = getattr(module, name)
        setattr(module, name, ours)


def emit(source: str, detail_type: str, detail: dict[str, Any], resources: list[str]) -> None:
    """Put an AWS service's own event on the default bus. Thread-safe, returns when the targets have it."""
    entry = {"Source": source, "DetailType": detail_type, "Detail": json.dumps(detail), "Resources": resources}
    eventbridge._put_events({"Entries": [entry]}, allow_aws_source=True)


def mediaconvert_emit(detail_type: str, detail: dict[str, Any], resources: list[str]) -> None:
    emit("aws.mediaconvert", detail_type, detail, resources)


# ---- S3's events ----------------------------------------------------------------------------------------------------


def _next_event_sequencer(event_name: str) -> str | None:
    """16 hex digits like S3's, seconds in the upper half; a later write of any key has a larger one."""
    global _last_sequencer
    if not event_name.startswith(s3._EVENT_SEQUENCED_FAMILIES):
        return None
    with _sequencer_lock:
        _last_sequencer = max(_last_sequencer + 1, (time.time_ns() << 32) // 1_000_000_000)
        return f"{_last_sequencer:016x}"


def _fire_s3_event(*args: Any, version_id: str | None = None, **kwargs: Any) -> None:
    token = _version.set(version_id)
    try:
        _original["_fire_s3_event"](*args, version_id=version_id, **kwargs)
    finally:
        _version.reset(token)


def _dispatch_event(event: dict[str, Any], view: Any = None) -> None:
    if event.get("Source") == "aws.s3" and not event.get("_DispatchPath"):
        whole_seconds = event["Time"].partition(".")[0].removesuffix("Z") + "Z"
        event, view = {**event, "Time": whole_seconds, "Detail": _s3_detail(event["Detail"], _version.get())}, None
        if faults.current is not None:
            faults_world.s3_event(event, lambda: _original["_dispatch_event"](event, view))
            return
    _original["_dispatch_event"](event, view)


def _s3_detail(text: str, version_id: str | None) -> str:
    detail = json.loads(text)
    detail.pop("event-version", None)  # S3's EventBridge events have none
    if version_id:
        detail["object"]["version-id"] = version_id
    detail["request-id"] = "".join(random.choices(string.ascii_uppercase + string.digits, k=16))
    return json.dumps(detail)


# ---- delivery -------------------------------------------------------------------------------------------------------


def _invoke_target(target: dict[str, Any], event: dict[str, Any], rule: dict[str, Any], view: Any = None) -> None:
    reason = _undeliverable(target.get("Arn", ""))
    if reason is None:
        _original["_invoke_target"](target, event, rule, view)
        return
    log.warning("rule %s cannot deliver to %s: %s", rule.get("Name"), target.get("Arn"), reason)
    dead_letters = (target.get("DeadLetterConfig") or {}).get("Arn")
    if dead_letters and sqs._queue_by_arn(dead_letters) is not None:
        view = view or eventbridge._pattern_event_view(event)
        _send_dead_letter(
            dead_letters,
            json.dumps(view.event_with_detail()),
            {
                "RULE_ARN": rule.get("Arn", ""),
                "TARGET_ARN": target.get("Arn", ""),
                "ERROR_CODE": "RESOURCE_NOT_FOUND",
                "ERROR_MESSAGE": reason,
                "EXHAUSTED_RETRY_CONDITION": "NotRetryable",
                "RETRY_ATTEMPTS": "0",
            },
        )


def _undeliverable(arn: str) -> str | None:
    """Why nothing can be delivered there, or None; only for the targets whose existence can be asked."""
    try:
        spec = parse_arn(arn)
    except ArnParseError:
        return f"not an ARN: {arn}"
    exists: dict[str, Callable[[], object]] = {
        "sqs": lambda: sqs._queue_by_arn(arn) is not None,
        "sns": lambda: sns._topic_by_arn_any_scope(arn),
        "lambda": lambda: lambda_svc._get_func_record_for_ref(arn)[0],
        "states": lambda: stepfunctions._resolve_state_machine_arn(arn),
    }
    check = exists.get(spec.service)
    return None if check is None or check() else f"the {spec.service} target does not exist"


def _send_dead_letter(queue_arn: str, body: str, attributes: dict[str, str]) -> None:
    message_attributes = {name: {"DataType": "String", "StringValue": text} for name, text in attributes.items()}
    spec = parse_arn(queue_arn)
    sqs._act_send_message(
        {
            "QueueUrl": sqs._queue_url_for_account(spec.account_id, spec.resource),
            "MessageBody": body,
            "MessageAttributes": message_attributes,
        },
        "",
    )


def _dispatch_to_lambda(arn: str, payload: str) -> None:
    """Asynchronously, as EventBridge invokes functions: ministack's own ran it once and forgot the outcome."""
    function, config, _ = lambda_svc._get_func_record_for_ref(arn)
    record = lambda_svc._execution_record_for_config(function, config)
    try:
        event = json.loads(payload)
    except ValueError:
        event = {"body": payload}
    lambda_svc.invoke_async_with_retry(record, event)
