"""One job per role, never two alive at once, whatever dies in between."""

from __future__ import annotations

import dataclasses
import datetime

import pytest

from pipeline.aws import transcoder
from pipeline.aws.transcoder import Jobs
from pipeline.media import outputs
from pipeline.media.errors import ServiceThrottled, SourceUnreadable, TranscodeFailed
from tests.aws.world import QUEUE_ARN, TABLE, refusal, transcode_settings
from tests.media.films import upload
from tests.media.test_job import settings_of

FILM = upload()
JOB_SETTINGS = settings_of("plain-1080p30-stereo")


class LambdaKilled(BaseException):
    """The function died: no `except Exception` of ours sees it."""


def transcode(jobs_queue, token: str = "token-1", film=FILM) -> str:
    return transcoder.transcode(film, "streams", JOB_SETTINGS, token, transcode_settings(jobs_queue.url))


def test_a_job_is_created_once_with_everything_it_needs(table, mediaconvert, jobs_queue):
    job_id = transcode(jobs_queue)
    (job,) = mediaconvert.jobs
    assert job["Id"] == job_id and job["Queue"] == QUEUE_ARN
    assert job["UserMetadata"] == {
        "asset_id": FILM.asset_id, "version": FILM.version, "revision": "1", "role": "streams", "attempt": "1",
        "table": TABLE,
    }  # fmt: skip
    record = table.job(FILM, "streams")
    assert (record["job_id"], record["status"], record["task_token"]) == (job_id, "SUBMITTED", "token-1")


def test_token_and_intent_are_stored_before_the_job_exists(table, mediaconvert, jobs_queue):
    seen = []
    mediaconvert.after_create = lambda: seen.append(table.job(FILM, "streams"))
    transcode(jobs_queue)
    assert seen[0]["task_token"] == "token-1" and seen[0]["attempt"] == 1 and seen[0]["job_id"] is None


@pytest.mark.parametrize("status", ["SUBMITTED", "PROGRESSING"])
def test_a_repeat_of_the_step_finds_the_job_and_hands_it_the_new_token(table, mediaconvert, jobs_queue, status):
    job_id = transcode(jobs_queue)
    mediaconvert.jobs[0]["Status"] = status
    assert transcode(jobs_queue, "token-2") == job_id
    assert mediaconvert.calls.count("CreateJob") == 1
    assert table.job(FILM, "streams")["task_token"] == "token-2"


@pytest.mark.parametrize("code", [1041, 1042, 1550])
def test_what_could_not_be_accelerated_goes_without_from_then_on(table, mediaconvert, jobs_queue, code):
    settings = dataclasses.replace(transcode_settings(jobs_queue.url), acceleration="ENABLED")
    for attempt, told in enumerate((code, 1999, None), 1):
        transcoder.transcode(FILM, "streams", JOB_SETTINGS, f"token-{attempt}", settings)
        mediaconvert.jobs[-1] |= {"Status": "ERROR", "ErrorCode": told}
    assert [asked["AccelerationSettings"]["Mode"] for asked in mediaconvert.asked] == [
        "ENABLED",
        "DISABLED",
        "DISABLED",
    ]


def test_a_job_that_failed_otherwise_is_accelerated_again(table, mediaconvert, jobs_queue):
    settings = dataclasses.replace(transcode_settings(jobs_queue.url), acceleration="PREFERRED")
    for attempt in (1, 2):
        transcoder.transcode(FILM, "streams", JOB_SETTINGS, f"token-{attempt}", settings)
        mediaconvert.jobs[-1] |= {"Status": "ERROR", "ErrorCode": 1999}
    assert [asked["AccelerationSettings"]["Mode"] for asked in mediaconvert.asked] == ["PREFERRED", "PREFERRED"]


def die():
    raise LambdaKilled


def others(number: int, created: datetime.datetime | None = None) -> list[dict]:
    """Jobs of other films in our queue."""
    created = created or datetime.datetime.now(datetime.UTC)
    return [
        {"Id": str(n), "Queue": QUEUE_ARN, "UserMetadata": {"asset_id": str(n)}, "CreatedAt": created}
        for n in range(number)
    ]


def test_killed_between_create_job_and_saving_the_id_the_retry_finds_the_job(table, mediaconvert, jobs_queue):
    mediaconvert.after_create = die
    with pytest.raises(LambdaKilled):
        transcode(jobs_queue)
    mediaconvert.after_create = lambda: None
    assert transcode(jobs_queue, "token-2") == mediaconvert.jobs[0]["Id"]
    assert mediaconvert.calls.count("CreateJob") == 1
    assert table.job(FILM, "streams")["job_id"] == mediaconvert.jobs[0]["Id"]


def test_the_lost_job_is_found_behind_many_newer_ones_and_after_two_more_crashes(table, mediaconvert, jobs_queue):
    mediaconvert.after_create = die
    with pytest.raises(LambdaKilled):
        transcode(jobs_queue)
    mediaconvert.after_create = lambda: None
    mediaconvert.jobs += others(250)
    for _ in range(2):
        mediaconvert.refuse = {"ListJobs": refusal("ListJobs", "TooManyRequestsException", 429)}
        with pytest.raises(type(mediaconvert.refuse["ListJobs"])):
            transcode(jobs_queue, "token-2")
    mediaconvert.refuse = {}
    assert transcode(jobs_queue, "token-2") == mediaconvert.jobs[0]["Id"]


def test_killed_before_create_job_the_retry_looks_no_further_back_than_the_attempt(table, mediaconvert, jobs_queue):
    an_hour_ago = datetime.datetime.now(datetime.UTC) - datetime.timedelta(hours=1)
    mediaconvert.jobs += others(100, an_hour_ago)
    table.attempt(FILM, "streams", 1, "token-1")
    mediaconvert.calls.clear()
    transcode(jobs_queue, "token-2")
    assert mediaconvert.calls == ["ListJobs", "page", "CreateJob"]
    assert mediaconvert.jobs[-1]["UserMetadata"]["attempt"] == "2"


def test_jobs_of_another_queue_are_not_ours(table, mediaconvert, jobs_queue):
    mediaconvert.after_create = die
    with pytest.raises(LambdaKilled):
        transcode(jobs_queue)
    mediaconvert.after_create = lambda: None
    mediaconvert.jobs[0]["Queue"] = "arn:aws:mediaconvert:us-east-1:123456789012:queues/Other"
    transcode(jobs_queue, "token-2")
    assert mediaconvert.calls.count("CreateJob") == 2


@pytest.mark.parametrize("status", ["ERROR", "CANCELED"])
def test_a_job_that_ended_badly_is_never_found_again(table, mediaconvert, jobs_queue, status):
    first = transcode(jobs_queue)
    mediaconvert.jobs[0]["Status"] = status
    second = transcode(jobs_queue, "token-2")
    assert second != first and table.job(FILM, "streams")["attempt"] == 2
    assert len({job["Token"] for job in mediaconvert.jobs}) == 2, "or MediaConvert would answer with the old job"


def test_a_job_that_mediaconvert_has_forgotten_is_made_again(table, mediaconvert, jobs_queue):
    transcode(jobs_queue)
    mediaconvert.jobs.clear()
    transcode(jobs_queue, "token-2")
    assert mediaconvert.jobs[0]["UserMetadata"]["attempt"] == "2"


def test_the_answer_of_a_job_that_ended_unheard_goes_where_all_answers_go(table, mediaconvert, jobs_queue):
    job_id = transcode(jobs_queue)
    mediaconvert.jobs[0] |= {
        "Status": "COMPLETE",
        "Warnings": [{"Code": 230001, "Count": 1}],
        "OutputGroupDetails": [{"OutputDetails": [{"DurationInMs": 20020, "VideoDetails": {"WidthInPx": 1920}}]}],
    }
    assert transcode(jobs_queue, "token-2") == job_id and mediaconvert.calls.count("CreateJob") == 1
    (body,) = jobs_queue.bodies()
    assert (body["source"], body["detail-type"]) == ("aws.mediaconvert", "MediaConvert Job State Change")
    assert body["detail"]["status"] == "COMPLETE" and body["detail"]["userMetadata"]["attempt"] == "1"
    assert outputs.from_complete_event(body["detail"]) == {
        "job_id": job_id,
        "warnings": ["230001"],
        "duration_ms": 20020,
    }


def test_a_job_that_ends_while_the_new_token_is_stored_answers_again(table, mediaconvert, jobs_queue, monkeypatch):
    job_id = transcode(jobs_queue)

    def ends_first(*arguments, **values):
        mediaconvert.jobs[0]["Status"] = "COMPLETE"
        return adopt(*arguments, **values)

    adopt = type(table).adopt
    monkeypatch.setattr(type(table), "adopt", ends_first)
    assert transcode(jobs_queue, "token-2") == job_id
    (body,) = jobs_queue.bodies()
    assert (body["detail"]["jobId"], body["detail"]["status"]) == (job_id, "COMPLETE")


def test_of_two_functions_at_work_at_once_one_makes_the_job(table, mediaconvert, jobs_queue, monkeypatch):
    """The step timed out and was tried again while its first function was still on its way to CreateJob."""
    attempt = type(table).attempt

    def overtaken(*arguments, **values):
        monkeypatch.setattr(type(table), "attempt", attempt)
        transcode(jobs_queue, "token-2")
        return attempt(*arguments, **values)

    monkeypatch.setattr(type(table), "attempt", overtaken)
    with pytest.raises(ServiceThrottled):
        transcode(jobs_queue, "token-1")
    assert mediaconvert.calls.count("CreateJob") == 1 and table.job(FILM, "streams")["task_token"] == "token-2"


def test_live_jobs_are_those_of_our_queue_that_have_not_ended(mediaconvert, jobs_queue):
    for number, status in enumerate(("SUBMITTED", "PROGRESSING", "COMPLETE", "ERROR", "CANCELED")):
        mediaconvert.jobs.append({"Id": str(number), "Queue": QUEUE_ARN, "Status": status})
    mediaconvert.jobs.append({"Id": "x", "Queue": "arn:aws:mediaconvert:::queues/Other", "Status": "SUBMITTED"})
    assert transcoder.live_jobs(Jobs.of("t", QUEUE_ARN)).keys() == {"0", "1"}


def test_a_job_says_its_priority_its_hop_and_its_acceleration(table, mediaconvert, jobs_queue):
    hop = "arn:aws:mediaconvert:us-east-1:123456789012:queues/OnDemand"
    settings = dataclasses.replace(
        transcode_settings(jobs_queue.url), job_priority="7", hop_queue_arn=hop, hop_minutes="15",
        acceleration="PREFERRED",
    )  # fmt: skip
    transcoder.transcode(FILM, "streams", JOB_SETTINGS, "token-1", settings)
    asked = mediaconvert.asked[-1]
    assert (asked["Priority"], asked["AccelerationSettings"]) == (7, {"Mode": "PREFERRED"})
    assert asked["HopDestinations"] == [{"Queue": hop, "WaitMinutes": 15, "Priority": 7}]


def test_without_a_hop_no_job_hops(table, mediaconvert, jobs_queue):
    transcode(jobs_queue)
    assert "HopDestinations" not in mediaconvert.asked[-1]
    assert mediaconvert.asked[-1]["AccelerationSettings"] == {"Mode": "DISABLED"}


def test_a_job_that_hopped_before_its_id_was_saved_is_found_in_the_other_queue(table, mediaconvert, jobs_queue):
    hop = "arn:aws:mediaconvert:us-east-1:123456789012:queues/OnDemand"
    settings = dataclasses.replace(transcode_settings(jobs_queue.url), hop_queue_arn=hop)
    mediaconvert.after_create = die
    with pytest.raises(LambdaKilled):
        transcoder.transcode(FILM, "streams", JOB_SETTINGS, "token-1", settings)
    mediaconvert.after_create = lambda: None
    mediaconvert.jobs[0]["Queue"] = hop
    found = transcoder.transcode(FILM, "streams", JOB_SETTINGS, "token-2", settings)
    assert found == mediaconvert.jobs[0]["Id"] and len(mediaconvert.jobs) == 1
    assert transcoder.live_jobs(Jobs.of(TABLE, QUEUE_ARN, hop)).keys() == {found}


def test_another_environments_job_in_a_shared_queue_is_not_taken_for_ours(table, mediaconvert, jobs_queue):
    """Two environments may listen to one bucket and share a reserved queue: then all but the table is the same."""
    mediaconvert.after_create = die
    with pytest.raises(LambdaKilled):
        transcode(jobs_queue)
    mediaconvert.after_create = lambda: None
    mediaconvert.jobs[0]["UserMetadata"]["table"] = "another"
    assert transcode(jobs_queue, "token-2") != mediaconvert.jobs[0]["Id"]
    assert len(mediaconvert.jobs) == 2


# Refusals ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "status"),
    [("TooManyRequestsException", 429), ("InternalServerErrorException", 500), ("ServiceQuotaExceededException", 402)],
)
def test_throttling_passes_through_for_the_state_machine_to_retry(table, mediaconvert, jobs_queue, code, status):
    mediaconvert.refuse = {"CreateJob": refusal("CreateJob", code, status)}
    with pytest.raises(type(mediaconvert.refuse["CreateJob"])):
        transcode(jobs_queue)
    mediaconvert.refuse = {}
    transcode(jobs_queue, "token-2")
    assert len(mediaconvert.jobs) == 1


@pytest.mark.parametrize(
    ("refused", "code"),
    [
        ("BadRequestException", "TRANSCODE_SETTINGS"),
        ("ForbiddenException", "TRANSCODE_NOT_ALLOWED"),
        ("AccessDeniedException", "TRANSCODE_NOT_ALLOWED"),
        ("NotFoundException", "TRANSCODE_FAILED"),
        ("ConflictException", "TRANSCODE_FAILED"),
    ],
)
def test_a_refused_job_says_why_and_what_to_do(table, mediaconvert, jobs_queue, refused, code):
    mediaconvert.refuse = {"CreateJob": refusal("CreateJob", refused, message="/outputGroups: Should ...")}
    with pytest.raises(TranscodeFailed, match=r"MediaConvert refused the job: /outputGroups") as raised:
        transcode(jobs_queue)
    assert raised.value.code == code and raised.value.evidence == {"role": "streams", "error": refused}
    if code == "TRANSCODE_FAILED":
        assert "API Reference" in raised.value.fix


# Cancel and probe ----------------------------------------------------------------------------------------------------


def test_a_live_job_is_cancelled_once(mediaconvert, jobs_queue):
    job_id = transcode(jobs_queue)
    assert transcoder.cancel(job_id) and not transcoder.cancel(job_id)


def test_cancelling_without_permission_is_no_success(mediaconvert, jobs_queue):
    job_id = transcode(jobs_queue)
    mediaconvert.refuse = {"CancelJob": refusal("CancelJob", "ForbiddenException", 403)}
    with pytest.raises(type(mediaconvert.refuse["CancelJob"])):
        transcoder.cancel(job_id)


def test_probe_hands_out_the_one_result(mediaconvert):
    assert transcoder.probe("s3://b/k")["Container"]["Format"] == "mp4"


def test_a_file_that_cannot_be_read_is_looked_at_twice_by_that_name(mediaconvert):
    mediaconvert.refuse = {"Probe": refusal("Probe", "BadRequestException", message="No parser found for container")}
    with pytest.raises(SourceUnreadable, match="No parser found for container"):
        transcoder.probe("s3://b/k")


@pytest.mark.parametrize(("code", "status"), [("TooManyRequestsException", 429), ("ForbiddenException", 403)])
def test_a_service_that_cannot_be_asked_is_not_the_files_fault(mediaconvert, code, status):
    mediaconvert.refuse = {"Probe": refusal("Probe", code, status)}
    with pytest.raises(type(mediaconvert.refuse["Probe"])):
        transcoder.probe("s3://b/k")
