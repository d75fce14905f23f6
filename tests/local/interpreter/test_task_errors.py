"""Why Lambda could not be asked, by the names that Retry rules know; and fast clocks."""

from __future__ import annotations

import time

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, ReadTimeoutError

from pipeline.local.emulators.integrations import lambda_error
from pipeline.local.emulators.interpreter_waits import Pace
from tests.local.interpreter.cases import INVOKE, machine, passing, task
from tests.local.interpreter.world import FUNCTION, World


def _refused(code: str) -> ClientError:
    metadata = {"HTTPStatusCode": 429, "RequestId": "1"}
    return ClientError({"Error": {"Code": code, "Message": "Rate Exceeded."}, "ResponseMetadata": metadata}, "Invoke")


@pytest.mark.parametrize(
    ("error", "name"),
    [
        (_refused("TooManyRequestsException"), "Lambda.TooManyRequestsException"),
        (_refused("ServiceException"), "Lambda.ServiceException"),
        (_refused("Throttling"), "Lambda.ThrottlingException"),
        (ReadTimeoutError(endpoint_url="x"), "Lambda.ClientExecutionTimeoutException"),
        (EndpointConnectionError(endpoint_url="x"), "Lambda.SdkClientException"),
    ],
)
def test_an_error_of_the_service_has_the_services_name(error: Exception, name: str) -> None:
    assert lambda_error(error)[0] == name


def test_what_else_goes_wrong_keeps_its_name() -> None:
    assert lambda_error(ValueError("x")) is None


@pytest.mark.parametrize("by_arn", [True, False])
def test_a_function_that_is_not_there_is_named_so(world: World, by_arn: bool) -> None:
    name = f"{FUNCTION}:not-there"
    state = task(name, Next="B") if by_arn else task(INVOKE, Parameters={"FunctionName": name}, Next="B")
    ended = world.run(machine({"A": state, "B": passing()}))
    assert (ended.status, ended.error) == ("FAILED", "Lambda.ResourceNotFoundException")


def test_a_states_time_of_entry_is_spelled_as_step_functions_does(world: World) -> None:
    asl = machine({"A": passing(Parameters={"at.$": "$$.State.EnteredTime"})})
    at = world.run(asl).output["at"]
    assert time.strptime(at.partition(".")[0], "%Y-%m-%dT%H:%M:%S")
    assert len(at) == len("2024-01-31T12:00:00.000Z") and at.endswith("Z")


def test_clocks_are_as_in_the_definition_unless_told_otherwise() -> None:
    pace = Pace()
    assert (pace.waits, pace.limits) == (1, 1)
    pace.set(waits=0.5)
    assert (pace.waits, pace.limits) == (0.5, 1)
