"""Alarms and the dashboard: each alarm can fire, tells somebody, and has a page; the dashboard asks four questions."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from pipeline.bundle import ROOT
from tests.stacks.reading import of_type, plain

RUNBOOK = (ROOT / "docs" / "runbook.md").read_text(encoding="utf-8")
Resources = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def alarms(resources: dict[str, Any]) -> dict[str, Any]:
    return of_type(resources, "AWS::CloudWatch::Alarm")


def test_every_alarm_has_its_page_and_every_page_its_alarm(alarms: dict[str, Any]) -> None:
    assert sorted(re.findall(r"^## (\w+)$", RUNBOOK, re.MULTILINE)) == sorted(alarms)


def test_every_alarm_says_where_its_page_is(alarms: dict[str, Any]) -> None:
    for name, alarm in alarms.items():
        assert alarm["AlarmDescription"].endswith(f" docs/runbook.md#{name.lower()}"), name


def test_every_alarm_tells_the_topic_when_it_begins_and_when_it_is_over(alarms: dict[str, Any]) -> None:
    for name, alarm in alarms.items():
        assert alarm["AlarmActions"] == alarm["OKActions"] == [{"Ref": "Alarms"}], name


def test_no_alarm_has_a_name_of_ours_that_could_stand_in_a_replacements_way(alarms: dict[str, Any]) -> None:
    assert not [name for name, alarm in alarms.items() if "AlarmName" in alarm]


def test_what_is_silent_is_quiet_but_for_the_sweep(alarms: dict[str, Any]) -> None:
    quiet = {name: alarm["TreatMissingData"] for name, alarm in alarms.items()}
    assert quiet.pop("SweepSilentAlarm") == "breaching"
    assert set(quiet.values()) == {"notBreaching"}


METRICS = {
    "FailedAlarm": ("AWS/States", "ExecutionsFailed", {"StateMachineArn": "${Workflow}"}),
    "TimedOutAlarm": ("AWS/States", "ExecutionsTimedOut", {"StateMachineArn": "${Workflow}"}),
    "UploadsDeadLettersAlarm": (
        "AWS/SQS",
        "ApproximateNumberOfMessagesVisible",
        {"QueueName": "${UploadsDeadLetters.QueueName}"},
    ),
    "RecordDeadLettersAlarm": (
        "AWS/SQS",
        "ApproximateNumberOfMessagesVisible",
        {"QueueName": "${RecordDeadLetters.QueueName}"},
    ),
    "UploadsBacklogAlarm": ("AWS/SQS", "ApproximateAgeOfOldestMessage", {"QueueName": "${Uploads.QueueName}"}),
    "UnfinishedAlarm": ("Vod", "OldestUnfinished", {"Stack": "${AWS::StackName}"}),
    "SweepTroubleAlarm": ("Vod", "SweepTrouble", {"Stack": "${AWS::StackName}"}),
    "SweepSilentAlarm": ("AWS/Lambda", "Invocations", {"FunctionName": "${SweepFunction}"}),
    "ThrottlesAlarm": ("AWS/Lambda", "Throttles", {}),
    "EdgeErrorsAlarm": ("AWS/CloudFront", "5xxErrorRate", {"DistributionId": "${Distribution}", "Region": "Global"}),
}


@pytest.mark.parametrize(("name", "metric"), METRICS.items())
def test_an_alarm_looks_at_its_number(alarms: dict[str, Any], name: str, metric: tuple) -> None:
    alarm = alarms[name]
    dimensions = {each["Name"]: plain(each["Value"]) for each in alarm.get("Dimensions", [])}
    assert (alarm["Namespace"], alarm["MetricName"], dimensions) == metric


def test_metrics_of_ours_that_are_watched_are_the_ones_that_are_written(resources: dict[str, Any]) -> None:
    """By their names: what handlers count and what alarms and dashboard look at."""
    written = "".join(
        path.read_text() for folder in ("lambdas", "pipeline/aws") for path in (ROOT / folder).rglob("*.py")
    )
    watched = {
        alarm["MetricName"]
        for alarm in of_type(resources, "AWS::CloudWatch::Alarm").values()
        if alarm["Namespace"] == "Vod"
    }
    watched |= set(re.findall(r'"Vod","(\w+)"', board_text(resources)))
    assert len(watched) >= 5
    assert not [name for name in watched if f'"{name}"' not in written]


def test_every_dead_letter_queue_has_its_alarm(alarms: dict[str, Any], resources: dict[str, Any]) -> None:
    queues = {name for name in of_type(resources, "AWS::SQS::Queue") if name.endswith("DeadLetters")}
    assert {f"{name}Alarm" for name in queues} <= set(alarms)
    assert all(alarms[f"{name}Alarm"]["Threshold"] == 0 for name in queues)


def test_the_edges_alarm_is_only_where_its_metrics_are(resources: dict[str, Any], template: dict[str, Any]) -> None:
    assert resources["EdgeErrorsAlarm"]["Condition"] == "EdgeMetricsAreHere"
    assert template["Conditions"]["EdgeMetricsAreHere"] == {"Fn::Equals": [{"Ref": "AWS::Region"}, "us-east-1"]}


def test_the_owner_says_how_long_is_too_long(alarms: dict[str, Any], resources_with: Resources) -> None:
    assert alarms["UnfinishedAlarm"]["Threshold"] == 12 * 3600
    later = resources_with(unfinished_alarm_minutes="60", notify_email="films@example.com")
    assert later["UnfinishedAlarm"]["Properties"]["Threshold"] == 3600


def test_cloudwatch_of_this_account_may_speak_on_the_topic(resources: dict[str, Any]) -> None:
    (allowed,) = [
        statement
        for policy in of_type(resources, "AWS::SNS::TopicPolicy").values()
        for statement in policy["PolicyDocument"]["Statement"]
        if statement["Effect"] == "Allow"
    ]
    assert allowed["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    assert plain(allowed["Resource"]) == "${Alarms}"
    assert allowed["Condition"] == {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}


def test_nobody_is_written_to_who_was_not_named(resources: dict[str, Any]) -> None:
    assert not of_type(resources, "AWS::SNS::Subscription")


def test_an_owner_is_written_to_about_alarms_and_failures_only(resources_with: Resources) -> None:
    resources = resources_with(unfinished_alarm_minutes="60", notify_email="films@example.com")
    subscriptions = of_type(resources, "AWS::SNS::Subscription")
    assert {name: each.get("FilterPolicy") for name, each in subscriptions.items()} == {
        "AlarmsEmail": None,
        "FailuresEmail": {"event": ["failed", "announcement_failed"]},
    }
    assert {each["Endpoint"] for each in subscriptions.values()} == {"films@example.com"}


# The dashboard -------------------------------------------------------------------------------------------------------


def board_text(resources: dict[str, Any]) -> str:
    return plain(resources["Dashboard"]["Properties"]["DashboardBody"])


def board(resources: dict[str, Any]) -> list[dict[str, Any]]:
    return json.loads(board_text(resources))["widgets"]


def test_the_dashboard_asks_four_questions_and_each_has_graphs(resources: dict[str, Any]) -> None:
    headings, graphs = [], {}
    for widget in board(resources):
        if widget["type"] == "text":
            headings.append(widget["properties"]["markdown"].splitlines()[0].removeprefix("## "))
        else:
            graphs[headings[-1]] = graphs.get(headings[-1], 0) + 1
    assert headings == ["Is it working?", "How fast?", "What does it cost?", "What is stuck?"]
    assert all(graphs[heading] >= 2 for heading in headings)


def test_no_widget_overlaps_another_or_leaves_the_page(resources: dict[str, Any]) -> None:
    taken: set[tuple[int, int]] = set()
    for widget in board(resources):
        cells = {
            (x, y)
            for x in range(widget["x"], widget["x"] + widget["width"])
            for y in range(widget["y"], widget["y"] + widget["height"])
        }
        assert not cells & taken and max(x for x, _ in cells) < 24, widget["properties"].get("title")
        taken |= cells


def test_edge_metrics_are_looked_for_where_cloudfront_keeps_them(resources: dict[str, Any]) -> None:
    for widget in board(resources):
        if "AWS/CloudFront" in json.dumps(widget):
            assert widget["properties"]["region"] == "us-east-1"
        elif widget["type"] == "metric":
            assert widget["properties"]["region"] == "${AWS::Region}"


def test_two_environments_have_two_dashboards(resources: dict[str, Any]) -> None:
    assert plain(resources["Dashboard"]["Properties"]["DashboardName"]) == "${AWS::StackName}-${AWS::Region}"
