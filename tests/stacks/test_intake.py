"""What comes in by which door: AWS's own sample events are held against the rules of the template.

events/ holds the samples: S3 User Guide "EventBridge event message structure", MediaConvert User Guide "Events with
COMPLETE status", Step Functions Developer Guide "Events and event content for Execution Status Change".
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from moto.events.models import EventPattern

from pipeline.media.job import _HEARTBEAT_SECONDS
from tests.stacks.reading import of_type, plain

#: What a job of ours carries (pipeline.aws.transcoder).
OURS = {"table": "${Assets}"}
EVENTS = Path(__file__).parent / "events"


def sample(name: str, **detail: Any) -> dict[str, Any]:
    """AWS's sample event, with some of its detail set to ours ("object.key" as object__key)."""
    event = json.loads((EVENTS / f"{name}.json").read_text(encoding="utf-8"))
    for path, value in detail.items():
        node = event["detail"]
        *parents, last = path.split("__")
        for part in parents:
            node = node[part]
        node[last] = value
    return event


def accepts(resources: dict[str, Any], rule: str, event: dict[str, Any]) -> bool:
    pattern = plain(copy.deepcopy(resources[rule]["Properties"]["EventPattern"]))
    return EventPattern.load(json.dumps(pattern)).matches_event(event)


KEYS = {
    "uploads/film.mov": True,
    "uploads/a b+c%20d/ü'\"..\n.mp4": True,
    "uploads/": True,
    "receipts/film.mov.json": False,
    "Uploads/film.mov": False,
    "a/film-1234567890/asset.json": False,
    "w/film-1234567890/plan.json": False,
    "film.mov": False,
    "x/uploads/film.mov": False,
}


@pytest.mark.parametrize(("key", "accepted"), KEYS.items())
def test_only_uploads_knock_at_the_door(resources: dict[str, Any], key: str, accepted: bool) -> None:
    event = sample("s3_object_created", bucket__name="${Sources}", object__key=key)
    assert accepts(resources, "UploadRule", event) is accepted


def test_the_outputs_bucket_is_not_listened_to(resources: dict[str, Any]) -> None:
    event = sample("s3_object_created", bucket__name="${Outputs}", object__key="uploads/film.mov")
    assert not accepts(resources, "UploadRule", event)


def test_a_deleted_source_is_no_upload(resources: dict[str, Any]) -> None:
    event = sample("s3_object_created", bucket__name="${Sources}", object__key="uploads/film.mov")
    assert not accepts(resources, "UploadRule", {**event, "detail-type": "Object Deleted"})


@pytest.mark.parametrize("status", ["PROGRESSING", "STATUS_UPDATE", "COMPLETE", "ERROR", "CANCELED"])
def test_news_of_our_jobs_come_in(resources: dict[str, Any], status: str) -> None:
    event = sample("mediaconvert_complete", queue="${MediaConvertQueue.Arn}", status=status, userMetadata=OURS)
    assert accepts(resources, "JobRule", event)


@pytest.mark.parametrize("status", ["INPUT_INFORMATION", "NEW_WARNING", "QUEUE_HOP"])
def test_news_that_decide_nothing_stay_outside(resources: dict[str, Any], status: str) -> None:
    event = sample("mediaconvert_complete", queue="${MediaConvertQueue.Arn}", status=status, userMetadata=OURS)
    assert not accepts(resources, "JobRule", event)


def test_another_queues_jobs_are_not_ours(resources: dict[str, Any]) -> None:
    assert not accepts(resources, "JobRule", sample("mediaconvert_complete", userMetadata=OURS))


@pytest.mark.parametrize("metadata", [{}, {"table": "Vod-test-Assets"}])
def test_another_environments_jobs_in_a_shared_queue_are_not_ours(
    resources: dict[str, Any], metadata: dict[str, str]
) -> None:
    event = sample("mediaconvert_complete", queue="${MediaConvertQueue.Arn}", userMetadata=metadata)
    assert not accepts(resources, "JobRule", event)


def test_a_job_that_hopped_is_still_ours(resources_with: Callable[..., dict[str, Any]]) -> None:
    hop = "arn:aws:mediaconvert:eu-west-1:123456789012:queues/OnDemand"
    event = sample("mediaconvert_complete", queue=hop, userMetadata=OURS)
    assert accepts(resources_with(hop_queue=hop), "JobRule", event)


@pytest.mark.parametrize(
    ("status", "accepted"),
    {
        "FAILED": True,
        "TIMED_OUT": True,
        "ABORTED": True,
        "SUCCEEDED": False,
        "RUNNING": False,
        "PENDING_REDRIVE": False,
    }.items(),
)
def test_bad_ends_are_recorded_and_good_ones_are_not(resources: dict[str, Any], status: str, accepted: bool) -> None:
    event = sample("states_failed", stateMachineArn="${Workflow}", status=status)
    assert accepts(resources, "BadEndRule", event) is accepted
    assert accepts(resources, "DoneRule", event) is (status == "SUCCEEDED")


def test_another_machines_bad_end_is_not_ours(resources: dict[str, Any]) -> None:
    assert not accepts(resources, "BadEndRule", sample("states_failed"))
    assert not accepts(resources, "DoneRule", sample("states_failed", status="SUCCEEDED"))


def test_the_five_rules_are_all_there_are(resources: dict[str, Any]) -> None:
    targets = {
        name: [(target["Arn"], target["DeadLetterConfig"]["Arn"]) for target in plain(rule["Targets"])]
        for name, rule in of_type(resources, "AWS::Events::Rule").items()
    }
    assert targets == {
        "UploadRule": [("${Uploads.Arn}", "${UploadsDeadLetters.Arn}")],
        "DoneRule": [("${Uploads.Arn}", "${UploadsDeadLetters.Arn}")],
        "JobRule": [("${Jobs.Arn}", "${JobsDeadLetters.Arn}")],
        "BadEndRule": [("${RecordFunction.Arn}", "${RecordDeadLetters.Arn}")],
        "SweepRule": [("${SweepFunction.Arn}", "${SweepDeadLetters.Arn}")],
    }


def test_the_sweep_comes_three_times_before_a_waiting_step_is_given_up(resources: dict[str, Any]) -> None:
    assert resources["SweepRule"]["Properties"]["ScheduleExpression"] == "rate(5 minutes)"
    assert resources["SweepRule"]["Properties"]["State"] == "ENABLED"
    assert _HEARTBEAT_SECONDS >= 3 * 5 * 60
    assert resources["SweepFunction"]["Properties"]["Timeout"] <= 5 * 60


def test_every_asynchronous_edge_ends_in_a_dead_letter_queue(resources: dict[str, Any]) -> None:
    """Rule to target, queue to function, EventBridge's call to function: whatever is not taken lies somewhere."""
    dead_letters = {
        name for name in of_type(resources, "AWS::SQS::Queue") if "RedrivePolicy" not in resources[name]["Properties"]
    }
    for rule in of_type(resources, "AWS::Events::Rule").values():
        assert {target["DeadLetterConfig"]["Arn"]["Fn::GetAtt"][0] for target in rule["Targets"]} <= dead_letters
    for poll in plain(of_type(resources, "AWS::Lambda::EventSourceMapping")).values():
        queue = resources[poll["EventSourceArn"].removeprefix("${").removesuffix(".Arn}")]
        assert queue["Properties"]["RedrivePolicy"]["deadLetterTargetArn"]["Fn::GetAtt"][0] in dead_letters
    called = {
        target["Arn"]["Fn::GetAtt"][0]
        for rule in of_type(resources, "AWS::Events::Rule").values()
        for target in rule["Targets"]
        if target["Arn"]["Fn::GetAtt"][0].endswith("Function")
    }
    kept = {
        config["FunctionName"]["Ref"]: config["DestinationConfig"]["OnFailure"]["Destination"]["Fn::GetAtt"][0]
        for config in of_type(resources, "AWS::Lambda::EventInvokeConfig").values()
    }
    assert called == kept.keys() and set(kept.values()) <= dead_letters


def test_a_polled_message_fails_alone_and_a_burst_is_capped(resources: dict[str, Any]) -> None:
    polls = plain(of_type(resources, "AWS::Lambda::EventSourceMapping"))
    assert {name: (each["EventSourceArn"], each["FunctionName"]) for name, each in polls.items()} == {
        "StartPoll": ("${Uploads.Arn}", "${StartFunction}"),
        "CompletePoll": ("${Jobs.Arn}", "${CompleteFunction}"),
    }
    for each in polls.values():
        assert each["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
        assert each["BatchSize"] == 10
        assert "MaximumBatchingWindowInSeconds" not in each
        assert each["ScalingConfig"]["MaximumConcurrency"] >= 2


@pytest.mark.parametrize(("queue", "function"), [("Uploads", "StartFunction"), ("Jobs", "CompleteFunction")])
def test_a_message_is_hidden_for_six_timeouts(resources: dict[str, Any], queue: str, function: str) -> None:
    timeout = resources[function]["Properties"]["Timeout"]
    assert resources[queue]["Properties"]["VisibilityTimeout"] >= 6 * timeout


@pytest.mark.parametrize("queue", ["Uploads", "Jobs"])
def test_a_message_nobody_can_take_is_put_aside(resources: dict[str, Any], queue: str) -> None:
    redrive = plain(resources[queue]["Properties"]["RedrivePolicy"])
    assert redrive == {"deadLetterTargetArn": "${" + queue + "DeadLetters.Arn}", "maxReceiveCount": 5}


def test_no_queue_forgets_before_a_fortnight(resources: dict[str, Any]) -> None:
    queues = of_type(resources, "AWS::SQS::Queue")
    assert len(queues) == 6
    assert {each["MessageRetentionPeriod"] for each in queues.values()} == {14 * 24 * 3600}
    assert {each["SqsManagedSseEnabled"] for each in queues.values()} == {True}


def test_an_event_that_record_fails_on_is_put_aside(resources: dict[str, Any]) -> None:
    configs = plain(of_type(resources, "AWS::Lambda::EventInvokeConfig")).values()
    (config,) = [each for each in configs if each["FunctionName"] == "${RecordFunction}"]
    assert config["DestinationConfig"] == {"OnFailure": {"Destination": "${RecordDeadLetters.Arn}"}}


def test_only_its_own_rule_may_write_to_a_queue(resources: dict[str, Any]) -> None:
    allowed = {
        (queue, statement["Principal"]["Service"], statement["Condition"]["ArnEquals"]["aws:SourceArn"])
        for policy in plain(of_type(resources, "AWS::SQS::QueuePolicy")).values()
        for queue in policy["Queues"]
        for statement in policy["PolicyDocument"]["Statement"]
        if statement["Effect"] == "Allow"
    }
    assert allowed == {
        ("${Uploads}", "events.amazonaws.com", "${UploadRule.Arn}"),
        ("${UploadsDeadLetters}", "events.amazonaws.com", "${UploadRule.Arn}"),
        ("${Uploads}", "events.amazonaws.com", "${DoneRule.Arn}"),
        ("${UploadsDeadLetters}", "events.amazonaws.com", "${DoneRule.Arn}"),
        ("${Jobs}", "events.amazonaws.com", "${JobRule.Arn}"),
        ("${JobsDeadLetters}", "events.amazonaws.com", "${JobRule.Arn}"),
        ("${RecordDeadLetters}", "events.amazonaws.com", "${BadEndRule.Arn}"),
        ("${SweepDeadLetters}", "events.amazonaws.com", "${SweepRule.Arn}"),
    }
