"""Buckets that were there before: nothing overwrites them, and all that ours would have is asked for."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from pipeline.aws.adoption import Wish
from pipeline.stacks import guard
from tests.stacks.conftest import ADOPTED
from tests.stacks.reading import of_type, plain


@pytest.fixture(scope="module")
def template(template_with: Callable[..., dict[str, Any]]) -> dict[str, Any]:
    return template_with(**ADOPTED, archive_sources="glacier", old_sources_days="90")


@pytest.fixture(scope="module")
def resources(template: dict[str, Any]) -> dict[str, Any]:
    return template["Resources"]


def wish(resources: dict[str, Any], name: str) -> Wish:
    return Wish.from_json(plain(resources[name]["Properties"]["Wish"]))


def test_cloudformation_neither_makes_nor_sets_them(resources: dict[str, Any]) -> None:
    assert set(of_type(resources, "AWS::S3::Bucket")) == {"AccessLogs", "ViewerLogs"}
    policies = of_type(resources, "AWS::S3::BucketPolicy").values()
    assert {plain(each["Bucket"]) for each in policies} == {"${AccessLogs}", "${ViewerLogs}"}
    assert {name: each["Bucket"] for name, each in of_type(resources, "Custom::AdoptedBucket").items()} == {
        "AdoptedSources": "films-in",
        "AdoptedOutputs": "films-out",
    }


def test_sources_must_be_versioned_and_speak_to_eventbridge(resources: dict[str, Any]) -> None:
    assert (wish(resources, "AdoptedSources").versioned, wish(resources, "AdoptedSources").events) == (True, True)
    assert (wish(resources, "AdoptedOutputs").versioned, wish(resources, "AdoptedOutputs").events) == (False, False)


def test_the_rule_listens_to_the_bucket_by_its_name(resources: dict[str, Any]) -> None:
    detail = resources["UploadRule"]["Properties"]["EventPattern"]["detail"]
    assert detail == {"bucket": {"name": ["films-in"]}, "object": {"key": [{"prefix": "uploads/"}]}}


def test_cloudfront_alone_is_let_in_and_to_what_is_served_only(resources: dict[str, Any]) -> None:
    statements = wish(resources, "AdoptedOutputs").statements
    assert {each["Action"]: each["Resource"] for each in statements} == {
        "s3:GetObject": [f"arn:${{AWS::Partition}}:s3:::films-out/{part}" for part in ("a/*", "site/*")],
        "s3:ListBucket": "arn:${AWS::Partition}:s3:::films-out",
    }
    for each in statements:
        assert each["Principal"] == {"Service": "cloudfront.amazonaws.com"}
        assert each["Condition"]["StringEquals"]["AWS:SourceArn"].endswith(":distribution/${Distribution}")
    assert not wish(resources, "AdoptedSources").statements


def test_lifecycle_rules_reach_our_prefixes_only(resources: dict[str, Any]) -> None:
    for name in ("AdoptedSources", "AdoptedOutputs"):
        for rule in wish(resources, name).lifecycle:
            prefix = rule["Filter"].get("Prefix") or rule["Filter"]["And"]["Prefix"]
            assert prefix in ("uploads/", "receipts/", "a/", "w/"), rule


def test_lifecycle_rules_are_those_of_a_bucket_of_ours(
    resources: dict[str, Any], resources_with: Callable[..., dict[str, Any]]
) -> None:
    ours = resources_with(archive_sources="glacier", old_sources_days="90")
    for name in ("Sources", "Outputs"):
        rules = ours[name]["Properties"]["LifecycleConfiguration"]["Rules"]
        assert len(wish(resources, f"Adopted{name}").lifecycle) == len(rules)
    archive = wish(resources, "AdoptedSources").lifecycle[2]
    assert archive["Filter"]["And"]["Tags"] == [{"Key": "vod-archive", "Value": "yes"}]
    assert archive["Transitions"] == [{"Days": 30, "StorageClass": "GLACIER"}]


def test_the_consoles_page_may_send_films_to_an_adopted_bucket_too(
    resources_with: Callable[..., dict[str, Any]],
) -> None:
    resources = resources_with(sources_bucket="films-in", upload_origins="http://127.0.0.1:8090")
    (rule,) = wish(resources, "AdoptedSources").cors
    assert rule == {
        "AllowedMethods": ["PUT"],
        "AllowedOrigins": ["http://127.0.0.1:8090"],
        "AllowedHeaders": ["content-type"],
        "ExposeHeaders": ["ETag"],
        "MaxAgeSeconds": 86400,
    }


def test_a_browsers_preflight_finds_an_answer(resources: dict[str, Any]) -> None:
    (rule,) = wish(resources, "AdoptedOutputs").cors
    assert (rule["AllowedOrigins"], rule["AllowedMethods"]) == (["*"], ["GET", "HEAD"])


def test_the_outputs_say_the_buckets_names(template: dict[str, Any]) -> None:
    names = [template["Outputs"][name]["Value"] for name in ("SourcesBucket", "OutputsBucket")]
    assert names == ["films-in", "films-out"]


def test_one_bucket_may_be_new_and_the_other_not(resources_with: Callable[..., dict[str, Any]]) -> None:
    resources = resources_with(sources_bucket="films-in")
    assert set(of_type(resources, "AWS::S3::Bucket")) == {"AccessLogs", "Outputs", "ViewerLogs"}
    assert set(of_type(resources, "Custom::AdoptedBucket")) == {"AdoptedSources"}


def test_the_guard_looks_at_adopted_buckets_too(template: dict[str, Any]) -> None:
    assert list(guard.watched_places(template)) == [guard.Place("UploadRule", "films-in", "uploads/")]
    written = {(place.bucket, place.prefix) for place in guard.written_places(template)}
    assert {("films-in", "receipts/"), ("films-out", "a/"), ("films-out", "w/")} <= written
    changed = json.loads(json.dumps(template))
    statement = {"Effect": "Allow", "Action": "s3:Put*", "Resource": "arn:aws:s3:::films-in/uploads/*"}
    changed["Resources"]["AdoptedSources"]["Properties"]["Wish"] = json.dumps({"statements": [statement]})
    with pytest.raises(guard.WriteWouldTrigger, match="AdoptedSources may write films-in/uploads/"):
        guard.check(changed)
