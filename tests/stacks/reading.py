"""Reads a template as a person would: intrinsic functions become short text, resources are asked for by type."""

from __future__ import annotations

from typing import Any


def of_type(resources: dict[str, Any], kind: str) -> dict[str, Any]:
    """Logical id -> properties."""
    return {name: each.get("Properties", {}) for name, each in resources.items() if each["Type"] == kind}


def plain(value: Any) -> Any:
    """{"Fn::Join": ["", [{"Fn::GetAtt": ["Outputs", "Arn"]}, "/a/*"]]} -> "${Outputs.Arn}/a/*"."""
    if isinstance(value, list):
        return [plain(each) for each in value]
    if not isinstance(value, dict):
        return value
    if set(value) == {"Ref"}:
        return "${" + value["Ref"] + "}"
    if set(value) == {"Fn::GetAtt"}:
        return "${" + ".".join(value["Fn::GetAtt"]) + "}"
    if set(value) == {"Fn::Sub"}:
        return value["Fn::Sub"]
    if set(value) == {"Fn::Join"}:
        separator, parts = value["Fn::Join"]
        return separator.join(plain(part) for part in parts)
    return {key: plain(each) for key, each in value.items()}


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def statements_of(resources: dict[str, Any], role: str) -> list[dict[str, Any]]:
    """All that a role allows: its own policies, and those that others attach to it."""
    own = [policy["PolicyDocument"] for policy in resources[role]["Properties"].get("Policies", [])]
    attached = [
        each["PolicyDocument"]
        for kind in ("AWS::IAM::Policy", "AWS::IAM::ManagedPolicy")
        for each in of_type(resources, kind).values()
        if {"Ref": role} in each.get("Roles", [])
    ]
    return [plain(statement) for document in own + attached for statement in document["Statement"]]
