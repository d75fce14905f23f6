"""The first floor's small AWS, and each function's environment as CDK would write it."""

from __future__ import annotations

import pytest

from pipeline import settings
from tests.aws.conftest import aws, jobs_queue, mediaconvert, moto, table  # noqa: F401
from tests.aws.world import MACHINE_ARN, QUEUE_ARN, TABLE, Queue
from tests.media.films import BUCKET, OUTPUTS

DELIVERY_URL = "https://d111111abcdef8.cloudfront.net"
TOPIC_ARN = "arn:aws:sns:us-east-1:123456789012:vod"


@pytest.fixture
def environment(jobs_queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    role = "arn:aws:iam::123456789012:role/Vod-MediaConvert"
    for each in (
        settings.StartSettings(TABLE, MACHINE_ARN),
        settings.IngestSettings(TABLE, OUTPUTS),
        settings.PlanSettings(TABLE, OUTPUTS, "default", "DISABLED", "Vod", "0"),
        settings.HoldSettings(TABLE, OUTPUTS, DELIVERY_URL, TOPIC_ARN, "0"),
        settings.TranscodeSettings(TABLE, OUTPUTS, role, QUEUE_ARN, jobs_queue.url, "0", "none", "30", "DISABLED"),
        settings.PublishSettings(TABLE, OUTPUTS, DELIVERY_URL),
        settings.ReportSettings(TABLE, BUCKET, "Vod", "none"),
        settings.CompleteSettings(TABLE, OUTPUTS, "Vod"),
        settings.RecordSettings(TABLE, TOPIC_ARN, OUTPUTS),
        settings.SweepSettings(
            TABLE, OUTPUTS, MACHINE_ARN, QUEUE_ARN, "none", jobs_queue.url, TOPIC_ARN, "Vod", "30", "0"
        ),
    ):
        for name, value in each.as_env().items():
            monkeypatch.setenv(name, value)
