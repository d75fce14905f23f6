"""AWS's passing faults have one name; everything else keeps its own."""

from __future__ import annotations

import json

import botocore.exceptions
import pytest
from botocore.exceptions import ClientError

from pipeline.aws.batch import each_message
from pipeline.aws.faults import handles_faults
from pipeline.media.errors import ServiceThrottled, SourceRejected
from tests.aws.world import refusal

PASSING = [
    refusal("CreateJob", "TooManyRequestsException", 429),
    refusal("CreateJob", "ServiceQuotaExceededException", 402),
    refusal("PutObject", "SlowDown", 503),
    refusal("GetObject", "InternalError", 500),
    refusal("UpdateItem", "ProvisionedThroughputExceededException", 400),
    refusal("UpdateItem", "ThrottlingException", 400),
    refusal("PutObject", "RequestTimeout", 400),
    botocore.exceptions.EndpointConnectionError(endpoint_url="https://s3"),
    botocore.exceptions.ConnectTimeoutError(endpoint_url="https://s3"),
    botocore.exceptions.ReadTimeoutError(endpoint_url="https://s3"),
    botocore.exceptions.ConnectionClosedError(endpoint_url="https://s3"),
    botocore.exceptions.ResponseStreamingError(error="severed"),
    botocore.exceptions.IncompleteReadError(actual_bytes=1, expected_bytes=2),
]
STAYING = [
    refusal("CreateJob", "BadRequestException", 400),
    refusal("GetObject", "AccessDenied", 403),
    refusal("GetObject", "NoSuchKey", 404),
    refusal("UpdateItem", "ValidationException", 400),
    botocore.exceptions.NoCredentialsError(),
    botocore.exceptions.ParamValidationError(report="x"),
    SourceRejected("INPUT_EMPTY", "m"),
    KeyError("bucket"),
]


def raising(error: Exception):
    @handles_faults
    def handler(event, context):
        raise error

    return handler


@pytest.mark.parametrize("error", PASSING, ids=lambda error: type(error).__name__)
def test_a_passing_fault_leaves_a_handler_as_service_throttled(error):
    with pytest.raises(ServiceThrottled) as raised:
        raising(error)({}, None)
    assert raised.value.__cause__ is error and raised.value.retryable
    if isinstance(error, ClientError):
        assert raised.value.evidence == {"operation": error.operation_name}


@pytest.mark.parametrize("error", STAYING, ids=lambda error: type(error).__name__)
def test_everything_else_keeps_its_name(error):
    with pytest.raises(type(error)) as raised:
        raising(error)({}, None)
    assert raised.value is error


def test_a_handler_that_works_is_left_alone():
    @handles_faults
    def handler(event, context):
        """Doc."""
        return event, context

    assert handler({"a": 1}, "c") == ({"a": 1}, "c") and handler.__name__ == "handler" and handler.__doc__ == "Doc."


# Batches -------------------------------------------------------------------------------------------------------------


def batch(*bodies: str) -> dict:
    return {"Records": [{"messageId": f"m{number}", "body": body} for number, body in enumerate(bodies)]}


def test_only_the_messages_that_failed_come_back(caplog):
    assert each_message(batch("1", "no json", "2"), json.loads) == {"batchItemFailures": [{"itemIdentifier": "m1"}]}
    assert "message m1 stays in the queue" in caplog.text and "JSONDecodeError" in caplog.text


@pytest.mark.parametrize("empty", [{}, {"Records": []}])
def test_an_empty_batch_is_done(empty):
    assert each_message(empty, json.loads) == {"batchItemFailures": []}
