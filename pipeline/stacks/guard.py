"""Nothing that we write may start the pipeline: the synthesised template is read once more before anybody gets it.

A receipt under uploads/, or outputs in a watched prefix, would start an execution that writes again: a loop that
costs money until somebody notices. So every permission to write is held against every rule on "Object Created".
What can go wrong: an overlap (`WriteWouldTrigger`), naming the role, the bucket and both prefixes.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any


class WriteWouldTrigger(Exception):
    """Some role may write where an upload is waited for."""


@dataclasses.dataclass(frozen=True)
class Place:
    """Objects of one bucket whose keys start with a prefix; `owner` is the rule or role that named it."""

    owner: str
    bucket: str
    prefix: str


def check(template: Mapping[str, Any]) -> None:
    """Raise if any role may write an object that some rule would answer to."""
    watched = list(watched_places(template))
    for written in written_places(template):
        for place in watched:
            if written.bucket in (place.bucket, "*") and _overlap(written.prefix, place.prefix):
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
        for bucket in detail.get("bucket", {}).get("name", ["*"]):
            yield from (Place(name, _bucket(bucket), _filter_prefix(each)) for each in filters)


def written_places(template: Mapping[str, Any]) -> Iterator[Place]:
    for owner, statement in _statements(template):
        if statement["Effect"] == "Allow" and any(_writes(action) for action in _list(statement["Action"])):
            yield from (Place(owner, *_object(resource)) for resource in _list(statement["Resource"]))


def _statements(template: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for name, role in _of_type(template, "AWS::IAM::Role"):
        for policy in role.get("Policies", []):
            yield from ((name, statement) for statement in policy["PolicyDocument"]["Statement"])
    for kind in ("AWS::IAM::Policy", "AWS::IAM::ManagedPolicy"):
        for name, policy in _of_type(template, kind):
            yield from ((name, statement) for statement in policy["PolicyDocument"]["Statement"])


def _of_type(template: Mapping[str, Any], kind: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for name, resource in template["Resources"].items():
        if resource["Type"] == kind:
            yield name, resource.get("Properties", {})


def _writes(action: str) -> bool:
    return action in ("*", "s3:*") or action.startswith("s3:Put")


def _filter_prefix(key_filter: Any) -> str:
    """What a key filter surely begins with; suffix, wildcard and the like may fit any key."""
    return key_filter if isinstance(key_filter, str) else key_filter.get("prefix", "")


def _object(resource: Any) -> tuple[str, str]:
    """(bucket, key prefix) of a resource in a policy: {"Fn::Join": ["", [<bucket's Arn>, "/receipts/*"]]}."""
    if resource == "*":
        return "*", ""
    parts = resource["Fn::Join"][1] if isinstance(resource, dict) and "Fn::Join" in resource else [resource]
    for index, part in enumerate(parts):
        if isinstance(part, dict) and "Fn::GetAtt" in part:
            rest = "".join(each for each in parts[index + 1 :] if isinstance(each, str))
            return _bucket(part), rest.lstrip("/").split("*")[0]
    return repr(resource), ""


def _bucket(reference: Any) -> str:
    """The logical id behind Ref or GetAtt, or the name as it stands."""
    if isinstance(reference, dict):
        return reference.get("Ref") or reference["Fn::GetAtt"][0]
    return str(reference)


def _overlap(one: str, other: str) -> bool:
    return one.startswith(other) or other.startswith(one)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
