"""What a page says when AWS says no."""

from __future__ import annotations

import pytest
from botocore import exceptions

from pipeline.aws import clients, trouble
from tests.aws.world import refusal


@pytest.mark.parametrize(
    ("error", "code", "status", "said"),
    [
        (refusal("Query", "ExpiredTokenException"), "credentials", 502, "Renew them"),
        (refusal("Query", "UnrecognizedClientException"), "credentials", 502, "does not accept"),
        (exceptions.NoCredentialsError(), "credentials", 502, "no AWS credentials"),
        (exceptions.TokenRetrievalError(provider="sso", error_msg="expired"), "credentials", 502, "Renew them"),
        (refusal("GetJob", "AccessDeniedException", 400, "not you"), "denied", 403, "AWS denies GetJob: not you"),
        (refusal("Query", "ResourceNotFoundException"), "gone", 502, "Has the stack been deleted"),
        (refusal("DescribeStateMachine", "StateMachineDoesNotExist"), "gone", 502, "Has the stack been deleted"),
        (refusal("Query", "ThrottlingException"), "busy", 503, "patience"),
        (refusal("Query", "InternalServerError", 500), "busy", 503, "patience"),
        (refusal("Query", "ValidationException"), "aws", 502, "Query: no"),
        (exceptions.EndpointConnectionError(endpoint_url="http://127.0.0.1:1"), "unreachable", 503, "vod up"),
        (exceptions.ReadTimeoutError(endpoint_url="http://127.0.0.1:1"), "unreachable", 503, "cannot be reached"),
        (exceptions.NoRegionError(), "aws", 502, "region"),
    ],
)
def test_every_refusal_says_what_to_do(error, code, status, said):
    told = trouble.of(error)
    assert (told.error, told.status) == (code, status) and said in told.message


def test_a_fault_of_our_own_is_no_trouble_of_awss():
    assert trouble.of(KeyError("x")) is None


def test_renewed_credentials_are_found_without_a_restart(monkeypatch):
    clients.client.cache_clear()
    before = clients.client("sqs")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "renewed")
    assert clients.client("sqs") is before
    clients.forget()
    assert clients.client("sqs")._request_signer._credentials.access_key == "renewed"
    clients.forget()
