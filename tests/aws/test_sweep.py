"""The sweep: whatever was left unfinished is finished, once, however often and by however many it is run."""

from __future__ import annotations

import datetime
import json
from typing import Any

import pytest

from pipeline.aws import executions, objects, pointers, topic, transcoder
from pipeline.aws import sweep as sweeping
from pipeline.aws.sweep import Sweep
from pipeline.media.reconcile import START_GRACE
from pipeline.settings import SweepSettings
from tests.aws.test_pointers import assert_plays, publish
from tests.aws.world import DELIVERY, MACHINE_ARN, QUEUE_ARN, TABLE, refusal
from tests.media.films import BUCKET, OUTPUTS, upload

OLD = upload(sequencer="01", **{"version-id": "old"})
FILM = upload(sequencer="02", **{"version-id": "new"})
ARN = executions.arn_of(FILM.execution_name, MACHINE_ARN)
AN_HOUR_AGO = datetime.datetime.now(datetime.UTC) - datetime.timedelta(hours=1)


class Workflow:
    """Step Functions, as far as the sweep asks it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.known: dict[str, dict[str, Any]] = {}
        self.calls: list[tuple[str, str]] = []
        monkeypatch.setattr(
            executions, "running", lambda arn: {k for k, v in self.known.items() if v["status"] == "RUNNING"}
        )
        monkeypatch.setattr(executions, "find", self.known.get)
        monkeypatch.setattr(executions, "start", self.start)
        monkeypatch.setattr(executions, "stop", lambda arn, error, cause: self.end(arn, "ABORTED"))
        monkeypatch.setattr(executions, "heartbeat", lambda token: self.calls.append(("heartbeat", token)) or True)
        monkeypatch.setattr(executions, "failed_state", lambda arn: "Verify outputs")
        told = lambda arn, event, film, parts, repeat, title: self.calls.append(("told", event))  # noqa: E731
        monkeypatch.setattr(topic, "announce", told)

    def start(self, film, machine_arn) -> str:
        arn = executions.arn_of(film.execution_name, machine_arn)
        self.calls.append(("start", film.execution_name))
        self.known.setdefault(arn, {"status": "RUNNING", "executionArn": arn, "name": film.execution_name})
        return arn

    def end(self, arn: str, status: str, **more: Any) -> None:
        self.calls.append(("end", status))
        self.known[arn] |= {"status": status, "stopDate": AN_HOUR_AGO, **more}


@pytest.fixture
def workflow(monkeypatch) -> Workflow:
    return Workflow(monkeypatch)


@pytest.fixture
def running(table, workflow) -> Workflow:
    """FILM is registered, and its execution runs."""
    table.register(FILM)
    table.started(FILM, workflow.start(FILM, MACHINE_ARN))
    table.mark(FILM, "transcoding")
    workflow.calls.clear()
    return workflow


@pytest.fixture
def sweep(table, jobs_queue, mediaconvert):
    """Sweep as if everybody who was at work had had the time to finish."""
    place = BUCKET, DELIVERY
    settings = SweepSettings(
        TABLE, OUTPUTS, MACHINE_ARN, QUEUE_ARN, "none", jobs_queue.url, "topic", "Vod", "30", "0", *place
    )

    def run(grace: datetime.timedelta = datetime.timedelta(), has_time=lambda: True) -> dict[str, Any]:
        return Sweep(settings, has_time, grace).run().as_dict()

    return run


def job(
    table, mediaconvert, status: str = "SUBMITTED", saved: bool = True, attempt: int = 1, film=FILM
) -> dict[str, Any]:
    """Attempt 1's job as MediaConvert knows it; `saved`: its id reached the record."""
    made = {
        "Id": f"job-{len(mediaconvert.jobs)}",
        "Status": status,
        "Queue": QUEUE_ARN,
        "UserMetadata": {**transcoder.metadata(film, "streams", attempt), "table": TABLE},
        "CreatedAt": datetime.datetime.now(datetime.UTC),
    }
    mediaconvert.jobs.append(made)
    table.attempt(film, "streams", attempt, "token")
    if saved:
        table.submitted(film, "streams", attempt, made["Id"])
    return made


def leave_outputs(film=FILM) -> None:
    for key in (
        f"{film.run_prefix}stream.m3u8",
        f"{film.run_prefix}captions/en.vtt",
        f"{film.work_prefix}streams.json",
    ):
        objects.write(OUTPUTS, key, "x", "text/plain")


def outputs(film=FILM) -> list[str]:
    return objects.keys_below(OUTPUTS, film.run_prefix) + objects.keys_below(OUTPUTS, film.work_prefix)


def is_open(record: dict[str, Any] | None) -> bool:
    return bool(record and record.get("open"))


# Jobs ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["SUBMITTED", "PROGRESSING"])
def test_a_step_whose_job_waits_or_works_is_kept_alive(running, table, mediaconvert, sweep, status):
    job(table, mediaconvert, status)
    assert sweep()["counts"] == {"heartbeat": 1} and running.calls == [("heartbeat", "token")]
    assert mediaconvert.calls.count("GetJob") == 0, "the queue's listing says it all"


@pytest.mark.parametrize("status", ["COMPLETE", "ERROR", "CANCELED"])
def test_an_answer_nobody_heard_is_posted_to_the_queue_that_answers_take(
    running, table, mediaconvert, sweep, jobs_queue, status
):
    job(table, mediaconvert, status)
    mediaconvert.jobs[0] |= {"ErrorCode": 1076, "ErrorMessage": "cut"}
    assert sweep()["counts"] == {"answer posted": 1}
    (body,) = jobs_queue.bodies()
    detail = body["detail"]
    assert (detail["status"], detail["errorCode"], detail["errorMessage"]) == (status, 1076, "cut")


def test_an_answer_that_was_heard_is_not_asked_for_again(running, table, mediaconvert, sweep, jobs_queue):
    job(table, mediaconvert, "COMPLETE")
    table.job_news(FILM, "streams", 1, "COMPLETE")
    assert sweep()["counts"] == {} and jobs_queue.bodies() == []


def test_a_job_whose_id_was_never_saved_is_found_and_kept_alive(running, table, mediaconvert, sweep):
    made = job(table, mediaconvert, saved=False)
    assert sweep()["counts"] == {"heartbeat": 1, "job adopted": 1}
    assert table.job(FILM, "streams")["job_id"] == made["Id"]


def test_a_job_that_is_just_being_created_is_left_to_its_function(running, table, mediaconvert, sweep):
    job(table, mediaconvert, saved=False)
    assert sweep(START_GRACE)["counts"] == {} and table.job(FILM, "streams")["job_id"] is None


@pytest.mark.parametrize("saved", [True, False], ids=["id saved", "id never saved"])
@pytest.mark.parametrize("end", ["SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"])
def test_a_job_whose_run_has_ended_is_cancelled(running, table, mediaconvert, sweep, end, saved):
    job(table, mediaconvert, saved=saved)
    running.end(ARN, end)
    sweep()
    assert mediaconvert.jobs[0]["Status"] == "CANCELED" and not is_open(table.job(FILM, "streams"))


def test_a_job_that_no_record_names_is_cancelled(running, table, mediaconvert, sweep):
    first = job(table, mediaconvert)
    second = job(table, mediaconvert, attempt=2)
    assert sweep()["counts"] == {"heartbeat": 1, "orphan job cancelled": 1}
    assert (first["Status"], second["Status"]) == ("CANCELED", "SUBMITTED")


def test_a_job_of_a_closed_record_is_cancelled_with_its_run(running, table, mediaconvert, sweep):
    """Two sweeps at once: the other has closed the record, and its CancelJob was throttled."""
    made = job(table, mediaconvert)
    running.end(ARN, "ABORTED")
    table.close(table.job(FILM, "streams"))
    sweep()
    assert made["Status"] == "CANCELED"


def test_an_orphan_of_another_environment_in_a_shared_queue_is_left_alone(table, mediaconvert, workflow, sweep):
    metadata = {**transcoder.metadata(FILM, "streams", 1), "table": "another"}
    mediaconvert.jobs.append({"Id": "theirs", "Status": "SUBMITTED", "Queue": QUEUE_ARN, "UserMetadata": metadata})
    assert sweep()["did"] == ["job of somebody else: theirs"] and mediaconvert.jobs[0]["Status"] == "SUBMITTED"


def test_a_job_that_somebody_else_put_into_our_queue_is_named_and_left_alone(mediaconvert, workflow, sweep):
    mediaconvert.jobs.append({"Id": "theirs", "Status": "SUBMITTED", "Queue": QUEUE_ARN})
    assert sweep()["did"] == ["job of somebody else: theirs"] and mediaconvert.jobs[0]["Status"] == "SUBMITTED"


# Versions ------------------------------------------------------------------------------------------------------------


def test_an_upload_that_was_registered_and_never_started_is_started(table, workflow, sweep):
    table.register(FILM)
    assert sweep(START_GRACE)["counts"] == {}, "its function may still be at work"
    assert sweep()["counts"] == {"execution started": 1}
    assert table.version(FILM)["execution_arn"] == ARN and sweep()["counts"] == {}


def test_a_bad_end_that_nobody_heard_of_is_recorded_once(running, table, mediaconvert, sweep):
    pointers.show(OUTPUTS, FILM, "My Film", "processing")
    running.end(ARN, "FAILED", error="OutputMissing", cause="gone", redriveCount=0)
    assert sweep()["counts"] == {"failure recorded": 1}
    record = table.version(FILM)
    assert (record["status"], record["error"]["state"], record["recorded"]) == ("failed", "Verify outputs", 0)
    assert json.loads(objects.read(OUTPUTS, f"a/{FILM.asset_id}/asset.json"))["status"] == "failed"
    assert running.calls[-1] == ("told", "failed") and sweep()["counts"] == {}


def test_what_a_failed_run_made_is_kept_for_a_fortnight_and_then_removed(running, table, sweep):
    leave_outputs()
    running.end(ARN, "FAILED", redriveCount=0)
    sweep()
    sweep()
    assert len(outputs()) == 3
    table.defer(table.version(FILM), datetime.timedelta())
    assert sweep()["counts"] == {"outputs removed": 1} and outputs() == []
    sweep()
    assert not is_open(table.version(FILM)) and table.version(FILM)["status"] == "failed"


@pytest.mark.parametrize("status", ["rejected", "superseded"])
def test_what_a_refused_run_made_is_removed(running, table, sweep, status):
    leave_outputs()
    leave_outputs(OLD)
    table.mark(FILM, status)
    running.end(ARN, "SUCCEEDED")
    assert sweep()["counts"] == {"outputs removed": 1}
    assert outputs() == [] and len(outputs(OLD)) == 3, "another run's folder is not touched"
    sweep()
    assert not is_open(table.version(FILM))


def test_a_cancelled_runs_folder_is_looked_at_again_after_a_while(running, table, sweep):
    """A job that was told to stop may write once more."""
    table.cancel(FILM)
    running.end(ARN, "ABORTED")
    assert sweep(START_GRACE)["counts"] == {} and is_open(table.version(FILM))
    leave_outputs()
    assert sweep(START_GRACE)["counts"] == {"outputs removed": 1}


def test_what_a_job_may_still_write_is_waited_for(running, table, mediaconvert, sweep):
    job(table, mediaconvert)
    leave_outputs()
    table.mark(FILM, "superseded")
    running.end(ARN, "SUCCEEDED")
    sweep()
    assert outputs() == [], "the job was cancelled first, then its outputs were removed"


def test_a_cancelled_run_that_still_runs_is_stopped_and_removed(running, table, sweep):
    leave_outputs()
    table.cancel(FILM)
    assert sweep()["counts"] == {"execution stopped": 1}
    sweep()
    assert outputs() == [] and running.known[ARN]["status"] == "ABORTED"


def test_outputs_that_play_are_never_removed(running, table, sweep):
    publish(table, FILM)
    table.mark(FILM, "superseded")  # whatever wrote this
    running.end(ARN, "SUCCEEDED")
    sweep()
    assert_plays(FILM)
    assert outputs()


def test_a_published_version_is_closed_and_looked_at_no_more(running, table, sweep):
    publish(table, FILM)
    running.end(ARN, "SUCCEEDED")
    assert sweep()["counts"] == {"closed": 2}, "the version, and the asset whose pointers are right"
    assert sweep()["counts"] == {}


def test_an_execution_that_nobody_registered_is_let_go(table, workflow, sweep):
    table.mark(FILM, "transcoding")
    assert sweep()["counts"] == {"closed": 1}


def test_an_end_that_nobody_can_explain_is_an_operators_matter(running, table, sweep):
    running.end(ARN, "SUCCEEDED")
    (trouble,) = sweep()["trouble"]
    assert FILM.execution_name in trouble and is_open(table.version(FILM))


# Assets --------------------------------------------------------------------------------------------------------------


def test_pointers_that_do_not_say_what_the_record_says_are_repaired(running, table, sweep):
    publish(table, FILM)
    objects.write(OUTPUTS, f"a/{FILM.asset_id}/index.mpd", "half", "application/dash+xml")
    assert sweep()["counts"] == {"pointers repaired": 1}
    assert_plays(FILM)
    sweep()
    assert not is_open(table.asset(FILM.asset_id))


# The sweep itself ----------------------------------------------------------------------------------------------------


def test_one_thing_that_cannot_be_done_does_not_keep_the_sweep_from_the_rest(
    running, table, mediaconvert, sweep, monkeypatch
):
    job(table, mediaconvert)
    table.register(OLD)

    def throttled(token):
        raise refusal("SendTaskHeartbeat", "ThrottlingException")

    monkeypatch.setattr(executions, "heartbeat", throttled)
    report = sweep()
    assert report["counts"] == {"execution started": 1} and "ThrottlingException" in report["trouble"][0]


def test_what_time_does_not_suffice_for_is_left_to_the_next_sweep(running, table, mediaconvert, sweep):
    table.register(OLD)
    assert sweep(has_time=lambda: False)["finished"] is False and running.calls == []
    assert sweep()["counts"] == {"execution started": 1}


def test_two_sweeps_at_once_do_everything_once(table, workflow, mediaconvert, sweep, monkeypatch):
    """The other sweep runs in the middle of ours, before each single thing we do."""
    for film in (OLD, FILM):
        table.register(film)
    job(table, mediaconvert, film=OLD)
    attempts = iter(range(20))
    tried = Sweep._try

    def interrupted(self, which, work, *arguments):
        if next(attempts) in (0, 1, 2):
            with monkeypatch.context() as undone:
                undone.setattr(Sweep, "_try", tried)
                sweep()
        tried(self, which, work, *arguments)

    monkeypatch.setattr(Sweep, "_try", interrupted)
    report = sweep()
    assert report["trouble"] == []
    assert {arn.rsplit(":", 1)[1] for arn in workflow.known} == {OLD.execution_name, FILM.execution_name}
    assert mediaconvert.jobs[0]["Status"] == "CANCELED", "nobody waited for it when the first sweep came"


def test_the_age_of_the_oldest_upload_under_way_is_told(running, table, sweep, monkeypatch):
    """For the alarm: what runs counts, from the moment it was registered; what has ended does not."""
    later = datetime.datetime.now(datetime.UTC) + datetime.timedelta(hours=7)

    class Clock(datetime.datetime):
        @classmethod
        def now(cls, tz=None):
            return later

    monkeypatch.setattr(sweeping.datetime, "datetime", Clock)
    assert sweep()["oldest_seconds"] == pytest.approx(7 * 3600, abs=5)
    running.known[ARN]["status"] = "SUCCEEDED"
    table.mark(FILM, "rejected")
    assert sweep()["oldest_seconds"] == 0
