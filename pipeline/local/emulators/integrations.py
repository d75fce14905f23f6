"""How a Task calls another service: through boto3, to our endpoint, with Step Functions' spelling of names.

In: the endpoint. Out: moto's service integrations as AWS documents them. moto 5.2.5 makes a client for each task,
leaves the translation of parameter names empty (states:startExecution and aws-sdk:sfn:* then fail), says "Exception"
when Lambda could not be asked, and does not know MediaConvert's optimised integration.

Sources: https://docs.aws.amazon.com/step-functions/latest/dg/integrate-services.html
and .../supported-services-awssdk.html
"""

from __future__ import annotations

import contextlib
import datetime
import functools
import json
import re
import sys
import threading
from typing import Any

from pipeline.local.emulators.interpreter import named_error

_endpoint = {"url": "", "account": ""}
_clients: dict[tuple, Any] = {}
_stand_ins: dict[str, Any] = {}
_clients_lock = threading.Lock()


def point_at(endpoint_url: str, account: str) -> None:
    """Where tasks find the other services from now on."""
    with _clients_lock:
        _endpoint.update(url=endpoint_url, account=account)
        _clients.clear()


def install_integrations() -> None:
    for fix in (_share_clients, _translate_names, _name_sdk_errors, _name_lambda_errors, _know_mediaconvert):
        fix()


def stand_in(service: str, client: Any) -> None:
    """Have tasks call this object instead of the service, as if it were boto3's client: for tests of state machines."""
    _stand_ins[service] = client


def client_for(region: str, service: str, state_credentials: object = None) -> Any:
    """One client a service: they are thread-safe, and making one takes longer than most tasks."""
    import boto3
    from botocore.config import Config

    if service in _stand_ins:
        return _stand_ins[service]
    key = (_endpoint["url"], _endpoint["account"], region, service)
    with _clients_lock:
        if key not in _clients:
            config = Config(
                parameter_validation=False,
                retries={"total_max_attempts": 1},
                read_timeout=1000,
                max_pool_connections=1000,  # as many as an account's functions may run at once
                inject_host_prefix=False,
                s3={"addressing_style": "path"},
            )
            # The access key is the account: that is how the endpoint learns whose call it is.
            _clients[key] = boto3.client(
                service,
                region_name=region,
                endpoint_url=_endpoint["url"],
                config=config,
                aws_access_key_id=_endpoint["account"],
                aws_secret_access_key="local",
            )
        return _clients[key]


def warm(definition: str, region: str) -> None:
    """Make the clients a machine will need, in the background: the first costs 50 ms."""
    services = sorted(set(re.findall(r"arn:aws:states:::(?:aws-sdk:)?([a-z0-9]+):", definition)))
    names = [{"states": "stepfunctions", "sfn": "stepfunctions"}.get(service, service) for service in services]
    if "arn:aws:lambda:" in definition:
        names.insert(0, "lambda")
    threading.Thread(target=_make, args=(region, names), name="warm-clients", daemon=True).start()


def _make(region: str, services: list[str]) -> None:
    for service in services:
        with contextlib.suppress(Exception):  # an integration boto3 does not have (http); the task will say so
            client_for(region, service)


def _share_clients() -> None:
    import moto.stepfunctions.parser.asl.component.state.exec.state_task.state_task_factory
    import moto.stepfunctions.parser.asl.parse.preprocessor  # noqa: F401  (brings in every module that makes clients)
    from moto.stepfunctions.parser.asl.utils import boto_client

    original = boto_client.boto_client_for
    for module in list(sys.modules.values()):
        if getattr(module, "boto_client_for", None) is original:
            module.boto_client_for = client_for


# ---- names ----------------------------------------------------------------------------------------------------------


@functools.cache
def _operation(service: str, action: str):
    import botocore.session
    from moto.stepfunctions.parser.utils import camel_to_snake_case

    model = botocore.session.get_session().get_service_model(service)
    names = {camel_to_snake_case(name): name for name in model.operation_names}
    return model.operation_model(names[camel_to_snake_case(action)])


def _translate_names() -> None:
    """Parameters come in PascalCase whatever the API calls them (startExecution's stateMachineArn), results go back so.

    Times come back as ISO 8601 texts: the state has to be JSON.
    """
    from botocore.model import StructureShape
    from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service import (
        StateTaskService,
    )

    def shape_of(self, side, service, action):
        operation = _operation(self._get_boto_service_name(service), self._get_boto_service_action(action))
        shape = getattr(operation, side)
        return shape if isinstance(shape, StructureShape) else None

    def parameters_to_api(self, parameters, boto_service_name=None, service_action_name=None):
        if shape := shape_of(self, "input_shape", boto_service_name, service_action_name):
            self._to_boto_request(parameters, shape)

    def response_from_api(self, response, boto_service_name=None, service_action_name=None):
        if shape := shape_of(self, "output_shape", boto_service_name, service_action_name):
            self._from_boto_response(response, shape)
        if isinstance(response, dict):
            response.update({key: as_json(value) for key, value in response.items()})

    StateTaskService._normalise_parameters = parameters_to_api
    StateTaskService._normalise_response = response_from_api


def as_json(value: Any) -> Any:
    """A boto3 answer as the state machine sees it."""
    if isinstance(value, dict):
        return {key: as_json(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [as_json(inner) for inner in value]
    if isinstance(value, datetime.datetime):
        utc = value.astimezone(datetime.UTC)
        return utc.strftime("%Y-%m-%dT%H:%M:%S.") + f"{utc.microsecond // 1000:03d}Z"
    if isinstance(value, (bytes, bytearray)):
        return value.decode("utf-8", "replace")
    return value


def _name_sdk_errors() -> None:
    """Errors of aws-sdk integrations begin with the service as Java spells it: S3.NoSuchKeyException (moto: "s3.")."""
    from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_aws_sdk import (
        StateTaskServiceAwsSdk,
    )

    StateTaskServiceAwsSdk._normalise_service_error_name = staticmethod(sdk_name)


@functools.cache
def sdk_name(service: str) -> str:
    """A service as the AWS SDK for Java 2 calls it, which is what Step Functions' error names begin with."""
    import botocore.session

    boto_name = {"sfn": "stepfunctions"}.get(service, service)
    service_id = botocore.session.get_session().get_service_model(boto_name).service_id
    words = re.findall(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|[0-9]+", service_id)
    return "".join(word.capitalize() for word in words)


def _name_lambda_errors() -> None:
    """Why a function could not be asked, or what it died of, by the names that Retry rules know.

    Lambda.TooManyRequestsException and its like, Lambda.SdkClientException, Lambda.Unknown; moto says "Exception" where
    the Resource is a function's ARN. https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html
    """
    from moto.stepfunctions.parser.api import HistoryEventType, LambdaFunctionFailedEventDetails
    from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import FailureEvent
    from moto.stepfunctions.parser.asl.component.state.exec.state_task.service import state_task_service_lambda
    from moto.stepfunctions.parser.asl.component.state.exec.state_task.state_task_lambda import StateTaskLambda
    from moto.stepfunctions.parser.asl.eval.event.event_detail import EventDetails

    def function_failed(task, env, error, cause):
        details = LambdaFunctionFailedEventDetails(error=error, cause=cause)
        return FailureEvent(
            env=env,
            error_name=named_error(error),
            event_type=HistoryEventType.LambdaFunctionFailed,
            event_details=EventDetails(lambdaFunctionFailedEventDetails=details),
        )

    def invoke_failed(task, env, error, cause):
        return task_failed(task, env, error, cause).failure_event

    integration = state_task_service_lambda.StateTaskServiceLambda
    StateTaskLambda._from_error = _naming(StateTaskLambda._from_error, function_failed)
    integration._from_error = _naming(integration._from_error, invoke_failed)


def _naming(original, failed):
    def from_error(self, env, ex):
        named = lambda_error(ex)
        return original(self, env, ex) if named is None else failed(self, env, *named)

    return from_error


def lambda_error(error: Exception) -> tuple[str, str] | None:
    """Name and cause; None for what has a name already: the exception of a handler."""
    from botocore.exceptions import BotoCoreError, ClientError, ConnectTimeoutError, ReadTimeoutError
    from moto.stepfunctions.parser.asl.component.state.exec.state_task.lambda_eval_utils import (
        LambdaFunctionErrorException,
    )

    if isinstance(error, ClientError):
        code, status = error.response["Error"]["Code"], error.response["ResponseMetadata"]["HTTPStatusCode"]
        name = code if code.endswith("Exception") else f"{code}Exception"
        message = error.response["Error"].get("Message", "")
        return f"Lambda.{name}", f"{message} (Service: Lambda; Status Code: {status}; Error Code: {code})"
    if isinstance(error, (ConnectTimeoutError, ReadTimeoutError)):
        return "Lambda.ClientExecutionTimeoutException", str(error)
    if isinstance(error, BotoCoreError):
        return "Lambda.SdkClientException", str(error)
    if isinstance(error, LambdaFunctionErrorException) and '"errorType"' not in error.payload:
        return "Lambda.Unknown", error.payload
    return None


# ---- MediaConvert ---------------------------------------------------------------------------------------------------


def _know_mediaconvert() -> None:
    """arn:aws:states:::mediaconvert:createJob, plain, .sync and .waitForTaskToken.

    .sync answers with the finished job; a job that ends in ERROR or CANCELED fails the task with States.TaskFailed and
    the job as the cause. https://docs.aws.amazon.com/step-functions/latest/dg/connect-mediaconvert.html
    """
    from moto.stepfunctions.parser.asl.component.state.exec.state_task import state_task_factory
    from moto.stepfunctions.parser.asl.component.state.exec.state_task.service import state_task_service_factory

    task_class = _mediaconvert_class()
    original = state_task_service_factory.state_task_service_for

    def service_for(service_name):
        return task_class() if service_name == "mediaconvert" else original(service_name)

    for module in (state_task_service_factory, state_task_factory):
        module.state_task_service_for = service_for


def _mediaconvert_class():
    from botocore.exceptions import ClientError
    from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.resource import ResourceCondition
    from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_callback import (
        StateTaskServiceCallback,
    )

    class MediaConvertTask(StateTaskServiceCallback):
        def __init__(self):
            super().__init__({ResourceCondition.WaitForTaskToken, ResourceCondition.Sync})

        def _get_supported_parameters(self):
            if self.resource.api_action.lower() != "createjob":
                return None
            return set(_operation("mediaconvert", "createJob").input_shape.members)

        def _eval_service_task(self, env, resource_runtime_part, normalised_parameters, state_credentials):
            client = client_for(resource_runtime_part.region, "mediaconvert")
            response = client.create_job(**normalised_parameters)
            response.pop("ResponseMetadata", None)
            env.stack.append(as_json(response))

        def _build_sync_resolver(self, env, resource_runtime_part, normalised_parameters, state_credentials):
            job_id = env.stack.pop()["Job"]["Id"]
            client = client_for(resource_runtime_part.region, "mediaconvert")

            def finished():
                job = as_json(client.get_job(Id=job_id)["Job"])
                if job["Status"] == "COMPLETE":
                    return {"Job": job}
                if job["Status"] in ("ERROR", "CANCELED"):
                    raise self._failure(env, "States.TaskFailed", json.dumps({"Job": job}))
                return None

            return finished

        def _from_error(self, env, ex):
            if isinstance(ex, ClientError):
                code = ex.response["Error"]["Code"]
                name = code if code.endswith("Exception") else f"{code}Exception"
                cause = f"{ex.response['Error'].get('Message', '')} (Service: MediaConvert; Error Code: {code})"
                return self._failure(env, f"MediaConvert.{name}", cause).failure_event
            return super()._from_error(env, ex)

        def _failure(self, env, error, cause):
            return task_failed(self, env, error, cause)

    return MediaConvertTask


def task_failed(task, env, error: str, cause: str):
    """The exception that fails a task with this error, as the history's TaskFailed shows it."""
    from moto.stepfunctions.parser.api import HistoryEventType, TaskFailedEventDetails
    from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import (
        FailureEvent,
        FailureEventException,
    )
    from moto.stepfunctions.parser.asl.eval.event.event_detail import EventDetails

    details = TaskFailedEventDetails(
        resource=task._get_sfn_resource(), resourceType=task._get_sfn_resource_type(), error=error, cause=cause
    )
    return FailureEventException(
        FailureEvent(
            env=env,
            error_name=named_error(error),
            event_type=HistoryEventType.TaskFailed,
            event_details=EventDetails(taskFailedEventDetails=details),
        )
    )
