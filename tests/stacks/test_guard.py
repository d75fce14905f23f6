"""Nothing we write may start the pipeline."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from pipeline.media.keys import UPLOADS, WRITTEN_PREFIXES
from pipeline.stacks import guard


def role_that_may(action: str, *resource: Any) -> dict[str, Any]:
    statement = {"Effect": "Allow", "Action": action, "Resource": {"Fn::Join": ["", list(resource)]}}
    document = {"Statement": [statement]}
    return {"Type": "AWS::IAM::Role", "Properties": {"Policies": [{"PolicyName": "Work", "PolicyDocument": document}]}}


def with_role(template: dict[str, Any], role: dict[str, Any]) -> dict[str, Any]:
    changed = copy.deepcopy(template)
    changed["Resources"]["Intruder"] = role
    return changed


def test_the_template_passes_and_something_was_looked_at(template: dict[str, Any]) -> None:
    guard.check(template)
    assert list(guard.watched_places(template)) == [guard.Place("UploadRule", "Sources", UPLOADS)]
    written = {(place.bucket, place.prefix) for place in guard.written_places(template)}
    assert {("Sources", "receipts/"), ("Outputs", "a/"), ("Outputs", "w/"), ("Outputs", "site/")} <= written


def test_all_prefixes_that_the_keys_know_are_harmless() -> None:
    assert not [prefix for prefix in WRITTEN_PREFIXES if prefix.startswith(UPLOADS) or UPLOADS.startswith(prefix)]


@pytest.mark.parametrize("key", ["/uploads/*", "/uploads/done/*", "/*", "/up*", "/uploads/film.mov"])
@pytest.mark.parametrize("action", ["s3:PutObject", "s3:*"])
def test_a_write_where_uploads_are_waited_for_is_refused(template: dict[str, Any], action: str, key: str) -> None:
    intruder = role_that_may(action, {"Fn::GetAtt": ["Sources", "Arn"]}, key)
    with pytest.raises(guard.WriteWouldTrigger, match="Intruder may write Sources/"):
        guard.check(with_role(template, intruder))


@pytest.mark.parametrize(
    ("action", "bucket", "key"),
    [
        ("s3:PutObject", "Sources", "/receipts/*"),
        ("s3:PutObject", "Outputs", "/uploads/*"),
        ("s3:GetObject", "Sources", "/uploads/*"),
    ],
)
def test_what_cannot_trigger_is_let_through(template: dict[str, Any], action: str, bucket: str, key: str) -> None:
    guard.check(with_role(template, role_that_may(action, {"Fn::GetAtt": [bucket, "Arn"]}, key)))


def test_a_policy_on_everything_is_refused(template: dict[str, Any]) -> None:
    role = role_that_may("s3:PutObject")
    role["Properties"]["Policies"][0]["PolicyDocument"]["Statement"][0]["Resource"] = "*"
    with pytest.raises(guard.WriteWouldTrigger):
        guard.check(with_role(template, role))


def test_a_rule_that_names_no_prefix_is_refused(template: dict[str, Any]) -> None:
    changed = copy.deepcopy(template)
    del changed["Resources"]["UploadRule"]["Properties"]["EventPattern"]["detail"]["object"]
    with pytest.raises(guard.WriteWouldTrigger, match=r"\w+FunctionRole may write Sources/receipts/"):
        guard.check(changed)


def test_a_rule_on_another_prefix_that_we_write_is_refused(template: dict[str, Any]) -> None:
    changed = copy.deepcopy(template)
    keys = changed["Resources"]["UploadRule"]["Properties"]["EventPattern"]["detail"]["object"]["key"]
    keys.append({"prefix": "receipts/films/"})
    with pytest.raises(guard.WriteWouldTrigger, match="receipts/"):
        guard.check(changed)


@pytest.mark.parametrize("action", ["s3:Put*", "s3:P*", "S3:PUTOBJECT", "*", "s3:Replicate*", "s3:PutObject?"])
def test_an_action_that_creates_objects_is_seen_through_its_wildcards(template: dict[str, Any], action: str) -> None:
    changed = with_role(template, role_that_may(action, {"Fn::GetAtt": ["Sources", "Arn"]}, "/uploads/*"))
    if action == "s3:PutObject?":  # one letter more: no such action
        guard.check(changed)
        return
    with pytest.raises(guard.WriteWouldTrigger, match="Intruder"):
        guard.check(changed)


@pytest.mark.parametrize("action", ["s3:PutObjectTagging", "s3:PutObjectVersionTagging", "s3:DeleteObject"])
def test_a_tag_is_no_new_object(template: dict[str, Any], action: str) -> None:
    guard.check(with_role(template, role_that_may(action, {"Fn::GetAtt": ["Sources", "Arn"]}, "/uploads/*")))


@pytest.mark.parametrize(
    "statement",
    [
        {"Effect": "Allow", "NotAction": "s3:GetObject", "Resource": "*"},
        {"Effect": "Allow", "Action": "s3:PutObject", "NotResource": "arn:aws:s3:::other/*"},
        {"Effect": "Allow", "Action": "s3:PutObject", "Resource": {"Fn::ImportValue": "somewhere"}},
        {"Effect": "Allow", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::*/uploads/x"},
    ],
)
def test_what_cannot_be_read_counts_as_everything(template: dict[str, Any], statement: dict[str, Any]) -> None:
    document = {"Statement": [statement]}
    role = {
        "Type": "AWS::IAM::Role",
        "Properties": {"Policies": [{"PolicyName": "Work", "PolicyDocument": document}]},
    }
    with pytest.raises(guard.WriteWouldTrigger, match="Intruder"):
        guard.check(with_role(template, role))


def test_a_buckets_own_policy_is_looked_at(template: dict[str, Any]) -> None:
    changed = copy.deepcopy(template)
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "logging.s3.amazonaws.com"},
        "Action": "s3:PutObject",
        "Resource": {"Fn::Join": ["", [{"Fn::GetAtt": ["Sources", "Arn"]}, "/uploads/logs/*"]]},
    }
    changed["Resources"]["Intruder"] = {
        "Type": "AWS::S3::BucketPolicy",
        "Properties": {"Bucket": {"Ref": "Sources"}, "PolicyDocument": {"Statement": [statement]}},
    }
    with pytest.raises(guard.WriteWouldTrigger, match="Intruder may write Sources/uploads/logs/"):
        guard.check(changed)


def test_access_logs_among_the_uploads_are_refused(template: dict[str, Any]) -> None:
    changed = copy.deepcopy(template)
    logging = changed["Resources"]["Outputs"]["Properties"]["LoggingConfiguration"]
    logging.update(DestinationBucketName={"Ref": "Sources"}, LogFilePrefix="uploads/")
    with pytest.raises(guard.WriteWouldTrigger, match="Outputs's access log may write Sources/uploads/"):
        guard.check(changed)
