"""Events in AWS's shape, in order, whatever the receiver does. The shapes are those of the user guide's samples."""

from __future__ import annotations

import threading
import time

from pipeline.local.mediaconvert import events as details
from pipeline.local.mediaconvert import jobs
from tests.local.mediaconvert.conftest import create
from tests.local.mediaconvert.fake_worker import COMPLETE

JOB = jobs.Job(
    id="1671476818694-phptj0",
    arn="arn:aws:mediaconvert:us-west-2:111122223333:jobs/1671476818694-phptj0",
    queue="arn:aws:mediaconvert:us-west-2:111122223333:queues/Default",
    role="arn:aws:iam::111122223333:role/MediaConvert",
    packed_settings=jobs.pack({}),
    submitted=1671476818.694,
)


def base(status: str) -> dict:
    """What all samples have in common: https://docs.aws.amazon.com/mediaconvert/latest/ug/mediaconvert_event_list.html"""
    return {
        "accountId": "111122223333",
        "queue": "arn:aws:mediaconvert:us-west-2:111122223333:queues/Default",
        "jobId": "1671476818694-phptj0",
        "status": status,
        "userMetadata": {},
    }


def without_time(detail: dict) -> dict:
    assert abs(detail["timestamp"] - time.time() * 1000) < 60_000
    return {name: value for name, value in detail.items() if name != "timestamp"}


def test_progressing_and_canceled_have_the_basic_details():
    assert without_time(details.progressing(jobs.start(JOB))) == base("PROGRESSING")
    assert without_time(details.canceled(jobs.cancel(JOB))) == base("CANCELED")


def test_queue_hop_has_both_queues_and_priorities():
    moved = jobs.hop(JOB, "arn:aws:mediaconvert:us-west-2:111122223333:queues/Alternate", 5)
    assert without_time(details.queue_hop(moved, JOB)) == {
        **base("QUEUE_HOP"),
        "queue": "arn:aws:mediaconvert:us-west-2:111122223333:queues/Alternate",
        "previousQueue": "arn:aws:mediaconvert:us-west-2:111122223333:queues/Default",
        "priority": 5,
        "previousPriority": 0,
    }


def test_input_information_has_the_inputs():
    inputs = [{"id": 1, "uri": "s3://films/a.mp4", "audio": [], "video": []}]
    assert without_time(details.input_information(JOB, inputs)) == {**base("INPUT_INFORMATION"), "inputDetails": inputs}


def test_status_update_has_frames_and_phases():
    job = jobs.progress(
        jobs.start(JOB), {"phase": "TRANSCODING", "phase_percent": 2, "job_percent": 7, "frames_decoded": 353}
    )
    assert without_time(details.status_update(job)) == {
        **base("STATUS_UPDATE"),
        "framesDecoded": 353,
        "jobProgress": {
            "phaseProgress": {
                "PROBING": {"status": "COMPLETE", "percentComplete": 100},
                "TRANSCODING": {"status": "PROGRESSING", "percentComplete": 2},
                "UPLOADING": {"status": "PENDING", "percentComplete": 0},
            },
            "jobPercentComplete": 7,
            "currentPhase": "TRANSCODING",
            "retryCount": 0,
        },
    }


def test_new_warning_has_the_code_as_text():
    expected = {**base("NEW_WARNING"), "warningCode": "240000", "warningMessage": "Silence was added"}
    assert without_time(details.new_warning(JOB, 240000, "Silence was added")) == expected


def test_complete_has_the_outputs_and_the_warnings():
    job = jobs.complete(jobs.warn(jobs.warn(jobs.start(JOB), 240000, "a"), 240000, "b"), COMPLETE)
    assert without_time(details.complete(job)) == {
        **base("COMPLETE"),
        "warnings": [{"code": 240000, "count": 2}],
        "outputGroupDetails": COMPLETE,
    }


def test_error_has_code_and_message():
    job = jobs.fail(JOB, 1040, "Example error message")
    expected = {**base("ERROR"), "errorCode": 1040, "errorMessage": "Example error message"}
    assert without_time(details.error(job)) == expected


def test_events_travel_in_an_envelope_that_names_the_job(client, events):
    job = create(client, UserMetadata={"asset_id": "film-1"})
    detail = events.wait_for("COMPLETE")
    assert set(map(repr, events.envelopes)) == {repr(("MediaConvert Job State Change", [job["Arn"]]))}
    assert detail["userMetadata"] == {"asset_id": "film-1"}


def test_status_updates_come_at_the_interval_until_the_end(start_service, serve, events):
    client = serve(start_service(status_seconds=0.05))
    job_id = create(client, "transcoding-input-moment-moment-complete")["Id"]
    update = events.wait_for("STATUS_UPDATE")
    while update["jobProgress"]["currentPhase"] == "PROBING":  # the worker is still starting
        update = events.wait_for("STATUS_UPDATE")
    assert update["framesDecoded"] == 30
    events.wait_for("COMPLETE")
    time.sleep(0.2)
    assert events.statuses(job_id).count("STATUS_UPDATE") >= 3
    assert events.statuses(job_id)[-1] == "COMPLETE"


def test_a_job_asks_for_its_own_interval(client, service, events):
    job_id = create(client, "input-hang", StatusUpdateInterval="SECONDS_12")["Id"]
    events.wait_for("INPUT_INFORMATION")
    assert service._dispatcher._running[job_id].timer.interval == 12


def test_a_receiver_that_fails_loses_its_event_and_nothing_else(start_service, serve, caplog):
    seen = []
    done = threading.Event()

    def emit(detail_type, detail, resources):
        seen.append(detail["status"])
        if detail["status"] == "COMPLETE":
            done.set()
        raise RuntimeError("the bus is down")

    client = serve(start_service(emit=emit))
    job_id = create(client, "input-complete")["Id"]
    assert done.wait(15)
    assert seen == ["PROGRESSING", "INPUT_INFORMATION", "COMPLETE"]
    assert client.get_job(Id=job_id)["Job"]["Status"] == "COMPLETE"
    assert "event COMPLETE of job" in caplog.text


def test_a_receiver_that_blocks_holds_up_no_job(start_service, serve, monkeypatch):
    free = threading.Event()
    client = serve(start_service(emit=lambda *event: free.wait(30)))
    job_id = create(client)["Id"]
    deadline = time.monotonic() + 15
    while client.get_job(Id=job_id)["Job"]["Status"] != "COMPLETE":
        assert time.monotonic() < deadline
        time.sleep(0.02)
    free.set()
