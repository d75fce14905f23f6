"""The template as a whole: what must never be renamed, what outlives the stack, what the outside may rely on."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from cfnlint.api import lint_file

from pipeline.bundle import ROOT
from pipeline.local.synth import STRUCTURE, Assembly
from tests.stacks.reading import as_list, of_type, plain

#: CloudFormation replaces what changes its logical id: these hold data, or are looked up by name.
PINNED = {
    "Sources": "AWS::S3::Bucket",
    "Outputs": "AWS::S3::Bucket",
    "AccessLogs": "AWS::S3::Bucket",
    "Assets": "AWS::DynamoDB::Table",
    "Uploads": "AWS::SQS::Queue",
    "UploadsDeadLetters": "AWS::SQS::Queue",
    "Jobs": "AWS::SQS::Queue",
    "JobsDeadLetters": "AWS::SQS::Queue",
    "RecordDeadLetters": "AWS::SQS::Queue",
    "SweepDeadLetters": "AWS::SQS::Queue",
    "Topic": "AWS::SNS::Topic",
    "Alarms": "AWS::SNS::Topic",
    "MediaConvertQueue": "AWS::MediaConvert::Queue",
    "Workflow": "AWS::StepFunctions::StateMachine",
    "Distribution": "AWS::CloudFront::Distribution",
    "PlayerPage": "Custom::PlayerPage",
}


@pytest.mark.parametrize(("logical_id", "kind"), PINNED.items())
def test_names_that_others_rely_on_do_not_change(resources: dict[str, Any], logical_id: str, kind: str) -> None:
    assert resources[logical_id]["Type"] == kind


@pytest.mark.parametrize("logical_id", ["Sources", "Outputs", "AccessLogs", "Assets"])
def test_what_nobody_can_make_again_outlives_the_stack(resources: dict[str, Any], logical_id: str) -> None:
    kept = resources[logical_id]
    assert (kept["DeletionPolicy"], kept["UpdateReplacePolicy"]) == ("Retain", "Retain")


def test_outputs_are_what_the_outside_relies_on(template: dict[str, Any]) -> None:
    assert {name: plain(each["Value"]) for name, each in template["Outputs"].items()} == {
        "SourcesBucket": "${Sources}",
        "OutputsBucket": "${Outputs}",
        "AssetsTable": "${Assets}",
        "StateMachineArn": "${Workflow}",
        "TopicArn": "${Topic}",
        "AlarmsTopicArn": "${Alarms}",
        "DeliveryUrl": {"Fn::If": ["DeliveryUrlGiven", "${DeliveryUrl}", "https://${Distribution.DomainName}"]},
        "DistributionId": "${Distribution}",
        "UploadsQueueUrl": "${Uploads}",
        "JobsQueueUrl": "${Jobs}",
        "UploadsDeadLettersUrl": "${UploadsDeadLetters}",
        "JobsDeadLettersUrl": "${JobsDeadLetters}",
        "RecordDeadLettersUrl": "${RecordDeadLetters}",
        "SweepDeadLettersUrl": "${SweepDeadLetters}",
        "RecordFunction": "${RecordFunction}",
        "SweepFunction": "${SweepFunction}",
        "MediaConvertQueueArn": "${MediaConvertQueue.Arn}",
    }


def test_the_only_parameter_is_the_delivery_url(template: dict[str, Any]) -> None:
    (name,) = template["Parameters"]
    assert name == "DeliveryUrl"
    assert template["Parameters"][name]["Default"] == ""


@pytest.mark.parametrize(
    ("url", "accepted"),
    [
        ("", True),
        ("https://films.example.com", True),
        ("http://127.0.0.1:8080", True),
        ("https://films.example.com/", False),
        ("https://films.example.com/a", False),
        ("films.example.com", False),
        ("https://films example.com", False),
    ],
)
def test_a_delivery_url_is_a_base_without_a_slash(template: dict[str, Any], url: str, accepted: bool) -> None:
    pattern = template["Parameters"]["DeliveryUrl"]["AllowedPattern"]
    assert bool(re.fullmatch(pattern, url)) is accepted


def test_the_template_names_neither_account_nor_region_nor_machine(template: dict[str, Any]) -> None:
    text = json.dumps(template)
    assert not re.search(r"\d{12}", re.sub(r"[0-9a-f]{64}", "", text))
    # CloudFront keeps its metrics in one region, whatever the stack's.
    assert {match[0] for match in re.finditer(r"\b[a-z]{2}-(east|west|north|south|central)-\d", text)} == {"us-east-1"}
    assert str(ROOT) not in text
    assert not [name for name, each in template["Resources"].items() if "Metadata" in each]


def test_no_custom_resource_but_the_player_page(resources: dict[str, Any]) -> None:
    """CDK's helpers like to bring a Lambda function of their own; ours are the table's and the page's."""
    customs = [name for name, each in resources.items() if each["Type"].startswith(("Custom::", "AWS::CloudFormation"))]
    assert customs == ["PlayerPage"]


def test_nothing_that_outlives_its_name_is_named_by_us(resources: dict[str, Any]) -> None:
    """A name of our own would make two environments in one account collide, and a replacement impossible."""
    forbidden = {"BucketName", "TableName", "QueueName", "TopicName", "FunctionName", "StateMachineName", "RoleName"}
    for name, each in resources.items():
        if each["Type"] not in (
            "AWS::Lambda::EventSourceMapping",
            "AWS::Lambda::EventInvokeConfig",
            "AWS::Lambda::Permission",
        ):
            assert not forbidden & set(each.get("Properties", {})), name


def test_every_name_of_ours_carries_the_stacks(resources: dict[str, Any]) -> None:
    for logical_id, group in of_type(resources, "AWS::Logs::LogGroup").items():
        assert "${AWS::StackName}" in plain(group["LogGroupName"]), logical_id
    for kind, config in (
        ("AWS::CloudFront::CachePolicy", "CachePolicyConfig"),
        ("AWS::CloudFront::ResponseHeadersPolicy", "ResponseHeadersPolicyConfig"),
    ):
        for logical_id, policy in of_type(resources, kind).items():
            assert plain(policy[config]["Name"]).startswith("${AWS::StackName}-${AWS::Region}-"), logical_id
    for access in of_type(resources, "AWS::CloudFront::OriginAccessControl").values():
        assert "AWS::StackId" in json.dumps(access)


def test_only_tls_reaches_buckets_queues_and_the_topic(resources: dict[str, Any]) -> None:
    guarded = {
        plain(target)
        for kind, field in (
            ("AWS::S3::BucketPolicy", "Bucket"),
            ("AWS::SQS::QueuePolicy", "Queues"),
            ("AWS::SNS::TopicPolicy", "Topics"),
        )
        for policy in of_type(resources, kind).values()
        for target in as_list(policy[field])
        if any(_refuses_plain_http(statement) for statement in policy["PolicyDocument"]["Statement"])
    }
    holders = [
        n for kind in ("AWS::S3::Bucket", "AWS::SQS::Queue", "AWS::SNS::Topic") for n in of_type(resources, kind)
    ]
    assert guarded == {"${" + name + "}" for name in holders}


def _refuses_plain_http(statement: dict[str, Any]) -> bool:
    condition = statement.get("Condition") == {"Bool": {"aws:SecureTransport": "false"}}
    return statement["Effect"] == "Deny" and condition and statement["Principal"] in ("*", {"AWS": "*"})


def test_cfn_lint_has_nothing_to_say(assembly: Assembly) -> None:
    # W3005: CDK writes a DependsOn that the template's own references already imply.
    found = [str(match) for match in lint_file(assembly.template_path) if match.rule.id != "W3005"]
    assert found == []


def test_all_that_app_py_imports_counts_for_the_cache() -> None:
    """Follows the import statements from app.py: a module outside STRUCTURE would change unnoticed."""
    seen: set[Path] = set()
    waiting = [ROOT / "app.py"]
    while waiting:
        path = waiting.pop()
        if path in seen:
            continue
        seen.add(path)
        waiting += [found for name in _imports(path) for found in _module_files(name)]
    relative = {path.relative_to(ROOT).as_posix() for path in seen}
    assert len(relative) > 10
    assert {
        name for name in relative if not any(name == part or name.startswith(f"{part}/") for part in STRUCTURE)
    } == set()


def _imports(path: Path) -> set[str]:
    text = path.read_text(encoding="utf-8")
    names = set(re.findall(r"^\s*import (pipeline[\w.]*)", text, re.MULTILINE))
    for module, imported in re.findall(r"^\s*from (pipeline[\w.]*) import ([\w, ]+)", text, re.MULTILINE):
        names |= {module, *(f"{module}.{name.strip()}" for name in imported.split(","))}
    return names


def _module_files(name: str) -> list[Path]:
    base = ROOT.joinpath(*name.split("."))
    return [path for path in (base.with_suffix(".py"), base / "__init__.py") if path.is_file()]
