"""AWS's published sample events, as our queues and rules deliver them.

S3: Amazon S3 User Guide, "EventBridge event message structure" (see tests/media/test_asset.py).
MediaConvert: AWS Elemental MediaConvert User Guide, "List of MediaConvert EventBridge events" and the page of each
status (https://docs.aws.amazon.com/mediaconvert/latest/ug/mediaconvert_event_list.html).
Step Functions: AWS Step Functions Developer Guide, "Automating Step Functions event delivery with EventBridge".
Only account, names and userMetadata are ours.
"""

from __future__ import annotations

import json
from typing import Any

from pipeline.aws.transcoder import metadata
from pipeline.media.asset import Upload
from tests.aws.world import MACHINE_ARN, QUEUE_ARN

JOB_ID = "1515368087458-qnoxtd"

#: What each status adds to the common part of detail.
MEDIACONVERT = {
    "COMPLETE": {
        "warnings": [{"code": 230001, "count": 1}],
        "outputGroupDetails": [
            {
                "outputDetails": [
                    {
                        "outputFilePaths": ["s3://amzn-s3-demo-bucket/file/file.mp4"],
                        "durationInMs": 30041,
                        "videoDetails": {"widthInPx": 1920, "heightInPx": 1080, "averageBitrate": 5000000},
                    }
                ],
                "type": "FILE_GROUP",
            },
            {
                "outputDetails": [{"durationInMs": 30041, "videoDetails": {"widthInPx": 480, "heightInPx": 272}}],
                "playlistFilePaths": [
                    "s3://amzn-s3-demo-bucket/cmaf/main.mpd",
                    "s3://amzn-s3-demo-bucket/cmaf/main.m3u8",
                ],
                "type": "CMAF_GROUP",
            },
        ],
        "paddingInserted": 0,
        "blackVideoDetected": 10,
    },
    "ERROR": {"errorCode": 1040, "errorMessage": "Example error message"},
    "CANCELED": {},
    "PROGRESSING": {},
    "STATUS_UPDATE": {
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
    },
    "INPUT_INFORMATION": {
        "inputDetails": [
            {
                "id": 1,
                "uri": "s3://amzn-s3-demo-bucket/file.mp4",
                "video": [{"streamId": 0, "codec": "AVC", "width": 1920, "height": 1080, "frameRate": 29.97}],
                "audio": [{"streamId": 1, "codec": "AAC", "channels": 2, "sampleRate": 48000, "language": "UND"}],
            }
        ]
    },
    "NEW_WARNING": {"warnings": [{"code": 230002, "message": "Example warning", "count": 1}]},
    "QUEUE_HOP": {"queueHop": {"from": "a", "to": "b"}},
}


def mediaconvert_event(status: str, user_metadata: dict[str, str], **more: Any) -> dict[str, Any]:
    detail = {
        "timestamp": 1515368120764,
        "accountId": "111122223333",
        "queue": QUEUE_ARN,
        "jobId": JOB_ID,
        "status": status,
        "userMetadata": user_metadata,
        **MEDIACONVERT[status],
        **more,
    }
    return {
        "version": "0",
        "id": "1234abcd-12ab-34cd-56ef-1234567890ab",
        "detail-type": "MediaConvert Job State Change",
        "source": "aws.mediaconvert",
        "account": "111122223333",
        "time": "2018-01-07T23:35:20Z",
        "region": "us-west-2",
        "resources": [f"arn:aws:mediaconvert:us-west-2:111122223333:jobs/{JOB_ID}"],
        "detail": detail,
    }


def of(upload: Upload, role: str = "streams", attempt: int = 1) -> dict[str, str]:
    return metadata(upload, role, attempt)


def execution_event(status: str, upload: Upload, **more: Any) -> dict[str, Any]:
    arn = MACHINE_ARN.replace(":stateMachine:", ":execution:") + f":{upload.execution_name}"
    detail = {
        "executionArn": arn,
        "stateMachineArn": MACHINE_ARN,
        "name": upload.execution_name,
        "status": status,
        "startDate": 1551225146847,
        "stopDate": 1551225151881,
        "input": json.dumps({"upload": upload.as_state()}),
        "output": None,
        "inputDetails": {"included": True},
        "outputDetails": None,
        **more,
    }
    return {
        "version": "0",
        "id": "315c1398-40ff-a850-213b-158f73e60175",
        "detail-type": "Step Functions Execution Status Change",
        "source": "aws.states",
        "account": "111122223333",
        "time": "2019-02-26T19:42:21Z",
        "region": "us-east-2",
        "resources": [arn],
        "detail": detail,
    }


def batch(*events: dict[str, Any] | str) -> dict[str, Any]:
    """An SQS batch as Lambda's poller delivers it (Lambda Developer Guide, "Using Lambda with Amazon SQS")."""
    return {
        "Records": [
            {
                "messageId": f"059f36b4-87a3-44ab-83d2-66197{number:07d}",
                "receiptHandle": "AQEBwJnKyrHigUMZj6rYigCgxlaS3SLy0a...",
                "body": event if isinstance(event, str) else json.dumps(event),
                "attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": "1545082649183"},
                "messageAttributes": {},
                "eventSource": "aws:sqs",
                "eventSourceARN": "arn:aws:sqs:us-east-2:123456789012:my-queue",
                "awsRegion": "us-east-2",
            }
            for number, event in enumerate(events)
        ]
    }


def failed_messages(answer: dict[str, Any]) -> list[int]:
    return [int(failure["itemIdentifier"][-7:]) for failure in answer["batchItemFailures"]]
