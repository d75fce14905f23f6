"""Faults of the stack around MediaConvert, met by a client: each is seen once, and then everything works again."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest
from botocore.exceptions import ClientError

from pipeline.local import faults, faults_world
from pipeline.local.faults import Fault, Plan
from pipeline.local.stack import Stack, set_faults


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with Stack.start(tmp_path_factory.mktemp("home"), port=0, edge_port=0) as stack:
        yield stack


@pytest.fixture(autouse=True)
def no_faults_afterwards() -> Iterator[None]:
    yield
    set_faults(None)


def once(stack: Stack, service: str):
    return stack.client(service, retries={"total_max_attempts": 1})


def put(stack: Stack) -> None:
    once(stack, "s3").put_object(Bucket=stack.outputs["OutputsBucket"], Key="w/film-1/x.json", Body=b"{}")


def write(stack: Stack) -> None:
    item = {"pk": {"S": "film-1"}, "sk": {"S": "test"}}
    once(stack, "dynamodb").put_item(TableName=stack.outputs["AssetsTable"], Item=item)


def start(stack: Stack) -> None:
    name = f"begun-1-{time.time_ns()}"
    text = json.dumps({"upload": {"asset_id": "begun-1"}})  # its steps meet faults too
    once(stack, "stepfunctions").start_execution(
        stateMachineArn=stack.outputs["StateMachineArn"], name=name, input=text
    )


def invoke(stack: Stack) -> dict:
    name = stack.deployment.physical["PlanFunction"]
    payload = json.dumps({"upload": {"asset_id": "film-1", "key": "uploads/film.mp4"}})
    return once(stack, "lambda").invoke(FunctionName=name, Payload=payload)


def publish(stack: Stack) -> None:
    once(stack, "sns").publish(TopicArn=stack.outputs["TopicArn"], Message=json.dumps({"asset_id": "film-1"}))


def probe(stack: Stack) -> None:
    once(stack, "mediaconvert").list_jobs()


@pytest.mark.parametrize(
    ("kind", "call", "code", "status"),
    [
        ("s3.slow_down", put, "SlowDown", 503),
        ("s3.fault", put, "InternalError", 500),
        ("s3.lost_answer", put, "InternalError", 500),
        ("dynamodb.throttle", write, "ProvisionedThroughputExceededException", 400),
        ("dynamodb.fault", write, "InternalServerError", 500),
        ("dynamodb.lost_answer", write, "InternalServerError", 500),
        ("states.throttle", start, "ThrottlingException", 400),
        ("states.fault", start, "InternalFailure", 500),
        ("states.lost_answer", start, "InternalFailure", 500),
        ("lambda.throttle", invoke, "TooManyRequestsException", 429),
        ("lambda.fault", invoke, "ServiceException", 500),
        ("sns.fault", publish, "InternalError", 500),
        ("mediaconvert.throttle", probe, "TooManyRequestsException", 429),
        ("mediaconvert.fault", probe, "InternalServerErrorException", 500),
        ("mediaconvert.lost_answer", probe, "InternalServerErrorException", 500),
    ],
)
def test_a_service_in_trouble_says_so_once(stack, kind, call, code, status):
    match = {"mediaconvert": {}, "states": {"asset_id": "begun-*"}}.get(kind.split(".")[0], {"asset_id": "film-*"})
    set_faults(Plan((Fault(kind, match),)))
    with pytest.raises(ClientError) as raised:
        call(stack)
    assert raised.value.response["Error"]["Code"] == code
    assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == status
    call(stack)
    assert [one.kind for one in stack.faults.injected if one.kind == kind]


def test_a_lost_answer_is_lost_after_the_work(stack):
    s3, bucket = once(stack, "s3"), stack.outputs["OutputsBucket"]
    for kind, there in (("s3.fault", False), ("s3.lost_answer", True)):
        set_faults(Plan((Fault(kind, {"operation": "PutObject", "key": f"w/film-2/{kind}"}),)))
        with pytest.raises(ClientError):
            s3.put_object(Bucket=bucket, Key=f"w/film-2/{kind}", Body=b"x")
        found = s3.list_objects_v2(Bucket=bucket, Prefix=f"w/film-2/{kind}").get("Contents", [])
        assert bool(found) is there


@pytest.mark.parametrize("when", ["before", "during", "after"])
@pytest.mark.parametrize(
    ("kind", "error"), [("lambda.kill", "Runtime.ExitError"), ("lambda.timeout", "Sandbox.Timedout")]
)
def test_a_function_dies(stack, kind, error, when):
    set_faults(Plan((Fault(kind, {"function": "*Plan*", "asset_id": "film-1"}, parameters={"when": when}),)))
    answer = invoke(stack)
    assert answer["FunctionError"] and json.loads(answer["Payload"].read())["errorType"] == error
    assert json.loads(invoke(stack)["Payload"].read())["errorType"] == "TypeError"  # the handler's own word again


def test_upload_events_come_again_and_late(monkeypatch):
    detail = json.dumps({"bucket": {"name": "films"}, "object": {"key": "uploads/film.mp4"}})
    event, arrived = {"Detail": detail, "DetailType": "Object Created"}, []

    def deliver() -> None:
        arrived.append(time.monotonic())

    began = time.monotonic()
    set_faults(Plan((Fault("s3.event_duplicate", parameters={"times": 2}),)))
    faults_world.s3_event(event, deliver)
    assert len(arrived) == 3
    set_faults(Plan((Fault("s3.event_late", parameters={"seconds": 0.2}),)))
    faults_world.s3_event(event, deliver)
    assert len(arrived) == 3
    time.sleep(0.4)
    assert len(arrived) == 4 and arrived[3] - began >= 0.2


def test_the_plan_is_set_over_http(stack):
    def call(method: str, body: object = None) -> dict:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{stack.endpoint_url}/_vod/faults", data, method=method)
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)

    assert call("GET") == {"plan": None, "injected": []}
    assert call("PUT", {"seed": 4, "faults": [{"kind": "s3.slow_down"}]})["plan"]["seed"] == 4
    with pytest.raises(ClientError):
        put(stack)
    assert [one["kind"] for one in call("GET")["injected"]] == ["s3.slow_down"]
    with pytest.raises(urllib.error.HTTPError) as refused:
        call("PUT", {"faults": [{"kind": "nonsense"}]})
    assert refused.value.code == 400 and b"/_vod/faults: faults[0].kind" in refused.value.read()
    assert call("DELETE")["plan"] is None
    put(stack)


def test_a_film_goes_its_way_unchanged_when_no_plan_is_at_work(stack, monkeypatch):
    """No point decides anything: with the plan away every hook returns before it asks."""
    monkeypatch.setattr(faults.Faults, "at", lambda *_: pytest.fail("a point was asked"))
    put(stack)
    write(stack)
    probe(stack)
    assert json.loads(invoke(stack)["Payload"].read())["errorType"] == "TypeError"
    assert stack.faults is None
