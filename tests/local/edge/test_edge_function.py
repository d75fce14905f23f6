"""A function URL behind the edge: what the function is asked, what the viewer gets, what is refused at start."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from pipeline.local.edge.distribution import DistributionNotHonoured, read_distribution
from pipeline.local.edge.function import FunctionNotHonoured
from tests.local.edge.stub_s3 import StubS3
from tests.local.edge.template import PHYSICAL, distribution_config, template

Start = Callable[..., httpx.Client]
NAMES = PHYSICAL | {"Issue": "Vod-Issue"}
ALL_VIEWER = "b689b0a8-53d0-40ab-baf2-68738e2966ac"
NO_CACHING = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"


def _permission(action: str, distribution: str = "Distribution") -> dict[str, Any]:
    arn = {
        "Fn::Join": ["", ["arn:aws:cloudfront::", {"Ref": "AWS::AccountId"}, ":distribution/", {"Ref": distribution}]]
    }
    properties = {"Action": action, "FunctionName": {"Fn::GetAtt": ["Issue", "Arn"]}, "SourceArn": arn}
    return {"Type": "AWS::Lambda::Permission", "Properties": properties | {"Principal": "cloudfront.amazonaws.com"}}


def with_function(**behaviour: Any) -> dict[str, Any]:
    document = template()
    url = {"AuthType": "AWS_IAM", "TargetFunctionArn": {"Fn::GetAtt": ["Issue", "Arn"]}}
    document["Resources"] |= {
        "Issue": {"Type": "AWS::Lambda::Function", "Properties": {}},
        "IssueUrl": {"Type": "AWS::Lambda::Url", "Properties": url},
        "MayUrl": _permission("lambda:InvokeFunctionUrl"),
        "MayInvoke": _permission("lambda:InvokeFunction"),
    }
    domain = {"Fn::Select": [2, {"Fn::Split": ["/", {"Fn::GetAtt": ["IssueUrl", "FunctionUrl"]}]}]}
    config = distribution_config(document)
    config["Origins"].append(
        {
            "DomainName": domain,
            "Id": "issuer",
            "OriginAccessControlId": {"Fn::GetAtt": ["AccessControl", "Id"]},
            "CustomOriginConfig": {"OriginProtocolPolicy": "https-only", "OriginSSLProtocols": ["TLSv1.2"]},
        }
    )
    row = dict(config["CacheBehaviors"][0], PathPattern="/session/*", TargetOriginId="issuer", CachePolicyId=NO_CACHING)
    config["CacheBehaviors"].insert(0, row | {"OriginRequestPolicyId": ALL_VIEWER} | behaviour)
    return document


@pytest.fixture
def issuer(start: Start) -> httpx.Client:
    return start(with_function(), physical=NAMES)


def test_the_function_hears_what_the_behaviour_forwards(issuer: httpx.Client, origin: StubS3) -> None:
    headers = {"x-vod-token": "t", "cookie": "a=1; b=2", "authorization": "Bearer x"}
    assert issuer.get("/session/film-1?q=1&q=2&Signature=x", headers=headers).text == "hello"
    ((name, event),) = origin.events
    assert (name, event["version"], event["rawPath"]) == ("Vod-Issue", "2.0", "/session/film-1")
    assert (event["rawQueryString"], event["cookies"]) == ("q=1&q=2", ["a=1", "b=2"])
    assert event["headers"]["x-vod-token"] == "t"
    # CloudFront's own signature stands where the viewer's Authorization stood, and Host is the function's.
    assert {"authorization", "host", "cookie"}.isdisjoint(event["headers"])
    assert event["requestContext"]["http"] | {"userAgent": ""} == {
        "method": "GET", "path": "/session/film-1", "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1", "userAgent": "",
    }  # fmt: skip


def test_status_headers_cookies_and_body_reach_the_viewer_and_nothing_is_kept(
    issuer: httpx.Client, origin: StubS3
) -> None:
    body = base64.b64encode(b"\x00\xff").decode()
    headers = {"Content-Type": "x/y", "Transfer-Encoding": "chunked"}
    origin.function = {"statusCode": 201, "headers": headers, "cookies": ["a=1; Path=/", "b=2"], "body": body}
    origin.function |= {"isBase64Encoded": True}
    for _ in range(2):
        answer = issuer.get("/session/film-1")
        assert (answer.status_code, answer.content, answer.headers["content-type"]) == (201, b"\x00\xff", "x/y")
        assert answer.headers.get_list("set-cookie") == ["a=1; Path=/", "b=2"]
        assert answer.headers["x-cache"] == "Miss from cloudfront"
    assert len(origin.events) == 2


def test_without_forwarded_cookies_neither_side_sees_any(start: Start, origin: StubS3) -> None:
    client = start(with_function(OriginRequestPolicyId="88a5eaf4-2fd4-4709-b370-b4c650ea3fcf"), physical=NAMES)
    origin.function = {"statusCode": 200, "cookies": ["a=1"], "body": "x"}
    answer = client.get("/session/film-1", headers={"cookie": "b=2"})
    assert "set-cookie" not in answer.headers and "cookies" not in origin.events[0][1]


def test_anything_that_is_no_answer_is_sent_as_json(issuer: httpx.Client, origin: StubS3) -> None:
    origin.function = {"hello": "world"}
    answer = issuer.get("/session/film-1")
    assert (answer.status_code, answer.json()) == (200, {"hello": "world"})
    assert answer.headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    ("result", "failed"),
    [({"errorMessage": "secret"}, True), (b"no json", False), ({"statusCode": "many"}, False),
     ({"statusCode": 200, "headers": 1}, False), ({"statusCode": 200, "body": "!", "isBase64Encoded": True}, False)],
)  # fmt: skip
def test_a_function_that_fails_is_a_bad_gateway_and_tells_the_viewer_nothing(
    issuer: httpx.Client, origin: StubS3, result: Any, failed: bool
) -> None:
    origin.function, origin.function_failed = result, failed
    answer = issuer.get("/session/film-1")
    assert answer.status_code == 502 and "secret" not in answer.text


def test_a_function_that_cannot_be_reached_is_a_bad_gateway(issuer: httpx.Client, origin: StubS3) -> None:
    origin.stop()
    assert issuer.get("/session/film-1").status_code == 502


@pytest.mark.parametrize("missing", ["MayUrl", "MayInvoke"])
def test_both_permissions_are_needed(start: Start, origin: StubS3, missing: str) -> None:
    document = with_function()
    del document["Resources"][missing]
    assert start(document, physical=NAMES).get("/session/film-1").status_code == 403
    assert origin.events == []


def test_a_permission_for_another_distribution_is_none(start: Start, origin: StubS3) -> None:
    document = with_function()
    document["Resources"]["MayUrl"] = _permission("lambda:InvokeFunctionUrl", "AnotherOne")
    assert start(document, physical=NAMES).get("/session/film-1").status_code == 403


def _open_url(document: dict[str, Any]) -> None:
    document["Resources"]["IssueUrl"]["Properties"]["AuthType"] = "NONE"


def _other_domain(document: dict[str, Any]) -> None:
    distribution_config(document)["Origins"][-1]["DomainName"] = "api.example.com"


def _http(document: dict[str, Any]) -> None:
    distribution_config(document)["Origins"][-1]["CustomOriginConfig"]["OriginProtocolPolicy"] = "http-only"


def _cached(document: dict[str, Any]) -> None:
    distribution_config(document)["CacheBehaviors"][0]["CachePolicyId"] = {"Ref": "Pointers"}


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [(_open_url, "open to anybody"), (_other_domain, "not a function URL"), (_http, "CustomOriginConfig"),
     (_cached, "does not cache")],
)  # fmt: skip
def test_what_the_edge_cannot_do_honestly_stops_it(spoil: Callable[[dict[str, Any]], None], reason: str) -> None:
    document = with_function()
    spoil(document)
    with pytest.raises((DistributionNotHonoured, FunctionNotHonoured), match=reason):
        read_distribution(document, NAMES)


def test_an_invalidation_makes_the_edge_forget_what_it_names(start: Start, origin: StubS3) -> None:
    client = start()
    for name in ("film-1", "film-10"):
        origin.put(f"a/{name}/v/1-r1/x.cmfv", b"old")
        assert client.get(f"/a/{name}/v/1-r1/x.cmfv").content == b"old"
        origin.put(f"a/{name}/v/1-r1/x.cmfv", b"new")
    client.serving.edge.invalidate(["/a/film-1/*"])  # type: ignore[attr-defined]
    assert client.get("/a/film-1/v/1-r1/x.cmfv").content == b"new"
    assert client.get("/a/film-10/v/1-r1/x.cmfv").content == b"old"
