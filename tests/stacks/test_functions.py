"""Every function has its row: settings, limits, a role of its own with a policy that is written down, a log group."""

from __future__ import annotations

import dataclasses
import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from pipeline import settings
from pipeline.bundle import ROOT
from tests.stacks.conftest import ADOPTED, PRIVATE
from tests.stacks.reading import as_list, of_type, plain, statements_of

GOLDEN = Path(__file__).parent / "golden" / "policies"
FUNCTIONS = sorted(path.parent.name for path in (ROOT / "lambdas").glob("*/handler.py"))
#: Functions that only some options ask for: their tests read the template that these options give.
OPTIONAL = {"adopt": ADOPTED, "issue": PRIVATE}
USUAL = [name for name in FUNCTIONS if name not in OPTIONAL]
ROLES = [f"{name.capitalize()}FunctionRole" for name in FUNCTIONS] + ["WorkflowRole", "MediaConvertRole"]
USUAL_ROLES = [f"{name.capitalize()}FunctionRole" for name in USUAL] + ["WorkflowRole", "MediaConvertRole"]
#: Services whose actions know no resources (Service Authorization Reference); all else names what it touches.
NO_RESOURCES = ("mediaconvert:Probe", "xray:", "logs:")


def logical_id(name: str) -> str:
    return f"{name.capitalize()}Function"


@pytest.fixture
def resources(request: pytest.FixtureRequest, template: dict[str, Any]) -> dict[str, Any]:
    """The usual template, or for a function (or its role) that is not in it, one that has it."""
    params = request.node.callspec.params if hasattr(request.node, "callspec") else {}
    for name, options in OPTIONAL.items():
        if name == params.get("name") or f"{name.capitalize()}FunctionRole" == params.get("role"):
            return request.getfixturevalue("resources_with")(**options)
    return template["Resources"]


def test_every_folder_has_a_function_and_every_function_a_folder(resources: dict[str, Any]) -> None:
    assert sorted(of_type(resources, "AWS::Lambda::Function")) == sorted(map(logical_id, USUAL))


@pytest.mark.parametrize("name", OPTIONAL)
def test_an_option_brings_its_function_and_no_other(resources: dict[str, Any], name: str) -> None:
    assert sorted(of_type(resources, "AWS::Lambda::Function")) == sorted(map(logical_id, [*USUAL, name]))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_runs_its_folders_handler_with_the_settings_it_reads(resources: dict[str, Any], name: str) -> None:
    function = resources[logical_id(name)]["Properties"]
    fields = dataclasses.fields(getattr(settings, f"{name.capitalize()}Settings"))
    assert function["Handler"] == f"lambdas.{name}.handler.handler"
    variables = function.get("Environment", {}).get("Variables", {})
    assert set(variables) == {f"VOD_{field.name.upper()}" for field in fields}
    assert all(variables.values())


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_has_a_role_a_log_group_and_traces_of_its_own(resources: dict[str, Any], name: str) -> None:
    function = plain(resources[logical_id(name)]["Properties"])
    assert function["Role"] == "${" + logical_id(name) + "Role.Arn}"
    assert function["LoggingConfig"] == {"LogFormat": "JSON", "LogGroup": "${" + logical_id(name) + "Logs}"}
    assert function["TracingConfig"] == {"Mode": "Active"}
    assert (function["Runtime"], function["Architectures"]) == ("python3.14", ["arm64"])


def test_all_functions_are_one_zip(resources: dict[str, Any]) -> None:
    codes = {json.dumps(each["Code"]) for each in of_type(resources, "AWS::Lambda::Function").values()}
    assert len(codes) == 1


def test_every_log_group_forgets_and_goes_with_the_stack(resources: dict[str, Any]) -> None:
    groups = of_type(resources, "AWS::Logs::LogGroup")
    assert len(groups) == len(USUAL) + 1
    assert {each["RetentionInDays"] for each in groups.values()} == {90}
    assert {resources[name]["DeletionPolicy"] for name in groups} == {"Delete"}


def test_every_role_is_known(resources: dict[str, Any]) -> None:
    assert sorted(of_type(resources, "AWS::IAM::Role")) == sorted(USUAL_ROLES)


@pytest.mark.parametrize("role", ROLES)
def test_what_a_role_may_do_is_what_was_agreed(resources: dict[str, Any], role: str) -> None:
    """A reviewer reads these files' diffs. VOD_UPDATE_GOLDEN=1 writes them."""
    role_now = plain(resources[role]["Properties"])
    now = {
        "trusts": role_now["AssumeRolePolicyDocument"]["Statement"],
        "may": statements_of(resources, role),
    }
    path = GOLDEN / f"{role}.json"
    if os.environ.get("VOD_UPDATE_GOLDEN"):
        path.write_text(json.dumps(now, indent=1) + "\n", encoding="utf-8")
    assert now == json.loads(path.read_text(encoding="utf-8"))


def test_no_golden_policy_is_left_of_a_role_that_went(resources: dict[str, Any]) -> None:
    assert {path.stem for path in GOLDEN.glob("*.json")} == set(ROLES)


@pytest.mark.parametrize("role", ROLES)
def test_no_role_has_a_wildcard_action(resources: dict[str, Any], role: str) -> None:
    actions = [action for each in statements_of(resources, role) for action in as_list(each["Action"])]
    assert actions
    assert not [action for action in actions if "*" in action]


@pytest.mark.parametrize("role", ROLES)
def test_only_actions_that_know_no_resources_are_allowed_on_all(resources: dict[str, Any], role: str) -> None:
    for each in statements_of(resources, role):
        if "*" in as_list(each["Resource"]):
            assert all(action.startswith(NO_RESOURCES) for action in as_list(each["Action"])), each


def test_a_role_is_passed_to_mediaconvert_only(resources: dict[str, Any]) -> None:
    passes = [
        (role, each)
        for role in USUAL_ROLES
        for each in statements_of(resources, role)
        if each["Action"] == "iam:PassRole"
    ]
    ((role, statement),) = passes
    assert role == "TranscodeFunctionRole"
    assert statement["Resource"] == "${MediaConvertRole.Arn}"
    assert statement["Condition"] == {"StringEquals": {"iam:PassedToService": "mediaconvert.amazonaws.com"}}


def test_no_policy_is_attached_from_outside_and_none_is_managed_by_aws(resources: dict[str, Any]) -> None:
    assert not of_type(resources, "AWS::IAM::Policy")
    assert not of_type(resources, "AWS::IAM::ManagedPolicy")
    assert not [name for name, each in of_type(resources, "AWS::IAM::Role").items() if each.get("ManagedPolicyArns")]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_calls_no_service_it_has_no_permission_for(resources: dict[str, Any], name: str) -> None:
    """Weak, but cheap: the handler's own imports from pipeline.aws say which services it means to reach."""
    source = (ROOT / "lambdas" / name / "handler.py").read_text(encoding="utf-8")
    prefixes = {
        action.split(":")[0]
        for each in statements_of(resources, f"{logical_id(name)}Role")
        for action in as_list(each["Action"])
    }
    needs = {"AssetTable": "dynamodb", "transcoder": "mediaconvert", "executions": "states", "topic": "sns"}
    missing = {word: service for word, service in needs.items() if re.search(rf"\b{word}\.|{word}\(", source)}
    assert set(missing.values()) <= prefixes
