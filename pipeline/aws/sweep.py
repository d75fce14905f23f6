"""The sweep: compare table, executions and MediaConvert's jobs, and finish what somebody left unfinished.

In: what is open in the table (a sparse index, never a scan), the running executions and the queue's live jobs (a call
for each page, never one for each). Out: a Report of what was done. It may run at any time and twice at once: every
step is a conditional write, or one that does no harm when it is done again. One thing that cannot be done now is noted
in the report, and does not keep the sweep from the rest; what time did not suffice for is left to the next sweep.

    jobs       waiting and working ones keep their step's heartbeat; an answer nobody heard is posted again; a job
               whose run has ended, or that no record names, is cancelled
    versions   registered and never started: started; ended badly and not recorded: recorded; refused or cancelled:
               outputs removed; failed: outputs removed when nobody can redrive it any more; replaced by a newer one
               for as long as old versions are kept: expired, outputs removed; published: what came while it was
               encoded and nobody heard of becomes its next revision, replaced revisions go in their time
    holds      an approval or a release that its step has not heard is told it again; films that wait for the budget go
               on when the day has room for them, oldest first; what was held and has ended is closed
    intake     uploads that waited while it was paused, and that whoever resumed it left behind, are started
    assets     pointers that do not say what the record's `current` says are written again; of a removed asset there
               are none; a receipt that does not say what the records say is written
"""

from __future__ import annotations

import dataclasses
import datetime
import logging
from collections import Counter
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from pipeline.aws import executions, failures, objects, pointers, receipts, transcoder, updates
from pipeline.aws.budget import Budget
from pipeline.aws.holds import HOLD
from pipeline.aws.intake import Intake, start_waiting
from pipeline.aws.table import ASSET, JOB, VERSION, AssetTable, played, upload_of
from pipeline.media import holds, reconcile
from pipeline.media.asset import Upload
from pipeline.media.errors import SourceSuperseded
from pipeline.media.reconcile import START_GRACE
from pipeline.settings import SweepSettings

_METADATA = {"asset_id", "version", "revision", "role", "attempt"}
_NAMED_IN_REPORT = 50
_log = logging.getLogger(__name__)


@dataclasses.dataclass
class Report:
    """counts: how often each thing was done; did: the first of them by name; trouble: what could not be done."""

    counts: Counter[str] = dataclasses.field(default_factory=Counter)
    did: list[str] = dataclasses.field(default_factory=list)
    trouble: list[str] = dataclasses.field(default_factory=list)
    finished: bool = True
    oldest_seconds: int = 0

    def note(self, what: str, which: str) -> None:
        self.counts[what] += 1
        if len(self.did) < _NAMED_IN_REPORT:
            self.did.append(f"{what}: {which}")

    def as_dict(self) -> dict[str, Any]:
        return {
            "counts": dict(sorted(self.counts.items())),
            "did": self.did,
            "trouble": self.trouble[:_NAMED_IN_REPORT],
            "finished": self.finished,
            "oldest_seconds": self.oldest_seconds,
        }


class Sweep:
    """One sweep. has_time: whether there is time for one thing more. grace: how long others' work may be under way."""

    def __init__(
        self, settings: SweepSettings, has_time: Callable[[], bool], grace: datetime.timedelta = START_GRACE
    ) -> None:
        self._settings, self._has_time, self._grace = settings, has_time, grace
        self._table = AssetTable(settings.table)
        self._jobs = transcoder.Jobs.of(settings.table, settings.mediaconvert_queue_arn, settings.hop_queue_arn)
        self._running: set[str] = set()
        self._live: dict[str, dict[str, Any]] = {}
        self._budget, self._intake = Budget(settings.table), Intake(settings.table)
        self._paused: dict[str, Any] = {"paused": False}
        self._day_is_full = False
        self.report = Report()

    def run(self) -> Report:
        """Heartbeats first: they are what waits for nobody. Raises where executions or jobs cannot be listed."""
        self._running = executions.running(self._settings.state_machine_arn)
        self._live = transcoder.live_jobs(self._jobs)
        self._paused = self._intake.state()
        self._each(JOB, self._job)
        self._orphans()
        self._each(HOLD, self._hold)
        self._each(VERSION, self._version)
        self._start_waiting()
        self._each(ASSET, self._asset)
        return self.report

    def _each(self, kind: str, work: Callable[[dict[str, Any]], None]) -> None:
        for record in self._table.due(kind, START_GRACE - self._grace):
            if not self._has_time():
                self.report.finished = False
                return
            self._try(f"{kind} {record['pk']} {record['sk']}", work, record)

    def _try(self, which: str, work: Callable[..., None], *arguments: Any) -> None:
        try:
            work(*arguments)
        except Exception as error:  # a record that no code of ours expected keeps nobody else's from being seen to
            _log.exception("the sweep could not see to %s", which)
            self.report.trouble.append(f"{which}: {type(error).__name__}: {error}"[:500])

    # Jobs ----------------------------------------------------------------------------------------------------

    def _job(self, record: dict[str, Any]) -> None:
        upload, role = Upload.from_state(record["upload"]), record["role"]
        which = f"{upload.execution_name} {role}"
        job = self._live.get(record.get("job_id") or "")
        job = job or transcoder.find_job(record, self._jobs)
        execution = self._status(executions.arn_of(upload.execution_name, self._settings.state_machine_arn))
        fresh = self._is_younger(record["attempted_at"], self._grace)
        action = reconcile.for_job(record, execution, job and job["Status"], fresh)
        if action == "close":
            self._close(record)
            return
        if action == "wait" or job is None:
            return
        if action == "cancel":
            if transcoder.cancel(job["Id"]):
                self.report.note("job cancelled", f"{which} {job['Id']}")
            self._close(record)
        elif action == "answer":
            transcoder.post_answer(job, self._settings.jobs_queue_url)
            self.report.note("answer posted", f"{which} {job['Status']}")
        else:
            if action == "adopt":
                self._table.submitted(upload, role, int(record["attempt"]), job["Id"])
                self.report.note("job adopted", f"{which} {job['Id']}")
            if executions.heartbeat(record["task_token"]):
                self.report.note("heartbeat", which)

    def _orphans(self) -> None:
        """Live jobs with our UserMetadata that no record names, or whose run has ended and whose record is closed."""
        for job_id, job in self._live.items():
            if not self._has_time():
                self.report.finished = False
                return
            metadata = job.get("UserMetadata") or {}
            if metadata.keys() >= _METADATA and self._jobs.are_ours(metadata):
                self._try(f"job {job_id}", self._orphan, job_id, metadata)
            else:
                self.report.note("job of somebody else", job_id)

    def _orphan(self, job_id: str, metadata: Mapping[str, str]) -> None:
        record = self._table.job_of(dict(metadata))
        if record is not None and not reconcile.is_orphan(metadata, record, job_id):
            arn = executions.arn_of(
                Upload.from_state(record["upload"]).execution_name, self._settings.state_machine_arn
            )
            if record.get("open") or self._status(arn) == "RUNNING":
                return
        if transcoder.cancel(job_id):
            self.report.note("orphan job cancelled", f"{metadata['asset_id']} {metadata['version']} {job_id}")

    # Versions ------------------------------------------------------------------------------------------------

    def _version(self, record: dict[str, Any]) -> None:
        if "upload" not in record:
            self._close(record)  # an execution that somebody started by hand: nobody registered it
            return
        upload, arn = upload_of(record), record.get("execution_arn")
        if arn in self._running and not reconcile.was_cancelled(record, upload.revision):
            if record["status"] == holds.STATUS[holds.APPROVAL]:
                self._held(record, upload)
            elif record["status"] != holds.STATUS[holds.BUDGET]:
                self._note_age(record)  # what waits for a decision is nobody's trouble
            return
        ended = executions.find(arn) if arn else None
        just_ended = bool(ended and ended.get("stopDate") and self._is_younger(ended["stopDate"], self._grace))
        status, redrives = (ended["status"], ended.get("redriveCount", 0)) if ended else (None, 0)
        action = reconcile.for_version(record, status, redrives, just_ended)
        actions = {
            "start": self._start,
            "stop": self._stop,
            "record": self._record,
            "remove": self._remove,
            "expire": self._expire,
            "settle": self._settle,
        }
        if action in actions:
            actions[action](record, upload, ended)
        elif action == "puzzle":
            self.report.trouble.append(f"{upload.execution_name} ended {status} and its record says {record['status']}")

    def _note_age(self, record: dict[str, Any]) -> None:
        """How long the oldest upload that is still under way has been so; for the alarm."""
        since = datetime.datetime.fromisoformat(record.get("created_at") or record["updated_at"])
        age = datetime.datetime.now(datetime.UTC) - since
        self.report.oldest_seconds = max(self.report.oldest_seconds, int(age.total_seconds()))

    def _start(self, record: dict[str, Any], upload: Upload, ended: None) -> None:
        if self._paused["paused"]:
            if self._intake.wait(upload, self._paused):
                self._tell(upload)
                self.report.note("upload waits", upload.execution_name)
            return
        arn = executions.start(upload, self._settings.state_machine_arn)
        self._table.started(upload, arn)
        self._tell(upload)
        self.report.note("execution started", upload.execution_name)

    def _stop(self, record: dict[str, Any], upload: Upload, ended: dict[str, Any]) -> None:
        executions.stop(record["execution_arn"], "Cancelled", "this run was cancelled")
        self._tell(upload)
        self.report.note("execution stopped", upload.execution_name)

    def _record(self, record: dict[str, Any], upload: Upload, ended: dict[str, Any]) -> None:
        redrives = ended.get("redriveCount", 0)
        failures.record(upload, ended, redrives, self._table, self._settings.outputs_bucket, self._settings.topic_arn)
        self._tell(upload)
        self.report.note("failure recorded", upload.execution_name)

    def _remove(self, record: dict[str, Any], upload: Upload, ended: dict[str, Any] | None) -> None:
        """Remove what a run made that nobody will play. A job that is still being cancelled may write once more."""
        if any(job.get("open") for job in self._table.jobs(upload)):
            return
        runs = [upload.with_revision(revision) for revision in range(1, upload.revision + 1)]
        removed = sum(remove_outputs(each, self._table, self._settings.outputs_bucket) for each in runs)
        if removed:
            self.report.note("outputs removed", f"{upload.execution_name} {removed} objects")
            self._table.defer(record, START_GRACE)
        elif not self._is_younger(record["updated_at"], self._grace):
            self._tell(upload)
            self._close(record)

    def _expire(self, record: dict[str, Any], upload: Upload, ended: dict[str, Any] | None) -> None:
        """A version that another has replaced: kept for those who still watch it, and for `vod rollback`.

        By the sweep and not by a lifecycle rule: S3 would have to be told of every object of a version when it is
        replaced, and again when somebody rolls back to it.
        """
        age = datetime.datetime.now(datetime.UTC) - datetime.datetime.fromisoformat(record["replaced_at"])
        kept = datetime.timedelta(days=float(self._settings.old_outputs_days))
        if age < kept:
            self._table.defer(record, kept - age)
        elif self._table.expire(upload):
            self._tell(upload)
            self.report.note("version expired", upload.execution_name)
            self._remove(record, upload, ended)

    def _settle(self, record: dict[str, Any], upload: Upload, ended: dict[str, Any] | None) -> None:
        """A version that plays, or may play again: what its updates left behind goes, as an older version does."""
        published = played(record)
        if published is None:
            self._tell(upload)
            self._close(record)
            return
        if record["status"] == "published" and self._follow(upload):
            return
        if self._is_undone(record, ended) and remove_outputs(upload, self._table, self._settings.outputs_bucket):
            self.report.note("outputs removed", upload.execution_name)
        encode = self._table.known(published).get("encode", published.run)
        earlier = [published.with_revision(revision) for revision in range(1, published.revision)]
        replaced = [each for each in earlier if each.run != encode]
        kept = datetime.timedelta(days=float(self._settings.old_outputs_days))
        age = datetime.datetime.now(datetime.UTC) - datetime.datetime.fromisoformat(record["published_at"])
        if replaced and age < kept:
            self._table.defer(record, kept - age)  # for those who still watch them
            return
        for each in replaced:
            if remove_outputs(each, self._table, self._settings.outputs_bucket):
                self.report.note("replaced revision removed", each.execution_name)
        self._tell(upload)
        self._close(record)

    def _follow(self, upload: Upload) -> bool:
        """Start the next revision where a sidecar came and nobody heard of it, or of the run's end."""
        where = self._intake, self._settings.state_machine_arn, self._settings.delivery_url
        update = updates.look(upload.bucket, upload.key, *where, told=False)
        if update:
            self.report.note("update started", update.execution_name)
        return update is not None

    @staticmethod
    def _is_undone(record: dict[str, Any], ended: dict[str, Any] | None) -> bool:
        """Whether the newest run is an update that was refused or cancelled: a failed one may be redriven."""
        if not reconcile.is_update(record) or ended is None or ended["status"] == "RUNNING":
            return False
        return ended["status"] == "SUCCEEDED" or reconcile.was_cancelled(record, int(record["revision"]))

    # Holds and intake ----------------------------------------------------------------------------------------

    def _hold(self, hold: dict[str, Any]) -> None:
        upload = Upload.from_state(hold["upload"])
        if self._status(executions.arn_of(upload.execution_name, self._settings.state_machine_arn)) != "RUNNING":
            self._close(hold)
        elif "decided" in hold:
            if self._budget.answer(hold):
                self.report.note("decision told", upload.execution_name)
        elif hold["reason"] == holds.BUDGET:
            self._release(hold, upload)

    def _release(self, hold: dict[str, Any], upload: Upload) -> None:
        """Oldest first: one that finds no room keeps the younger ones waiting, but for those no day has room for."""
        limit = Decimal(self._settings.daily_budget_usd)
        dear = limit and Decimal(str(hold["price_usd"])) > limit
        if self._paused["paused"] or self._day_is_full or dear:
            return
        if not self._budget.release(hold, limit):
            self._day_is_full = True
            return
        self._budget.answer(self._budget.find(upload, holds.BUDGET) or {})
        self._tell(upload)
        self.report.note("released by the budget", upload.execution_name)

    def _held(self, record: dict[str, Any], upload: Upload) -> None:
        """A held film whose key has a newer one in publication will never be published: its run ends as superseded."""
        highest = (self._table.asset(upload.asset_id) or {}).get("highest", "")
        if highest.partition("-")[0] <= upload.order:
            return
        newer = SourceSuperseded(
            "SOURCE_SUPERSEDED", "a newer upload of the same key was published while this one waited for approval"
        )
        tokens = [token for hold in self._budget.of_run(upload) if "decided" not in hold for token in hold["tokens"]]
        if any(executions.fail(token, newer) for token in reversed(tokens)):
            self.report.note("held film superseded", upload.execution_name)

    def _start_waiting(self) -> None:
        """Start what waits since intake was paused, unless it still is."""
        if not self._paused["paused"]:
            for name in start_waiting(self._intake, self._settings.state_machine_arn, self._has_time):
                self.report.note("waiting upload started", name)

    # Assets --------------------------------------------------------------------------------------------------

    def _asset(self, record: dict[str, Any]) -> None:
        mended = pointers.repair(self._table, self._settings.outputs_bucket, record["pk"])
        if mended:
            self.report.note("pointers repaired", f"{record['pk']} {' '.join(mended)}")
        place = self._settings.sources_bucket, self._settings.delivery_url
        if written := receipts.write(self._table, *place, record["pk"]):
            self.report.note("receipt written", f"{record['pk']} {' '.join(written)}")
        if not mended:
            self._close(record)

    def _tell(self, upload: Upload) -> None:
        """Its status is another now, or nobody will look at it again: let the receipt say how it stands."""
        receipts.refresh(self._table, self._settings.sources_bucket, self._settings.delivery_url, upload)

    # What is known -------------------------------------------------------------------------------------------

    def _status(self, arn: str) -> str | None:
        """RUNNING, as an execution that began after the list was read, or how it ended; None where there is none."""
        if arn in self._running:
            return "RUNNING"
        found = executions.find(arn)
        return found["status"] if found else None

    def _close(self, record: dict[str, Any]) -> None:
        if self._table.close(record):
            self.report.counts["closed"] += 1

    def _is_younger(self, moment: str | datetime.datetime, age: datetime.timedelta) -> bool:
        if isinstance(moment, str):
            moment = datetime.datetime.fromisoformat(moment)
        return datetime.datetime.now(datetime.UTC) - moment < age


def remove_outputs(upload: Upload, table: AssetTable, outputs_bucket: str) -> int:
    """Delete what this run made, unless it plays or its pictures are those of what plays; how many objects."""
    current = (table.asset(upload.asset_id) or {}).get("current") or {}
    if current.get("version") == upload.version:
        plays = upload.with_revision(int(current["revision"]))
        if upload.run in (plays.run, table.known(plays).get("encode")):
            return 0
    return sum(len(objects.remove_below(outputs_bucket, prefix)) for prefix in (upload.run_prefix, upload.work_prefix))
