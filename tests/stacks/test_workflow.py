"""The state machine in the template is the file, and the file fits the table of functions."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import statelint.cli as statelint

from pipeline.bundle import ROOT
from tests.stacks.reading import plain

ASL = ROOT / "statemachine" / "vod.asl.json"


@pytest.fixture(scope="module")
def machine(resources: dict[str, Any]) -> dict[str, Any]:
    return resources["Workflow"]["Properties"]


def tasks(states: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, state in states.items():
        if state["Type"] == "Task":
            yield name, state
        for branch in state.get("Branches", []):
            yield from tasks(branch["States"])


def function_of(state: dict[str, Any]) -> str | None:
    """The logical id of the function a state calls."""
    named = re.search(r"\$\{(\w+Function)Arn\}", json.dumps(state))
    return named[1] if named else None


def test_the_definition_is_the_file_byte_for_byte(machine: dict[str, Any]) -> None:
    assert machine["DefinitionString"] == ASL.read_text(encoding="utf-8")


def test_every_placeholder_is_filled_and_no_other(machine: dict[str, Any]) -> None:
    placeholders = set(re.findall(r"\$\{(\w+)\}", ASL.read_text(encoding="utf-8")))
    assert placeholders == set(machine["DefinitionSubstitutions"])


def test_a_placeholder_is_filled_with_what_it_names(machine: dict[str, Any]) -> None:
    values = plain(machine["DefinitionSubstitutions"])
    assert values.pop("TopicArn") == "${Topic}"
    assert values == {name: "${" + name.removesuffix("Arn") + ".Arn}" for name in values}


def test_the_machine_may_call_exactly_the_functions_it_names(
    resources: dict[str, Any], machine: dict[str, Any]
) -> None:
    statements = plain(resources["WorkflowRole"]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"])
    (invoke,) = [each for each in statements if each["Action"] == "lambda:InvokeFunction"]
    named = plain(machine["DefinitionSubstitutions"])
    named.pop("TopicArn")
    assert sorted(invoke["Resource"]) == sorted(named.values())


def test_a_function_gives_up_before_its_state_does(resources: dict[str, Any]) -> None:
    """So that slowness is the function's own error, which is retried, and not States.Timeout."""
    definition = json.loads(ASL.read_text(encoding="utf-8"))
    called = [(name, state, function_of(state)) for name, state in tasks(definition["States"])]
    assert len(called) > 8
    for name, state, function in called:
        if function and "TimeoutSeconds" in state:
            assert resources[function]["Properties"]["Timeout"] < state["TimeoutSeconds"], name


def test_the_machine_logs_everything_but_data_and_traces(machine: dict[str, Any]) -> None:
    logging = plain(machine["LoggingConfiguration"])
    assert (logging["Level"], logging["IncludeExecutionData"]) == ("ALL", False)
    assert logging["Destinations"] == [{"CloudWatchLogsLogGroup": {"LogGroupArn": "${WorkflowLogs.Arn}"}}]
    assert machine["TracingConfiguration"] == {"Enabled": True}
    assert machine["StateMachineType"] == "STANDARD"


def test_statelint_accepts_the_file(capsys: pytest.CaptureFixture[str]) -> None:
    status = statelint.main([str(ASL), "--ignore=URI,FLOAT"])
    assert (status, capsys.readouterr().out) == (0, "")


def test_motos_grammar_accepts_the_file() -> None:
    from moto.stepfunctions.parser.asl.parse.asl_parser import AmazonStateLanguageParser
    from moto.stepfunctions.parser.asl.static_analyser.static_analyser import StaticAnalyser

    arn = "arn:aws:lambda:eu-west-1:111122223333:function:any"
    text = re.sub(r"\$\{\w+Arn\}", arn, ASL.read_text(encoding="utf-8"))
    AmazonStateLanguageParser.parse(text)
    StaticAnalyser().analyse(text)
