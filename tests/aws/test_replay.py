"""Dead letters and objects that were there before: sent through the same doors, never lost on the way."""

from __future__ import annotations

import datetime
import io
import json
from types import SimpleNamespace

import pytest

from pipeline.aws import existing, replay
from pipeline.aws.clients import client
from pipeline.media.asset import Upload
from tests.aws.world import Queue
from tests.media.films import BUCKET


@pytest.fixture
def dead(aws, monkeypatch) -> Queue:
    """A queue that answers at once when it is empty."""
    real = replay.client

    def impatient(service: str):
        if service != "sqs":
            return real(service)
        sqs = real("sqs")
        asked = lambda **more: sqs.receive_message(**{**more, "WaitTimeSeconds": 0})  # noqa: E731
        return SimpleNamespace(receive_message=asked, delete_message=sqs.delete_message, send_message=sqs.send_message)

    monkeypatch.setattr(replay, "client", impatient)
    return Queue("dead")


def put(queue: Queue, *bodies: object) -> None:
    for body in bodies:
        client("sqs").send_message(QueueUrl=queue.url, MessageBody=json.dumps(body))


def left(queue: Queue) -> int:
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    answer = client("sqs").get_queue_attributes(QueueUrl=queue.url, AttributeNames=names)
    return sum(int(count) for count in answer["Attributes"].values())


def test_every_dead_letter_goes_back_word_for_word(dead, jobs_queue):
    put(dead, *({"number": number} for number in range(23)))
    assert replay.to_queue(dead.url, jobs_queue.url) == 23
    assert (left(dead), left(jobs_queue)) == (0, 23)
    assert replay.to_queue(dead.url, jobs_queue.url) == 0


def test_a_letter_that_cannot_be_handed_over_stays(dead, monkeypatch):
    put(dead, {"number": 1})
    with pytest.raises(Exception, match=r"NonExistentQueue|does not exist"):
        replay.to_queue(dead.url, f"{dead.url}-gone")
    assert left(dead) == 1


class Function:
    def __init__(self, monkeypatch, fails: bool = False):
        self.called: list[object] = []
        self.fails = fails
        real = replay.client
        monkeypatch.setattr(replay, "client", lambda service: self if service == "lambda" else real(service))

    def invoke(self, FunctionName: str, Payload: bytes) -> dict:
        self.called.append(json.loads(Payload))
        answer = {"Payload": io.BytesIO(b'{"errorMessage": "still"}')}
        return {**answer, "FunctionError": "Unhandled"} if self.fails else answer


EVENT = {"detail-type": "Step Functions Execution Status Change", "detail": {"status": "FAILED"}}
LETTERS = {
    "EventBridge could not deliver it": EVENT,
    "the function failed on it": {
        "version": "1.0",
        "requestContext": {"condition": "RetriesExhausted", "approximateInvokeCount": 3},
        "requestPayload": EVENT,
        "responseContext": {"statusCode": 200, "functionError": "Unhandled"},
        "responsePayload": {"errorMessage": "x"},
    },
}


@pytest.mark.parametrize("letter", LETTERS.values(), ids=LETTERS)
def test_a_function_gets_the_event_itself(dead, monkeypatch, letter):
    function = Function(monkeypatch)
    put(dead, letter)
    assert replay.to_function(dead.url, "record") == 1 and function.called == [EVENT] and left(dead) == 0


def test_what_a_function_fails_on_again_stays_and_says_why(dead, monkeypatch):
    Function(monkeypatch, fails=True)
    put(dead, EVENT)
    with pytest.raises(replay.ReplayRefused, match="still"):
        replay.to_function(dead.url, "record")
    assert left(dead) == 1


# Objects that were there before ---------------------------------------------------------------------------------------


def upload(key: str) -> str:
    return client("s3").put_object(Bucket=BUCKET, Key=key, Body=key.encode())["VersionId"]


def test_every_film_below_a_prefix_is_announced_as_s3_would_have(jobs_queue):
    versions = {key: upload(key) for key in ("uploads/a/1.mp4", "uploads/a/\u6620 +%.mov")}
    for key in ("uploads/a/1.en.srt", "uploads/a/", "uploads/b/other.mp4"):
        upload(key)
    assert existing.announce(BUCKET, "uploads/a/", jobs_queue.url) == {"sent": 2, "left_out": 2}
    found = {each.key: each for each in map(Upload.from_event, jobs_queue.bodies())}
    assert {key: each.version_id for key, each in found.items()} == versions
    assert all(each.size > 0 and '"' not in each.etag for each in found.values())


def test_only_the_newest_version_of_a_key_is_announced(jobs_queue):
    upload("uploads/1.mp4")
    newest = upload("uploads/1.mp4")
    assert existing.announce(BUCKET, "uploads/", jobs_queue.url)["sent"] == 1
    assert Upload.from_event(jobs_queue.bodies()[0]).version_id == newest


def test_many_films_go_in_batches(jobs_queue):
    for number in range(21):
        upload(f"uploads/{number}.mp4")
    assert existing.announce(BUCKET, "uploads/", jobs_queue.url)["sent"] == 21 and left(jobs_queue) == 21


def test_an_object_from_before_is_older_than_any_upload_after_it():
    """The sample's sequencer is of the second 617F0829 (S3 User Guide, "EventBridge event message structure")."""
    moment = datetime.datetime.fromtimestamp(0x617F0829, datetime.UTC)
    version = {"Key": "uploads/1.mp4", "Size": 1, "ETag": '"e"', "VersionId": "v", "LastModified": moment}
    before = Upload.from_event(existing.event_for(BUCKET, version))
    event = existing.event_for(BUCKET, {**version, "VersionId": "w"})
    event["detail"]["object"]["sequencer"] = "617f08299329d189"
    assert before.order < Upload.from_event(event).order


def test_only_uploads_are_taken(aws):
    with pytest.raises(existing.NotUnderUploads, match="uploads/"):
        existing.announce(BUCKET, "receipts/", "url")


def test_a_message_that_sqs_refuses_is_no_silence(aws, monkeypatch):
    upload("uploads/1.mp4")
    real = existing.client
    refused = {"Failed": [{"Id": "0", "Code": "InternalError", "Message": "no"}]}
    full = SimpleNamespace(send_message_batch=lambda **batch: refused)
    monkeypatch.setattr(existing, "client", lambda service: full if service == "sqs" else real(service))
    with pytest.raises(existing.QueueRefused, match="InternalError"):
        existing.announce(BUCKET, "uploads/", "url")
