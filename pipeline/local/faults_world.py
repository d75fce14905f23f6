"""Faults that need the stack's hands: functions killed, S3's events repeated, executions stopped, sources replaced.

In: an invocation, an S3 event, or something MediaConvert is about to do. Out: the same, or what becomes of it under
the plan. `Hands` is what MediaConvert asks (pipeline.local.mediaconvert knows nothing of assets): it adds the upload's
key to the facts, does what MediaConvert cannot, and hands on what it can.
"""

from __future__ import annotations

import contextvars
import json
import logging
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.local import faults
from pipeline.local.faults_http import ASSET_ID, asset_of

if TYPE_CHECKING:
    from pipeline.local.lambda_host import Answer, LambdaHost

log = logging.getLogger(__name__)
_CREATING = "Transcode"  # what the name of the function that creates jobs has in it
_KILL_AFTER_SECONDS = 0.02
_ENDS = {
    "lambda.kill": ("Runtime.ExitError", "Runtime exited with error: signal: killed"),
    "lambda.timeout": ("Sandbox.Timedout", "Task timed out (injected)"),
}


# --- functions -------------------------------------------------------------------------------------------------------


def invoke(run: Callable[[], Answer], host: LambdaHost, function: str, event: object, request_id: str) -> Answer:
    """Run one invocation, or let it end as the plan says."""
    text = json.dumps(event)
    assets = sorted(set(ASSET_ID.findall(text))) or _uploaded(event) or [""]
    for asset in assets:
        for fault in faults.at("lambda.invoke", function=function, asset_id=asset, key=_key(event)):
            return _ended(fault, run, host, request_id)
    return run()


def _ended(fault: faults.Fault, run: Callable[[], Answer], host: LambdaHost, request_id: str) -> Answer:
    from pipeline.local.lambda_host import Answer

    log_text = f"{fault.kind} was injected {fault['when']} the work of {request_id}"
    if fault["when"] == "after":
        log_text = run().log + log_text
    elif fault["when"] == "during":
        wanted = lambda running: running.request_id == request_id  # noqa: E731
        timer = threading.Timer(_KILL_AFTER_SECONDS, host.kill_running, (wanted,))
        timer.start()
        log_text = run().log + log_text
        timer.cancel()
    error, message = _ENDS[fault.kind]
    text = f"RequestId: {request_id} Error: {message}"
    return Answer(json.dumps({"errorType": error, "errorMessage": text}).encode(), True, log_text)


def _uploaded(event: Any) -> list[str]:
    """The assets of a batch of S3 events, for `start`."""
    found = []
    for record in event.get("Records", []) if isinstance(event, dict) else []:
        try:
            detail = json.loads(record["body"])["detail"]
            found.append(asset_of(detail["bucket"]["name"], detail["object"]["key"]))
        except (ValueError, KeyError, TypeError):
            continue
    return found


def _key(event: Any) -> str:
    upload = event.get("upload") if isinstance(event, dict) else None
    return upload.get("key", "") if isinstance(upload, dict) else ""


# --- S3's events -----------------------------------------------------------------------------------------------------


def s3_event(event: Mapping[str, Any], deliver: Callable[[], None]) -> None:
    """Deliver an event as the plan says: late, and again."""
    detail = json.loads(event["Detail"])
    bucket, key = detail["bucket"]["name"], detail["object"]["key"]
    happening = faults.at("s3.event", key=key, asset_id=asset_of(bucket, key), detail_type=event["DetailType"])
    delay = sum(fault["seconds"] for fault in happening if fault.kind == "s3.event_late")
    _later(delay, deliver)
    for fault in happening:
        if fault.kind == "s3.event_duplicate":
            for _ in range(fault["times"]):
                _later(delay + fault["seconds"], deliver)


def _later(seconds: float, deliver: Callable[[], None]) -> None:
    if not seconds:
        deliver()
        return
    timer = threading.Timer(seconds, contextvars.copy_context().run, (deliver,))
    timer.daemon = True
    timer.start()


# --- MediaConvert ----------------------------------------------------------------------------------------------------


class Hands:
    """What the local MediaConvert asks at each of its points; see pipeline/local/mediaconvert/faults.py."""

    def __init__(self, client: Callable[[str], Any], lambdas: LambdaHost):
        self._client = client
        self._lambdas = lambdas
        self._doing: dict[str, Callable[[faults.Fault, Mapping[str, str]], None]] = {
            "lambda.kill_in_create_job": self._kill_creator,
            "states.stop": self._stop_execution,
            "mediaconvert.source_replaced": self._replace_source,
        }

    @property
    def active(self) -> bool:
        return faults.current is not None

    def __call__(self, point: str, facts: Mapping[str, str]) -> list[dict[str, Any]]:
        known = dict(facts)
        if known.get("input"):
            bucket, _, known["key"] = known["input"].removeprefix("s3://").partition("/")
            known.setdefault("asset_id", asset_of(bucket, known["key"]))
        left = []
        for fault in faults.at(point, **known):
            if (do := self._doing.get(fault.kind)) is None:
                left.append(fault.as_dict())
                continue
            try:
                do(fault, known)
            except Exception:
                log.exception("%s of %s", fault.kind, known.get("asset_id"))
        return left

    def _kill_creator(self, _: faults.Fault, facts: Mapping[str, str]) -> None:
        asset = facts["asset_id"].encode()
        self._lambdas.kill_running(
            lambda running: asset in running.payload and _CREATING in running.arn and b"task_token" in running.payload
        )

    def _stop_execution(self, _: faults.Fault, facts: Mapping[str, str]) -> None:
        states = self._client("stepfunctions")
        name = f"{facts['asset_id']}-{facts['version']}-r{facts['revision']}"
        for machine in states.list_state_machines()["stateMachines"]:
            arn = machine["stateMachineArn"].replace(":stateMachine:", ":execution:")
            states.stop_execution(executionArn=f"{arn}:{name}", error="Stopped", cause="stopped by an injected fault")

    def _replace_source(self, fault: faults.Fault, facts: Mapping[str, str]) -> None:
        s3 = self._client("s3")
        bucket, _, key = facts["input"].removeprefix("s3://").partition("/")
        file = fault["file"]
        body = Path(file).read_bytes() if file else s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        s3.put_object(Bucket=bucket, Key=key, Body=body)
