"""Intake: whether uploads start anything, and what has waited while they did not.

In: an operator's word. Out: one item that `start` and the sweep read before they start anything. While intake is paused
uploads are registered in the order they come and wait; executions under way go on. Who resumes starts them, oldest
first and a batch at a time, and looks after each batch whether somebody has paused again; what a died resume leaves,
the sweep starts. An operator's `vod retry` is a decision of its own, and starts its run.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator
from typing import Any

from pipeline.aws import executions
from pipeline.aws.table import CONTROL, AssetTable, now, upload_of
from pipeline.media import holds
from pipeline.media.asset import Upload
from pipeline.media.reconcile import PAUSED, START_GRACE

_SK = "intake"
#: Started between two looks at whether intake is paused again.
BATCH = 25


class Intake(AssetTable):
    """The table, as far as starting goes."""

    def state(self) -> dict[str, Any]:
        """{paused, since, by, reason}; not paused where nobody ever paused it."""
        item = self._get(CONTROL, _SK) or {}
        return {"paused": bool(item.get("paused")), **{name: item.get(name) for name in ("since", "by", "reason")}}

    def set(self, paused: bool, by: str, reason: str = "") -> bool:
        """Pause or resume; False, and nothing written, where it is so already."""
        differs = "attribute_not_exists(#paused) OR #paused = :was" if paused else "#paused = :was"
        was = {":was": not paused}
        change = self._expression(CONTROL, _SK, differs, was, paused=paused, since=now(), by=by, reason=reason)
        return self._transacted([change])

    def wait(self, upload: Upload, pause: dict[str, Any]) -> bool:
        """Let a registered upload wait for the end of the pause, in the place its arrival gives it."""
        arrived = (self.version(upload) or {}).get("created_at") if upload.revision == 1 else None
        since = datetime.datetime.now(datetime.UTC)
        values = {"status": "waiting", "waits": holds.for_pause(since, pause), "open": PAUSED}
        return self._update_if(
            "#revision = :run AND #status = :received AND attribute_not_exists(#execution_arn)",
            upload,
            f"version#{upload.version}",
            {":run": upload.revision, ":received": "received"},
            due=arrived or now(),
            **values,
        )

    def paused_uploads(self) -> Iterator[dict[str, Any]]:
        """Records of uploads that wait, oldest first."""
        return (record for record in self.due(PAUSED) if record["status"] == "waiting")

    def take(self, upload: Upload) -> bool:
        """Let a waiting upload be started; True for one of those who would."""
        return self._update_if(
            "#revision = :run AND #status = :waiting AND #open = :paused",
            upload,
            f"version#{upload.version}",
            {":run": upload.revision, ":waiting": "waiting", ":paused": PAUSED},
            ("waits",),
            status="received",
            open="version",
            due=now(START_GRACE),
        )


def pause(table: str, by: str, reason: str = "") -> dict[str, Any]:
    """Start nothing from now on; `changed` is False where intake was paused already: since, by and reason are then
    those of whoever paused it."""
    intake = Intake(table)
    changed = intake.set(True, by, reason)
    return {**intake.state(), "changed": changed}


def resume(
    table: str, by: str, state_machine_arn: str, each: Callable[[str], None] = lambda name: None
) -> dict[str, Any]:
    """Take uploads in again, and start what has waited; `started` names it, `each` is called with every name."""
    intake = Intake(table)
    changed = intake.set(False, by)
    started = []
    for name in start_waiting(intake, state_machine_arn, lambda: True):
        started.append(name)
        each(name)
    return {**intake.state(), "changed": changed, "started": started}


def start_waiting(intake: Intake, state_machine_arn: str, has_time: Callable[[], bool]) -> Iterator[str]:
    """Start what waited while intake was paused, oldest first; ends where it is paused again, or time is up."""
    for number, record in enumerate(intake.paused_uploads()):
        if not has_time() or (number % BATCH == 0 and intake.state()["paused"]):
            return
        upload = upload_of(record)
        if intake.take(upload):
            # Between the two the record is open: the sweep starts what this process, should it die here, does not.
            intake.started(upload, executions.start(upload, state_machine_arn))
            yield upload.execution_name
