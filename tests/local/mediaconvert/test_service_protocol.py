"""boto3's own client against the service over HTTP: the protocol, and what each operation answers."""

from __future__ import annotations

import datetime
import re

import pytest
from botocore.exceptions import ClientError

from pipeline.local.mediaconvert import model
from pipeline.local.mediaconvert.service import ELSEWHERE
from tests.local.mediaconvert.conftest import ROLE, create, settings_for

ARN = "arn:aws:mediaconvert:eu-west-1:123456789012"


def refused(call, **arguments) -> tuple[str, str, int]:
    with pytest.raises(ClientError) as error:
        call(**arguments)
    response = error.value.response
    return response["Error"]["Code"], response["Error"]["Message"], response["ResponseMetadata"]["HTTPStatusCode"]


def test_a_created_job_is_submitted_and_echoes_what_it_was_asked(client):
    job = create(client, UserMetadata={"asset_id": "film-1"}, StatusUpdateInterval="SECONDS_10", Priority=3)
    assert re.fullmatch(r"\d{13}-[a-z0-9]{6}", job["Id"])
    assert job["Arn"] == f"{ARN}:jobs/{job['Id']}"
    assert job["Queue"] == f"{ARN}:queues/Default"
    assert (job["Status"], job["Priority"], job["StatusUpdateInterval"]) == ("SUBMITTED", 3, "SECONDS_10")
    assert job["UserMetadata"] == {"asset_id": "film-1"}
    assert job["Settings"] == settings_for("complete")
    assert isinstance(job["Timing"]["SubmitTime"], datetime.datetime)
    assert "FinishTime" not in job["Timing"]


def test_a_finished_job_shows_times_and_outputs(client, events):
    job_id = create(client, "input-transcoding-complete")["Id"]
    events.wait_for("COMPLETE")
    job = client.get_job(Id=job_id)["Job"]
    assert (job["Status"], job["JobPercentComplete"], job["CurrentPhase"]) == ("COMPLETE", 100, "UPLOADING")
    assert job["Timing"]["SubmitTime"] <= job["Timing"]["StartTime"] <= job["Timing"]["FinishTime"]
    assert job["OutputGroupDetails"] == [
        {
            "OutputDetails": [
                {"DurationInMs": 2000, "VideoDetails": {"WidthInPx": 640, "HeightInPx": 360}},
                {"DurationInMs": 2000},
            ]
        },
        {"OutputDetails": [{"DurationInMs": 2000, "VideoDetails": {"WidthInPx": 640, "HeightInPx": 360}}]},
    ]
    assert job["RetryCount"] == 0
    assert job["AccelerationStatus"] == "NOT_APPLICABLE"


def test_a_job_that_does_not_exist_is_not_found(client):
    code, message, status = refused(client.get_job, Id="1671476818694-phptj0")
    assert (code, status) == ("NotFoundException", 404)
    assert "1671476818694-phptj0" in message


def test_the_same_token_within_a_minute_returns_the_first_job(client):
    first = create(client, ClientRequestToken="token-1")
    again = create(client, "error", ClientRequestToken="token-1")  # the body does not matter, by AWS's page
    assert again["Id"] == first["Id"]
    assert again["Settings"] == first["Settings"]
    assert create(client, ClientRequestToken="token-2")["Id"] != first["Id"]


def test_a_token_is_forgotten_after_a_minute(client, monkeypatch):
    first = create(client, ClientRequestToken="token-1")
    later = __import__("time").monotonic() + 61
    monkeypatch.setattr("pipeline.local.mediaconvert.dispatch.time.monotonic", lambda: later)
    assert create(client, ClientRequestToken="token-1")["Id"] != first["Id"]


def test_a_refused_request_does_not_use_up_its_token(client):
    refused(client.create_job, Role=ROLE, Settings={}, ClientRequestToken="token-1")
    assert create(client, ClientRequestToken="token-1")["Status"] == "SUBMITTED"


def test_jobs_are_listed_newest_first_and_page_by_page(client):
    ids = [create(client)["Id"] for _ in range(5)]
    first = client.list_jobs(MaxResults=2)
    assert [job["Id"] for job in first["Jobs"]] == [ids[4], ids[3]]
    create(client)  # a newcomer must not shift the next page
    second = client.list_jobs(MaxResults=2, NextToken=first["NextToken"])
    assert [job["Id"] for job in second["Jobs"]] == [ids[2], ids[1]]
    last = client.list_jobs(MaxResults=2, NextToken=second["NextToken"])
    assert [job["Id"] for job in last["Jobs"]] == [ids[0]]
    assert "NextToken" not in last


def test_boto3s_paginator_walks_all_jobs(client):
    ids = [create(client)["Id"] for _ in range(25)]
    pages = client.get_paginator("list_jobs").paginate(Order="ASCENDING")
    assert [job["Id"] for page in pages for job in page["Jobs"]] == ids


def test_jobs_are_listed_by_queue_and_status(client, events):
    client.create_queue(Name="Vod", Status="PAUSED")
    done = create(client)["Id"]
    waiting = create(client, Queue="Vod")["Id"]
    events.wait_for("COMPLETE")
    assert [job["Id"] for job in client.list_jobs(Queue="Vod")["Jobs"]] == [waiting]
    assert [job["Id"] for job in client.list_jobs(Queue=f"{ARN}:queues/Vod")["Jobs"]] == [waiting]
    assert [job["Id"] for job in client.list_jobs(Status="COMPLETE")["Jobs"]] == [done]
    assert client.list_jobs(Queue="Vod", Status="COMPLETE")["Jobs"] == []


def test_jobs_are_searched_by_a_part_of_the_input(client):
    found = create(client, "complete")["Id"]
    create(client, "error")
    assert [job["Id"] for job in client.search_jobs(InputFile="films/complete")["Jobs"]] == [found]
    assert len(client.search_jobs()["Jobs"]) == 2


def test_a_made_up_page_token_is_refused(client):
    assert refused(client.list_jobs, NextToken="nonsense")[:2] == ("BadRequestException", "Invalid nextToken: nonsense")


def test_a_finished_job_cannot_be_cancelled(client, events):
    job_id = create(client)["Id"]
    events.wait_for("COMPLETE")
    code, message, status = refused(client.cancel_job, Id=job_id)
    assert (code, status) == ("ConflictException", 409)
    assert "COMPLETE" in message


def test_the_default_queue_is_there_and_cannot_be_changed(client):
    queue = client.get_queue(Name="Default")["Queue"]
    assert (queue["Arn"], queue["Type"], queue["Status"]) == (f"{ARN}:queues/Default", "SYSTEM", "ACTIVE")
    assert refused(client.update_queue, Name="Default", Status="PAUSED")[0] == "BadRequestException"
    assert refused(client.delete_queue, Name="Default")[0] == "BadRequestException"


def test_a_queue_lives_from_create_to_delete(client):
    created = client.create_queue(Name="Vod", Description="Films", ConcurrentJobs=2, Tags={"team": "films"})["Queue"]
    assert (created["Arn"], created["ConcurrentJobs"]) == (f"{ARN}:queues/Vod", 2)
    assert refused(client.create_queue, Name="Vod")[0] == "ConflictException"
    assert client.update_queue(Name="Vod", Description="More films")["Queue"]["Description"] == "More films"
    assert [queue["Name"] for queue in client.list_queues()["Queues"]] == ["Default", "Vod"]
    assert [queue["Name"] for queue in client.list_queues(ListBy="NAME", Order="DESCENDING")["Queues"]] == [
        "Vod",
        "Default",
    ]
    client.delete_queue(Name="Vod")
    assert refused(client.get_queue, Name="Vod")[0] == "NotFoundException"


def test_a_queue_with_unfinished_jobs_cannot_be_deleted(client):
    client.create_queue(Name="Vod", Status="PAUSED")
    job_id = create(client, Queue="Vod")["Id"]
    assert client.get_queue(Name="Vod")["Queue"]["SubmittedJobsCount"] == 1
    assert refused(client.delete_queue, Name="Vod")[0] == "ConflictException"
    client.cancel_job(Id=job_id)
    client.delete_queue(Name="Vod")


def test_a_job_for_an_unknown_queue_is_refused(client):
    code, message, _ = refused(client.create_job, Role=ROLE, Settings=settings_for(), Queue="Nowhere")
    assert code == "NotFoundException"
    assert "Nowhere" in message


def test_tags_are_kept_for_queues_and_jobs(client):
    arns = [client.create_queue(Name="Vod")["Queue"]["Arn"], create(client)["Arn"]]
    for arn in arns:
        client.tag_resource(Arn=arn, Tags={"team": "films", "cost": "7"})
        client.untag_resource(Arn=arn, TagKeys=["cost"])
        assert client.list_tags_for_resource(Arn=arn)["ResourceTags"] == {"Arn": arn, "Tags": {"team": "films"}}


def test_tags_of_something_else_are_not_found(client):
    assert refused(client.list_tags_for_resource, Arn="arn:aws:s3:::films")[0] == "NotFoundException"


def test_describe_endpoints_answers_with_the_endpoint(client):
    assert client.describe_endpoints()["Endpoints"] == [{"Url": "http://127.0.0.1:9"}]


@pytest.mark.parametrize(
    ("call", "arguments", "message"),
    [
        (
            "associate_certificate",
            {"Arn": "arn:aws:acm:eu-west-1:123456789012:certificate/1"},
            "AssociateCertificate is not offered by the local MediaConvert: there is no AWS Certificate Manager",
        ),
        (
            "create_resource_share",
            {"SupportCaseId": "1", "JobId": "1"},
            "CreateResourceShare is not offered by the local MediaConvert: there is no AWS Support",
        ),
    ],
)
def test_an_operation_we_do_not_offer_is_refused_by_name_and_reason(client, call, arguments, message):
    code, said, status = refused(getattr(client, call), **arguments)
    assert (code, status) == ("BadRequestException", 400)
    assert said.startswith(message)


def test_every_operation_of_the_service_model_is_answered_or_refused_by_name(service):
    offered = set(service._operations)
    assert offered | set(ELSEWHERE) == set(model.service_model().operation_names)
    assert offered.isdisjoint(ELSEWHERE)


def test_probe_refuses_what_is_not_in_s3(client):
    code, message, _ = refused(client.probe, InputFiles=[{"FileUrl": "https://example.org/film.mov"}])
    assert code == "BadRequestException"
    assert "https://example.org/film.mov is not honoured by the local engine" in message


def test_probe_wants_a_file(client):
    assert refused(client.probe, InputFiles=[])[0] == "BadRequestException"


@pytest.mark.parametrize(
    ("method", "path", "body", "error_type", "words"),
    [
        ("GET", "/2017-08-29/nowhere", b"", "NotFoundException", "no operation at GET /2017-08-29/nowhere"),
        ("PATCH", "/2017-08-29/jobs", b"", "NotFoundException", "no operation at PATCH"),
        ("POST", "/2017-08-29/jobs", b"{", "BadRequestException", "not JSON"),
        ("POST", "/2017-08-29/jobs", b"[" * 100_000, "BadRequestException", "not JSON"),
        ("POST", "/2017-08-29/jobs", b"[]", "BadRequestException", "must be a JSON object"),
        ("POST", "/2017-08-29/jobs", b" " * 5_000_000, "BadRequestException", "longer than"),
    ],
)
def test_a_request_that_is_not_one_gets_a_clear_answer(service, method, path, body, error_type, words):
    status, headers, answer = service.handle(method, path, {}, body, {})
    assert headers["x-amzn-ErrorType"] == error_type
    assert words in answer.decode()
    assert 400 <= status < 500


def test_a_failure_of_ours_is_an_internal_error_that_says_so(service, monkeypatch):
    monkeypatch.setattr(service._dispatcher, "get", lambda job_id: 1 / 0)
    status, headers, answer = service.handle("GET", "/2017-08-29/jobs/1", {}, b"", {})
    assert (status, headers["x-amzn-ErrorType"]) == (500, "InternalServerErrorException")
    assert b"division by zero" in answer


def test_a_path_that_was_decoded_on_the_way_still_finds_its_resource(service):
    arn = "arn:aws:mediaconvert:eu-west-1:123456789012:queues/Default"
    status, _, answer = service.handle("GET", f"/2017-08-29/tags/{arn}", {}, b"", {})
    assert status == 200, answer


def test_cloudformation_makes_and_deletes_a_queue(service):
    arn = service.create_queue_from_template({"Name": "Vod", "ConcurrentJobs": "2", "Tags": {"a": "b"}})
    assert arn == f"{ARN}:queues/Vod"
    service.delete_queue(arn)
    assert service.create_queue_from_template({}).startswith(f"{ARN}:queues/Queue-")
