"""The assets table: what is true about every asset, version and job, in conditional writes.

    pk         sk                    what
    asset id   asset                 title, status, current (version and revision that plays), highest (order
                                     published), removed (no upload up to this order is published again)
    asset id   version#<version>     one upload: its identity, revision, execution, status (and since when it stands
                                     so), error, replaced_at,
                                     published_revision (that plays, or may play again), cancelled_revision
    asset id   job#<run>#<role>      one transcode: task token, attempt, job id, status, percent, bill
    asset id   hold#<run>#<reason>   what a run waits for besides a job, and who decided (pipeline.aws.holds)
    asset id   run#<run>             what is known of a run: asset, source, plan, verified, outputs, playback, encode;
                                     each part noted by the step that learns it
    control    intake, budget#<day>  whether intake is paused (pipeline.aws.intake), what a day's encodes may cost and
                                     have reserved (pipeline.aws.budget)

Every write that decides something is conditional, so that duplicates, repeats and races cost nothing.

An update is a run of a version that has been published: `revision` is ahead of `published_revision`. However badly it
ends, the film plays on and the version's status becomes published again, with the update's error.

What the sweep still has to look at carries `open` (asset, version or job) and `due` (when to look); the sparse index
`Open` lists it without a scan. An upload is open from its registration until nothing is left to do for it, a job from
its intent until its end is known, an asset from a publication until its pointers have been checked. One value of
`open` is one partition of the index, good for a thousand writes a second: ten times what `start` registers.

Versions carry `listed`, `film` (the S3 key) and, where they ended badly, `code`, small copies for the index `Listed`,
newest change first: what operators list (pipeline.aws.reading) needs no scan and no large item.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from botocore.exceptions import ClientError

from pipeline.aws.clients import client
from pipeline.aws.faults import code_of
from pipeline.media import keys
from pipeline.media.asset import Upload
from pipeline.media.errors import PointerContended, SourceSuperseded
from pipeline.media.reconcile import (
    CANCELLABLE,
    ENDED_UNPUBLISHED,
    KEPT,
    OPEN_INDEX,
    START_GRACE,
    UNDER_WAY,
    was_cancelled,
)

ASSET, VERSION, JOB = "asset", "version", "job"
#: The key of what is true of the pipeline as a whole, not of an asset.
CONTROL = "control"
_ENDED = {":ended1": "COMPLETE", ":ended2": "ERROR", ":ended3": "CANCELED"}
_NOT_ENDED = "NOT #status IN (:ended1, :ended2, :ended3)"
_THIS_RUN = "(attribute_not_exists(#revision) OR #revision = :run)"
_NOT_CANCELLED = (
    "(attribute_not_exists(#status) OR #status <> :cancelled) "
    "AND (attribute_not_exists(#cancelled_revision) OR #cancelled_revision <> :run)"
)
_IS_FIRST = "attribute_not_exists(#published_revision)"
_IS_UPDATE = "#published_revision < :run"
_GONE = {":removed": "removed", ":expired": "expired"}
_NOT_GONE = "NOT #status IN (:removed, :expired)"
#: What the record of a version that plays says of its update.
_UPDATE_CANCELLED = SourceSuperseded("RUN_CANCELLED", "the update was cancelled by an operator").as_dict()
_MOST_WARNINGS = 5
_PAGE = 100  # BatchGetItem's limit


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
            "since": now(),
            "created_at": now(),
            "updated_at": now(),
            "listed": VERSION,
            "film": upload.key,
            **_open(VERSION, START_GRACE),
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

    def registered(self, uploads: Sequence[Upload]) -> dict[Upload, dict[str, Any]]:
        """The version's record of each upload that has one: a call for a hundred of them."""
        found = {}
        for start in range(0, len(uploads), _PAGE):
            page = uploads[start : start + _PAGE]
            packed = [_pack(_key(upload.asset_id, _version_sk(upload.version))) for upload in page]
            records = {(record["pk"], record["sk"]): record for record in self._read(packed)}
            for upload in page:
                record = records.get((upload.asset_id, _version_sk(upload.version)))
                found |= {upload: record} if record else {}
        return found

    def versions(self, asset_id: str) -> list[dict[str, Any]]:
        """Every upload of the asset."""
        return self._query(asset_id, _version_sk(""))

    def mark(self, upload: Upload, status: str, **more: Any) -> bool:
        """Set the version's status: transcoding, rejected or superseded; of an update that ends so, published.

        False, and nothing written, where the run was cancelled or a later run of the upload has begun.
        """
        condition, sk = f"{_THIS_RUN} AND {_NOT_CANCELLED}", _version_sk(upload.version)
        values, more = {":run": upload.revision, ":cancelled": "cancelled"}, {**_open(VERSION), **more}
        if status not in ("rejected", "superseded"):
            return self._update_if(condition, upload, sk, values, ("waits",), status=status, **more)
        first, update = f"{condition} AND {_IS_FIRST}", f"{condition} AND {_IS_UPDATE} AND {_NOT_GONE}"
        return self._update_if(first, upload, sk, values, ("waits",), status=status, **more) or self._update_if(
            update, upload, sk, {**values, **_GONE}, ("waits",), status="published", **more
        )

    def fail(self, upload: Upload, error: dict[str, Any]) -> None:
        """Note why the execution failed. A version that was published stays so: its film plays, and what failed is
        telling people, or an update.

        A cancelled run stays cancelled. What a failed run has made is kept for a redrive, then the sweep is due.
        """
        sk, run = _version_sk(upload.version), {":run": upload.revision}
        last = {":published": "published", ":cancelled": "cancelled"}
        condition = (
            f"{_THIS_RUN} AND {_IS_FIRST} "
            "AND (attribute_not_exists(#status) OR NOT #status IN (:published, :cancelled))"
        )
        more = {"status": "failed", "error": error, **_open(VERSION, KEPT)}
        if not self._update_if(condition, upload, sk, {**run, **last}, ("waits",), **more):
            was = "(attribute_exists(#published_revision) OR #status = :published)"
            plays = f"{_THIS_RUN} AND {was} AND {_NOT_GONE} AND {_NOT_CANCELLED}"
            values = {**run, **_GONE, **last}
            self._update_if(plays, upload, sk, values, ("waits",), status="published", error=error, **_open(VERSION))

    def recorded(self, upload: Upload, redrives: int) -> None:
        """Remember that the bad end after so many redrives has been dealt with in full."""
        run = {":run": upload.revision}
        self._update_if(_THIS_RUN, upload, _version_sk(upload.version), run, recorded=redrives)

    def cancel(self, upload: Upload) -> bool:
        """Decide that this run shall not be published; False where it is, or has ended by itself.

        A cancelled update is remembered by its revision, because its version is published again.
        """
        sk, run = _version_sk(upload.version), {":run": upload.revision}
        values = {f":{status}": status for status in CANCELLABLE}
        first = f"{_THIS_RUN} AND {_IS_FIRST} AND #status IN ({', '.join(values)})"
        update = f"{_THIS_RUN} AND {_IS_UPDATE} AND {_NOT_GONE}"
        more = {"status": "published", "cancelled_revision": upload.revision, "error": _UPDATE_CANCELLED}
        return self._update_if(
            first, upload, sk, {**values, **run}, ("waits",), status="cancelled", **_open(VERSION)
        ) or self._update_if(update, upload, sk, {**_GONE, **run}, ("waits",), **more, **_open(VERSION))

    def redriven(self, upload: Upload) -> None:
        """A failed run goes on; one that has failed again meanwhile, or was published, is left as it is."""
        extra, sk = {":run": upload.revision}, _version_sk(upload.version)
        first = f"{_THIS_RUN} AND {_IS_FIRST} AND #status = :failed"
        update = f"{_THIS_RUN} AND {_IS_UPDATE} AND #status = :published AND {_NOT_CANCELLED}"
        more = {"status": "transcoding", **_open(VERSION)}
        if not self._update_if(first, upload, sk, {**extra, ":failed": "failed"}, **more):
            values = {**extra, ":published": "published", ":cancelled": "cancelled"}
            self._update_if(update, upload, sk, values, remove=("error", "code"), **more)

    def revise(self, upload: Upload, plays: int | None = None) -> Upload | None:
        """The upload's next run, registered as if it had just come in; None where somebody else was first.

        plays: the revision that plays, and goes on playing until the next is published: the next run is an update.
        """
        following = upload.with_revision(upload.revision + 1)
        if plays is None:
            values: dict[str, Any] = {f":{status}": status for status in ENDED_UNPUBLISHED}
            condition = f"#revision = :run AND #status IN ({', '.join(values)})"
        else:
            values = {":published": "published", ":plays": plays}
            condition = "#revision = :run AND #status = :published AND #published_revision = :plays"
        won = self._update_if(
            condition,
            upload,
            _version_sk(upload.version),
            {**values, ":run": upload.revision},
            remove=("execution_arn", "error", "code", "recorded", "cancelled_revision", "waits", "title"),
            revision=following.revision,
            status="received",
            **_open(VERSION, START_GRACE),
        )
        return following if won else None

    def warn(self, upload: Upload, sentence: str) -> None:
        """Keep a sentence about this upload for its receipt; each once, the last few of many."""
        there = [each for each in (self.version(upload) or {}).get("warnings", []) if each != sentence]
        self._update(upload, _version_sk(upload.version), warnings=[*there, sentence][-_MOST_WARNINGS:])

    def unwarn(self, upload: Upload) -> None:
        """Forget such sentences: what they told of has been done."""
        sk = _version_sk(upload.version)
        self._update_if("attribute_exists(#warnings)", upload, sk, {}, remove=("warnings",))

    # One run -------------------------------------------------------------------------------------------------

    def note(self, upload: Upload, **parts: Any) -> None:
        """Keep what a step has learned of this run: receipts, consoles and later revisions read it."""
        self._update(upload, _run_sk(upload), **parts)

    def known(self, upload: Upload) -> dict[str, Any]:
        """All that steps have noted of this run; {} where nothing is known."""
        found = self._get(upload.asset_id, _run_sk(upload)) or {}
        return {name: part for name, part in found.items() if name not in ("pk", "sk")}

    def title(self, upload: Upload) -> str:
        """What viewers read above the film: the wished title as far as this run knows it, else the file's name."""
        return str((self.known(upload).get("asset") or {}).get("title") or keys.title(upload.key))

    def entitle(self, upload: Upload, title: str) -> None:
        """Copy a title that is not the file's name, for lists; nothing where a later run has begun."""
        self._update_if(_THIS_RUN, upload, _version_sk(upload.version), {":run": upload.revision}, title=title)

    def predict(self, upload: Upload, predicted_usd: float) -> None:
        """Copy what this version should cost, for lists; nothing where the version is not known."""
        self._update_if("attribute_exists(pk)", upload, _version_sk(upload.version), {}, predicted_usd=predicted_usd)

    def bill(self, upload: Upload, cost_usd: float) -> None:
        """Copy what all runs of this version have cost so far. Sums only grow: of two at once the larger knew more."""
        condition = "attribute_exists(pk) AND (attribute_not_exists(#cost_usd) OR #cost_usd < :cost_usd)"
        sk = _version_sk(upload.version)
        self._update_if(condition, upload, sk, {}, cost_usd=cost_usd, billed_at=now())

    # The asset -----------------------------------------------------------------------------------------------

    def open_asset(self, upload: Upload, title: str) -> None:
        self._update(upload, ASSET, title=title, bucket=upload.bucket, key=upload.key)

    def everything(self, asset_id: str) -> list[dict[str, Any]]:
        """Every item of an asset, read at one moment as far as a page goes: itself, versions, runs and jobs."""
        return self._query(asset_id)

    def asset(self, asset_id: str) -> dict[str, Any] | None:
        return self._get(asset_id, ASSET)

    def look_up(self, wanted: list[tuple[str, str]]) -> list[dict[str, Any]]:
        """Of the items with these (pk, sk), no two alike, those that there are; in no order."""
        pages = [wanted[start : start + _PAGE] for start in range(0, len(wanted), _PAGE)]
        return [item for page in pages for item in self._read([_pack(_key(pk, sk)) for pk, sk in page])]

    def publish(self, upload: Upload, title: str) -> None:
        """Move `current` and `highest` to this run, never back, and call the version published: all or nothing.

        Decided upon what is read first, and written if that is still so. What played until now is marked as replaced,
        for the sweep to remove when its time has come. Raises SourceSuperseded when a newer one is there, when this one
        was rolled back or removed, or its run cancelled; PointerContended when another write touches the same records
        right now.
        """
        asset, record = self.asset(upload.asset_id) or {}, self.version(upload) or {}
        if refusal := _refusal(upload, asset, record):
            raise refusal
        parts = [self._played_from_now_on(upload, title, asset), self._published(upload, record)]
        current = asset.get("current")
        if current and current["version"] != upload.version:
            parts.append(self._replaced(upload.asset_id, current["version"]))
        try:
            self._transact(parts)
        except ClientError as error:
            raise self._not_published(error, upload) from error

    def _played_from_now_on(self, upload: Upload, title: str, asset: dict[str, Any]) -> dict[str, Any]:
        condition, values = _unchanged(asset, "current", "highest", "removed")
        return self._expression(
            upload.asset_id,
            ASSET,
            condition,
            values,
            # An update of what was rolled back to leaves it, so that what was rolled back from does not return.
            highest=max(_highest(upload), asset.get("highest", "")),
            current=_run_of(upload),
            title=title,
            status="published",
            published_at=now(),
            updated_at=now(),
            **_open(ASSET, START_GRACE),
        )

    def _published(self, upload: Upload, record: dict[str, Any]) -> dict[str, Any]:
        condition, values = _unchanged(record, "published_revision")
        return self._expression(
            upload.asset_id,
            _version_sk(upload.version),
            f"{_THIS_RUN} AND {_NOT_CANCELLED} AND {condition}",
            {":run": upload.revision, ":cancelled": "cancelled", **values},
            remove=("error", "code", "waits"),
            status="published",
            published_revision=upload.revision,
            published_at=now(),
            updated_at=now(),
            **_open(VERSION),
        )

    def _replaced(self, asset_id: str, version: str) -> dict[str, Any]:
        """From now on its time runs out. Looked at soon: what is left to do for its own run comes before."""
        more = _open(VERSION, START_GRACE)
        return self._expression(asset_id, _version_sk(version), None, replaced_at=now(), updated_at=now(), **more)

    def _not_published(self, error: ClientError, upload: Upload) -> Exception:
        """What a refused publication means, by what is there now."""
        if code_of(error) != "TransactionCanceledException":
            return error
        reasons = {reason.get("Code") for reason in error.response["CancellationReasons"]}
        if not {"TransactionConflict", "ConditionalCheckFailed"} & reasons:
            return error
        this, record = {"this": _highest(upload)}, self.version(upload) or {}
        if refusal := _refusal(upload, self.asset(upload.asset_id) or {}, record):
            return refusal
        if was_cancelled(record, upload.revision) or int(record.get("revision", upload.revision)) != upload.revision:
            return SourceSuperseded("RUN_CANCELLED", "this run was cancelled before it was published", this)
        return PointerContended("POINTER_CONTENDED", "another write touches the same records", this)

    def roll_back(self, target: Upload, seen: dict[str, Any]) -> bool:
        """Let `target`, published before, play in the place of `seen`, which is the asset's `current` as it was read.

        False, and nothing written, where something else plays by now or the target has expired. `highest` stays: only
        a newer upload moves it.
        """
        asset = self._expression(
            target.asset_id,
            ASSET,
            "#current = :seen",
            {":seen": seen},
            current=_run_of(target),
            rolled_back_at=now(),
            updated_at=now(),
            **_open(ASSET, START_GRACE),
        )
        version = self._expression(
            target.asset_id,
            _version_sk(target.version),
            "#status = :published AND #published_revision = :run",
            {":published": "published", ":run": target.revision},
            remove=("replaced_at",),
            updated_at=now(),
        )
        return self._transacted([asset, version, self._replaced(target.asset_id, seen["version"])])

    def expire(self, upload: Upload) -> bool:
        """Call a replaced version expired, so that nobody rolls back to it; False where it plays, again or still."""
        version = self._expression(
            upload.asset_id,
            _version_sk(upload.version),
            f"#status = :published AND {_THIS_RUN} AND attribute_exists(#replaced_at)",
            {":published": "published", ":run": upload.revision},
            status="expired",
            updated_at=now(),
            **_open(VERSION),
        )
        plays = {
            "TableName": self._name,
            "Key": _pack(_key(upload.asset_id, ASSET)),
            "ConditionExpression": "#current.#version <> :version",
            "ExpressionAttributeNames": {"#current": "current", "#version": "version"},
            "ExpressionAttributeValues": _pack({":version": upload.version}),
        }
        return self._transacted([version], [plays])

    def remove(self, asset_id: str, order: str) -> None:
        """Decide that nothing of the asset plays, and that no upload up to `order` ever will again."""
        expression = self._expression(
            asset_id,
            ASSET,
            "attribute_not_exists(#removed) OR #removed <= :removed",
            remove=("current",),
            status="removed",
            removed=order,
            updated_at=now(),
            **_open(ASSET, START_GRACE),
        )
        _unless_refused(expression)

    def say_removed(self, asset_id: str, counts: dict[str, int], purged: bool) -> None:
        """Keep what a removal took away, for the receipt; purged: sources and receipt are gone too."""
        asset = self._expression(asset_id, ASSET, None, removed_objects=counts, purged=purged, updated_at=now())
        client("dynamodb").update_item(**asset)

    def look_again(self, asset_id: str, **values: str) -> None:
        """Let the sweep look at this asset: something that people read of it could not be written."""
        asset = self._expression(asset_id, ASSET, None, updated_at=now(), **values, **_open(ASSET, START_GRACE))
        client("dynamodb").update_item(**asset)

    def removed(self, upload: Upload) -> None:
        """This version's outputs are to go; the sweep sees to what is left of them."""
        values = {"status": "removed", **_open(VERSION, START_GRACE)}
        extra = {f":{status}": status for status in (*UNDER_WAY, "cancelled")}
        condition = f"attribute_exists(pk) AND NOT #status IN ({', '.join(extra)})"
        self._update_if(condition, upload, _version_sk(upload.version), extra, **values)

    def _transact(self, updates: list[dict[str, Any]], checks: list[dict[str, Any]] | None = None) -> None:
        items = [{"Update": each} for each in updates] + [{"ConditionCheck": each} for each in checks or []]
        client("dynamodb").transact_write_items(TransactItems=items)

    def _transacted(self, updates: list[dict[str, Any]], checks: list[dict[str, Any]] | None = None) -> bool:
        try:
            self._transact(updates, checks)
            return True
        except ClientError as error:
            if code_of(error) != "TransactionCanceledException":
                raise
            return False

    # One transcode -------------------------------------------------------------------------------------------

    def attempt(self, upload: Upload, role: str, number: int, task_token: str, acceleration: str = "DISABLED") -> bool:
        """Store the token and the intent of attempt `number` before its job exists; False where one is under way.

        One write: with the token stored before the new number, a late ERROR of the attempt before would fail it.
        """
        return self._update_if(
            "attribute_not_exists(#attempt) OR #attempt < :attempt",
            upload,
            _job_sk(upload, role),
            {},
            task_token=task_token,
            upload=upload.as_state(),
            role=role,
            attempt=number,
            attempted_at=now(),
            acceleration=acceleration,
            job_id=None,
            status="INTENDED",
            percent=0,
            **_open(JOB),
        )

    def adopt(self, upload: Upload, role: str, number: int, task_token: str) -> bool:
        """Let the job of attempt `number` answer to this token from now on; False where a later one has begun."""
        sk = _job_sk(upload, role)
        return self._update_if("#attempt = :attempt", upload, sk, {}, task_token=task_token, attempt=number)

    def submitted(self, upload: Upload, role: str, number: int, job_id: str) -> None:
        """Keep the id of attempt `number`'s job, unless a later attempt has begun.

        A short job's last event may have been here first: what has ended stays ended.
        """
        sk, condition = _job_sk(upload, role), "#attempt = :attempt"
        alive = f"{condition} AND {_NOT_ENDED}"
        if not self._update_if(alive, upload, sk, _ENDED, attempt=number, job_id=job_id, status="SUBMITTED"):
            self._update_if(condition, upload, sk, {}, attempt=number, job_id=job_id)

    def job(self, upload: Upload, role: str) -> dict[str, Any] | None:
        return self._get(upload.asset_id, _job_sk(upload, role))

    def job_of(self, metadata: dict[str, str]) -> dict[str, Any] | None:
        """The record of the job that carries this UserMetadata."""
        run = keys.run(metadata["version"], int(metadata["revision"]))
        return self._get(metadata["asset_id"], f"job#{run}#{metadata['role']}")

    def job_news(
        self, upload: Upload, role: str, attempt: int, status: str, percent: int | None = None, **more: Any
    ) -> bool:
        """Note what MediaConvert said of an attempt, and `more` that follows; False where that changes nothing.

        Events come late, twice and out of order: a newer attempt is not touched, and progress does not revive a job
        that has ended.
        """
        more |= {} if percent is None else {"percent": percent}
        ended = status in _ENDED.values()
        condition, values = "#attempt = :attempt", {}
        if not ended:
            condition, values = f"{condition} AND {_NOT_ENDED}", _ENDED
        remove = ("open", "due") if ended else ()
        sk = _job_sk(upload, role)
        return self._update_if(condition, upload, sk, values, remove=remove, attempt=attempt, status=status, **more)

    def jobs(self, upload: Upload) -> list[dict[str, Any]]:
        """Every job of this run."""
        return self._query(upload.asset_id, f"job#{upload.run}#")

    def jobs_of_version(self, upload: Upload) -> list[dict[str, Any]]:
        """Every job of every run of this upload."""
        return self._query(upload.asset_id, f"job#{upload.version}-r")

    # What is open --------------------------------------------------------------------------------------------

    def due(self, kind: str, ahead: datetime.timedelta = datetime.timedelta()) -> Iterator[dict[str, Any]]:
        """Open records of a kind that are due by now, or `ahead` of it; as they are, not as the index knew them."""
        pages = (
            client("dynamodb")
            .get_paginator("query")
            .paginate(
                TableName=self._name,
                IndexName=OPEN_INDEX,
                KeyConditionExpression="#open = :open AND #due <= :now",
                ExpressionAttributeNames={"#open": "open", "#due": "due"},
                ExpressionAttributeValues=_pack({":open": kind, ":now": now(ahead)}),
                PaginationConfig={"PageSize": _PAGE},
            )
        )
        for page in pages:
            for record in self._read([{"pk": item["pk"], "sk": item["sk"]} for item in page["Items"]]):
                if record.get("open") == kind:
                    yield record

    def close(self, record: dict[str, Any]) -> bool:
        """Nothing is left to do for this record, unless somebody wrote to it since it was read."""
        return self._settle(record, remove=("open", "due"))

    def defer(self, record: dict[str, Any], wait: datetime.timedelta) -> bool:
        """Look at this record again after `wait`."""
        return self._settle(record, due=now(wait))

    def _settle(self, record: dict[str, Any], remove: tuple[str, ...] = (), **values: Any) -> bool:
        condition, extra = "#updated_at = :seen", {":seen": record["updated_at"]}
        expression = self._expression(record["pk"], record["sk"], condition, extra, remove, updated_at=now(), **values)
        return _unless_refused(expression)

    # DynamoDB ------------------------------------------------------------------------------------------------

    def _get(self, pk: str, sk: str) -> dict[str, Any] | None:
        item = (
            client("dynamodb").get_item(TableName=self._name, Key=_pack(_key(pk, sk)), ConsistentRead=True).get("Item")
        )
        return _unpack(item) if item else None

    def _read(self, packed_keys: list[dict[str, Any]]) -> list[dict[str, Any]]:
        found, wanted = [], {self._name: {"Keys": packed_keys, "ConsistentRead": True}} if packed_keys else {}
        while wanted:
            answer = client("dynamodb").batch_get_item(RequestItems=wanted)
            found += answer["Responses"].get(self._name, [])
            wanted = answer.get("UnprocessedKeys") or {}
        return [_unpack(item) for item in found]

    def _query(self, pk: str, prefix: str = "") -> list[dict[str, Any]]:
        pages = (
            client("dynamodb")
            .get_paginator("query")
            .paginate(
                TableName=self._name,
                KeyConditionExpression="pk = :pk" + (" AND begins_with(sk, :prefix)" if prefix else ""),
                ExpressionAttributeValues=_pack({":pk": pk, **({":prefix": prefix} if prefix else {})}),
                ConsistentRead=True,
            )
        )
        return [_unpack(item) for page in pages for item in page["Items"]]

    def _update_if(
        self,
        condition: str,
        upload: Upload,
        sk: str,
        /,
        extra: dict[str, Any],
        remove: tuple[str, ...] = (),
        **values: Any,
    ) -> bool:
        """Set `values` if `condition` holds; `extra` are further values that the condition names."""
        values.setdefault("updated_at", now())
        if "error" in values:
            values["code"] = values["error"].get("code")
        return _unless_refused(self._expression(upload.asset_id, sk, condition, extra, remove, **values))

    def _update(self, upload: Upload, sk: str, /, **values: Any) -> None:
        values.setdefault("updated_at", now())
        client("dynamodb").update_item(**self._expression(upload.asset_id, sk, None, **values))

    def _expression(
        self,
        pk: str,
        sk: str,
        /,
        condition: str | None,
        extra: dict[str, Any] | None = None,
        remove: tuple[str, ...] = (),
        **values: Any,
    ) -> dict[str, Any]:
        """UpdateItem's parameters, which are those of an Update in a transaction too."""
        if "status" in values and sk.startswith(_version_sk("")):
            values.setdefault("since", now())
        names = {*values, *remove, *re.findall(r"#(\w+)", condition or "")}
        update = "SET " + ", ".join(f"#{name} = :{name}" for name in values)
        if remove:
            update += " REMOVE " + ", ".join(f"#{name}" for name in remove)
        return {
            "TableName": self._name,
            "Key": _pack(_key(pk, sk)),
            "UpdateExpression": update,
            "ExpressionAttributeNames": {f"#{name}": name for name in sorted(names)},
            "ExpressionAttributeValues": _pack(
                {**{f":{name}": value for name, value in values.items()}, **(extra or {})}
            ),
            **({"ConditionExpression": condition} if condition else {}),
        }


def now(wait: datetime.timedelta = datetime.timedelta()) -> str:
    """The time, or the time after `wait`: ISO 8601 in UTC, so that it compares as text."""
    moment = datetime.datetime.now(datetime.UTC) + wait
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def upload_of(record: dict[str, Any]) -> Upload:
    """The upload of a version's record, as the run it is at."""
    return Upload.from_state(record["upload"]).with_revision(int(record["revision"]))


def played(record: dict[str, Any]) -> Upload | None:
    """The upload of a version's record as the run that was published last; None where none was."""
    revision = record.get("published_revision")
    return None if revision is None else upload_of(record).with_revision(int(revision))


def _refusal(upload: Upload, asset: dict[str, Any], record: dict[str, Any]) -> SourceSuperseded | None:
    """Why this run may never be published; None where it may.

    A first publication must be of the newest upload. An update must follow the revision of its own version that plays:
    so it does not undo a rollback, and is not kept from a version that was rolled back to.
    """
    this, current = {"this": _highest(upload)}, asset.get("current") or {}
    before, highest = record.get("published_revision"), asset.get("highest", "")
    if asset.get("removed", "") >= upload.order:
        return SourceSuperseded("ASSET_REMOVED", "the asset was removed after this upload", this)
    if before is not None and current.get("version") == upload.version and before <= upload.revision:
        return None
    if highest > _highest(upload):
        return SourceSuperseded("SOURCE_SUPERSEDED", "a newer upload of the same key is already published", this)
    if before is not None or highest == _highest(upload):
        return SourceSuperseded("ROLLED_BACK", "this upload was published and then rolled back", this)
    return None


def _unchanged(item: dict[str, Any], *names: str) -> tuple[str, dict[str, Any]]:
    """The condition that these attributes are still as they were read, and its values."""
    there = [name for name in names if item.get(name) is not None]
    parts = [f"#{name} = :seen_{name}" for name in there]
    parts += [f"attribute_not_exists(#{name})" for name in names if name not in there]
    return " AND ".join(parts), {f":seen_{name}": item[name] for name in there}


def _open(kind: str, wait: datetime.timedelta = datetime.timedelta()) -> dict[str, str]:
    return {"open": kind, "due": now(wait)}


def _unless_refused(expression: dict[str, Any]) -> bool:
    try:
        client("dynamodb").update_item(**expression)
        return True
    except ClientError as error:
        if code_of(error) != "ConditionalCheckFailedException":
            raise
        return False


def _highest(upload: Upload) -> str:
    return f"{upload.order}-{upload.revision:06d}"


def _run_of(upload: Upload) -> dict[str, Any]:
    return {"version": upload.version, "revision": upload.revision}


def _key(pk: str, sk: str) -> dict[str, str]:
    return {"pk": pk, "sk": sk}


def _version_sk(version: str) -> str:
    return f"version#{version}"


def _run_sk(upload: Upload) -> str:
    return f"run#{upload.run}"


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
