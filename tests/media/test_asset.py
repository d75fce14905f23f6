"""Uploads are read from AWS's own published events, and junk says what is wrong with it."""

from __future__ import annotations

import pytest

from pipeline.media.asset import EventNotUnderstood, Upload
from tests.media.films import event, upload

#: Amazon S3 User Guide, "EventBridge event message structure", the example for "Object Created"
#: (https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html); bucket name and key as printed there.
PUBLISHED = {
    "version": "0",
    "id": "17793124-05d4-b198-2fde-7ededc63b103",
    "detail-type": "Object Created",
    "source": "aws.s3",
    "account": "111122223333",
    "time": "2021-11-12T00:00:00Z",
    "region": "ca-central-1",
    "resources": ["arn:aws:s3:::amzn-s3-demo-bucket1"],
    "detail": {
        "version": "0",
        "bucket": {"name": "amzn-s3-demo-bucket1"},
        "object": {
            "key": "example-key",
            "size": 5,
            "etag": "b1946ac92492d2347c6235b4d2611184",
            "version-id": "IYV3p45BT0ac8hjHg1houSdS1a.Mro8e",
            "sequencer": "617f08299329d189",
        },
        "request-id": "N4N7GDK58NMKJ12R",
        "requester": "123456789012",
        "source-ip-address": "1.2.3.4",
        "reason": "PutObject",
    },
}


def test_reads_the_event_that_aws_publishes():
    read = Upload.from_event(PUBLISHED)
    assert (read.bucket, read.key, read.size) == ("amzn-s3-demo-bucket1", "example-key", 5)
    assert read.version_id == "IYV3p45BT0ac8hjHg1houSdS1a.Mro8e"
    assert read.order.startswith("617F08299329D189000")
    assert read.revision == 1
    assert read.url == "s3://amzn-s3-demo-bucket1/example-key"


def test_a_bucket_without_versioning_sends_no_version_id():
    unversioned = {key: value for key, value in event()["detail"]["object"].items() if key != "version-id"}
    read = Upload.from_event({"detail": {"bucket": {"name": "b"}, "object": unversioned}})
    assert read.version_id is None and len(read.version) == 10


def test_a_key_is_taken_as_it_stands_because_eventbridge_does_not_encode_it():
    assert upload("uploads/a+b%20c d.mp4").key == "uploads/a+b%20c d.mp4"


def test_an_upload_survives_the_state_machine():
    assert Upload.from_state(upload().as_state()) == upload()


def test_two_events_of_one_upload_are_one_version_and_a_second_upload_is_another():
    assert upload().version == upload(sequencer="FF").version
    other = upload(**{"version-id": "another"})
    assert other.version != upload().version and other.asset_id == upload().asset_id


@pytest.mark.parametrize(
    ("junk", "says"),
    [
        ({}, "'detail'"),
        ({"detail": {}}, "'bucket'"),
        ({"detail": {"bucket": {"name": "b"}}}, "'object'"),
        ({"detail": {"bucket": {"name": "b"}, "object": {"key": "k", "sequencer": "0"}}}, "'etag'"),
        (event(sequencer=None), "'sequencer' is no text"),
        (event(key=""), "'key' is no text"),
        (event(size="many"), "many"),
        ({"detail": [1]}, "list"),
        ({"detail": {"bucket": "b", "object": {}}}, "TypeError"),
        ([], "list"),
        (None, "None"),
        ("text", "text"),
    ],
)
def test_junk_is_refused_with_the_field_that_is_missing(junk, says):
    with pytest.raises(EventNotUnderstood, match=says):
        Upload.from_event(junk)
