"""Which queue jobs are put into, and who may use MediaConvert's role."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.stacks.reading import of_type, plain, statements_of

RESERVED = "arn:aws:mediaconvert:eu-west-1:123456789012:queues/reserved"
ON_DEMAND = "arn:aws:mediaconvert:eu-west-1:123456789012:queues/on-demand"
Resources = Callable[..., dict[str, Any]]


def variables(resources: dict[str, Any], name: str) -> dict[str, Any]:
    return plain(resources[f"{name}Function"]["Properties"]["Environment"]["Variables"])


def trusted_queues(resources: dict[str, Any]) -> Any:
    (statement,) = plain(resources["MediaConvertRole"]["Properties"]["AssumeRolePolicyDocument"]["Statement"])
    assert statement["Condition"]["StringEquals"] == {"aws:SourceAccount": "${AWS::AccountId}"}
    return statement["Condition"]["ArnLike"]["aws:SourceArn"]


def test_the_stack_has_an_on_demand_queue_of_its_own(resources: dict[str, Any]) -> None:
    (queue,) = of_type(resources, "AWS::MediaConvert::Queue").values()
    assert queue == {"PricingPlan": "ON_DEMAND", "Status": "ACTIVE"}
    assert trusted_queues(resources) == ["${MediaConvertQueue.Arn}"]
    said = variables(resources, "Transcode")
    assert (said["VOD_ACCELERATION"], said["VOD_HOP_QUEUE_ARN"], said["VOD_JOB_PRIORITY"]) == ("DISABLED", "none", "0")


def test_a_reserved_queue_of_the_owners_is_used_instead(resources_with: Resources) -> None:
    resources = resources_with(mediaconvert_queue=RESERVED, hop_queue=ON_DEMAND, hop_minutes="15", job_priority="-3")
    assert not of_type(resources, "AWS::MediaConvert::Queue")
    assert trusted_queues(resources) == [RESERVED, ON_DEMAND]
    said = variables(resources, "Transcode")
    assert said["VOD_MEDIACONVERT_QUEUE_ARN"] == RESERVED
    assert (said["VOD_HOP_QUEUE_ARN"], said["VOD_HOP_MINUTES"], said["VOD_JOB_PRIORITY"]) == (ON_DEMAND, "15", "-3")
    assert variables(resources, "Sweep")["VOD_HOP_QUEUE_ARN"] == ON_DEMAND


def test_jobs_are_put_and_looked_for_in_these_queues_only(resources_with: Resources) -> None:
    resources = resources_with(mediaconvert_queue=RESERVED, hop_queue=ON_DEMAND)
    for role, action in (
        ("TranscodeFunctionRole", "mediaconvert:CreateJob"),
        ("SweepFunctionRole", "mediaconvert:ListJobs"),
    ):
        said = [each for each in statements_of(resources, role) if action in each["Action"]]
        assert [each["Resource"] for each in said] == [[RESERVED, ON_DEMAND]]


def test_acceleration_is_the_owners_choice(resources_with: Resources) -> None:
    assert variables(resources_with(acceleration="preferred"), "Transcode")["VOD_ACCELERATION"] == "PREFERRED"
