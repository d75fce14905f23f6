"""The template becomes a distribution, or the edge refuses to start and says at which setting."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from pipeline.local.edge.bucket import BucketPolicyNotHonoured, read_foreign_access
from pipeline.local.edge.distribution import DistributionNotHonoured, read_distribution
from tests.local.edge.template import BUCKET, PHYSICAL, distribution_config, template


def read(document: dict[str, Any]) -> Any:
    return read_distribution(document, PHYSICAL)


def test_behaviours_keep_the_order_of_the_template_and_the_default_is_last() -> None:
    assert [item.pattern for item in read(template()).behaviours] == ["/a/*/v/*", "/a/*", "/player/*", "*"]


def test_policies_and_origin_are_followed_to_their_resources() -> None:
    first, second, *_ = read(template()).behaviours
    assert (first.cache.default_ttl, second.cache.default_ttl) == (31536000, 2)
    assert first.origin.bucket == BUCKET
    assert first.origin.access.readable == ("a/*", "site/*")
    assert first.origin.access.may_list


def test_managed_policies_are_known_by_their_ids() -> None:
    document = template()
    behaviour = distribution_config(document)["DefaultCacheBehavior"]
    behaviour["CachePolicyId"] = "658327ea-f89d-4fab-a63d-7e88639e58f6"
    behaviour["ResponseHeadersPolicyId"] = "67f7725c-6f97-4210-82d7-5512b31e9d03"
    default = read(document).behaviours[-1]
    assert (default.cache.min_ttl, default.cache.default_ttl, default.cache.gzip) == (1, 86400, True)
    assert {rule.name: rule.value for rule in default.response_headers.rules}["x-frame-options"] == "SAMEORIGIN"


def _in_default(**changes: Any) -> Callable[[dict[str, Any]], None]:
    return lambda document: distribution_config(document)["DefaultCacheBehavior"].update(changes)


def _in_config(**changes: Any) -> Callable[[dict[str, Any]], None]:
    return lambda document: distribution_config(document).update(changes)


def _in_origin(**changes: Any) -> Callable[[dict[str, Any]], None]:
    return lambda document: distribution_config(document)["Origins"][0].update(changes)


NOT_HONOURED = [
    (_in_default(LambdaFunctionAssociations=[{"EventType": "viewer-request"}]), "LambdaFunctionAssociations"),
    (_in_default(FunctionAssociations=[{"EventType": "viewer-request"}]), "FunctionAssociations"),
    (_in_default(TrustedKeyGroups=[{"Ref": "NoKeys"}]), "TrustedKeyGroups"),
    (_in_default(TrustedSigners=["self"]), "TrustedSigners"),
    (_in_default(ForwardedValues={"QueryString": True}), "ForwardedValues"),
    (_in_default(AllowedMethods=["GET", "HEAD", "PUT"]), "AllowedMethods"),
    (_in_default(SomethingNew=1), "SomethingNew"),
    (_in_default(CachePolicyId="00000000-0000-0000-0000-000000000000"), "CachePolicyId"),
    (_in_default(CachePolicyId={"Fn::ImportValue": "x"}), "CachePolicyId"),
    (_in_config(Enabled=False), "Enabled"),
    (_in_config(OriginGroups={"Items": [1], "Quantity": 1}), "OriginGroups"),
    (_in_origin(CustomOriginConfig={}), "S3OriginConfig"),
    (_in_origin(OriginAccessControlId=""), "OriginAccessControlId"),
    (_in_origin(DomainName="example.com"), "DomainName"),
    (_in_origin(DomainName={"Fn::GetAtt": ["Distribution", "DomainName"]}), "DomainName"),
]


@pytest.mark.parametrize(("spoil", "setting"), NOT_HONOURED, ids=[setting for _, setting in NOT_HONOURED])
def test_a_setting_the_edge_does_not_honour_is_named(spoil: Callable[[dict[str, Any]], None], setting: str) -> None:
    document = template()
    spoil(document)
    with pytest.raises(DistributionNotHonoured, match=rf"Distribution.*{setting}"):
        read(document)


def test_what_a_laptop_cannot_judge_is_let_pass_and_named() -> None:
    document = template()
    geo = {"GeoRestriction": {"RestrictionType": "whitelist", "Locations": ["CH", "DE"]}}
    _in_config(Restrictions=geo, WebACLId="arn:x")(document)
    assert read(document).not_enforced == ("geographic restriction (whitelist: CH, DE)", "web ACL (AWS WAF)")
    assert read(template()).not_enforced == ()


def test_server_timing_is_refused_by_its_path() -> None:
    document = template()
    policy = document["Resources"]["PageHeaders"]["Properties"]["ResponseHeadersPolicyConfig"]
    policy["ServerTimingHeadersConfig"] = {"Enabled": True, "SamplingRate": 1}
    with pytest.raises(DistributionNotHonoured, match="ServerTimingHeadersConfig"):
        read(document)


def test_a_template_without_a_distribution_is_refused() -> None:
    with pytest.raises(DistributionNotHonoured, match="expected one distribution, found 0"):
        read({"Resources": {}})


def test_a_bucket_without_a_physical_name_is_refused() -> None:
    with pytest.raises(DistributionNotHonoured, match="no physical name"):
        read_distribution(template(), {})


def _statements(document: dict[str, Any]) -> list[dict[str, Any]]:
    return document["Resources"]["OutputsPolicy"]["Properties"]["PolicyDocument"]["Statement"]


def test_without_a_grant_nothing_may_be_read() -> None:
    document = template()
    del document["Resources"]["OutputsPolicy"]
    access = read(document).behaviours[0].origin.access
    assert not access.may_read("a/x") and not access.may_list


def test_a_grant_to_another_distribution_is_refused() -> None:
    document = template()
    _statements(document)[1]["Condition"]["StringEquals"]["AWS:SourceArn"] = "arn:aws:cloudfront::1:distribution/OTHER"
    with pytest.raises(BucketPolicyNotHonoured, match="is not the distribution"):
        read(document)


def test_a_denial_the_edge_cannot_weigh_is_refused() -> None:
    document = template()
    _statements(document)[0]["Condition"] = {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}
    with pytest.raises(BucketPolicyNotHonoured, match="Deny"):
        read(document)


# A bucket that the template does not make ------------------------------------------------------------------------


def let_in(distribution: str, action: str, resource: str) -> dict[str, Any]:
    return {
        "Effect": "Allow",
        "Principal": {"Service": "cloudfront.amazonaws.com"},
        "Action": action,
        "Resource": resource,
        "Condition": {
            "StringEquals": {"AWS:SourceArn": f"arn:aws:cloudfront::123456789012:distribution/{distribution}"}
        },
    }


def test_a_foreign_bucket_lets_in_what_its_own_policy_says_to_this_distribution():
    statements = [
        {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "s3:GetObject", "Resource": "arn:aws:s3:::films/x/*"},
        let_in("E123", "s3:GetObject", "arn:aws:s3:::films/a/*"),
        let_in("E999", "s3:GetObject", "arn:aws:s3:::films/secret/*"),
        let_in("E123", "s3:ListBucket", "arn:aws:s3:::films"),
    ]
    access = read_foreign_access(statements, "films", "E123")
    assert access.may_list
    assert [access.may_read(key) for key in ("a/film", "x/film", "secret/film")] == [True, False, False]


def test_a_foreign_bucket_is_found_by_its_name_and_asked_for_its_settings():
    document = template()
    origin = document["Resources"]["Distribution"]["Properties"]["DistributionConfig"]["Origins"][0]
    origin["DomainName"] = {"Fn::Join": ["", ["their-films.s3.", {"Ref": "AWS::Region"}, ".amazonaws.com"]]}
    rules = [{"AllowedOrigins": ["*"], "AllowedMethods": ["GET"], "AllowedHeaders": ["*"], "MaxAgeSeconds": 5}]
    asked = []

    def foreign(bucket: str):
        asked.append(bucket)
        return [let_in("E123", "s3:GetObject", f"arn:aws:s3:::{bucket}/*")], rules

    distribution = read_distribution(document, {**PHYSICAL, "Distribution": "E123"}, foreign)
    assert asked == ["their-films"]
    theirs = [each.origin for each in distribution.behaviours if each.origin.bucket == "their-films"]
    assert theirs and theirs[0].cors_rules[0].max_age == 5 and theirs[0].access.readable == ("*",)
