"""What the bucket behind the edge lets CloudFront do, read from its policy in the template.

Comes in: the template's resources. Goes out: `BucketAccess` (which keys may be read, whether missing keys may be told
apart from forbidden ones) and the bucket's CORS rules. Goes wrong: `BucketPolicyNotHonoured`, with the statement.

The emulated S3 checks no bucket policy, so the edge does. Without this a behaviour that reaches a prefix CloudFront
was never granted would play on a laptop and answer 403 in AWS.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


class BucketPolicyNotHonoured(Exception):
    """A statement that concerns CloudFront says something this edge cannot evaluate; the message quotes it."""


@dataclass(frozen=True)
class BucketAccess:
    """Key patterns CloudFront may get, and whether it may list (then a missing object is 404, else 403)."""

    readable: tuple[str, ...]
    may_list: bool

    def may_read(self, key: str) -> bool:
        return any(iam_match(pattern, key) for pattern in self.readable)


@dataclass(frozen=True)
class CorsRule:
    origins: tuple[str, ...]
    methods: tuple[str, ...]
    headers: tuple[str, ...]
    expose: tuple[str, ...]
    max_age: int | None


def iam_match(pattern: str, value: str) -> bool:
    """IAM's wildcards: `*` any run of characters, `?` one; nothing else is special."""
    parts = {"*": ".*", "?": "."}
    return re.fullmatch("".join(parts.get(sign, re.escape(sign)) for sign in pattern), value, re.DOTALL) is not None


def read_bucket_access(resources: Mapping[str, Any], bucket_id: str, distribution_id: str) -> BucketAccess:
    """What the policies of this bucket grant to this distribution. A bucket of another stack grants nothing here."""
    readable: list[str] = []
    may_list = False
    for statement in _statements(resources, bucket_id):
        if statement["Effect"] == "Deny":
            _check_deny(statement)
        elif _is_for_cloudfront(statement):
            _check_condition(statement, distribution_id)
            keys = list(_keys(statement, bucket_id))
            readable += keys if _allows(statement, "s3:GetObject") else []
            may_list |= _allows(statement, "s3:ListBucket") and None in keys
    return BucketAccess(tuple(key for key in readable if key is not None), may_list)


def read_foreign_access(statements: list[dict[str, Any]], bucket: str, distribution: str) -> BucketAccess:
    """What a bucket that the template does not make lets this distribution do, by its policy as S3 has it.

    distribution: its physical id. Statements for other distributions are others' business.
    """
    ours = [each for each in statements if each["Effect"] == "Deny" or distribution in str(each.get("Condition"))]
    policy = {"Bucket": {"Ref": bucket}, "PolicyDocument": {"Statement": ours}}
    return read_bucket_access({"": {"Type": "AWS::S3::BucketPolicy", "Properties": policy}}, bucket, distribution)


def read_cors_rules(config: Mapping[str, Any] | None) -> tuple[CorsRule, ...]:
    return tuple(
        CorsRule(
            origins=tuple(rule.get("AllowedOrigins", [])),
            methods=tuple(rule.get("AllowedMethods", [])),
            headers=tuple(name.lower() for name in rule.get("AllowedHeaders", [])),
            expose=tuple(rule.get("ExposedHeaders", [])),
            max_age=rule.get("MaxAge"),
        )
        for rule in (config or {}).get("CorsRules", [])
    )


def read_foreign_cors(rules: list[dict[str, Any]]) -> tuple[CorsRule, ...]:
    """The same of a bucket that the template does not make: S3's API spells two of the names otherwise."""
    spelt = [
        {**rule, "ExposedHeaders": rule.get("ExposeHeaders", []), "MaxAge": rule.get("MaxAgeSeconds")} for rule in rules
    ]
    return read_cors_rules({"CorsRules": spelt})


def cors_rule_for(rules: tuple[CorsRule, ...], origin: str, method: str, headers: list[str]) -> CorsRule | None:
    """The first rule S3 would apply to this origin, method and set of requested headers."""
    for rule in rules:
        allowed = all(any(fnmatch.fnmatchcase(name, pattern) for pattern in rule.headers) for name in headers)
        if allowed and method in rule.methods and any(iam_match(item, origin) for item in rule.origins):
            return rule
    return None


def _statements(resources: Mapping[str, Any], bucket_id: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for item in resources.values():
        if item["Type"] == "AWS::S3::BucketPolicy" and item["Properties"]["Bucket"] == {"Ref": bucket_id}:
            found += item["Properties"]["PolicyDocument"]["Statement"]
    return found


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _is_for_cloudfront(statement: Mapping[str, Any]) -> bool:
    principal = statement.get("Principal", {})
    services = _as_list(principal.get("Service", [])) if isinstance(principal, dict) else []
    return "cloudfront.amazonaws.com" in services


def _allows(statement: Mapping[str, Any], action: str) -> bool:
    return any(iam_match(pattern.lower(), action.lower()) for pattern in _as_list(statement.get("Action", [])))


def _check_deny(statement: Mapping[str, Any]) -> None:
    """The usual "TLS only" denial cannot bite behind an edge that speaks TLS; any other denial might."""
    tls_only = {"Bool": {"aws:SecureTransport": "false"}}
    principal = statement.get("Principal")
    concerns_us = principal in ("*", {"AWS": "*"}) or _is_for_cloudfront(statement)
    if concerns_us and statement.get("Condition") != tls_only:
        raise BucketPolicyNotHonoured(f"a Deny statement other than TLS-only: {statement}")


def _check_condition(statement: Mapping[str, Any], distribution_id: str) -> None:
    """CloudFront signs for one distribution; the statement must name ours and nothing more."""
    for operator, tests in statement.get("Condition", {}).items():
        known = operator in ("StringEquals", "ArnEquals", "ArnLike", "StringLike")
        if not known or any(name.lower() != "aws:sourcearn" for name in tests):
            raise BucketPolicyNotHonoured(f"a condition other than aws:SourceArn: {statement}")
        if any(distribution_id not in str(value) for value in tests.values()):
            raise BucketPolicyNotHonoured(f"aws:SourceArn is not the distribution {distribution_id}: {statement}")


def _keys(statement: Mapping[str, Any], bucket_id: str) -> list[str | None]:
    """Key patterns of the statement's resources; None stands for the bucket itself."""
    return [_key(resource, bucket_id) for resource in _as_list(statement.get("Resource", []))]


def _key(resource: Any, bucket_id: str) -> str | None:
    if isinstance(resource, str) and (
        named := re.fullmatch(rf"arn:[^:]+:s3:::{re.escape(bucket_id)}(?:/(.+))?", resource)
    ):
        return named[1]
    arn = {"Fn::GetAtt": [bucket_id, "Arn"]}
    if resource == arn:
        return None
    parts = resource.get("Fn::Join", ["", []])[1] if isinstance(resource, dict) else []
    if parts[:1] == [arn] and all(isinstance(part, str) for part in parts[1:]):
        return "".join(parts[1:]).removeprefix("/")
    raise BucketPolicyNotHonoured(f"cannot tell which keys this resource names: {resource}")
