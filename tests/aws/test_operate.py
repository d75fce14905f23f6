"""Cancel and retry: decided in the record first, done once, and never to what plays."""

from __future__ import annotations

import json

import pytest

from pipeline.aws import executions, objects, operate, pointers
from pipeline.aws.operate import NothingByThatName, NotNow, Place
from pipeline.media.errors import SourceSuperseded
from tests.aws.test_pointers import publish
from tests.aws.test_sweep import ARN, FILM, OLD, Workflow, job, leave_outputs, outputs
from tests.aws.world import DELIVERY, MACHINE_ARN, QUEUE_ARN, TABLE
from tests.media.films import OUTPUTS

PLACE = Place(TABLE, OUTPUTS, MACHINE_ARN, QUEUE_ARN, DELIVERY)
NAMES = {"asset": FILM.asset_id, "execution": FILM.execution_name, "arn": ARN}


@pytest.fixture
def running(table, mediaconvert, monkeypatch) -> Workflow:
    workflow = Workflow(monkeypatch)
    monkeypatch.setattr(executions, "redrive", lambda arn: False)
    table.register(FILM)
    table.started(FILM, workflow.start(FILM, MACHINE_ARN))
    table.mark(FILM, "transcoding")
    return workflow


def fails(running, table, code: str = "TRANSCODE_FAILED") -> None:
    running.end(ARN, "FAILED", redriveCount=0)
    table.fail(FILM, {"code": code})
    table.recorded(FILM, 0)


# Cancel --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_a_cancelled_run_leaves_no_job_and_no_object(running, table, mediaconvert, name):
    job(table, mediaconvert, "PROGRESSING")
    leave_outputs()
    pointers.show(OUTPUTS, FILM, "My Film", "processing")
    (done,) = operate.cancel(name, PLACE)
    assert done == {"execution": FILM.execution_name, "cancelled_jobs": ["job-0"], "removed_objects": 3}
    assert mediaconvert.jobs[0]["Status"] == "CANCELED" and outputs() == []
    assert running.known[ARN]["status"] == "ABORTED" and table.version(FILM)["status"] == "cancelled"
    assert json.loads(objects.read(OUTPUTS, f"a/{FILM.asset_id}/asset.json"))["status"] == "failed"


def test_a_job_whose_id_was_never_saved_is_cancelled_too(running, table, mediaconvert):
    job(table, mediaconvert, saved=False)
    assert operate.cancel(FILM.asset_id, PLACE)[0]["cancelled_jobs"] == ["job-0"]


def test_cancelling_twice_is_the_same(running, table, mediaconvert):
    operate.cancel(FILM.asset_id, PLACE)
    assert operate.cancel(FILM.asset_id, PLACE)[0]["removed_objects"] == 0


def test_what_a_failed_run_kept_is_removed_at_once(running, table):
    leave_outputs()
    fails(running, table)
    assert operate.cancel(FILM.asset_id, PLACE)[0]["removed_objects"] == 3


def test_a_cancelled_run_can_no_longer_be_published(running, table):
    operate.cancel(FILM.asset_id, PLACE)
    with pytest.raises(SourceSuperseded, match="cancelled"):
        publish(table, FILM)


def test_cancelling_a_replacement_leaves_what_plays(running, table):
    table.register(OLD)
    publish(table, OLD)
    operate.cancel(FILM.asset_id, PLACE)
    assert table.version(OLD)["status"] == "published" and outputs(OLD) and outputs() == []


@pytest.mark.parametrize("act", [operate.cancel, operate.retry], ids=["cancel", "retry"])
def test_a_published_film_is_neither_cancelled_nor_tried_again(running, table, act):
    publish(table, FILM)
    with pytest.raises(NotNow, match="is published"):
        act(FILM.asset_id, PLACE)


@pytest.mark.parametrize("act", [operate.cancel, operate.retry], ids=["cancel", "retry"])
@pytest.mark.parametrize("name", ["film-123", "film-0123456789-r1", f"{FILM.asset_id}-0123456789-r1"])
def test_a_name_that_nobody_has_is_said_back(running, act, name):
    with pytest.raises(NothingByThatName, match=name):
        act(name, PLACE)


# Retry ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_a_failed_run_is_redriven(running, table, monkeypatch, name):
    fails(running, table)
    monkeypatch.setattr(executions, "redrive", lambda arn: arn == ARN)
    leave_outputs()
    assert operate.retry(name, PLACE) == {"execution": FILM.execution_name, "how": "redriven"}
    assert len(outputs()) == 3, "what is done is not done again"
    assert table.version(FILM)["status"] == "transcoding"


@pytest.mark.parametrize("code", ["OUTPUT_WRONG", "OUTPUT_MISSING"])
def test_what_verify_refused_is_encoded_anew(running, table, monkeypatch, code):
    fails(running, table, code)
    leave_outputs()
    monkeypatch.setattr(executions, "redrive", lambda arn: pytest.fail("it would look at the same objects again"))
    assert operate.retry(FILM.asset_id, PLACE)["how"] == "started anew" and outputs() == []


@pytest.mark.parametrize("status", ["failed", "cancelled", "rejected", "superseded"])
def test_what_cannot_be_redriven_is_started_anew(running, table, status):
    leave_outputs()
    if status == "failed":
        fails(running, table)
    else:
        running.end(ARN, "SUCCEEDED")
        table.cancel(FILM) if status == "cancelled" else table.mark(FILM, status)
    second = FILM.with_revision(2)
    assert operate.retry(FILM.asset_id, PLACE) == {"execution": second.execution_name, "how": "started anew"}
    record = table.version(FILM)
    assert (record["status"], record["revision"], "error" in record) == ("received", 2, False)
    assert record["execution_arn"].endswith("-r2") and outputs() == []


def test_the_earlier_runs_execution_is_over_once_the_next_has_begun(running, table):
    fails(running, table)
    operate.retry(FILM.asset_id, PLACE)
    with pytest.raises(NotNow, match=r"is over: its upload is at .*-r2"):
        operate.retry(FILM.execution_name, PLACE)


def test_a_run_that_still_works_is_left_alone(running):
    with pytest.raises(NotNow, match="is transcoding"):
        operate.retry(FILM.asset_id, PLACE)


def test_of_two_operators_who_try_again_one_starts_the_next_run(running, table, monkeypatch):
    fails(running, table)
    monkeypatch.setattr(operate, "remove_outputs", lambda *arguments: table.revise(FILM))
    with pytest.raises(NotNow, match="somebody else"):
        operate.retry(FILM.asset_id, PLACE)
    assert table.version(FILM)["revision"] == 2
