"""A bucket that was there before us: what we need of it is added to what it has, and taken away again at the end.

In: the bucket's name and a `Wish`: policy statements, CORS and lifecycle rules, whether EventBridge must hear of its
objects. Every part of ours carries a mark made of the stack's id, so that what others wrote is left as it is, and two
environments can share a bucket. S3 has only whole configurations and no conditional writes for them; so each is read,
merged, written and read once more, and written again where somebody else wrote in between.

What can go wrong: the bucket cannot be used as it is (`BucketUnfit`, with what to do), or others keep overwriting our
part (`BucketContended`).
"""

from __future__ import annotations

import copy
import dataclasses
import hashlib
import json
import os
import re
import time
from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError

from pipeline.aws.clients import client
from pipeline.aws.faults import code_of

_TRIES = 5
_PAUSE_SECONDS = 1.0
_MINIMUM = "TransitionDefaultMinimumObjectSize"
_A_MARK = re.compile(r"Vod[0-9a-f]{12}\d+$")
_NOT_THERE = ("NoSuchBucketPolicy", "NoSuchCORSConfiguration", "NoSuchLifecycleConfiguration")


class BucketUnfit(Exception):
    """The bucket cannot be adopted as it is; the message says what to do to it."""


class BucketContended(Exception):
    """Somebody else kept writing the same configuration."""


@dataclasses.dataclass(frozen=True)
class Wish:
    """What a stack needs of a bucket. Names (Sid, ID) are given by `marked`; `prefixes` are what lifecycle is for."""

    statements: tuple[dict[str, Any], ...] = ()
    cors: tuple[dict[str, Any], ...] = ()
    lifecycle: tuple[dict[str, Any], ...] = ()
    events: bool = False
    versioned: bool = False
    alone: bool = False

    @classmethod
    def from_json(cls, text: str) -> Wish:
        said = json.loads(text)
        lists = {name: tuple(said.get(name, ())) for name in ("statements", "cors", "lifecycle")}
        return cls(**lists, **{name: bool(said.get(name)) for name in ("events", "versioned", "alone")})


def mark(stack_id: str) -> str:
    """What our parts' names begin with: letters and digits only, as a statement's Sid must be."""
    return f"Vod{hashlib.sha256(stack_id.encode()).hexdigest()[:12]}"


def adopt(bucket: str, wish: Wish, ours: str) -> None:
    """Add what is wished for, and replace what an earlier deployment of the same stack had added."""
    _check(bucket, wish, ours)
    _settle(_Policy(bucket), ours, wish.statements)
    _settle(_Cors(bucket), ours, wish.cors)
    _settle(_Lifecycle(bucket), ours, wish.lifecycle)
    if wish.events:
        _switch_events_on(bucket)


def release(bucket: str, ours: str) -> None:
    """Take our parts away. EventBridge stays on: others may have come to rely on it, and its events cost nothing."""
    for part in (_Policy(bucket), _Cors(bucket), _Lifecycle(bucket)):
        _settle(part, ours, ())


def merged(there: list[dict[str, Any]], ours: str, wished: tuple[dict[str, Any], ...], name: str) -> list[Any]:
    """The others' entries in their order, then ours, each under a marked name."""
    kept = [each for each in there if not str(each.get(name, "")).startswith(ours)]
    return kept + [{name: f"{ours}{number}", **each} for number, each in enumerate(wished)]


def _check(bucket: str, wish: Wish, ours: str) -> None:
    s3 = client("s3")
    try:
        where = s3.get_bucket_location(Bucket=bucket).get("LocationConstraint") or "us-east-1"
    except ClientError as error:
        if code_of(error) in ("NoSuchBucket", "404"):
            raise BucketUnfit(f"there is no bucket {bucket}: create it, or leave the option out") from error
        raise
    here = os.environ.get("AWS_REGION", where)
    if where != here:
        raise BucketUnfit(f"bucket {bucket} is in {where}, the stack in {here}: both must be in one region")
    if wish.versioned and s3.get_bucket_versioning(Bucket=bucket).get("Status") != "Enabled":
        command = f"aws s3api put-bucket-versioning --bucket {bucket} --versioning-configuration Status=Enabled"
        raise BucketUnfit(f"bucket {bucket} is not versioned, and a film may be replaced while it is read: {command}")
    names = _names(_Policy(bucket), _list(_Policy(bucket).read(), "Statement"))
    if wish.alone and any(_A_MARK.match(name) and not name.startswith(ours) for name in names):
        raise BucketUnfit(f"bucket {bucket} holds the outputs of another stack: give each environment its own")


def _switch_events_on(bucket: str) -> None:
    s3 = client("s3")
    there = s3.get_bucket_notification_configuration(Bucket=bucket)
    there.pop("ResponseMetadata", None)
    if "EventBridgeConfiguration" in there:
        return
    s3.put_bucket_notification_configuration(
        Bucket=bucket, NotificationConfiguration={**there, "EventBridgeConfiguration": {}}
    )


@dataclasses.dataclass(frozen=True)
class _Part:
    """One configuration of a bucket: how it is read (None: there is none) and written (None: removed)."""

    bucket: str
    name = "ID"

    def read(self) -> dict[str, Any] | None:
        raise NotImplementedError

    def write(self, whole: dict[str, Any] | None) -> None:
        raise NotImplementedError

    list_name = "Rules"


class _Policy(_Part):
    name, list_name = "Sid", "Statement"

    def read(self) -> dict[str, Any] | None:
        return _or_none(lambda: json.loads(client("s3").get_bucket_policy(Bucket=self.bucket)["Policy"]))

    def write(self, whole: dict[str, Any] | None) -> None:
        if whole is None:
            client("s3").delete_bucket_policy(Bucket=self.bucket)
        else:
            text = json.dumps({"Version": "2012-10-17", **whole})
            client("s3").put_bucket_policy(Bucket=self.bucket, Policy=text)


class _Cors(_Part):
    list_name = "CORSRules"

    def read(self) -> dict[str, Any] | None:
        return _or_none(lambda: {"CORSRules": client("s3").get_bucket_cors(Bucket=self.bucket)["CORSRules"]})

    def write(self, whole: dict[str, Any] | None) -> None:
        if whole is None:
            client("s3").delete_bucket_cors(Bucket=self.bucket)
        else:
            client("s3").put_bucket_cors(Bucket=self.bucket, CORSConfiguration=whole)


class _Lifecycle(_Part):
    def read(self) -> dict[str, Any] | None:
        def get() -> dict[str, Any]:
            answer = client("s3").get_bucket_lifecycle_configuration(Bucket=self.bucket)
            return {name: answer[name] for name in ("Rules", _MINIMUM) if name in answer}

        return _or_none(get)

    def write(self, whole: dict[str, Any] | None) -> None:
        if whole is None:
            client("s3").delete_bucket_lifecycle(Bucket=self.bucket)
        else:
            rules = [_filtered(rule) for rule in whole["Rules"]]
            # Said in a header of its own; left out, S3 would set it to its default.
            minimum = {_MINIMUM: whole[_MINIMUM]} if _MINIMUM in whole else {}
            client("s3").put_bucket_lifecycle_configuration(
                Bucket=self.bucket, LifecycleConfiguration={"Rules": rules}, **minimum
            )


def _filtered(rule: dict[str, Any]) -> dict[str, Any]:
    """A rule in the old form (Prefix beside ID) in the new one: S3 takes no mixture, and ours need tags."""
    if "Prefix" not in rule:
        return rule
    return {**{name: value for name, value in rule.items() if name != "Prefix"}, "Filter": {"Prefix": rule["Prefix"]}}


def _or_none(get: Callable[[], dict[str, Any]]) -> dict[str, Any] | None:
    try:
        return get()
    except ClientError as error:
        if code_of(error) in _NOT_THERE:
            return None
        raise


def _settle(part: _Part, ours: str, wished: tuple[dict[str, Any], ...]) -> None:
    for attempt in range(_TRIES):
        there = part.read()
        entries = _list(there, part.list_name)
        want = merged(entries, ours, wished, part.name)
        if want == entries:
            return
        if attempt:
            time.sleep(_PAUSE_SECONDS)
        part.write({**copy.deepcopy(there or {}), part.list_name: want} if want else None)
        if _names(part, _list(part.read(), part.list_name)) == _names(part, want):
            return
    raise BucketContended(f"bucket {part.bucket}: others keep writing its {part.list_name}; deploy again later")


def _names(part: _Part, entries: list[dict[str, Any]]) -> list[str]:
    """S3 may spell an entry otherwise than it was written, but keeps its name."""
    return sorted(str(each.get(part.name)) for each in entries)


def _list(whole: dict[str, Any] | None, name: str) -> list[dict[str, Any]]:
    """A policy may hold a single statement that stands in no list."""
    found = (whole or {}).get(name, [])
    return list(found) if isinstance(found, list) else [found]
