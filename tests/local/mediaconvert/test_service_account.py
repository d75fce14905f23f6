"""Queues that hop and that are reserved, acceleration, policy and jobs queries: what a caller gets to see."""

from __future__ import annotations

import copy

import pytest

from pipeline.local.mediaconvert import acceleration
from tests.local.mediaconvert.conftest import JOB, ROLE, create, settings_for, wait_until
from tests.local.mediaconvert.test_rules import h264
from tests.local.mediaconvert.test_service_protocol import ARN, refused

MINUTE = 0.2


@pytest.fixture
def hopping(start_service, serve):
    return serve(start_service(minute_seconds=MINUTE))


# --- hopping -----------------------------------------------------------------------------------------------------


def test_a_job_that_waits_too_long_hops_and_says_so(hopping, events):
    hopping.create_queue(Name="Slow", Status="PAUSED")
    hops = [{"WaitMinutes": 1, "Queue": "Default", "Priority": 3}]
    job = create(hopping, Queue="Slow", Priority=-7, HopDestinations=hops)
    assert (job["HopDestinations"], job["QueueTransitions"]) == (hops, [])
    events.wait_for("COMPLETE")
    hop, progressing = events.seen[:2]
    assert (hop["status"], progressing["status"]) == ("QUEUE_HOP", "PROGRESSING")
    assert {name: hop[name] for name in ("queue", "previousQueue", "priority", "previousPriority")} == {
        "queue": f"{ARN}:queues/Default",
        "previousQueue": f"{ARN}:queues/Slow",
        "priority": 3,
        "previousPriority": -7,
    }
    assert progressing["queue"] == f"{ARN}:queues/Default"
    job = hopping.get_job(Id=job["Id"])["Job"]
    [move] = job["QueueTransitions"]
    assert (move["SourceQueue"], move["DestinationQueue"]) == (f"{ARN}:queues/Slow", f"{ARN}:queues/Default")
    assert (job["Queue"], job["Priority"]) == (f"{ARN}:queues/Default", 3)
    assert hopping.get_queue(Name="Slow")["Queue"]["SubmittedJobsCount"] == 0


def test_without_a_destination_it_hops_to_the_default_queue_with_its_priority(hopping, events):
    hopping.create_queue(Name="Slow", Status="PAUSED")
    create(hopping, Queue="Slow", Priority=4, HopDestinations=[{"WaitMinutes": 1}])
    hop = events.wait_for("QUEUE_HOP")
    assert (hop["queue"], hop["priority"]) == (f"{ARN}:queues/Default", 4)


def test_a_job_that_started_in_time_does_not_hop(hopping, events):
    hopping.create_queue(Name="Other", Status="PAUSED")
    job_id = create(hopping, "input-moment-moment-complete", HopDestinations=[{"WaitMinutes": 1, "Queue": "Other"}])[
        "Id"
    ]
    events.wait_for("COMPLETE")
    assert "QUEUE_HOP" not in events.statuses(job_id)


def test_a_cancelled_job_does_not_hop(hopping, events):
    hopping.create_queue(Name="Slow", Status="PAUSED")
    job_id = create(hopping, Queue="Slow", HopDestinations=[{"WaitMinutes": 1}])["Id"]
    hopping.cancel_job(Id=job_id)
    create(hopping, "moment-moment-complete")
    events.wait_for("COMPLETE")
    assert events.statuses(job_id) == ["CANCELED"]


def test_a_job_whose_destination_has_gone_stays_and_tells_why(hopping):
    hopping.create_queue(Name="Slow", Status="PAUSED")
    hopping.create_queue(Name="Gone")
    job_id = create(hopping, Queue="Slow", HopDestinations=[{"WaitMinutes": 10, "Queue": "Gone"}])["Id"]
    hopping.delete_queue(Name="Gone")
    wait_until(lambda: hopping.get_job(Id=job_id)["Job"]["Messages"]["Info"])
    [message] = hopping.get_job(Id=job_id)["Job"]["Messages"]["Info"]
    assert message == "The job stays in its queue: Queue Gone not found in account and region"


@pytest.mark.parametrize(
    ("hop", "words"),
    [
        ({}, "/hopDestinations/0: waitMinutes is a required property"),
        ({"WaitMinutes": 0, "Queue": "Other"}, "/hopDestinations/0/waitMinutes: 0 should be between 1 and 4320"),
        ({"WaitMinutes": 4321, "Queue": "Other"}, "4321 should be between 1 and 4320"),
        ({"WaitMinutes": 5, "Queue": "Nowhere"}, "Queue Nowhere not found"),
        ({"WaitMinutes": 5}, "Should not be the queue the job is submitted to"),
        ({"WaitMinutes": 5, "Priority": 51, "Queue": "Other"}, "51 should be less than or equal to 50"),
    ],
)
def test_a_hop_that_cannot_be_is_refused(client, hop, words):
    client.create_queue(Name="Other")
    assert words in refused(client.create_job, Role=ROLE, Settings=settings_for(), HopDestinations=[hop])[1]
    assert client.list_jobs()["Jobs"] == []


# --- reserved queues ---------------------------------------------------------------------------------------------

PLAN = {"Commitment": "ONE_YEAR", "RenewalType": "EXPIRE", "ReservedSlots": 2}


def test_a_reserved_queue_runs_as_many_jobs_as_it_has_slots(start_service, serve, events):
    client = serve(start_service(workers=3))
    queue = client.create_queue(
        Name="Own", PricingPlan="RESERVED", ReservationPlanSettings={**PLAN, "ReservedSlots": 1}
    )
    plan = queue["Queue"]["ReservationPlan"]
    assert (queue["Queue"]["PricingPlan"], plan["ReservedSlots"], plan["Status"]) == ("RESERVED", 1, "ACTIVE")
    assert plan["ExpiresAt"].year == plan["PurchasedAt"].year + 1
    _, second = (create(client, "input-hang", Queue="Own")["Id"] for _ in range(2))
    events.wait_for("INPUT_INFORMATION")
    assert client.get_job(Id=second)["Job"]["Status"] == "SUBMITTED"
    client.update_queue(Name="Own", ReservationPlanSettings=PLAN)
    assert events.wait_for("INPUT_INFORMATION")["jobId"] == second


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        ({"PricingPlan": "RESERVED"}, "reservationPlanSettings is a required property"),
        ({"ReservationPlanSettings": PLAN}, "Not applicable to on-demand queues"),
        ({"PricingPlan": "RESERVED", "ReservationPlanSettings": {**PLAN, "ReservedSlots": 0}}, "should be at least 1"),
        ({"PricingPlan": "RESERVED", "ReservationPlanSettings": PLAN, "ConcurrentJobs": 2}, "reservedSlots instead"),
        ({"ConcurrentJobs": 0}, "should be greater than or equal to 1"),
    ],
)
def test_a_queue_that_cannot_be_is_refused(client, request_, words):
    code, message, _ = refused(client.create_queue, Name="Own", **request_)
    assert code == "BadRequestException"
    assert words in message


def test_a_reserved_queue_keeps_its_commitment(client):
    client.create_queue(Name="Own", PricingPlan="RESERVED", ReservationPlanSettings=PLAN)
    fewer = {**PLAN, "ReservedSlots": 1}
    assert "can't decrease" in refused(client.update_queue, Name="Own", ReservationPlanSettings=fewer)[1]
    assert "pricing plan is active" in refused(client.delete_queue, Name="Own")[1]


def test_the_lists_of_queues_tells_what_there_is_in_all(start_service, serve):
    client = serve(start_service(workers=3))
    client.create_queue(Name="Vod", ConcurrentJobs=2)
    answer = client.list_queues()
    assert (answer["TotalConcurrentJobs"], answer["UnallocatedConcurrentJobs"]) == (3, 1)


# --- acceleration ------------------------------------------------------------------------------------------------


def test_a_job_that_can_be_accelerated_is_said_to_be(client, events):
    job = create(client, "h264-complete", AccelerationSettings={"Mode": "ENABLED"})
    assert job["AccelerationStatus"] == "IN_PROGRESS"
    events.wait_for("COMPLETE")
    assert client.get_job(Id=job["Id"])["Job"]["AccelerationStatus"] == "ACCELERATED"


@pytest.mark.parametrize(("mode", "status"), [("ENABLED", "ERROR"), ("PREFERRED", "COMPLETE")])
def test_a_job_that_cannot_be_accelerated_fails_or_goes_on_without(client, events, mode, status):
    settings = settings_for("h264-moment-complete")
    settings["TimecodeConfig"] = {"Source": "EMBEDDED"}
    job_id = client.create_job(Role=ROLE, Settings=settings, AccelerationSettings={"Mode": mode})["Job"]["Id"]
    events.wait_for(status)
    job = client.get_job(Id=job_id)["Job"]
    assert job["AccelerationStatus"] == "NOT_ACCELERATED"
    if status == "ERROR":
        assert job["ErrorCode"] == 1041
        assert job["ErrorMessage"].endswith("TimecodeConfig.Source: EMBEDDED")


@pytest.mark.parametrize(
    ("mode", "status"), [("ENABLED", "ERROR"), ("PREFERRED", "COMPLETE"), ("DISABLED", "COMPLETE")]
)
def test_a_fault_plan_refuses_acceleration_with_its_code(start_service, serve, events, mode, status):
    def hook(point, facts):
        return [{"kind": "mediaconvert.unaccelerated", "code": 1042}] if point == "mediaconvert.run" else []

    client = serve(start_service(hook=hook))
    job_id = create(client, "h264-complete", AccelerationSettings={"Mode": mode})["Id"]
    events.wait_for(status)
    job = client.get_job(Id=job_id)["Job"]
    assert job.get("ErrorCode") == (1042 if status == "ERROR" else None)
    assert job["AccelerationStatus"] == ("NOT_APPLICABLE" if mode == "DISABLED" else "NOT_ACCELERATED")


def change(**settings):
    return lambda job: h264(job).update(settings)


@pytest.mark.parametrize(
    ("alter", "obstacle"),
    [
        (change(Telecine="HARD"), "telecine output"),
        (change(SlowPal="ENABLED"), "slow PAL"),
        (change(FramerateConversionAlgorithm="INTERPOLATE"), "interpolated frame rate conversion"),
        (change(GopClosedCadence=0), "open GOP outputs"),
        (change(MinIInterval=12), "a MinIInterval other than 0"),
        (change(UnregisteredSeiTimecode="ENABLED"), "SEI timecode"),
        (lambda job: job.update(Esam={"ResponseSignalPreroll": 4000}), "Esam"),
        (
            lambda job: job["OutputGroups"][0]["Outputs"][0].update(
                CaptionDescriptions=[{"DestinationSettings": {"DestinationType": "BURN_IN"}}]
            ),
            "BURN_IN captions",
        ),
    ],
)
def test_the_guides_limits_of_acceleration(alter, obstacle):
    settings = copy.deepcopy(JOB)
    assert acceleration.obstacles(settings) == []
    alter(settings)
    [found] = acceleration.obstacles(settings)
    assert found.endswith(obstacle)


def test_an_input_codec_may_be_the_obstacle():
    inputs = [{"video": [{"codec": "H_264"}, {"codec": "VP9"}]}]
    assert acceleration.obstacles(JOB, inputs) == ["an input in VP9"]


# --- policy ------------------------------------------------------------------------------------------------------


def test_a_policy_against_s3_inputs_ends_jobs_in_3457(client, events):
    everything = {"S3Inputs": "ALLOWED", "HttpInputs": "ALLOWED", "HttpsInputs": "ALLOWED"}
    assert client.get_policy()["Policy"] == everything
    assert client.put_policy(Policy={"S3Inputs": "DISALLOWED"})["Policy"] == {**everything, "S3Inputs": "DISALLOWED"}
    create(client)
    assert events.wait_for("ERROR")["errorCode"] == 3457
    client.delete_policy()
    assert client.get_policy()["Policy"] == everything
    create(client)
    events.wait_for("COMPLETE")


# --- jobs queries ------------------------------------------------------------------------------------------------


def queried(client, *filters, **request):
    query = client.start_jobs_query(FilterList=[{"Key": key, "Values": values} for key, values in filters], **request)
    answer = client.get_jobs_query_results(Id=query["Id"])
    assert answer["Status"] == "COMPLETE"
    return [job["Id"] for job in answer["Jobs"]], answer.get("NextToken")


def test_jobs_queries_find_by_any_of_their_filters(client, events):
    client.create_queue(Name="Vod", Status="PAUSED")
    good = create(client)["Id"]
    events.wait_for("COMPLETE")
    bad = create(client, "error")["Id"]
    events.wait_for("ERROR")
    waiting = create(client, Queue="Vod")["Id"]
    assert queried(client, ("status", ["COMPLETE"]))[0] == [good]
    assert queried(client, ("queue", ["Vod"]), ("errorCode", ["1010"]))[0] == [waiting, bad]
    assert queried(client, ("fileInput", ["films/err", "nothing"]))[0] == [bad]
    assert queried(client, ("videoCodec", ["H_264"]), Order="ASCENDING")[0] == [good, bad, waiting]
    assert queried(client, ("audioCodec", ["OPUS"]))[0] == []
    assert queried(client, ("jobEngineVersionUsed", ["2025-01-01"]))[0] == []


def test_a_jobs_query_goes_page_by_page(client):
    ids = [create(client)["Id"] for _ in range(3)][::-1]
    first, token = queried(client, MaxResults=2)
    second, end = queried(client, MaxResults=2, NextToken=token)
    assert (first, second, end) == (ids[:2], ids[2:], None)


def test_queries_that_are_none_are_refused(client):
    assert refused(client.get_jobs_query_results, Id="1")[0] == "NotFoundException"
    half = refused(client.start_jobs_query, FilterList=[{"Key": "status"}])[1]
    assert half == "/filterList/0: key and values are required properties"
    assert (
        "Queue Nowhere not found"
        in refused(client.start_jobs_query, FilterList=[{"Key": "queue", "Values": ["Nowhere"]}])[1]
    )


def test_a_token_has_at_most_64_ascii_characters(client):
    for token in ("x" * 65, "ü"):
        assert (
            "/clientRequestToken"
            in refused(client.create_job, Role=ROLE, Settings=settings_for(), ClientRequestToken=token)[1]
        )


def test_there_are_no_engine_versions_to_choose_from(client):
    assert client.list_versions()["Versions"] == []
