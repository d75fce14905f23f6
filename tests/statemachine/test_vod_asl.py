"""The state machine's file: honest, bounded and readable, state by state. Its arrows are walked elsewhere."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import statelint.cli as statelint

from pipeline.media import errors, holds, notification
from pipeline.media.job import _HEARTBEAT_SECONDS, _QUEUE_PATIENCE_SECONDS
from tests.media.films import upload

ROOT = Path(__file__).parents[2]
FILE = ROOT / "statemachine" / "vod.asl.json"
TEXT = FILE.read_text()
MACHINE = json.loads(TEXT)

#: The functions that steps call; the others answer events.
STEP_FUNCTIONS = {
    "ingest",
    "probe",
    "plan",
    "hold",
    "recall",
    "transcode",
    "convert",
    "verify",
    "publish",
    "report",
    "reject",
}

#: Error names that are neither ours nor the service's own families. Developer Guide, "Handling errors in Step Functions
#: workflows": newer Lambda runtimes report timeouts as Sandbox.Timedout; a crash is Runtime.ExitError.
RUNTIME_ERRORS = {"Sandbox.Timedout", "Runtime.ExitError"}

Scope = dict[str, Any]


def scopes(machine: Scope) -> Iterator[Scope]:
    """The machine and every branch in it: {"StartAt", "States"}."""
    yield machine
    for state in machine["States"].values():
        for branch in state.get("Branches", []):
            yield from scopes(branch)


SCOPES = list(scopes(MACHINE))
STATES: dict[str, dict[str, Any]] = {name: state for scope in SCOPES for name, state in scope["States"].items()}
TASKS = {name: state for name, state in STATES.items() if state["Type"] == "Task"}
#: States that wait for a person, or for another day.
HOLDS = ("Hold for budget", "Hold for approval")
FUNCTION_TASKS = {name: state for name, state in TASKS.items() if "FunctionArn" in json.dumps(state)}
RULES = [(name, rule) for name, state in STATES.items() for part in ("Retry", "Catch") for rule in state.get(part, [])]


def function_of(state: dict[str, Any]) -> str:
    return re.search(r"\$\{(\w+)FunctionArn\}", json.dumps(state))[1].lower()


def targets(state: dict[str, Any]) -> Iterator[str]:
    yield from (state[key] for key in ("Next", "Default") if key in state)
    yield from (rule["Next"] for part in ("Choices", "Catch") for rule in state.get(part, []))


# The file ------------------------------------------------------------------------------------------------------------


def test_placeholders_stand_inside_strings_only():
    assert re.findall(r"\$\{(\w+)\}", json.dumps(MACHINE)) and set(re.findall(r"\$\{(\w+)\}", TEXT)) == {
        *(f"{name.capitalize()}FunctionArn" for name in STEP_FUNCTIONS),
        "TopicArn",
    }


def test_statelint_has_nothing_to_say_once_the_arns_are_in(tmp_path, capsys):
    filled = tmp_path / "vod.asl.json"
    filled.write_text(re.sub(r"\$\{\w+Arn\}", "arn:aws:lambda:eu-west-1:111122223333:function:any", TEXT))
    assert (statelint.main([str(filled)]), capsys.readouterr().out) == (0, "")


def test_it_is_jsonpath_without_variables():
    """The local interpreter evaluates neither JSONata nor Assign."""
    assert "QueryLanguage" not in TEXT and '"Assign"' not in TEXT and "{%" not in TEXT


# Names and words -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", STATES)
def test_a_name_is_a_caption(name):
    assert re.fullmatch(r"[A-Z][a-z]*( [a-z]+)*\??", name)
    assert name.endswith("?") == (STATES[name]["Type"] == "Choice")
    assert len(name) <= 80


def test_no_two_branches_share_a_name():
    assert len(STATES) == sum(len(scope["States"]) for scope in SCOPES)


@pytest.mark.parametrize("name", STATES)
def test_every_state_has_a_comment_for_someone_on_call(name):
    comment = STATES[name].get("Comment", "")
    assert len(comment) > 25 and comment.endswith(".") and name.lower() not in comment.lower()


def test_the_machine_has_a_comment_that_is_its_promise():
    assert MACHINE["Comment"].endswith(".") and "red box is the box that failed" in MACHINE["Comment"]


@pytest.mark.parametrize("name", FUNCTION_TASKS)
def test_the_first_word_is_the_folder(name):
    folder = name.split()[0].lower()
    assert folder == function_of(STATES[name]) and (ROOT / "lambdas" / folder / "handler.py").is_file()


def test_every_step_function_has_a_state_and_every_state_a_function():
    assert {function_of(state) for state in FUNCTION_TASKS.values()} == STEP_FUNCTIONS
    assert {path.parent.name for path in (ROOT / "lambdas").glob("*/handler.py")} >= STEP_FUNCTIONS


# Arrows --------------------------------------------------------------------------------------------------------------


def test_every_arrow_ends_at_a_state_of_its_own_scope():
    for scope in SCOPES:
        assert scope["StartAt"] in scope["States"]
        for name, state in scope["States"].items():
            assert set(targets(state)) <= scope["States"].keys(), name


def test_every_state_can_be_reached_and_every_state_ends_somewhere():
    for scope in SCOPES:
        reached = {scope["StartAt"], *(target for state in scope["States"].values() for target in targets(state))}
        assert reached == scope["States"].keys()
        for name, state in scope["States"].items():
            ends = state.get("End", False) or state["Type"] in ("Succeed", "Fail")
            assert ends != bool(set(targets(state)) - {rule["Next"] for rule in state.get("Catch", [])}), name


def test_a_red_box_is_the_box_that_failed_so_there_is_no_fail_state():
    """A Fail state would be the red one, and redrive would resume there."""
    assert not [name for name, state in STATES.items() if state["Type"] == "Fail"]
    assert {name for name, state in MACHINE["States"].items() if state["Type"] == "Succeed"} == {
        "Published",
        "Upload rejected",
        "Superseded",
    }


def test_the_happy_path_stands_in_its_own_order():
    walked, name = [], MACHINE["StartAt"]
    while name:
        walked.append(name)
        name = MACHINE["States"][name].get("Next") or MACHINE["States"][name].get("Default")
    assert walked == [name for name in MACHINE["States"] if name not in HOLDS][: len(walked)]
    assert walked[-1] == "Published"


@pytest.mark.parametrize("name", HOLDS)
def test_a_hold_stands_between_its_question_and_what_it_holds(name):
    order = list(MACHINE["States"])
    question, after = order[order.index(name) - 1], order[order.index(name) + 1]
    assert [rule["Next"] for rule in STATES[question]["Choices"]] == [name]
    assert STATES[question]["Default"] == STATES[name]["Next"] == after


# Waiting and trying again --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", TASKS)
def test_every_task_is_bounded(name):
    state = TASKS[name]
    assert ("TimeoutSeconds" in state) != ("TimeoutSecondsPath" in state)
    if name in HOLDS:
        assert state["TimeoutSeconds"] == holds.LONGEST.total_seconds(), "people are given time, and send no heartbeats"
        assert not {"HeartbeatSeconds", "HeartbeatSecondsPath"} & state.keys()
    elif "waitForTaskToken" in state["Resource"]:
        assert state["TimeoutSecondsPath"] and state["HeartbeatSecondsPath"], "it waits as long as the film asks for"


def test_the_machine_itself_outlasts_every_wait_but_not_the_year_that_aws_allows():
    waits = 2 * holds.LONGEST.total_seconds() + _QUEUE_PATIENCE_SECONDS
    assert waits + 6 * 86_400 < MACHINE["TimeoutSeconds"] < 365 * 86_400


@pytest.mark.parametrize("name", TASKS)
def test_every_task_tries_again_what_the_network_did_with_jitter_and_a_ceiling(name):
    retries = TASKS[name]["Retry"]
    for rule in retries:
        assert rule["JitterStrategy"] == "FULL" and rule["MaxDelaySeconds"] >= 5 and rule["MaxAttempts"] >= 1
        assert rule["BackoffRate"] >= 1 and rule["IntervalSeconds"] >= 1
    if name in FUNCTION_TASKS:
        assert set(retries[0]["ErrorEquals"]) >= {
            "Lambda.ServiceException",
            "Lambda.AWSLambdaException",
            "Lambda.SdkClientException",
            "Lambda.TooManyRequestsException",
            "Lambda.ClientExecutionTimeoutException",
            "Lambda.Unknown",
            "Sandbox.Timedout",
            "ServiceThrottled",
        }


@pytest.mark.parametrize("name", TASKS)
def test_trying_again_outlasts_a_throttling_spell(name):
    """With full jitter the wait is on average half of each delay; together more than a minute and a half."""
    rule = TASKS[name]["Retry"][0]
    delays = [
        min(rule["MaxDelaySeconds"], rule["IntervalSeconds"] * rule["BackoffRate"] ** n)
        for n in range(rule["MaxAttempts"])
    ]
    assert sum(delays) / 2 > 90


@pytest.mark.parametrize("name", ["Transcode streams", "Transcode download"])
def test_a_job_in_a_long_queue_outlives_hours_without_a_sweep(name):
    """The sweep keeps its heartbeat; the retries are for the hours in which there is none."""
    (rule,) = [rule for rule in STATES[name]["Retry"] if rule["ErrorEquals"] == ["States.HeartbeatTimeout"]]
    assert 6 * 3600 < rule["MaxAttempts"] * _HEARTBEAT_SECONDS < 24 * 3600


def most_events(scope: Scope) -> int:
    """An upper bound of the events in an execution's history: every state entered, every retry of every rule used up.

    A task adds at most scheduled, started, submitted, its end, and entering and leaving its state.
    """
    total = 0
    for state in scope["States"].values():
        total += 2 + 4 * (1 + sum(rule["MaxAttempts"] for rule in state.get("Retry", [])))
        total += sum(2 + most_events(branch) for branch in state.get("Branches", []))
    return total


def test_the_history_stays_far_under_what_step_functions_allows():
    """25,000 events, then the execution fails (Developer Guide, "Quotas"). A redrive begins its retries anew."""
    assert most_events(MACHINE) * 10 < 25_000


@pytest.mark.parametrize(("name", "rule"), RULES, ids=[name for name, _ in RULES])
def test_only_known_errors_are_named_and_none_of_them_is_everything(name, rule):
    for error in rule["ErrorEquals"]:
        assert error != "States.ALL", "a bug of ours would be retried, or lose its red box"
        known = error.startswith(("States.", "Lambda.")) or error in RUNTIME_ERRORS
        assert known or issubclass(getattr(errors, error), errors.VodError), error


def test_only_bad_uploads_and_superseded_ones_are_caught():
    caught = {error for state in STATES.values() for rule in state.get("Catch", []) for error in rule["ErrorEquals"]}
    assert caught == {"SourceRejected", "SourceUnreadable", "SourceSuperseded", "States.Timeout"}
    in_time = [name for name, rule in RULES if "States.Timeout" in rule["ErrorEquals"] and "Next" in rule]
    assert in_time == list(HOLDS), "elsewhere time running out is an operator's matter"


def test_every_catch_keeps_the_story_so_far():
    for state in STATES.values():
        for rule in state.get("Catch", []):
            assert rule["ResultPath"] == "$.rejection"
            assert rule["Next"] == (
                "Report superseded" if rule["ErrorEquals"] == ["SourceSuperseded"] else "Reject upload"
            )


def errors_raised_by(folder: str) -> set[str]:
    """Our error classes that a handler's docstring says it raises."""
    docstring = ast.get_docstring(ast.parse((ROOT / "lambdas" / folder / "handler.py").read_text()))
    return {name for name in vars(errors) if re.search(rf"\b{name}\b", docstring.partition("Raises")[2])}


@pytest.mark.parametrize("name", FUNCTION_TASKS)
def test_what_a_handler_says_it_raises_for_the_uploader_is_caught_around_it(name):
    scope = next(scope for scope in SCOPES if name in scope["States"])
    around = [STATES[name], *(state for state in STATES.values() if scope in state.get("Branches", []))]
    caught = {error for state in around for rule in state.get("Catch", []) for error in rule["ErrorEquals"]}
    mine = {error for error in errors_raised_by(function_of(STATES[name])) if error.startswith("Source")}
    assert mine <= caught


# The state -----------------------------------------------------------------------------------------------------------


def handed(state: dict[str, Any]) -> set[str]:
    parameters = state["Parameters"].get("Payload", state["Parameters"])
    return {key.removesuffix(".$") for key in parameters}


def taken(folder: str) -> list[set[str]]:
    """What a handler's docstring says comes in: "In: {upload, job: {settings_key}}", or one of two."""
    docstring = ast.get_docstring(ast.parse((ROOT / "lambdas" / folder / "handler.py").read_text()))
    said = re.search(r"In: (.*?)\.\s+Out:", docstring, re.DOTALL)[1]
    return [
        set(re.findall(r"\w+", re.sub(r": \{[^}]*\}", "", each)))
        for each in re.findall(r"\{((?:[^{}]|\{[^}]*\})*)\}", said)
    ]


@pytest.mark.parametrize("name", FUNCTION_TASKS)
def test_a_step_is_handed_what_its_handler_says_it_takes_and_no_more(name):
    parts, accepted = handed(STATES[name]), taken(function_of(STATES[name]))
    assert parts in accepted


def test_each_step_grafts_one_noun_and_the_state_tells_the_story_in_order():
    grafted = [
        state["ResultPath"]
        for name, state in MACHINE["States"].items()
        if state.get("ResultPath") and name not in HOLDS
    ]
    assert grafted[:7] == ["$.asset", "$.source", "$.plan", "$.outputs", "$.verified", "$.playback", "$.rejection"]


def test_the_input_is_handed_on_unchanged_where_a_step_only_tells_people():
    assert all(STATES[name]["ResultPath"] is None for name in ("Notify team", "Report upload", "Announce"))


def test_a_parallel_hands_out_its_branches_in_their_order():
    assert MACHINE["States"]["Transcode"]["ResultSelector"] == {
        "streams.$": "$[0]",
        "download.$": "$[1]",
        "captions.$": "$[2]",
        "poster.$": "$[3]",
        "cover.$": "$[4]",
    }
    starts = [branch["StartAt"] for branch in MACHINE["States"]["Transcode"]["Branches"]]
    assert starts == ["Transcode streams", "Download wanted?", "Has captions?", "Has poster?", "Sound alone?"]


def test_the_teams_message_is_the_one_that_publish_made_with_every_attribute_to_filter_by():
    parameters = STATES["Notify team"]["Parameters"]
    assert parameters["Message.$"] == "$.playback.message"
    said = notification.message("published", upload(), "2026-11-23T12:49:03.512Z")
    assert set(parameters["MessageAttributes"]) == set(notification.attributes(said))
    assert all(each["DataType"] == "String" for each in parameters["MessageAttributes"].values())
