"""A distribution small enough to read, in the shape CDK synthesises; and a bucket name for it."""

from __future__ import annotations

import copy
from typing import Any

BUCKET = "vod-outputs"
PHYSICAL = {"Outputs": BUCKET, "Distribution": "E2LOCAL"}
CSP = "default-src 'self'"


def _cache_policy(minimum: int, default: int, maximum: int, **key: Any) -> dict[str, Any]:
    parameters = {
        "EnableAcceptEncodingGzip": True,
        "EnableAcceptEncodingBrotli": True,
        "HeadersConfig": {"HeaderBehavior": "none"},
        "CookiesConfig": {"CookieBehavior": "none"},
        "QueryStringsConfig": {"QueryStringBehavior": "none"},
    }
    config = {"Name": "p", "MinTTL": minimum, "DefaultTTL": default, "MaxTTL": maximum}
    config["ParametersInCacheKeyAndForwardedToOrigin"] = parameters | key
    return {"Type": "AWS::CloudFront::CachePolicy", "Properties": {"CachePolicyConfig": config}}


def _headers_policy(cache_control: str, **more: Any) -> dict[str, Any]:
    config = {
        "Name": "h",
        "CorsConfig": {
            "AccessControlAllowCredentials": False,
            "AccessControlAllowHeaders": {"Items": ["*"]},
            "AccessControlAllowMethods": {"Items": ["GET", "HEAD", "OPTIONS"]},
            "AccessControlAllowOrigins": {"Items": ["*"]},
            "AccessControlExposeHeaders": {"Items": ["Content-Length", "Content-Range", "Date", "ETag"]},
            "AccessControlMaxAgeSec": 600,
            "OriginOverride": True,
        },
        "CustomHeadersConfig": {"Items": [{"Header": "Cache-Control", "Value": cache_control, "Override": True}]},
        "SecurityHeadersConfig": {
            "ContentTypeOptions": {"Override": True},
            "StrictTransportSecurity": {"AccessControlMaxAgeSec": 63072000, "Override": True},
        },
    } | more
    return {
        "Type": "AWS::CloudFront::ResponseHeadersPolicy",
        "Properties": {"ResponseHeadersPolicyConfig": config},
    }


def _behaviour(cache: str, headers: str, pattern: str | None = None, origin: str = "site") -> dict[str, Any]:
    found: dict[str, Any] = {
        "AllowedMethods": ["GET", "HEAD", "OPTIONS"],
        "CachePolicyId": {"Ref": cache},
        "Compress": True,
        "ResponseHeadersPolicyId": {"Ref": headers},
        "TargetOriginId": origin,
        "ViewerProtocolPolicy": "redirect-to-https",
    }
    return found | ({"PathPattern": pattern} if pattern else {})


def _grant(action: str, resource: Any) -> dict[str, Any]:
    source = {
        "Fn::Join": ["", ["arn:aws:cloudfront::", {"Ref": "AWS::AccountId"}, ":distribution/", {"Ref": "Distribution"}]]
    }
    return {
        "Action": action,
        "Effect": "Allow",
        "Principal": {"Service": "cloudfront.amazonaws.com"},
        "Resource": resource,
        "Condition": {"StringEquals": {"AWS:SourceArn": source}},
    }


_ARN = {"Fn::GetAtt": ["Outputs", "Arn"]}


def _under(pattern: str) -> dict[str, Any]:
    return {"Fn::Join": ["", [_ARN, f"/{pattern}"]]}


_STATEMENTS = [
    {
        "Action": "s3:*",
        "Effect": "Deny",
        "Principal": {"AWS": "*"},
        "Resource": [_ARN, _under("*")],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    },
    _grant("s3:GetObject", [_under("a/*"), _under("site/*")]),
    _grant("s3:ListBucket", _ARN),
]


def _origin(name: str, path: str = "") -> dict[str, Any]:
    """Two ways into one bucket: films, and the page, which cannot reach films whatever is asked of it."""
    return {
        "DomainName": {"Fn::GetAtt": ["Outputs", "RegionalDomainName"]},
        "Id": name,
        "OriginAccessControlId": {"Fn::GetAtt": ["AccessControl", "Id"]},
        "OriginPath": path,
        "S3OriginConfig": {"OriginAccessIdentity": ""},
    }


_DISTRIBUTION = {
    "CacheBehaviors": [
        _behaviour("Immutable", "ImmutableHeaders", "/a/*/v/*", "outputs"),
        _behaviour("Pointers", "PointerHeaders", "/a/*", "outputs"),
        _behaviour("Immutable", "ImmutableHeaders", "/player/*"),
    ],
    "DefaultCacheBehavior": _behaviour("Page", "PageHeaders"),
    "CustomErrorResponses": [
        {"ErrorCode": 403, "ErrorCachingMinTTL": 1},
        {"ErrorCode": 404, "ErrorCachingMinTTL": 1},
    ],
    "DefaultRootObject": "index.html",
    "Enabled": True,
    "HttpVersion": "http2and3",
    "IPV6Enabled": True,
    "Origins": [_origin("outputs"), _origin("site", "/site")],
}

_TEMPLATE: dict[str, Any] = {
    "Resources": {
        "Outputs": {"Type": "AWS::S3::Bucket", "Properties": {}},
        "OutputsPolicy": {
            "Type": "AWS::S3::BucketPolicy",
            "Properties": {"Bucket": {"Ref": "Outputs"}, "PolicyDocument": {"Statement": _STATEMENTS}},
        },
        "AccessControl": {
            "Type": "AWS::CloudFront::OriginAccessControl",
            "Properties": {
                "OriginAccessControlConfig": {
                    "Name": "oac",
                    "OriginAccessControlOriginType": "s3",
                    "SigningBehavior": "always",
                    "SigningProtocol": "sigv4",
                }
            },
        },
        "Immutable": _cache_policy(1, 31536000, 31536000),
        "Pointers": _cache_policy(0, 2, 2),
        "Page": _cache_policy(0, 60, 60),
        "ImmutableHeaders": _headers_policy("public, max-age=31536000, immutable"),
        "PointerHeaders": _headers_policy("public, max-age=2"),
        "PageHeaders": _headers_policy("public, max-age=60"),
        "Distribution": {
            "Type": "AWS::CloudFront::Distribution",
            "Properties": {"DistributionConfig": _DISTRIBUTION},
        },
    }
}


def template() -> dict[str, Any]:
    """A fresh copy, free to be spoilt."""
    return copy.deepcopy(_TEMPLATE)


def distribution_config(document: dict[str, Any]) -> dict[str, Any]:
    return document["Resources"]["Distribution"]["Properties"]["DistributionConfig"]


def private_template(keys: dict[str, str]) -> dict[str, Any]:
    """The same distribution with films behind a trusted key group: logical id of each key -> its public PEM."""
    document = template()
    for name, pem in keys.items():
        config = {"CallerReference": name, "EncodedKey": pem, "Name": name}
        document["Resources"][name] = {
            "Type": "AWS::CloudFront::PublicKey",
            "Properties": {"PublicKeyConfig": config},
        }
    group = {"Items": [{"Ref": name} for name in keys], "Name": "films"}
    document["Resources"]["Keys"] = {"Type": "AWS::CloudFront::KeyGroup", "Properties": {"KeyGroupConfig": group}}
    for behaviour in distribution_config(document)["CacheBehaviors"][:2]:
        behaviour["TrustedKeyGroups"] = [{"Ref": "Keys"}]
    return document
