"""A small AWS for the first floor: moto's S3, DynamoDB, SQS and SNS, and fakes where moto has no model.

moto knows no MediaConvert, and its Step Functions needs an interpreter's time; both are answered at the client's
boundary: MediaConvert by `FakeMediaConvert`, whose every call is still checked against botocore's model.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import requests
from botocore.exceptions import ClientError
from botocore.stub import Stubber
from botocore.validate import ParamValidator
from moto import mock_aws

from pipeline.aws import clients
from pipeline.media.reconcile import LISTED_INDEX, LISTED_PARTS, OPEN_INDEX
from pipeline.settings import TranscodeSettings
from tests.media.films import BUCKET, OUTPUTS

TABLE = "vod-assets"
QUEUE_ARN = "arn:aws:mediaconvert:us-east-1:123456789012:queues/Vod"
DELIVERY = "https://d111111abcdef8.cloudfront.net"
MACHINE_ARN = "arn:aws:states:us-east-1:123456789012:stateMachine:Vod"


@contextmanager
def moto_in_place() -> Iterator[None]:
    """For a whole module: making clients takes longer than all that the tests do with them."""
    with mock_aws():
        clients.client.cache_clear()
        yield
    clients.client.cache_clear()


def furnish() -> None:
    """An empty account with our two buckets and the table."""
    requests.post("http://motoapi.amazonaws.com/moto-api/reset", timeout=5)  # answered by moto, not by the network
    s3 = clients.client("s3")
    for bucket in (BUCKET, OUTPUTS):
        s3.create_bucket(Bucket=bucket)
    s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    clients.client("dynamodb").create_table(
        TableName=TABLE,
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        AttributeDefinitions=[
            {"AttributeName": name, "AttributeType": "S"}
            for name in ("pk", "sk", "open", "due", "listed", "updated_at")
        ],
        GlobalSecondaryIndexes=[
            {
                "IndexName": OPEN_INDEX,
                "KeySchema": [
                    {"AttributeName": "open", "KeyType": "HASH"},
                    {"AttributeName": "due", "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "KEYS_ONLY"},
            },
            {
                "IndexName": LISTED_INDEX,
                "KeySchema": [
                    {"AttributeName": "listed", "KeyType": "HASH"},
                    {"AttributeName": "updated_at", "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": list(LISTED_PARTS)},
            },
        ],
        BillingMode="PAY_PER_REQUEST",
    )


class Queue:
    """An SQS queue and what lies in it."""

    def __init__(self, name: str = "jobs"):
        self.url = clients.client("sqs").create_queue(QueueName=name)["QueueUrl"]

    def bodies(self) -> list[dict[str, Any]]:
        answer = clients.client("sqs").receive_message(QueueUrl=self.url, MaxNumberOfMessages=10)
        return [json.loads(message["Body"]) for message in answer.get("Messages", [])]


def transcode_settings(queue_url: str = "https://sqs.invalid/jobs") -> TranscodeSettings:
    return TranscodeSettings(
        table=TABLE,
        outputs_bucket=OUTPUTS,
        mediaconvert_role_arn="arn:aws:iam::123456789012:role/Vod-MediaConvert",
        mediaconvert_queue_arn=QUEUE_ARN,
        jobs_queue_url=queue_url,
        job_priority="0",
        hop_queue_arn="none",
        hop_minutes="30",
        acceleration="DISABLED",
    )


def refusal(operation: str, code: str, status: int = 400, message: str = "no") -> ClientError:
    answer = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(answer, operation)


class FakeMediaConvert:
    """The five operations we call, over a list of jobs; each call is checked against botocore's service model.

    `before` and `after` are called around CreateJob, to fail there as a network or a dying function would.
    """

    def __init__(self):
        self.jobs: list[dict[str, Any]] = []
        self.calls: list[str] = []
        self.asked: list[dict[str, Any]] = []
        self.refuse: dict[str, ClientError] = {}
        self.after_create: Callable[[], None] = lambda: None
        self._model = clients.client("mediaconvert").meta.service_model

    def _called(self, operation: str, parameters: dict[str, Any]) -> None:
        self.calls.append(operation)
        errors = ParamValidator().validate(parameters, self._model.operation_model(operation).input_shape)
        assert not errors.has_errors(), errors.generate_report()
        if operation in self.refuse:
            raise self.refuse[operation]

    def create_job(self, **parameters: Any) -> dict[str, Any]:
        self._called("CreateJob", parameters)
        self.asked.append(parameters)
        job = {
            "Id": f"1515368087458-{len(self.jobs):06d}",
            "Status": "SUBMITTED",
            "Queue": parameters["Queue"],
            "UserMetadata": parameters["UserMetadata"],
            "CreatedAt": datetime.datetime.now(datetime.UTC),
            "Token": parameters["ClientRequestToken"],
            "AccelerationSettings": parameters["AccelerationSettings"],
        }
        self.jobs.append(job)
        self.after_create()
        return {"Job": job}

    def get_job(self, **parameters: Any) -> dict[str, Any]:
        self._called("GetJob", parameters)
        for job in self.jobs:
            if job["Id"] == parameters["Id"]:
                return {"Job": job}
        raise refusal("GetJob", "NotFoundException", 404)

    def get_paginator(self, name: str) -> FakeMediaConvert:
        assert name == "list_jobs"
        return self

    def paginate(self, PaginationConfig: dict[str, int], **parameters: Any) -> Iterator[dict[str, Any]]:
        """Pages of MaxResults, newest first; a queue's name chooses."""
        self._called("ListJobs", {**parameters, "MaxResults": PaginationConfig["PageSize"]})
        wanted = parameters.get("Status")
        found = [
            job
            for job in reversed(self.jobs)
            if job["Queue"].endswith(f"/{parameters['Queue']}") and wanted in (None, job.get("Status"))
        ]
        size = PaginationConfig["PageSize"]
        for start in range(0, max(1, len(found)), size):
            self.calls.append("page")
            yield {"Jobs": found[start : start + size]}

    def cancel_job(self, **parameters: Any) -> dict[str, Any]:
        self._called("CancelJob", parameters)
        (job,) = [job for job in self.jobs if job["Id"] == parameters["Id"]]
        if job["Status"] not in ("SUBMITTED", "PROGRESSING"):
            raise refusal("CancelJob", "ConflictException", 409)
        job["Status"] = "CANCELED"
        return {}

    def probe(self, **parameters: Any) -> dict[str, Any]:
        self._called("Probe", parameters)
        return {"ProbeResults": [{"Container": {"Format": "mp4", "Tracks": []}}]}


@contextmanager
def stubbed(service: str) -> Iterator[Stubber]:
    """botocore's own stub in our client: parameters and answers are checked against the service's model."""
    with Stubber(clients.client(service)) as stub:
        yield stub
        stub.assert_no_pending_responses()
