"""What the sweep decides, case by case."""

from __future__ import annotations

import pytest

from pipeline.media import reconcile

#: (record, execution, redrives, just ended) -> what to do.
VERSIONS = {
    "registered, and start died": (({"status": "received"}, None), "start"),
    "started, and saving that died": (({"status": "transcoding"}, None), "start"),
    "at work": (({"status": "transcoding", "execution_arn": "e"}, "RUNNING"), "wait"),
    "redriven by hand": (({"status": "failed", "execution_arn": "e", "recorded": 0}, "RUNNING"), "wait"),
    "cancelled, and stopping died": (({"status": "cancelled", "execution_arn": "e"}, "RUNNING"), "stop"),
    "cancelled before it started": (({"status": "cancelled"}, None), "remove"),
    "cancelled": (({"status": "cancelled", "execution_arn": "e"}, "ABORTED"), "remove"),
    "rejected": (({"status": "rejected", "execution_arn": "e"}, "SUCCEEDED"), "remove"),
    "superseded": (({"status": "superseded", "execution_arn": "e"}, "SUCCEEDED"), "remove"),
    "published": (({"status": "published", "execution_arn": "e"}, "SUCCEEDED"), "settle"),
    "published, telling failed, heard": (
        ({"status": "published", "execution_arn": "e", "recorded": 0}, "FAILED"),
        "settle",
    ),
    "published, telling failed, unheard": (({"status": "published", "execution_arn": "e"}, "FAILED"), "record"),
    "failed, unheard": (({"status": "transcoding", "execution_arn": "e"}, "FAILED"), "record"),
    "timed out, unheard": (({"status": "transcoding", "execution_arn": "e"}, "TIMED_OUT"), "record"),
    "stopped, unheard": (({"status": "transcoding", "execution_arn": "e"}, "ABORTED"), "record"),
    "failed a moment ago": (({"status": "transcoding", "execution_arn": "e"}, "FAILED", 0, True), "wait"),
    "failed again after a redrive, unheard": (
        ({"status": "failed", "execution_arn": "e", "recorded": 0}, "FAILED", 1),
        "record",
    ),
    "failed, heard, and due": (({"status": "failed", "execution_arn": "e", "recorded": 1}, "FAILED", 1), "remove"),
    "forgotten by Step Functions": (({"status": "transcoding", "execution_arn": "e"}, None), "remove"),
    "succeeded without saying what": (({"status": "transcoding", "execution_arn": "e"}, "SUCCEEDED"), "puzzle"),
}


@pytest.mark.parametrize("case", VERSIONS)
def test_what_is_done_about_a_version(case):
    arguments, wanted = VERSIONS[case]
    assert reconcile.for_version(*arguments) == wanted


#: (record, execution, the job's status, fresh) -> what to do.
JOBS = {
    "waits in a long queue": (({"job_id": "j"}, "RUNNING", "SUBMITTED", False), "heartbeat"),
    "works": (({"job_id": "j"}, "RUNNING", "PROGRESSING", False), "heartbeat"),
    "was created, and saving its id died": (({"job_id": None}, "RUNNING", "SUBMITTED", False), "adopt"),
    "is being created": (({"job_id": None}, "RUNNING", "SUBMITTED", True), "wait"),
    "was never created": (({"job_id": None}, "RUNNING", None, False), "wait"),
    "is complete and nobody heard": (({"job_id": "j"}, "RUNNING", "COMPLETE", False), "answer"),
    "failed and nobody heard": (({"job_id": "j"}, "RUNNING", "ERROR", False), "answer"),
    "was cancelled and nobody heard": (({"job_id": "j"}, "RUNNING", "CANCELED", False), "answer"),
    "works for a run that has ended": (({"job_id": "j"}, "ABORTED", "PROGRESSING", False), "cancel"),
    "works for a run stopped before the id was saved": (({"job_id": None}, "ABORTED", "SUBMITTED", True), "cancel"),
    "may still be created for a run that was stopped": (({"job_id": None}, "ABORTED", None, True), "wait"),
    "was never created for a run that has ended": (({"job_id": None}, "FAILED", None, False), "close"),
    "ended with its run": (({"job_id": "j"}, "SUCCEEDED", "COMPLETE", False), "close"),
}  # fmt: skip


@pytest.mark.parametrize("case", JOBS)
def test_what_is_done_about_a_job(case):
    arguments, wanted = JOBS[case]
    assert reconcile.for_job(*arguments) == wanted


@pytest.mark.parametrize(
    ("record", "orphan"),
    [
        (None, True),
        ({"attempt": 2, "job_id": "j"}, False),
        ({"attempt": 2, "job_id": None}, False),
        ({"attempt": 2, "job_id": "another"}, True),
        ({"attempt": 3, "job_id": None}, True),
    ],
)
def test_a_live_job_is_an_orphan_where_no_record_names_it(record, orphan):
    assert reconcile.is_orphan({"attempt": "2"}, record, "j") is orphan
