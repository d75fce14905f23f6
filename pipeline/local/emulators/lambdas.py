"""Make ministack's Lambda API run functions in our host.

In: a LambdaHost. Out: ministack's Invoke, asynchronous invocations (retries, destinations, dead-letter queues), event
source mappings and CloudFormation custom resources all run handlers under AWS's awslambdaric.

ministack 1.5.33's own Python worker reports every exception as errorType "Runtime.HandlerError", so that no Retry or
Catch by exception name ever matches, reads stderr for 50 ms an invocation, and starts as many processes as there are
invocations. One function stands between its API and that worker: _execute_function_warm.
"""

from __future__ import annotations

import functools
import json
import logging
from collections.abc import Callable

from pipeline.local import faults, faults_world
from pipeline.local.emulators import check_versions
from pipeline.local.lambda_host import Function, HostClosed, LambdaHost, function_of

_host: LambdaHost | None = None


def install_lambda(host: LambdaHost) -> None:
    """Send every invocation of a Python function to `host`, from now on."""
    global _host
    check_versions()
    from ministack.services import lambda_svc
    from ministack.services.cloudformation import provisioners

    first, _host = _host is None, host
    if first:
        creating = provisioners._RESOURCE_HANDLERS["AWS::Lambda::Function"]
        creating["create"] = _prewarming(creating["create"])

    def execute(func: dict, event: object, request_id: str) -> dict:
        try:
            return invoked(func, event, request_id)
        except HostClosed as stopping:  # an asynchronous invocation outlived the stack: it has nobody to tell
            return {"body": {"errorMessage": str(stopping)}, "log": "", "error": True, "function_error": "Unhandled"}

    def invoked(func: dict, event: object, request_id: str) -> dict:
        config = func.get("config") or func
        function = _function(host, func)
        run = functools.partial(
            host.invoke,
            function,
            json.dumps(event).encode(),
            request_id=request_id,
            arn=config["FunctionArn"],
            trace_id=lambda_svc._xray_trace_id_for_invocation(config),
        )
        answer = run() if faults.current is None else faults_world.invoke(run, host, function.name, event, request_id)
        # "rie" is ministack's word for a log that has START, END and REPORT already.
        result = {"body": _decoded(answer.payload), "log": answer.log, "log_source": "rie"}
        return {**result, "error": True, "function_error": "Unhandled"} if answer.error else result

    lambda_svc._execute_function_warm = execute
    # ministack repeats each function's output in its own log; it is in <logs>/<function>.log and in CloudWatch Logs.
    lambda_svc.logger.setLevel(logging.WARNING)


def _prewarming(create: Callable[..., tuple]) -> Callable[..., tuple]:
    """Start a sandbox of each function a template makes, while the rest of the template is being deployed.

    A film passes through a dozen functions right after the deployment; cold starts would be most of its overhead.
    """

    def created(*args: object, **kwargs: object) -> tuple:
        from ministack.services import lambda_svc

        made = create(*args, **kwargs)
        func = lambda_svc._functions.get(made[0])
        if _host is not None and func and func.get("code_zip"):
            host = _host
            host.prewarm(_function(host, one) for one in [func])
        return made

    return created


def _function(host: LambdaHost, func: dict) -> Function:
    config = func.get("config") or func
    return function_of(config, host.unpack(config["CodeSha256"], func["code_zip"]))


def _decoded(payload: bytes) -> object:
    """The answer as JSON; ministack looks into it for batchItemFailures and error types."""
    try:
        return json.loads(payload)
    except ValueError:
        return payload
