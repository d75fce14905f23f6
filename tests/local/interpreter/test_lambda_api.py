"""Functions behind the Lambda API, and behind what invokes them: callers, queues, asynchronous events."""

from __future__ import annotations

import base64
import json
import time
import uuid
from pathlib import Path

import pytest

from tests.local.interpreter.world import ACCOUNT, FUNCTION, REGION, ROLE, World, packed


def _create(world: World, source: str, **options: object) -> str:
    name = f"f-{uuid.uuid4().hex[:8]}"
    world.client("lambda").create_function(
        **{
            "FunctionName": name,
            "Runtime": "python3.14",
            "Role": ROLE,
            "Handler": "handlers.handler",
            "Timeout": 10,
            "Code": {"ZipFile": packed(source)},
            **options,
        }
    )
    return name


def _queue(world: World, name: str, **attributes: str) -> tuple[str, str]:
    url = world.client("sqs").create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
    return url, f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"


def _messages(world: World, url: str, number: int, patience: float = 20) -> list[str]:
    found: list[str] = []
    deadline = time.monotonic() + patience
    while len(found) < number and time.monotonic() < deadline:
        answer = world.client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1)
        found += [message["Body"] for message in answer.get("Messages", [])]
    return found


def test_a_caller_gets_the_answer_and_the_end_of_the_log(world: World) -> None:
    answer = world.client("lambda").invoke(FunctionName="echo", Payload=b'{"k": 1}', LogType="Tail")
    assert json.loads(answer["Payload"].read()) == {"k": 1} and "FunctionError" not in answer
    log = base64.b64decode(answer["LogResult"]).decode()
    assert log.startswith("START RequestId: ") and "\nREPORT RequestId: " in log


def test_a_caller_gets_the_error_of_a_function_that_fails(world: World) -> None:
    answer = world.client("lambda").invoke(FunctionName="fail", Payload=b"{}")
    assert (answer["StatusCode"], answer["FunctionError"]) == (200, "Unhandled")
    assert json.loads(answer["Payload"].read())["errorType"] == "CustomError"


def test_new_code_and_a_new_environment_count_from_the_next_event(world: World) -> None:
    name = _create(world, "import os\ndef handler(e, c): return 'old'")
    functions = world.client("lambda")

    def result() -> object:
        return json.loads(functions.invoke(FunctionName=name)["Payload"].read())

    assert result() == "old"
    functions.update_function_code(
        FunctionName=name, ZipFile=packed("import os\ndef handler(e, c): return os.environ.get('COLOUR', 'new')")
    )
    assert result() == "new"
    functions.update_function_configuration(FunctionName=name, Environment={"Variables": {"COLOUR": "red"}})
    assert result() == "red"


def test_logs_are_in_a_file_and_in_cloudwatch(world: World) -> None:
    name = _create(world, "def handler(e, c): print('seen', e)")
    world.client("lambda").invoke(FunctionName=name, Payload=b"42")
    text = Path(world.logs, f"{name}.log").read_text()
    assert "seen 42" in text
    events = world.client("logs").filter_log_events(logGroupName=f"/aws/lambda/{name}")["events"]
    assert [event["message"].strip() for event in events] == text.splitlines()


def test_an_asynchronous_event_that_fails_is_tried_three_times_and_then_goes_to_its_destination(world: World) -> None:
    url, arn = _queue(world, f"failed-{uuid.uuid4().hex[:8]}")
    name = _create(world, "def handler(e, c):\n    print('tried')\n    raise ValueError(e)")
    functions = world.client("lambda")
    functions.put_function_event_invoke_config(FunctionName=name, DestinationConfig={"OnFailure": {"Destination": arn}})
    assert functions.invoke(FunctionName=name, InvocationType="Event", Payload=b'"x"')["StatusCode"] == 202
    told = json.loads(_messages(world, url, 1)[0])
    assert told["requestPayload"] == "x" and told["responsePayload"]["errorType"] == "ValueError"
    assert Path(world.logs, f"{name}.log").read_text().count("\ntried\n") == 3


def test_a_queues_messages_that_fail_stay_and_the_others_go(world: World) -> None:
    name = f"source-{uuid.uuid4().hex[:8]}"
    dead, dead_arn = _queue(world, f"{name}-dead")
    redrive = json.dumps({"deadLetterTargetArn": dead_arn, "maxReceiveCount": 1})
    url, arn = _queue(world, name, VisibilityTimeout="1", RedrivePolicy=redrive)
    world.client("sqs").send_message_batch(
        QueueUrl=url,
        Entries=[{"Id": str(number), "MessageBody": body} for number, body in enumerate(["good", "bad", "good"])],
    )
    mapping = world.client("lambda").create_event_source_mapping(
        FunctionName="batch", EventSourceArn=arn, FunctionResponseTypes=["ReportBatchItemFailures"]
    )
    try:
        assert _messages(world, dead, 1) == ["bad"]
        attributes = world.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        assert attributes["ApproximateNumberOfMessages"] == "0"
    finally:
        world.client("lambda").delete_event_source_mapping(UUID=mapping["UUID"])


@pytest.mark.parametrize("qualifier", ["", ":$LATEST"])
def test_a_function_is_invoked_by_its_arn(world: World, qualifier: str) -> None:
    answer = world.client("lambda").invoke(FunctionName=f"{FUNCTION}:about{qualifier}")
    assert json.loads(answer["Payload"].read())["arn"] == f"{FUNCTION}:about{qualifier}"
