"""Waiting for a person: holds in the table, and the decisions that end them.

A hold is written, with its step's task token, before the step's function returns; the version's status says so at the
same moment. A decision is one transaction over the hold and the version, so that an approval and a cancel cannot both
win; then the step is answered. Where answering fails, or a redrive gave the step a new token since, the sweep answers:
a hold stays open until somebody has heard. Every token a step ever had is kept: which of them Step Functions still
waits for, only Step Functions knows.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pipeline.aws import executions
from pipeline.aws.clients import client
from pipeline.aws.table import AssetTable, now
from pipeline.media import errors, holds
from pipeline.media.asset import Upload
from pipeline.media.reconcile import START_GRACE

#: The kind of a hold in the index of what is open.
HOLD = "hold"
_THIS_RUN = "(attribute_not_exists(#revision) OR #revision = :run)"


class Holds(AssetTable):
    """The table, as far as waiting for a person goes."""

    def begin(self, upload: Upload, reason: str, task_token: str, waits: dict[str, Any], **more: Any) -> bool:
        """Let the run wait: hold and status in one write. False where it was decided already, in an earlier attempt of
        the step; the sweep answers this one's token. Raises SourceSuperseded where the run was cancelled.
        """
        key = _hold_sk(upload, reason)
        # Waiting for money is looked at in the order of arrival, waiting for approval when its time is over.
        due = waits["since"] if reason == holds.BUDGET else waits["until"]
        values = {"upload": upload.as_state(), "reason": reason, "waits": waits, "open": HOLD, "due": due, **more}
        hold = self._expression(upload.asset_id, key, "attribute_not_exists(#decided)", {}, updated_at=now(), **values)
        _append(hold, "tokens", task_token)
        status = holds.STATUS[reason]
        condition = f"{_THIS_RUN} AND NOT #status IN (:cancelled, :removed)"
        gone = {":cancelled": "cancelled", ":removed": "removed", ":run": upload.revision}
        version = self._version(upload, condition, gone, status=status, waits=waits)
        if self._transacted([hold, version]):
            return True
        if (self.find(upload, reason) or {}).get("decided"):
            again = self._expression(upload.asset_id, key, None, open=HOLD, due=now(), updated_at=now())
            _append(again, "tokens", task_token)
            client("dynamodb").update_item(**again)
            return False
        record = self.version(upload) or {}
        this = {"run": upload.run}
        if (
            record.get("status") in ("cancelled", "removed")
            or record.get("revision", upload.revision) != upload.revision
        ):
            raise errors.SourceSuperseded("RUN_CANCELLED", "this run was cancelled, or a later one has begun", this)
        raise errors.PointerContended(
            "POINTER_CONTENDED", "another write touches the same records", {"run": upload.run}
        )

    def find(self, upload: Upload, reason: str) -> dict[str, Any] | None:
        return self._get(upload.asset_id, _hold_sk(upload, reason))

    def of_run(self, upload: Upload) -> list[dict[str, Any]]:
        """What this run has waited for, or waits for."""
        return self._query(upload.asset_id, f"hold#{upload.run}#")

    def open_holds(self, reason: str | None = None) -> Iterator[dict[str, Any]]:
        """Holds that nobody has decided, or whose decision has not been heard; those for the budget oldest first."""
        for hold in self.due(HOLD, holds.LONGEST + START_GRACE):
            if reason in (None, hold["reason"]):
                yield hold

    def decide(
        self, upload: Upload, reason: str, decided: dict[str, Any], *further: dict[str, Any], **noted: Any
    ) -> bool:
        """End the waiting by a decision, kept in the hold and in the run's item; False where it no longer waits.

        further: updates of other items that are to happen at the same moment, or nothing of it. noted: more that the
        run's item is to keep.
        """
        waits = "attribute_exists(pk) AND attribute_not_exists(#decided)"
        values = {"decided": decided, "open": HOLD, "due": now(START_GRACE), "updated_at": now()}
        hold = self._expression(upload.asset_id, _hold_sk(upload, reason), waits, {}, **values)
        condition = f"{_THIS_RUN} AND #status = :waits"
        extra = {":run": upload.revision, ":waits": holds.STATUS[reason]}
        version = self._version(upload, condition, extra, remove=("waits",), status="transcoding")
        run = self._expression(upload.asset_id, f"run#{upload.run}", None, **{_PART[reason]: decided}, **noted)
        return self._transacted([hold, version, run, *further])

    def answer(self, hold: dict[str, Any]) -> bool:
        """Tell the step what was decided, at the newest token first; False where nobody heard it (yet)."""
        heard = any(executions.succeed(token, hold["decided"]) for token in reversed(hold["tokens"]))
        if heard:
            self.close(hold)
        return heard

    def _version(
        self, upload: Upload, condition: str, extra: dict[str, Any], remove: tuple[str, ...] = (), **values: Any
    ) -> dict[str, Any]:
        more = {**values, "updated_at": now(), "open": "version", "due": now()}
        return self._expression(upload.asset_id, f"version#{upload.version}", condition, extra, remove, **more)


#: Where a run's item keeps who decided.
_PART = {holds.APPROVAL: "approval", holds.BUDGET: "release"}


def decision(by: str, note: str = "") -> dict[str, Any]:
    return {"by": by, "at": now(), **({"note": note} if note else {})}


def _hold_sk(upload: Upload, reason: str) -> str:
    return f"hold#{upload.run}#{reason}"


def _append(update: dict[str, Any], name: str, value: str) -> None:
    """Add a value to a list of the item, which need not be there yet."""
    update["UpdateExpression"] = update["UpdateExpression"].replace(
        "SET ", f"SET #{name} = list_append(if_not_exists(#{name}, :none), :{name}), ", 1
    )
    update["ExpressionAttributeNames"][f"#{name}"] = name
    update["ExpressionAttributeValues"] |= {":none": {"L": []}, f":{name}": {"L": [{"S": value}]}}
