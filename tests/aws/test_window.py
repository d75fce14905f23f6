"""What a window of time has lost: found by its records, sent once more, and not found again."""

from __future__ import annotations

import datetime

import pytest

from lambdas.start import handler as start
from pipeline.aws import executions, existing, transcoder, window
from pipeline.aws.clients import client
from pipeline.aws.operate import Place
from pipeline.aws.window import Window
from pipeline.media.asset import Upload
from pipeline.settings import StartSettings
from tests.aws.test_sweep import FILM, Workflow, job
from tests.aws.world import DELIVERY, MACHINE_ARN, QUEUE_ARN, TABLE
from tests.media.films import BUCKET, OUTPUTS, upload

PLACE = Place(TABLE, OUTPUTS, MACHINE_ARN, QUEUE_ARN, DELIVERY)
HOUR = datetime.timedelta(hours=1)


def around(moment: datetime.datetime | None = None) -> Window:
    moment = moment or datetime.datetime.now(datetime.UTC)
    return Window(moment - HOUR, moment + HOUR)


def put(key: str) -> Upload:
    """An object that came in; its upload as the event would have had it, but for the sequencer."""
    client("s3").put_object(Bucket=BUCKET, Key=key, Body=b"film")
    (version,) = existing.newest(BUCKET, key)
    return Upload.from_event(existing.event_for(BUCKET, version))


def found() -> dict[str, str]:
    return {each.upload.key: each.why for each in window.unstarted(BUCKET, TABLE, around())}


# Uploads -------------------------------------------------------------------------------------------------------------


def test_an_upload_that_nobody_heard_of_or_began_with_is_found(table):
    heard, begun, cancelled = (put(f"uploads/{name}.mp4") for name in ("heard", "begun", "cancelled"))
    put("uploads/lost.mp4")
    put("uploads/lost.en.srt")
    for each in (heard, begun, cancelled):
        table.register(each)
    table.started(begun, "arn")
    table.cancel(cancelled)
    assert found() == {"uploads/heard.mp4": "never started", "uploads/lost.mp4": "never heard of"}


def test_what_came_before_or_after_the_window_is_left(aws):
    put("uploads/lost.mp4")
    now = datetime.datetime.now(datetime.UTC)
    for moment in (now - 3 * HOUR, now + 3 * HOUR):
        assert list(window.unstarted(BUCKET, TABLE, around(moment))) == []


def test_a_window_takes_its_beginning_and_not_its_end():
    moment = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    one = Window(moment, moment + HOUR)
    assert one.holds(moment) and not one.holds(moment + HOUR)


def test_of_a_key_that_was_uploaded_again_the_newest_counts_and_of_a_deleted_one_none(table):
    older = put("uploads/twice.mp4")
    newer = put("uploads/twice.mp4")
    put("uploads/gone.mp4")
    client("s3").delete_object(Bucket=BUCKET, Key="uploads/gone.mp4")
    (one,) = window.unstarted(BUCKET, TABLE, around())
    assert older.version != newer.version == one.upload.version


def test_more_films_than_one_call_to_the_table_are_compared(table):
    every = [put(f"uploads/{number}.mp4") for number in range(103)]
    for each in every[:101]:
        table.register(each)
        table.started(each, "arn")
    assert found() == {"uploads/101.mp4": "never heard of", "uploads/102.mp4": "never heard of"} | {}


def test_what_is_announced_twice_starts_once_and_is_not_found_again(table, jobs_queue, monkeypatch):
    put("uploads/lost.mp4")
    started = []
    monkeypatch.setattr(executions, "start", lambda upload, machine: started.append(upload) or "arn")
    lost = [each.event for each in window.unstarted(BUCKET, TABLE, around())]
    assert existing.send(jobs_queue.url, [*lost, *lost]) == 2
    for event in jobs_queue.bodies():
        start.start(event, StartSettings(TABLE, MACHINE_ARN, BUCKET, DELIVERY))
    assert [each.key for each in started] == ["uploads/lost.mp4"] and found() == {}


# Answers -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def running(table, monkeypatch) -> None:
    workflow = Workflow(monkeypatch)
    table.register(FILM)
    table.started(FILM, workflow.start(FILM, MACHINE_ARN))


def test_a_job_whose_end_nobody_heard_is_found_until_its_record_knows(running, table, mediaconvert, jobs_queue):
    job(table, mediaconvert, "COMPLETE")
    ((upload, ended),) = window.unheard(PLACE, around())
    assert (upload.execution_name, ended["Id"]) == (FILM.execution_name, "job-0")
    transcoder.post_answer(ended, jobs_queue.url)
    assert jobs_queue.bodies()[0]["detail"]["status"] == "COMPLETE"
    table.job_news(FILM, "streams", 1, "COMPLETE", 100)
    assert list(window.unheard(PLACE, around())) == []


def test_a_job_that_works_or_ended_outside_the_window_is_left(running, table, mediaconvert):
    job(table, mediaconvert, "PROGRESSING")
    assert list(window.unheard(PLACE, around())) == []
    mediaconvert.jobs[0]["Status"] = "ERROR"
    long_ago = datetime.datetime.now(datetime.UTC) - 5 * HOUR
    mediaconvert.jobs[0]["Timing"] = {"FinishTime": long_ago}
    assert list(window.unheard(PLACE, around())) == []
    assert [upload for upload, _ in window.unheard(PLACE, around(long_ago))] == [FILM]


# Failures ------------------------------------------------------------------------------------------------------------


def test_failed_runs_of_a_window_are_found_by_their_code(table):
    for number, code in enumerate(("TRANSCODE_FAILED", "OUTPUT_WRONG", "TRANSCODE_FAILED")):
        each = upload(key=f"uploads/{number}.mp4")
        table.register(each)
        table.fail(each, {"code": code})
    table.register(upload(key="uploads/fine.mp4"))
    assert [one.film for one in window.failed(PLACE, around())] == [f"uploads/{number}.mp4" for number in (2, 1, 0)]
    one, _ = window.failed(PLACE, around(), "TRANSCODE_FAILED")
    assert (one.film, one.code, one.newer) == ("uploads/2.mp4", "TRANSCODE_FAILED", None)
    assert one.execution == upload(key="uploads/2.mp4").execution_name
    assert window.failed(PLACE, around(datetime.datetime.now(datetime.UTC) - 3 * HOUR)) == []
    table.redriven(upload(key="uploads/2.mp4"))
    assert [one.film for one in window.failed(PLACE, around(), "TRANSCODE_FAILED")] == ["uploads/0.mp4"]


def test_a_failed_run_names_the_newer_upload_that_has_come_since(table):
    older, newer = put("uploads/a.mp4"), put("uploads/a.mp4")
    newer = Upload.from_state({**newer.as_state(), "order": f"{newer.order[:-1]}1"})  # both came within one second
    for each in (older, newer):
        table.register(each)
    table.fail(older, {"code": "TRANSCODE_FAILED"})
    (one,) = window.failed(PLACE, around())
    assert (one.execution, one.newer) == (older.execution_name, newer.execution_name)
