"""Nothing that we write may start the pipeline: the synthesised template is read once more before anybody gets it.

A receipt under uploads/, or outputs in a watched prefix, would start an execution that writes again: a loop that
costs money until somebody notices. So every permission to write, of roles and in buckets' own policies, and every
delivery of access logs is held against every rule on "Object Created". What cannot be read counts as everything.
What can go wrong: an overlap (`WriteWouldTrigger`), naming the role, the bucket and both prefixes.
"""

from __future__ import annotations

import dataclasses
import fnmatch
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

#: Actions after which S3 says "Object Created" (User Guide, "Event types"); tags, locks and ACLs say something else.
_CREATES = ("s3:PutObject", "s3:ReplicateObject")
EVERYTHING = "*"


class WriteWouldTrigger(Exception):
    """Some role may write where an upload is waited for."""


@dataclasses.dataclass(frozen=True)
class Place:
    """Objects of one bucket whose keys start with a prefix; `owner` is the rule or role that named it."""

    owner: str
    bucket: str
    prefix: str


def check(template: Mapping[str, Any]) -> None:
    """Raise if anybody may write an object that some rule would answer to."""
    watched = list(watched_places(template))
    for written in written_places(template):
        for place in watched:
            same = EVERYTHING in (written.bucket, place.bucket) or written.bucket == place.bucket
            if same and _overlap(written.prefix, place.prefix):
                raise WriteWouldTrigger(
                    f"{written.owner} may write {written.bucket}/{written.prefix}*, and {place.owner} starts the "
                    f"pipeline for {place.bucket}/{place.prefix}*: one of the two prefixes must change"
                )


def watched_places(template: Mapping[str, Any]) -> Iterator[Place]:
    for name, rule in _of_type(template, "AWS::Events::Rule"):
        pattern = rule.get("EventPattern", {})
        if "aws.s3" not in pattern.get("source", []):
            continue
        detail = pattern.get("detail", {})
        filters = detail.get("object", {}).get("key", [""])
        for bucket in detail.get("bucket", {}).get("name", [EVERYTHING]):
            yield from (Place(name, _bucket(bucket), _filter_prefix(each)) for each in filters)


def written_places(template: Mapping[str, Any]) -> Iterator[Place]:
    for owner, statement in _statements(template):
        if statement["Effect"] == "Allow" and _creates(statement):
            resources = _list(statement["Resource"]) if "Resource" in statement else [EVERYTHING]
            yield from (Place(owner, *_object(resource)) for resource in resources)
    for owner, bucket in _of_type(template, "AWS::S3::Bucket"):
        if logging := bucket.get("LoggingConfiguration"):
            target = logging.get("DestinationBucketName", {"Ref": owner})
            yield Place(f"{owner}'s access log", _bucket(target), logging.get("LogFilePrefix", ""))


def _statements(template: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for name, role in _of_type(template, "AWS::IAM::Role"):
        for policy in role.get("Policies", []):
            yield from ((name, statement) for statement in policy["PolicyDocument"]["Statement"])
    for kind in ("AWS::IAM::Policy", "AWS::IAM::ManagedPolicy", "AWS::S3::BucketPolicy"):
        for name, policy in _of_type(template, kind):
            yield from ((name, statement) for statement in policy["PolicyDocument"]["Statement"])
    for name, adopted in _of_type(template, "Custom::AdoptedBucket"):
        yield from ((name, statement) for statement in _wished(adopted["Wish"]))


def _wished(wish: Any) -> list[Mapping[str, Any]]:
    """The statements of a wish: JSON with intrinsic functions in it, which become themselves again."""
    parts = wish["Fn::Join"][1] if isinstance(wish, dict) else [wish]
    # An intrinsic function stands inside a JSON string, for a partition, an account or a distribution.
    text = "".join(part if isinstance(part, str) else "x" for part in parts)
    return json.loads(text)["statements"]


def _of_type(template: Mapping[str, Any], kind: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for name, resource in template["Resources"].items():
        if resource["Type"] == kind:
            yield name, resource.get("Properties", {})


def _creates(statement: Mapping[str, Any]) -> bool:
    if "Action" not in statement:
        return True  # NotAction
    patterns = [action.lower() for action in _list(statement["Action"])]
    return any(fnmatch.fnmatchcase(create.lower(), pattern) for create in _CREATES for pattern in patterns)


def _filter_prefix(key_filter: Any) -> str:
    """What a key filter surely begins with; suffix, wildcard and the like may fit any key."""
    return key_filter if isinstance(key_filter, str) else key_filter.get("prefix", "")


def _object(resource: Any) -> tuple[str, str]:
    """(bucket, key prefix) of a resource in a policy.

    {"Fn::Join": ["", [<bucket's Arn>, "/receipts/*"]]}, or the bucket by its name: "arn:aws:s3:::films/receipts/*".
    """
    parts = resource["Fn::Join"][1] if isinstance(resource, dict) and "Fn::Join" in resource else [resource]
    for index, part in enumerate(parts):
        if isinstance(part, dict) and "Fn::GetAtt" in part:
            rest = "".join(each for each in parts[index + 1 :] if isinstance(each, str))
            return _bucket(part), _prefix(rest.lstrip("/"))
    text = "".join(part if isinstance(part, str) else "x" for part in parts)
    named = re.fullmatch(r"arn:[^:]+:s3:::([^/*?]+)/(.*)", text, re.DOTALL)
    return (named[1], _prefix(named[2])) if named else (EVERYTHING, "")


def _prefix(key_pattern: str) -> str:
    return re.split(r"[*?]", key_pattern, maxsplit=1)[0]


def _bucket(reference: Any) -> str:
    """The logical id behind Ref or GetAtt, or the name as it stands."""
    if isinstance(reference, dict):
        return reference.get("Ref") or reference["Fn::GetAtt"][0]
    return str(reference)


def _overlap(one: str, other: str) -> bool:
    return one.startswith(other) or other.startswith(one)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
