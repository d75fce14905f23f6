"""What people are told: messages of the published shape, through the filters of the documentation, and receipts."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.aws import life
from pipeline.cli.operate import place
from pipeline.cli.world import spoken_to
from tests.e2e import films
from tests.e2e.conftest import Pipeline
from tests.media.receipt_schema import check_message, check_receipt
from tests.media.test_notification import filters

GOOD, BAD = "uploads/autumn/told.mp4", "uploads/winter/no film.mp4"


class Ear:
    """A queue that hears the topic through one filter policy."""

    def __init__(self, pipeline: Pipeline, name: str, policy: dict[str, Any] | None) -> None:
        self._sqs, sns = pipeline.world.client("sqs"), pipeline.world.client("sns")
        self.url = self._sqs.create_queue(QueueName=name)["QueueUrl"]
        arn = self._sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        attributes = {} if policy is None else {"FilterPolicy": json.dumps(policy)}
        topic = pipeline.world.outputs["TopicArn"]
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes=attributes)
        self.heard: list[tuple[dict[str, Any], dict[str, Any]]] = []

    def listen(self, count: int, seconds: float = 20) -> list[tuple[str, str]]:
        """(event, file) of what was heard; waits until there are so many."""
        deadline = time.monotonic() + seconds
        while True:
            answer = self._sqs.receive_message(QueueUrl=self.url, WaitTimeSeconds=1, MaxNumberOfMessages=10)
            for message in answer.get("Messages", []):
                body = json.loads(message["Body"])
                self.heard.append((json.loads(body["Message"]), body["MessageAttributes"]))
                self._sqs.delete_message(QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"])
            if len(self.heard) >= count or time.monotonic() > deadline:
                return sorted((said["event"], said["file"]) for said, _ in self.heard)


@pytest.fixture(scope="module")
def told(pipeline: Pipeline, film_folder: Path) -> Iterator[dict[str, Any]]:
    """One film published and deleted, one rejected; who listened, and the receipts on the way."""
    ears = [Ear(pipeline, f"told-{number}", policy) for number, policy in enumerate([None, *filters()])]
    bad = film_folder / "no film.mp4"
    bad.write_text("These are words, and no film.")
    rejected, published = pipeline.send(bad, BAD), pipeline.send(films.plain(film_folder), GOOD)
    receipts = {"rejected": pipeline.receipt(BAD), "published": pipeline.receipt(GOOD)}
    pages = {"published": page(pipeline, GOOD)}
    with spoken_to(pipeline.world) as world:
        beyond = life.Beyond(world.outputs["TopicArn"], world.outputs["DistributionId"])
        life.delete(published.asset_id, place(world), beyond)
    receipts["deleted"] = pipeline.receipt(GOOD)
    yield {"ears": ears, "receipts": receipts, "pages": pages, "results": {BAD: rejected, GOOD: published}}


def page(pipeline: Pipeline, key: str) -> str:
    where = key.replace("uploads/", "receipts/", 1) + ".html"
    found = pipeline.world.client("s3").get_object(Bucket=pipeline.world.outputs["SourcesBucket"], Key=where)
    return found["Body"].read().decode()


def test_every_message_has_the_published_shape_and_its_attributes(told):
    everybody = told["ears"][0]
    assert everybody.listen(3) == [("deleted", GOOD), ("published", GOOD), ("rejected", BAD)]
    for said, attributes in everybody.heard:
        check_message(said)
        values = {name: each["Value"] for name, each in attributes.items()}
        code = {"code": said["error"]["code"]} if "error" in said else {}
        folder = said["file"].split("/")[1]
        assert values == {
            "event": said["event"], "schema": "2", "asset_id": said["asset_id"], "folder": folder, **code
        }  # fmt: skip


def test_the_documentations_filters_let_through_what_they_say(told):
    team, operators, bad_files, programs = told["ears"][1:]
    assert team.listen(2) == [("deleted", GOOD), ("published", GOOD)]
    assert bad_files.listen(1) == [("rejected", BAD)]
    assert programs.listen(3) == [("deleted", GOOD), ("published", GOOD), ("rejected", BAD)]
    assert operators.listen(1, seconds=1) == []


def test_receipts_and_messages_have_the_same_ids(told):
    told["ears"][0].listen(3)
    ids = {said["event"]: said["deduplication_id"] for said, _ in told["ears"][0].heard}
    assert ids == {event: receipt["deduplication_id"] for event, receipt in told["receipts"].items()}


def test_a_receipt_says_what_was_found_made_and_spent(told):
    receipt = check_receipt(told["receipts"]["published"])
    assert receipt["found"].endswith("s") and receipt["renditions"] and receipt["plays"]["version"]
    assert receipt["price"]["predicted"]["total"] > 0 and receipt["since"] > receipt["received_at"]
    assert receipt["playback"]["poster"].endswith(".jpg")


def test_a_receipts_page_is_there_for_people(told):
    text = told["pages"]["published"]
    assert "<h1><bdi>told</bdi></h1>" in text and told["results"][GOOD].playback_url in text


def test_a_deleted_films_receipt_stays_and_says_so(told):
    receipt = check_receipt(told["receipts"]["deleted"])
    assert receipt["status"] == "deleted" and receipt["removed_objects"]["outputs"] > 10
    assert check_receipt(told["receipts"]["rejected"])["error"]["fix"]
