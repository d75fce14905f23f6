"""The bench of `vod list` writes what `vod list` reads."""

from __future__ import annotations

from boto3.dynamodb.types import TypeSerializer

from bench import listing
from pipeline.aws import reading
from pipeline.aws.clients import client
from tests.aws.world import TABLE, furnish, moto_in_place
from tests.media.films import BUCKET


def test_its_records_are_listed_as_films():
    with moto_in_place():
        furnish()
        for number in (50, 51):
            item = {name: TypeSerializer().serialize(each) for name, each in listing.record(BUCKET, number).items()}
            client("dynamodb").put_item(TableName=TABLE, Item=item)
        newest, older = reading.listed(TABLE)
    assert (newest["status"], newest["code"]) == ("published", None) and newest["film"].endswith("name 51.mp4")
    assert (older["status"], older["code"]) == ("failed", "TRANSCODE_FAILED")
