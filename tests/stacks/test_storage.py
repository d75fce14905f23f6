"""Buckets and table are private, cleaned up after, and recoverable."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.stacks.reading import as_list, of_type, plain, statements_of


@pytest.mark.parametrize("name", ["Sources", "Outputs", "AccessLogs"])
def test_a_bucket_is_private_and_owned_by_the_account(resources: dict[str, Any], name: str) -> None:
    bucket = resources[name]["Properties"]
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert bucket["OwnershipControls"] == {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    assert bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"][0]["ServerSideEncryptionByDefault"] == {
        "SSEAlgorithm": "AES256"
    }


@pytest.mark.parametrize("name", ["Sources", "Outputs", "AccessLogs"])
def test_a_bucket_forgets_broken_uploads(resources: dict[str, Any], name: str) -> None:
    rules = {rule["Id"]: rule for rule in resources[name]["Properties"]["LifecycleConfiguration"]["Rules"]}
    assert rules["AbortBrokenUploads"]["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 7}


def test_work_files_expire_and_films_do_not(resources: dict[str, Any]) -> None:
    rules = resources["Outputs"]["Properties"]["LifecycleConfiguration"]["Rules"]
    expiring = [rule for rule in rules if "ExpirationInDays" in rule]
    assert expiring == [{"ExpirationInDays": 14, "Id": "ExpireWork", "Prefix": "w/", "Status": "Enabled"}]


def test_the_consoles_page_may_send_films_to_the_sources_bucket(
    resources: dict[str, Any], resources_with: Callable[..., dict[str, Any]]
) -> None:
    (rule,) = resources["Sources"]["Properties"]["CorsConfiguration"]["CorsRules"]
    assert rule == {
        "AllowedHeaders": ["content-type"],
        "AllowedMethods": ["PUT"],
        "AllowedOrigins": ["http://127.0.0.1:*"],
        "ExposedHeaders": ["ETag"],
        "MaxAge": 86400,
    }
    assert "CorsConfiguration" not in resources_with(upload_origins="none")["Sources"]["Properties"]


def rules_of(resources: dict[str, Any], name: str) -> dict[str, dict[str, Any]]:
    return {rule["Id"]: rule for rule in resources[name]["Properties"]["LifecycleConfiguration"]["Rules"]}


def test_no_rule_touches_sources_unless_the_owner_says_so(resources: dict[str, Any]) -> None:
    rules = rules_of(resources, "Sources")
    assert set(rules) == {"AbortBrokenUploads", "ExpireOldReceipts"}
    assert rules["ExpireOldReceipts"]["Prefix"] == "receipts/"
    assert rules["ExpireOldReceipts"]["NoncurrentVersionExpiration"] == {"NoncurrentDays": 30}


def test_published_sources_are_archived_by_their_tag(resources_with: Callable[..., dict[str, Any]]) -> None:
    rule = rules_of(resources_with(archive_sources="deep-archive", archive_after_days="7"), "Sources")[
        "ArchivePublished"
    ]
    assert rule["TagFilters"] == [{"Key": "vod-archive", "Value": "yes"}]
    assert rule["Prefix"] == "uploads/"
    assert rule["Transitions"] == [{"StorageClass": "DEEP_ARCHIVE", "TransitionInDays": 7}]
    assert rule["NoncurrentVersionTransitions"] == [{"StorageClass": "DEEP_ARCHIVE", "TransitionInDays": 7}]
    assert not {"ExpirationInDays", "NoncurrentVersionExpiration"} & rule.keys()


def test_only_an_owner_who_archives_has_published_sources_tagged(
    resources: dict[str, Any], resources_with: Callable[..., dict[str, Any]]
) -> None:
    def said(found: dict[str, Any]) -> tuple[str, bool]:
        tag = found["ReportFunction"]["Properties"]["Environment"]["Variables"]["VOD_ARCHIVE_TAG"]
        return tag, "s3:PutObjectVersionTagging" in json.dumps(statements_of(found, "ReportFunctionRole"))

    assert said(resources) == ("none", False)
    assert said(resources_with(archive_sources="deep-archive", archive_after_days="7")) == ("vod-archive=yes", True)


def test_old_sources_go_when_the_owner_says_when(resources_with: Callable[..., dict[str, Any]]) -> None:
    rule = rules_of(resources_with(old_sources_days="90"), "Sources")["ExpireOldSources"]
    assert (rule["Prefix"], rule["NoncurrentVersionExpiration"]) == ("uploads/", {"NoncurrentDays": 90})


def test_who_reads_and_writes_is_logged_and_forgotten(
    resources: dict[str, Any], resources_with: Callable[..., dict[str, Any]]
) -> None:
    for name in ("Sources", "Outputs"):
        logging = resources[name]["Properties"]["LoggingConfiguration"]
        assert logging == {"DestinationBucketName": {"Ref": "AccessLogs"}, "LogFilePrefix": f"s3/{name.lower()}/"}
    (delivers,) = [
        statement
        for policy in of_type(resources, "AWS::S3::BucketPolicy").values()
        for statement in policy["PolicyDocument"]["Statement"]
        if statement["Principal"] == {"Service": "logging.s3.amazonaws.com"}
    ]
    assert plain(delivers["Resource"]) == "${AccessLogs.Arn}/s3/*"
    assert delivers["Condition"] == {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}
    assert rules_of(resources_with(log_days="365"), "AccessLogs")["ExpireLogs"]["ExpirationInDays"] == 365


def test_a_key_protects_films_and_what_is_known_of_them(resources_with: Callable[..., dict[str, Any]]) -> None:
    resources = resources_with(kms_key="new")
    key = {"Fn::GetAtt": ["Key", "Arn"]}
    for name in ("Sources", "Outputs"):
        (rule,) = resources[name]["Properties"]["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        assert rule["ServerSideEncryptionByDefault"] == {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}
        assert rule["BucketKeyEnabled"] is True
    assert resources["Assets"]["Properties"]["SSESpecification"]["KMSMasterKeyId"] == key
    assert resources["Topic"]["Properties"]["KmsMasterKeyId"] == key
    assert resources["Key"]["Properties"]["EnableKeyRotation"] is True
    assert (resources["Key"]["DeletionPolicy"], resources["Key"]["UpdateReplacePolicy"]) == ("Retain", "Retain")


def test_a_key_lets_in_services_of_this_account_only(resources_with: Callable[..., dict[str, Any]]) -> None:
    statements = plain(resources_with(kms_key="new")["Key"]["Properties"]["KeyPolicy"]["Statement"])
    root, *services = statements
    assert root["Principal"] == {"AWS": "arn:${AWS::Partition}:iam::${AWS::AccountId}:root"}
    assert {each["Principal"]["Service"] for each in services} == {
        "cloudfront.amazonaws.com",
        "cloudwatch.amazonaws.com",
    }
    for each in services:
        assert each["Condition"]["StringEquals"] == {"aws:SourceAccount": "${AWS::AccountId}"}
        assert "aws:SourceArn" in each["Condition"]["ArnLike"]


@pytest.mark.parametrize("key", ["new", "arn:aws:kms:eu-west-1:123456789012:key/1a"])
def test_every_role_that_touches_films_may_use_the_key(resources_with: Callable[..., dict[str, Any]], key: str) -> None:
    resources = resources_with(kms_key=key)
    arn = "${Key.Arn}" if key == "new" else key
    for role in of_type(resources, "AWS::IAM::Role"):
        uses = [each for each in statements_of(resources, role) if "kms:Decrypt" in as_list(each["Action"])]
        assert [each["Resource"] for each in uses] == [arn], role


def test_without_a_key_nobody_speaks_of_one(resources: dict[str, Any]) -> None:
    assert "kms:" not in json.dumps(resources)


def test_data_goes_with_the_stack_only_when_told_so(resources_with: Callable[..., dict[str, Any]]) -> None:
    resources = resources_with(remove_data="true", kms_key="new")
    for name in ("Sources", "Outputs", "AccessLogs", "Assets", "Key"):
        assert (resources[name]["DeletionPolicy"], resources[name]["UpdateReplacePolicy"]) == ("Delete", "Delete")


def test_sources_are_versioned_and_speak_to_eventbridge(resources: dict[str, Any]) -> None:
    sources = resources["Sources"]["Properties"]
    assert sources["VersioningConfiguration"] == {"Status": "Enabled"}
    assert sources["NotificationConfiguration"] == {"EventBridgeConfiguration": {"EventBridgeEnabled": True}}


def test_outputs_say_nothing_to_eventbridge(resources: dict[str, Any]) -> None:
    assert "NotificationConfiguration" not in resources["Outputs"]["Properties"]


def test_the_table_has_two_keys_and_can_be_taken_back_in_time(resources: dict[str, Any]) -> None:
    (table,) = of_type(resources, "AWS::DynamoDB::Table").values()
    assert [(key["AttributeName"], key["KeyType"]) for key in table["KeySchema"]] == [("pk", "HASH"), ("sk", "RANGE")]
    assert table["BillingMode"] == "PAY_PER_REQUEST"
    assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
