"""A Lambda function URL as an origin: the request becomes the function's event, its answer the viewer's.

Comes in: the template's function URL, its permission for this distribution, and one request. Goes out: status,
headers, cookies and body. Goes wrong: the function fails or answers what no function URL understands (502), or the
template lets CloudFront call it in words the edge cannot weigh (`FunctionNotHonoured`, at start).

The event is format 2.0 of "Invoking Lambda function URLs". CloudFront signs for the origin (origin access control), so
that the viewer's Authorization header never arrives; and it forwards a cookie, or hands the viewer a Set-Cookie, only
where the behaviour's policies forward cookies ("Cache content based on cookies").
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, quote

import httpx
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

_SERVICE = "cloudfront.amazonaws.com"
#: Since October 2025 Lambda asks for both ("Control access to Lambda function URLs").
_ACTIONS = ("lambda:InvokeFunctionUrl", "lambda:InvokeFunction")
_HOP_BY_HOP = frozenset({"connection", "content-length", "keep-alive", "transfer-encoding", "upgrade"})


class FunctionNotHonoured(Exception):
    """The function behind an origin is not described in a way this edge understands; the message says where."""


@dataclass(frozen=True)
class FunctionOrigin:
    """`function`: its name; `may_call`: whether its policy lets this distribution call it (else 403, as in AWS)."""

    id: str
    function: str
    may_call: bool


@dataclass(frozen=True)
class FunctionAnswer:
    status: int
    headers: dict[str, str]
    cookies: tuple[str, ...] = ()
    body: bytes = b""


@dataclass(frozen=True)
class Question:
    """A request as the function is to see it: what the behaviour's policies forward, and nothing else."""

    method: str
    path: str
    query: str
    client: str
    headers: Mapping[str, str] = field(default_factory=dict)
    cookies: tuple[str, ...] = ()


def read_function_origin(
    resources: Mapping[str, Any],
    physical: Mapping[str, str],
    document: Mapping[str, Any],
    distribution: str,
    where: str,
) -> FunctionOrigin:
    """The origin whose domain name is taken from a function URL of this template."""
    url_id = _url_in(document["DomainName"])
    url = resources.get(url_id, {})
    if url.get("Type") != "AWS::Lambda::Url":
        raise FunctionNotHonoured(
            f"{where}.DomainName: not a function URL of this template: {document['DomainName']!r}"
        )
    if url["Properties"].get("AuthType") != "AWS_IAM":
        raise FunctionNotHonoured(f"{where}: the function URL {url_id} is open to anybody (AuthType is not AWS_IAM)")
    target = url["Properties"]["TargetFunctionArn"]
    function_id = target.get("Ref") or target["Fn::GetAtt"][0]
    if function_id not in physical:
        raise FunctionNotHonoured(f"{where}: no physical name was given for the function {function_id}")
    granted = {
        item["Properties"]["Action"]
        for item in resources.values()
        if item["Type"] == "AWS::Lambda::Permission"
        and item["Properties"]["Principal"] == _SERVICE
        and function_id in json.dumps(item["Properties"]["FunctionName"])
        and distribution in json.dumps(item["Properties"].get("SourceArn", ""))
    }
    return FunctionOrigin(document["Id"], physical[function_id], granted >= set(_ACTIONS))


def _url_in(domain: Any) -> str:
    """The logical id inside {"Fn::Select": [2, {"Fn::Split": ["/", {"Fn::GetAtt": [id, "FunctionUrl"]}]}]}."""
    try:
        logical, attribute = domain["Fn::Select"][1]["Fn::Split"][1]["Fn::GetAtt"]
        return logical if attribute == "FunctionUrl" else ""
    except (KeyError, TypeError, IndexError, ValueError):
        return ""


class FunctionClient:
    """Calls functions through the Lambda API of the endpoint, as the function URL's own service does."""

    def __init__(self, endpoint_url: str, account: str, region: str, http: httpx.AsyncClient) -> None:
        self._endpoint, self._region, self._http = endpoint_url.rstrip("/"), region, http
        self._credentials = Credentials(account, "local-edge")

    async def ask(self, function: str, question: Question) -> FunctionAnswer:
        url = f"{self._endpoint}/2015-03-31/functions/{quote(function, safe='')}/invocations"
        signed = AWSRequest("POST", url, data=json.dumps(_event(question)).encode())
        SigV4Auth(self._credentials, "lambda", self._region).add_auth(signed)
        try:
            answer = await self._http.post(url, content=signed.data, headers=dict(signed.headers))
        except httpx.HTTPError as error:
            return _bad_gateway(f"the function cannot be reached: {error or type(error).__name__}")
        if answer.status_code != 200 or "x-amz-function-error" in answer.headers:
            return _bad_gateway("the function failed")
        return _understood(answer.content)


def _event(question: Question) -> dict[str, Any]:
    now = time.time()
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": question.path,
        "rawQueryString": question.query,
        "headers": dict(question.headers),
        "requestContext": {
            "http": {
                "method": question.method,
                "path": question.path,
                "protocol": "HTTP/1.1",
                "sourceIp": question.client,
                "userAgent": question.headers.get("user-agent", "Amazon CloudFront"),
            },
            "time": time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(now)),
            "timeEpoch": int(now * 1000),
        },
        "isBase64Encoded": False,
    }
    if question.query:
        event["queryStringParameters"] = dict(parse_qsl(question.query, keep_blank_values=True))
    if question.cookies:
        event["cookies"] = list(question.cookies)
    return event


def _understood(payload: bytes) -> FunctionAnswer:
    """What a function URL makes of the function's result: an object with statusCode, or anything else as JSON."""
    try:
        result = json.loads(payload)
    except ValueError:
        return _bad_gateway("the function's answer is no JSON")
    if not isinstance(result, dict) or "statusCode" not in result:
        return FunctionAnswer(200, {"content-type": "application/json"}, (), payload)
    try:
        text = result.get("body") or ""
        body = base64.b64decode(text, validate=True) if result.get("isBase64Encoded") else text.encode()
        headers = {name.lower(): str(value) for name, value in (result.get("headers") or {}).items()}
        headers = {name: value for name, value in headers.items() if name not in _HOP_BY_HOP}
        return FunctionAnswer(
            int(result["statusCode"]),
            {"content-type": "application/json"} | headers,
            tuple(result.get("cookies") or ()),
            body,
        )
    except (TypeError, ValueError, AttributeError):
        return _bad_gateway("the function's answer is not of the form that function URLs understand")


def _bad_gateway(reason: str) -> FunctionAnswer:
    return FunctionAnswer(502, {"content-type": "text/plain"}, (), reason.encode())
