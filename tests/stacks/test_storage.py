"""Buckets and table are private, cleaned up after, and recoverable."""

from __future__ import annotations

from typing import Any

import pytest

from tests.stacks.reading import of_type


@pytest.mark.parametrize("name", ["Sources", "Outputs"])
def test_a_bucket_is_private_and_owned_by_the_account(resources: dict[str, Any], name: str) -> None:
    bucket = resources[name]["Properties"]
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert bucket["OwnershipControls"] == {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    assert bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"][0]["ServerSideEncryptionByDefault"] == {
        "SSEAlgorithm": "AES256"
    }


@pytest.mark.parametrize("name", ["Sources", "Outputs"])
def test_a_bucket_forgets_broken_uploads(resources: dict[str, Any], name: str) -> None:
    rules = {rule["Id"]: rule for rule in resources[name]["Properties"]["LifecycleConfiguration"]["Rules"]}
    assert rules["AbortBrokenUploads"]["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 7}


def test_work_files_expire_and_films_do_not(resources: dict[str, Any]) -> None:
    rules = resources["Outputs"]["Properties"]["LifecycleConfiguration"]["Rules"]
    expiring = [rule for rule in rules if "ExpirationInDays" in rule]
    assert expiring == [{"ExpirationInDays": 14, "Id": "ExpireWork", "Prefix": "w/", "Status": "Enabled"}]


def test_no_rule_expires_sources(resources: dict[str, Any]) -> None:
    rules = resources["Sources"]["Properties"]["LifecycleConfiguration"]["Rules"]
    assert [rule["Id"] for rule in rules] == ["AbortBrokenUploads"]


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
