"""A bucket of somebody else's keeps all it has, gains what we need, and loses only that."""

from __future__ import annotations

import json
from typing import Any

import boto3
import pytest
from moto import mock_aws

from pipeline.aws import adoption, clients
from pipeline.aws.adoption import BucketContended, BucketUnfit, Wish

BUCKET = "films"
OURS = adoption.mark("arn:aws:cloudformation:us-east-1:123456789012:stack/Vod/1")
OTHERS = adoption.mark("arn:aws:cloudformation:us-east-1:123456789012:stack/Vod-test/2")

LET_IN = {
    "Effect": "Allow",
    "Principal": {"Service": "cloudfront.amazonaws.com"},
    "Action": "s3:GetObject",
    "Resource": f"arn:aws:s3:::{BUCKET}/a/*",
}
THEIRS = {**LET_IN, "Sid": "Theirs", "Principal": {"AWS": "arn:aws:iam::210987654321:root"}}
CORS = {"AllowedMethods": ["GET"], "AllowedOrigins": ["*"], "AllowedHeaders": ["*"]}
RULE = {"Status": "Enabled", "Filter": {"Prefix": "w/"}, "Expiration": {"Days": 14}}
WISH = Wish(statements=(LET_IN,), cors=(CORS,), lifecycle=(RULE,), versioned=True)


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    clients.client.cache_clear()
    with mock_aws():
        s3 = boto3.client("s3", region_name="us-east-1")
        s3.create_bucket(Bucket=BUCKET)
        s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
        yield s3
    clients.client.cache_clear()


def statements(s3: Any) -> list[dict[str, Any]]:
    return json.loads(s3.get_bucket_policy(Bucket=BUCKET)["Policy"])["Statement"]


def rules(s3: Any) -> dict[str, dict[str, Any]]:
    return {rule["ID"]: rule for rule in s3.get_bucket_lifecycle_configuration(Bucket=BUCKET)["Rules"]}


def test_an_empty_bucket_gets_what_we_need(s3: Any) -> None:
    adoption.adopt(BUCKET, WISH, OURS)
    assert statements(s3) == [{"Sid": f"{OURS}0", **LET_IN}]
    assert rules(s3)[f"{OURS}0"]["Expiration"] == {"Days": 14}
    (rule,) = s3.get_bucket_cors(Bucket=BUCKET)["CORSRules"]
    assert rule["AllowedOrigins"] == ["*"]


def test_what_is_there_stays_as_it_is_and_in_its_order(s3: Any) -> None:
    policy = {"Version": "2012-10-17", "Id": "House", "Statement": [THEIRS]}
    s3.put_bucket_policy(Bucket=BUCKET, Policy=json.dumps(policy))
    theirs = {"ID": "theirs", "Status": "Enabled", "Filter": {"Prefix": "x/"}, "Expiration": {"Days": 3}}
    s3.put_bucket_lifecycle_configuration(Bucket=BUCKET, LifecycleConfiguration={"Rules": [theirs]})
    adoption.adopt(BUCKET, WISH, OURS)
    assert statements(s3)[0] == THEIRS and len(statements(s3)) == 2
    assert json.loads(s3.get_bucket_policy(Bucket=BUCKET)["Policy"])["Id"] == "House"
    assert rules(s3)["theirs"] == theirs and len(rules(s3)) == 2


def test_an_update_replaces_ours_and_only_ours(s3: Any) -> None:
    s3.put_bucket_policy(Bucket=BUCKET, Policy=json.dumps({"Version": "2012-10-17", "Statement": THEIRS}))
    adoption.adopt(BUCKET, WISH, OURS)
    changed = {**LET_IN, "Resource": f"arn:aws:s3:::{BUCKET}/b/*"}
    adoption.adopt(BUCKET, Wish(statements=(changed, LET_IN)), OURS)
    assert [each["Sid"] for each in statements(s3)] == ["Theirs", f"{OURS}0", f"{OURS}1"]
    assert statements(s3)[1]["Resource"].endswith("/b/*")
    with pytest.raises(s3.exceptions.ClientError, match="NoSuchLifecycleConfiguration"):
        rules(s3)


def test_two_stacks_share_a_bucket_and_one_goes(s3: Any) -> None:
    adoption.adopt(BUCKET, WISH, OURS)
    adoption.adopt(BUCKET, WISH, OTHERS)
    assert [each["Sid"] for each in statements(s3)] == [f"{OURS}0", f"{OTHERS}0"]
    adoption.release(BUCKET, OURS)
    assert [each["Sid"] for each in statements(s3)] == [f"{OTHERS}0"]
    assert set(rules(s3)) == {f"{OTHERS}0"}


def test_two_stacks_never_share_the_bucket_of_their_outputs(s3: Any) -> None:
    outputs = Wish(statements=(LET_IN,), alone=True)
    adoption.adopt(BUCKET, outputs, OURS)
    adoption.adopt(BUCKET, outputs, OURS)
    with pytest.raises(BucketUnfit, match="bucket films holds the outputs of another stack"):
        adoption.adopt(BUCKET, outputs, OTHERS)


def test_nothing_of_ours_is_left(s3: Any) -> None:
    adoption.adopt(BUCKET, WISH, OURS)
    adoption.release(BUCKET, OURS)
    adoption.release(BUCKET, OURS)
    for get in (s3.get_bucket_policy, s3.get_bucket_cors, s3.get_bucket_lifecycle_configuration):
        with pytest.raises(s3.exceptions.ClientError, match="NoSuch"):
            get(Bucket=BUCKET)


def test_a_rule_in_the_old_form_means_the_same_afterwards() -> None:
    old = {"ID": "old", "Status": "Enabled", "Prefix": "logs/", "Expiration": {"Days": 3}}
    assert adoption._filtered(old) == {
        "ID": "old",
        "Status": "Enabled",
        "Filter": {"Prefix": "logs/"},
        "Expiration": {"Days": 3},
    }


def test_the_mark_is_fit_for_a_statements_sid() -> None:
    assert OURS.isalnum() and OURS != OTHERS


def test_a_bucket_that_is_not_there_is_named(s3: Any) -> None:
    with pytest.raises(BucketUnfit, match="there is no bucket elsewhere: create it"):
        adoption.adopt("elsewhere", WISH, OURS)


def test_a_bucket_without_versions_is_told_how_to_get_them(s3: Any) -> None:
    s3.create_bucket(Bucket="plain")
    with pytest.raises(BucketUnfit, match="put-bucket-versioning --bucket plain"):
        adoption.adopt("plain", WISH, OURS)


def test_a_bucket_in_another_region_is_refused(s3: Any) -> None:
    s3.create_bucket(Bucket="far", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    with pytest.raises(BucketUnfit, match="bucket far is in eu-west-1, the stack in us-east-1"):
        adoption.adopt("far", WISH, OURS)


def test_somebody_who_writes_in_between_loses_nothing(s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first of our writes is overwritten at once; the second time their statement is merged too."""
    write, written = adoption._Policy.write, []

    def overwritten(self: Any, whole: Any) -> None:
        write(self, whole)
        if not written:
            write(self, {"Statement": [THEIRS]})
        written.append(whole)

    monkeypatch.setattr(adoption._Policy, "write", overwritten)
    monkeypatch.setattr(adoption, "_PAUSE_SECONDS", 0)
    adoption.adopt(BUCKET, WISH, OURS)
    assert [each["Sid"] for each in statements(s3)] == ["Theirs", f"{OURS}0"]


def test_one_who_never_stops_is_told_of(s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    write = adoption._Policy.write
    monkeypatch.setattr(adoption._Policy, "write", lambda self, whole: write(self, {"Statement": [THEIRS]}))
    monkeypatch.setattr(adoption, "_PAUSE_SECONDS", 0)
    with pytest.raises(BucketContended, match="bucket films"):
        adoption.adopt(BUCKET, WISH, OURS)
