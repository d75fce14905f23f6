"""What a stack holds after a run: executions, records, jobs, messages, objects, read through the AWS API alone.

In: a running stack. Out: one `World` of plain values, which `invariants` judges.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

from boto3.dynamodb.types import TypeDeserializer

from pipeline.local.stack import Stack
from pipeline.media import keys

#: Dead-letter queues by the logical ids they have in the template.
DEAD_LETTERS = "DeadLetter"


@dataclasses.dataclass(frozen=True)
class Version:
    """One version of a film in the sources bucket. is_last: nothing newer lies under its key."""

    key: str
    asset_id: str
    version: str
    is_last: bool


@dataclasses.dataclass(frozen=True)
class World:
    versions: tuple[Version, ...]
    executions: Mapping[str, str]  # name -> how it ended, or "running"
    records: Mapping[tuple[str, str], Mapping[str, Any]]  # (pk, sk) -> item
    jobs: tuple[Mapping[str, Any], ...]
    messages: tuple[Mapping[str, Any], ...]
    objects: Mapping[str, int]  # outputs bucket: key -> bytes
    texts: Mapping[str, str]  # pointers and playlists by key
    waiting: Mapping[str, int]  # queue -> messages
    receipts: Mapping[str, str]  # sources bucket: key -> text
    sidecars: frozenset[str]  # their keys in the sources bucket


def look(stack: Stack, messages: list[dict[str, Any]]) -> World:
    objects = _objects(stack)
    return World(
        versions=_versions(stack),
        executions=executions(stack),
        records=_records(stack),
        jobs=tuple(_jobs(stack)),
        messages=tuple(messages),
        objects=objects,
        texts=_texts(stack, objects),
        waiting=waiting(stack),
        receipts=_receipts(stack),
        sidecars=_sidecars(stack),
    )


def _versions(stack: Stack) -> tuple[Version, ...]:
    bucket = stack.outputs["SourcesBucket"]
    pages = stack.client("s3").get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=keys.UPLOADS)
    found = [one for page in pages for one in page.get("Versions", []) if keys.is_film(one["Key"])]
    return tuple(
        Version(
            one["Key"],
            keys.asset_id(bucket, one["Key"]),
            keys.version(one["VersionId"], one["ETag"].strip('"'), ""),
            one["IsLatest"],
        )
        for one in found
    )


def _sidecars(stack: Stack) -> frozenset[str]:
    pages = stack.client("s3").get_paginator("list_objects_v2").paginate(
        Bucket=stack.outputs["SourcesBucket"], Prefix=keys.UPLOADS)  # fmt: skip
    found = (one["Key"] for page in pages for one in page.get("Contents", []))
    return frozenset(key for key in found if not keys.is_film(key))


def executions(stack: Stack) -> dict[str, str]:
    states, machine = stack.client("stepfunctions"), stack.outputs["StateMachineArn"]
    pages = states.get_paginator("list_executions").paginate(stateMachineArn=machine)
    return {one["name"]: _end(states, one) for page in pages for one in page["executions"]}


def _end(states: Any, execution: Mapping[str, Any]) -> str:
    status = execution["status"]
    if status in ("RUNNING", "ABORTED", "TIMED_OUT"):
        return status.lower()
    described = states.describe_execution(executionArn=execution["executionArn"])
    if status == "FAILED":
        return f"failed {described.get('error', '?')}"
    rejection = json.loads(described["output"]).get("rejection")
    if rejection is None:
        return "published"
    return "superseded" if rejection.get("status") == "superseded" else "rejected"


def statuses(stack: Stack) -> dict[str, str]:
    """Every execution's name and status, without asking for its output."""
    pages = stack.client("stepfunctions").get_paginator("list_executions").paginate(
        stateMachineArn=stack.outputs["StateMachineArn"], PaginationConfig={"PageSize": 1000})  # fmt: skip
    return {one["name"]: one["status"] for page in pages for one in page["executions"]}


def _records(stack: Stack) -> dict[tuple[str, str], dict[str, Any]]:
    read = TypeDeserializer().deserialize
    pages = stack.client("dynamodb").get_paginator("scan").paginate(TableName=stack.outputs["AssetsTable"])
    items = [{name: read(value) for name, value in item.items()} for page in pages for item in page["Items"]]
    return {(item["pk"], item["sk"]): item for item in items}


def _jobs(stack: Stack) -> list[dict[str, Any]]:
    pages = stack.client("mediaconvert").get_paginator("list_jobs").paginate()
    return [{key: value for key, value in job.items() if key != "Settings"} for page in pages for job in page["Jobs"]]


def _objects(stack: Stack) -> dict[str, int]:
    pages = stack.client("s3").get_paginator("list_objects_v2").paginate(
        Bucket=stack.outputs["OutputsBucket"], Prefix=keys.ASSETS)  # fmt: skip
    return {one["Key"]: one["Size"] for page in pages for one in page.get("Contents", [])}


def _texts(stack: Stack, objects: Mapping[str, int]) -> dict[str, str]:
    s3, bucket = stack.client("s3"), stack.outputs["OutputsBucket"]
    names = [key for key in objects if key.endswith((".m3u8", ".mpd", ".json"))]
    return {key: s3.get_object(Bucket=bucket, Key=key)["Body"].read().decode() for key in names}


def _receipts(stack: Stack) -> dict[str, str]:
    s3, bucket = stack.client("s3"), stack.outputs["SourcesBucket"]
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=keys.RECEIPTS)
    names = [one["Key"] for page in pages for one in page.get("Contents", [])]
    return {key: s3.get_object(Bucket=bucket, Key=key)["Body"].read().decode() for key in names}


def waiting(stack: Stack) -> dict[str, int]:
    """Messages in every queue of the stack, those under way included."""
    counts = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    found = {}
    for name, url in queues(stack).items():
        said = stack.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=counts)["Attributes"]
        found[name] = sum(int(said[count]) for count in counts)
    return found


def queues(stack: Stack) -> dict[str, str]:
    """The template's queues by logical id."""
    resources = stack.template["Resources"]
    return {
        name: stack.deployment.physical[name]
        for name, resource in resources.items()
        if resource["Type"] == "AWS::SQS::Queue"
    }
