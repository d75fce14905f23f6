"""The first floor's small AWS, and each function's environment as CDK would write it."""

from __future__ import annotations

import pytest

from pipeline import settings
from pipeline.aws.clients import client
from tests.aws.conftest import aws, jobs_queue, mediaconvert, moto, table  # noqa: F401
from tests.aws.world import DELIVERY, MACHINE_ARN, QUEUE_ARN, TABLE, Queue
from tests.media.films import BUCKET, OUTPUTS

TOPIC_ARN = "arn:aws:sns:us-east-1:123456789012:vod"


@pytest.fixture
def environment(jobs_queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    client("sns").create_topic(Name="vod")
    role = "arn:aws:iam::123456789012:role/Vod-MediaConvert"
    for each in (
        settings.StartSettings(TABLE, MACHINE_ARN, BUCKET, DELIVERY),
        settings.IngestSettings(TABLE, OUTPUTS, BUCKET, DELIVERY),
        settings.RecallSettings(TABLE, OUTPUTS),
        settings.PlanSettings(TABLE, OUTPUTS, "default", "DISABLED", "Vod", "0", BUCKET, DELIVERY),
        settings.HoldSettings(TABLE, OUTPUTS, DELIVERY, TOPIC_ARN, "0", BUCKET),
        settings.TranscodeSettings(TABLE, OUTPUTS, role, QUEUE_ARN, jobs_queue.url, "0", "none", "30", "DISABLED"),
        settings.PublishSettings(TABLE, OUTPUTS, DELIVERY, "public"),
        settings.ReportSettings(TABLE, BUCKET, "Vod", "none", DELIVERY),
        settings.RecordSettings(TABLE, TOPIC_ARN, OUTPUTS, BUCKET, DELIVERY),
        settings.SweepSettings(
            TABLE,
            OUTPUTS,
            MACHINE_ARN,
            QUEUE_ARN,
            "none",
            jobs_queue.url,
            TOPIC_ARN,
            "Vod",
            "30",
            "0",
            BUCKET,
            DELIVERY,
        ),
        settings.CompleteSettings(TABLE, OUTPUTS, "Vod", BUCKET, DELIVERY),
    ):
        for name, value in each.as_env().items():
            monkeypatch.setenv(name, value)
