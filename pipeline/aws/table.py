"""The assets table: what is true about every asset, version and job, in conditional writes.

    pk         sk                    what
    asset id   asset                 title, status, current (version and revision that plays), highest (order published)
    asset id   version#<version>     one upload: its identity, revision, execution, status, error, progress
    asset id   job#<run>#<role>      one transcode: task token, attempt, job id, status, percent

Every write that decides something is conditional, so that duplicates, repeats and races cost nothing.
"""

from __future__ import annotations

import datetime
from decimal import Decimal
from typing import Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from botocore.exceptions import ClientError

from pipeline.aws.clients import client
from pipeline.aws.faults import code_of
from pipeline.media import keys
from pipeline.media.asset import Upload
from pipeline.media.errors import SourceSuperseded

_ENDED = {":ended1": "COMPLETE", ":ended2": "ERROR", ":ended3": "CANCELED"}
_NOT_ENDED = "NOT #status IN (:ended1, :ended2, :ended3)"


class AssetTable:
    """The table by name. Raises botocore's ClientError for what DynamoDB refuses."""

    def __init__(self, name: str):
        self._name = name

    # One upload ----------------------------------------------------------------------------------------------

    def register(self, upload: Upload) -> dict[str, Any]:
        """The version's record, made now or by an earlier delivery of the same event. Its revision is the run's."""
        item = {
            **_key(upload.asset_id, _version_sk(upload.version)),
            "upload": upload.as_state(),
            "revision": 1,
            "status": "received",
            "created_at": now(),
            "updated_at": now(),
        }
        try:
            client("dynamodb").put_item(
                TableName=self._name, Item=_pack(item), ConditionExpression="attribute_not_exists(pk)"
            )
            return item
        except ClientError as error:
            if code_of(error) != "ConditionalCheckFailedException":
                raise
        return self.version(upload) or item

    def started(self, upload: Upload, execution_arn: str) -> None:
        """After this, deliveries of the same event start nothing, even when the execution's name is free again."""
        self._update(upload, _version_sk(upload.version), execution_arn=execution_arn)

    def version(self, upload: Upload) -> dict[str, Any] | None:
        return self._get(upload.asset_id, _version_sk(upload.version))

    def fail(self, upload: Upload, error: dict[str, Any]) -> None:
        """Note why the execution failed. A version that was published stays so: its film plays, only telling failed."""
        sk = _version_sk(upload.version)
        if not self._update_if(
            "#status <> :published", upload, sk, {":published": "published"}, status="failed", error=error
        ):
            self._update(upload, sk, error=error)

    def mark(self, upload: Upload, status: str, **more: Any) -> None:
        """Set the version's status: received, transcoding, published, rejected, superseded or failed."""
        self._update(upload, _version_sk(upload.version), status=status, **more)

    # The asset -----------------------------------------------------------------------------------------------

    def open_asset(self, upload: Upload, title: str) -> None:
        self._update(upload, "asset", title=title, bucket=upload.bucket, key=upload.key)

    def asset(self, asset_id: str) -> dict[str, Any] | None:
        return self._get(asset_id, "asset")

    def publish(self, upload: Upload, title: str) -> None:
        """Move `current` and `highest` to this run, never back. Raises SourceSuperseded when a newer one is there."""
        highest = _highest(upload)
        won = self._update_if(
            "attribute_not_exists(#highest) OR #highest <= :highest",
            upload,
            "asset",
            {},
            highest=highest,
            current={"version": upload.version, "revision": upload.revision},
            title=title,
            status="published",
            published_at=now(),
        )
        if not won:
            raise SourceSuperseded(
                "SOURCE_SUPERSEDED", "a newer upload of the same key is already published", {"this": highest}
            )

    # One transcode -------------------------------------------------------------------------------------------

    def intend(self, upload: Upload, role: str, task_token: str) -> dict[str, Any]:
        """Store the token that waits for this job, before the job exists. Returns the record as it was before."""
        before = self._update(
            upload,
            _job_sk(upload, role),
            returned="ALL_OLD",
            task_token=task_token,
            upload=upload.as_state(),
            role=role,
            updated_at=now(),
        )
        return before

    def attempt(self, upload: Upload, role: str, number: int) -> None:
        """Say that attempt `number` is about to be created; its job id is not known yet."""
        sk = _job_sk(upload, role)
        self._update(upload, sk, attempt=number, attempted_at=now(), job_id=None, status="INTENDED", percent=0)

    def submitted(self, upload: Upload, role: str, job_id: str) -> None:
        """Keep the job's id. A short job's last event may have been here first: what has ended stays ended."""
        sk = _job_sk(upload, role)
        if not self._update_if(_NOT_ENDED, upload, sk, _ENDED, job_id=job_id, status="SUBMITTED"):
            self._update(upload, sk, job_id=job_id)

    def job(self, upload: Upload, role: str) -> dict[str, Any] | None:
        return self._get(upload.asset_id, _job_sk(upload, role))

    def job_of(self, metadata: dict[str, str]) -> dict[str, Any] | None:
        """The record of the job that carries this UserMetadata."""
        run = keys.run(metadata["version"], int(metadata["revision"]))
        return self._get(metadata["asset_id"], f"job#{run}#{metadata['role']}")

    def job_news(self, upload: Upload, role: str, attempt: int, status: str, percent: int | None = None) -> bool:
        """Note what MediaConvert said of an attempt; False where that changes nothing.

        Events come late, twice and out of order: a newer attempt is not touched, and progress does not revive a job
        that has ended.
        """
        more = {} if percent is None else {"percent": percent}
        condition, values = "#attempt = :attempt", {}
        if status not in _ENDED.values():
            condition, values = f"{condition} AND {_NOT_ENDED}", _ENDED
        sk = _job_sk(upload, role)
        return self._update_if(condition, upload, sk, values, attempt=attempt, status=status, **more)

    def jobs(self, upload: Upload) -> list[dict[str, Any]]:
        """Every job of this run."""
        return self._query(upload.asset_id, f"job#{upload.run}#")

    # DynamoDB ------------------------------------------------------------------------------------------------

    def _get(self, pk: str, sk: str) -> dict[str, Any] | None:
        item = (
            client("dynamodb").get_item(TableName=self._name, Key=_pack(_key(pk, sk)), ConsistentRead=True).get("Item")
        )
        return _unpack(item) if item else None

    def _query(self, pk: str, prefix: str) -> list[dict[str, Any]]:
        pages = (
            client("dynamodb")
            .get_paginator("query")
            .paginate(
                TableName=self._name,
                KeyConditionExpression="pk = :pk AND begins_with(sk, :prefix)",
                ExpressionAttributeValues=_pack({":pk": pk, ":prefix": prefix}),
                ConsistentRead=True,
            )
        )
        return [_unpack(item) for page in pages for item in page["Items"]]

    def _update_if(self, condition: str, upload: Upload, sk: str, /, extra: dict[str, Any], **values: Any) -> bool:
        """Set `values` if `condition` holds; `extra` are further values that the condition names."""
        try:
            self._update(upload, sk, condition=condition, extra=extra, **values)
            return True
        except ClientError as error:
            if code_of(error) != "ConditionalCheckFailedException":
                raise
            return False

    def _update(
        self,
        upload: Upload,
        sk: str,
        /,
        condition: str | None = None,
        returned: str = "NONE",
        extra: dict[str, Any] | None = None,
        **values: Any,
    ) -> dict[str, Any]:
        values.setdefault("updated_at", now())
        answer = client("dynamodb").update_item(
            TableName=self._name,
            Key=_pack(_key(upload.asset_id, sk)),
            UpdateExpression="SET " + ", ".join(f"#{name} = :{name}" for name in values),
            ExpressionAttributeNames={f"#{name}": name for name in values},
            ExpressionAttributeValues=_pack({**{f":{name}": value for name, value in values.items()}, **(extra or {})}),
            ReturnValues=returned,
            **({"ConditionExpression": condition} if condition else {}),
        )
        return _unpack(answer.get("Attributes", {}))


def now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _highest(upload: Upload) -> str:
    return f"{upload.order}-{upload.revision:06d}"


def _key(pk: str, sk: str) -> dict[str, str]:
    return {"pk": pk, "sk": sk}


def _version_sk(version: str) -> str:
    return f"version#{version}"


def _job_sk(upload: Upload, role: str) -> str:
    return f"job#{upload.run}#{role}"


def _pack(item: dict[str, Any]) -> dict[str, Any]:
    serializer = TypeSerializer()
    return {name: serializer.serialize(_decimals(value)) for name, value in item.items()}


def _unpack(item: dict[str, Any]) -> dict[str, Any]:
    deserializer = TypeDeserializer()
    return {name: _numbers(deserializer.deserialize(value)) for name, value in item.items()}


def _decimals(value: Any) -> Any:
    """DynamoDB refuses floats; Decimal(str()) keeps what was written."""
    if isinstance(value, float):
        return Decimal(str(value))
    if isinstance(value, dict):
        return {key: _decimals(part) for key, part in value.items()}
    return [_decimals(part) for part in value] if isinstance(value, (list, tuple)) else value


def _numbers(value: Any) -> Any:
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, dict):
        return {key: _numbers(part) for key, part in value.items()}
    return [_numbers(part) for part in value] if isinstance(value, list) else value
