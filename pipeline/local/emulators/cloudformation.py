"""CloudFormation for our template: the resource types ministack does not make, and an end that can be waited for.

- AWS::MediaConvert::Queue becomes a queue of the local MediaConvert.
- CloudFront's public keys and key groups, which the edge reads to check signed cookies, become ministack's own.
- A custom resource whose function fails, fails: in AWS too the answer never comes, but there one waits an hour.
- `outcome()` blocks until a stack's operation has ended; nobody polls.

A type that neither ministack nor this file knows is refused by CreateStack, by name.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from typing import Any, Protocol

from ministack.core.responses import now_iso
from ministack.services import cloudfront, lambda_svc
from ministack.services.cloudformation import _stacks, changesets, custom_resource, handlers, provisioners


class Queues(Protocol):
    """What CloudFormation asks of the local MediaConvert."""

    def create_queue_from_template(self, properties: dict[str, Any]) -> str: ...

    def delete_queue(self, arn: str) -> None: ...


_mediaconvert: Queues | None = None
_ended = threading.Condition()


def install(mediaconvert: Queues | None) -> None:
    global _mediaconvert
    _mediaconvert = mediaconvert
    if "AWS::MediaConvert::Queue" in provisioners._RESOURCE_HANDLERS:
        return
    provisioners._RESOURCE_HANDLERS.update(
        {
            "AWS::MediaConvert::Queue": {"create": _create_queue, "delete": _delete_queue},
            "AWS::CloudFront::PublicKey": {
                "create": _create_public_key,
                "delete": _delete_from(cloudfront._public_keys),
            },
            "AWS::CloudFront::KeyGroup": {"create": _create_key_group, "delete": _delete_from(cloudfront._key_groups)},
        }
    )
    for module, name in (
        (handlers, "_deploy_stack_async"),
        (changesets, "_deploy_stack_async"),
        (handlers, "_delete_stack_async"),
    ):
        setattr(module, name, _telling_when_done(getattr(module, name)))
    lambda_svc._execute_function_with_config_scope = _failing_custom_resources(
        lambda_svc._execute_function_with_config_scope
    )


def outcome(stack_name: str, timeout_s: float) -> str:
    """The stack's status once nothing is in progress any more; TimeoutError if that takes too long."""
    with _ended:
        if not _ended.wait_for(lambda: not _status(stack_name).endswith("_IN_PROGRESS"), timeout_s):
            raise TimeoutError(f"stack {stack_name} is still {_status(stack_name)} after {timeout_s:.0f} s")
    return _status(stack_name)


def _status(stack_name: str) -> str:
    return _stacks[stack_name]["StackStatus"]


def _telling_when_done(deploy: Callable) -> Callable:
    @functools.wraps(deploy)
    async def run(*args: Any, **kwargs: Any) -> None:
        try:
            await deploy(*args, **kwargs)
        finally:
            with _ended:
                _ended.notify_all()

    return run


def _failing_custom_resources(execute: Callable) -> Callable:
    @functools.wraps(execute)
    def run(function: dict, event: dict) -> dict:
        result = execute(function, event)
        if result.get("error") and isinstance(event, dict) and "ResponseURL" in event:
            error = result.get("body") if isinstance(result.get("body"), dict) else {}
            reason = f"{error.get('errorType', 'the function failed')}: {error.get('errorMessage', '')}".rstrip(": ")
            custom_resource.deliver_response(
                event["ResponseURL"].rpartition("/")[2], {"Status": "FAILED", "Reason": reason}
            )
        return result

    return run


# ---- provisioners: (logical id, properties, stack name) -> (physical id, attributes) ---------------------------------


def _create_queue(logical_id: str, properties: dict[str, Any], stack_name: str) -> tuple[str, dict[str, str]]:
    if _mediaconvert is None:
        raise ValueError(f"{logical_id}: this stack runs without a local MediaConvert")
    properties = {"Name": provisioners._physical_name(stack_name, logical_id, max_len=64), **properties}
    arn = _mediaconvert.create_queue_from_template(properties)
    name = arn.rpartition("/")[2]
    return name, {"Arn": arn, "Name": name}


def _delete_queue(name: str, properties: dict[str, Any]) -> None:
    if _mediaconvert is not None:
        _mediaconvert.delete_queue(name)


def _create_public_key(logical_id: str, properties: dict[str, Any], stack_name: str) -> tuple[str, dict[str, str]]:
    key_id, config = cloudfront._pk_id(), properties["PublicKeyConfig"]
    created = now_iso()
    cloudfront._public_keys[key_id] = {
        "Id": key_id,
        "CreatedTime": created,
        "Config": dict(config),
        "ETag": cloudfront.new_uuid(),
    }
    return key_id, {"Id": key_id, "CreatedTime": created}


def _create_key_group(logical_id: str, properties: dict[str, Any], stack_name: str) -> tuple[str, dict[str, str]]:
    group_id, modified = cloudfront._kg_id(), now_iso()
    cloudfront._key_groups[group_id] = {
        "Id": group_id,
        "LastModifiedTime": modified,
        "Config": dict(properties["KeyGroupConfig"]),
        "ETag": cloudfront.new_uuid(),
    }
    return group_id, {"Id": group_id, "LastModifiedTime": modified}


def _delete_from(records: Any) -> Callable[[str, dict], None]:
    return lambda physical_id, properties: records.pop(physical_id, None)
