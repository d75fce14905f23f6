"""From an upload to whoever listens: S3's events, EventBridge's rules, SQS, Lambda."""

from __future__ import annotations

import io
import json
import re
import statistics
import time
from pathlib import Path

import pytest
from boto3.s3.transfer import TransferConfig

from tests.local.stack.functions import calls, create_recorder, until

MB = 1 << 20


@pytest.fixture
def queue(aws, request: pytest.FixtureRequest) -> tuple[str, str]:
    """(url, arn) of a queue of this test's own."""
    return make_queue(aws, f"q{abs(hash(request.node.name))}")


def make_queue(aws, name: str, **attributes: str) -> tuple[str, str]:
    sqs = aws.client("sqs")
    url = sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
    return url, sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]


def make_rule(aws, name: str, pattern: dict, *targets: dict) -> None:
    events = aws.client("events")
    events.put_rule(Name=name, EventPattern=json.dumps(pattern))
    events.put_targets(Rule=name, Targets=[{"Id": str(number), **target} for number, target in enumerate(targets)])


def messages(aws, url: str, wanted: int, seconds: float = 5.0) -> list[dict]:
    sqs, found = aws.client("sqs"), []
    deadline = time.monotonic() + seconds
    while len(found) < wanted and time.monotonic() < deadline:
        found += sqs.receive_message(
            QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1, MessageAttributeNames=["All"]
        ).get("Messages", [])
    return found


def bodies(aws, url: str, wanted: int) -> list[dict]:
    return [json.loads(message["Body"]) for message in messages(aws, url, wanted)]


@pytest.fixture
def listened(aws, s3, versioned: str, queue: tuple[str, str]) -> str:
    """A versioned bucket whose uploads are announced in the queue."""
    s3.put_bucket_notification_configuration(
        Bucket=versioned, NotificationConfiguration={"EventBridgeConfiguration": {}}
    )
    make_rule(
        aws,
        f"rule-{versioned}",
        {
            "source": ["aws.s3"],
            "detail": {"bucket": {"name": [versioned]}, "object": {"key": [{"prefix": "uploads/"}]}},
        },
        {"Arn": queue[1]},
    )
    return versioned


def test_an_uploads_event_is_shaped_as_in_aws(aws, s3, listened: str, queue: tuple[str, str]):
    put = s3.put_object(Bucket=listened, Key="uploads/a b+ü%.mp4", Body=b"film")
    [event] = bodies(aws, queue[0], 1)
    detail = event.pop("detail")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", event.pop("time"))
    assert event.pop("id")
    assert event == {
        "version": "0",
        "detail-type": "Object Created",
        "source": "aws.s3",
        "account": "123456789012",
        "region": aws.region,
        "resources": [f"arn:aws:s3:::{listened}"],
    }
    assert re.fullmatch(r"[0-9a-f]{16}", detail["object"].pop("sequencer"))
    assert re.fullmatch(r"[0-9A-Z]{16}", detail.pop("request-id"))
    assert detail == {
        "version": "0",
        "bucket": {"name": listened},
        "object": {
            "key": "uploads/a b+ü%.mp4",
            "size": 4,
            "etag": put["ETag"].strip('"'),
            "version-id": put["VersionId"],
        },
        "requester": "123456789012",
        "source-ip-address": "127.0.0.1",
        "reason": "PutObject",
    }


def test_every_way_to_make_an_object_gives_one_event_with_its_reason(aws, s3, listened: str, queue: tuple[str, str]):
    s3.put_object(Bucket=listened, Key="other/never", Body=b"x")
    s3.put_object(Bucket=listened, Key="uploads/put", Body=b"x")
    s3.upload_fileobj(
        io.BytesIO(b"x" * 6 * MB),
        listened,
        "uploads/multipart",
        Config=TransferConfig(multipart_threshold=5 * MB, multipart_chunksize=5 * MB),
    )
    s3.copy_object(Bucket=listened, Key="uploads/copy", CopySource={"Bucket": listened, "Key": "other/never"})
    events = [json.loads(message["Body"]) for message in messages(aws, queue[0], 4, seconds=1.5)]
    assert {event["detail"]["object"]["key"]: event["detail"]["reason"] for event in events} == {
        "uploads/put": "PutObject",
        "uploads/multipart": "CompleteMultipartUpload",
        "uploads/copy": "CopyObject",
    }
    assert len(events) == 3


def test_the_sequencer_of_a_key_grows_with_each_write(aws, s3, listened: str, queue: tuple[str, str]):
    versions = [s3.put_object(Bucket=listened, Key="uploads/film", Body=b"x")["VersionId"] for _ in range(20)]
    objects = [event["detail"]["object"] for event in bodies(aws, queue[0], 20)]
    in_order = sorted(objects, key=lambda found: found["sequencer"])
    assert [found["version-id"] for found in in_order] == versions


def test_deleting_is_announced_as_deleting(aws, s3, listened: str, queue: tuple[str, str]):
    s3.put_object(Bucket=listened, Key="uploads/film", Body=b"x")
    marker = s3.delete_object(Bucket=listened, Key="uploads/film")["VersionId"]
    deleted = next(event for event in bodies(aws, queue[0], 2) if event["detail-type"] == "Object Deleted")
    assert deleted["detail"]["deletion-type"] == "Delete Marker Created"
    assert (deleted["detail"]["reason"], deleted["detail"]["object"]["version-id"]) == ("DeleteObject", marker)


def test_our_own_services_announce_what_users_may_not(aws, queue: tuple[str, str]):
    from pipeline.local.emulators import events

    make_rule(
        aws, "mediaconvert", {"source": ["aws.mediaconvert"], "detail": {"status": ["COMPLETE"]}}, {"Arn": queue[1]}
    )
    refused = aws.client("events").put_events(
        Entries=[{"Source": "aws.mediaconvert", "DetailType": "x", "Detail": '{"status": "COMPLETE"}'}]
    )
    assert refused["Entries"][0]["ErrorCode"] == "NotAuthorizedForSourceException"
    events.mediaconvert_emit("MediaConvert Job State Change", {"status": "COMPLETE"}, ["arn:aws:mediaconvert:job"])
    [event] = bodies(aws, queue[0], 1)
    assert (event["source"], event["detail-type"]) == ("aws.mediaconvert", "MediaConvert Job State Change")
    assert (event["detail"], event["resources"]) == ({"status": "COMPLETE"}, ["arn:aws:mediaconvert:job"])


def test_what_cannot_be_delivered_goes_to_the_targets_dead_letter_queue(aws, queue: tuple[str, str]):
    gone = "arn:aws:lambda:us-east-1:123456789012:function:gone"
    make_rule(aws, "undeliverable", {"source": ["my.test"]}, {"Arn": gone, "DeadLetterConfig": {"Arn": queue[1]}})
    aws.client("events").put_events(Entries=[{"Source": "my.test", "DetailType": "x", "Detail": '{"a": 1}'}])
    [message] = messages(aws, queue[0], 1)
    attributes = {name: value["StringValue"] for name, value in message["MessageAttributes"].items()}
    assert json.loads(message["Body"])["detail"] == {"a": 1}
    assert (attributes["TARGET_ARN"], attributes["ERROR_CODE"]) == (gone, "RESOURCE_NOT_FOUND")


def test_a_topic_and_a_function_are_told_too(aws, queue: tuple[str, str], tmp_path: Path):
    sns = aws.client("sns")
    topic = sns.create_topic(Name="told")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue[1], Attributes={"RawMessageDelivery": "true"})
    function = create_recorder(aws, "told", tmp_path / "calls")
    make_rule(aws, "told", {"source": ["my.told"]}, {"Arn": topic}, {"Arn": function})
    aws.client("events").put_events(Entries=[{"Source": "my.told", "DetailType": "x", "Detail": '{"a": 2}'}])
    assert bodies(aws, queue[0], 1)[0]["detail"] == {"a": 2}
    assert until(lambda: calls(tmp_path / "calls"))[0]["event"]["detail"] == {"a": 2}


def test_a_function_that_fails_for_a_rule_is_retried_and_then_given_up(aws, queue: tuple[str, str], tmp_path: Path):
    function = create_recorder(aws, "failing", tmp_path / "calls", action="1 / 0")
    aws.client("lambda").put_function_event_invoke_config(
        FunctionName="failing", MaximumRetryAttempts=1, DestinationConfig={"OnFailure": {"Destination": queue[1]}}
    )
    make_rule(aws, "failing", {"source": ["my.failing"]}, {"Arn": function})
    aws.client("events").put_events(Entries=[{"Source": "my.failing", "DetailType": "x", "Detail": "{}"}])
    [given_up] = bodies(aws, queue[0], 1)
    assert len(calls(tmp_path / "calls")) == 2
    assert given_up["responsePayload"]["errorType"] == "ZeroDivisionError"


# ---- event source mappings ------------------------------------------------------------------------------------------


def map_queue(aws, arn: str, function: str, **options: object) -> None:
    aws.client("lambda").create_event_source_mapping(
        EventSourceArn=arn,
        FunctionName=function,
        BatchSize=10,
        FunctionResponseTypes=["ReportBatchItemFailures"],
        **options,
    )


def test_a_message_reaches_its_function_in_milliseconds(aws, s3, listened: str, queue: tuple[str, str], tmp_path: Path):
    function, record = create_recorder(aws, "quick", tmp_path / "calls"), tmp_path / "calls"
    map_queue(aws, queue[1], function)
    delays = []
    for number in range(12):
        sent = time.time()
        s3.put_object(Bucket=listened, Key=f"uploads/{number}", Body=b"x")
        call = until(lambda number=number: calls(record)[number:])[0]
        delays.append(call["at"] - sent)
        time.sleep(0.05 * (number % 3))  # after a pause too
    print(f"upload to function: median {statistics.median(delays) * 1000:.0f} ms, first {delays[0] * 1000:.0f} ms")
    assert statistics.median(delays) < 0.5


def test_only_the_messages_that_failed_come_again_and_end_as_dead_letters(aws, tmp_path: Path):
    dead_url, dead_arn = make_queue(aws, "dead")
    url, arn = make_queue(
        aws,
        "partial",
        VisibilityTimeout="1",
        RedrivePolicy=json.dumps({"deadLetterTargetArn": dead_arn, "maxReceiveCount": 2}),
    )
    action = (
        '{"batchItemFailures": [{"itemIdentifier": record["messageId"]} for record in event["Records"] '
        'if record["body"] == "bad"]}'
    )
    map_queue(aws, arn, create_recorder(aws, "partial", tmp_path / "calls", action=action))
    aws.client("sqs").send_message_batch(
        QueueUrl=url,
        Entries=[{"Id": str(number), "MessageBody": text} for number, text in enumerate(["good", "bad", "good too"])],
    )
    [dead] = messages(aws, dead_url, 1, seconds=10)
    assert dead["Body"] == "bad"
    seen = [record["body"] for call in calls(tmp_path / "calls") for record in call["event"]["Records"]]
    assert sorted(seen) == ["bad", "bad", "good", "good too"]


def test_no_message_is_lost_when_senders_and_functions_race(aws, tmp_path: Path):
    from concurrent.futures import ThreadPoolExecutor

    url, arn = make_queue(aws, "race")
    record = tmp_path / "calls"
    map_queue(aws, arn, create_recorder(aws, "race", record), ScalingConfig={"MaximumConcurrency": 4})
    sqs = aws.client("sqs", max_pool_connections=8)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: sqs.send_message(QueueUrl=url, MessageBody=str(number)), range(300)))

    def arrived() -> list[int]:
        return [int(item["body"]) for call in calls(record) for item in call["event"]["Records"]]

    until(lambda: len(arrived()) >= 300, 30)
    assert sorted(arrived()) == list(range(300))


def test_the_mappings_concurrency_is_kept(aws, tmp_path: Path):
    url, arn = make_queue(aws, "narrow")
    record = tmp_path / "calls"
    create_recorder(aws, "narrow", record, action="time.sleep(0.3)")
    for number in range(6):
        aws.client("sqs").send_message(QueueUrl=url, MessageBody=str(number))
    aws.client("lambda").create_event_source_mapping(
        EventSourceArn=arn, FunctionName="narrow", BatchSize=1, ScalingConfig={"MaximumConcurrency": 2}
    )
    until(lambda: len(calls(record)) == 6)
    starts = sorted(call["at"] for call in calls(record))
    assert all(later - earlier > 0.25 for earlier, later in zip(starts, starts[2:], strict=False))


def test_users_may_wait_for_a_message(aws, queue: tuple[str, str]):
    sqs, begun = aws.client("sqs"), time.monotonic()
    assert "Messages" not in sqs.receive_message(QueueUrl=queue[0], WaitTimeSeconds=1)
    assert 0.9 < time.monotonic() - begun < 3
