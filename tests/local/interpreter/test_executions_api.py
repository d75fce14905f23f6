"""What the Step Functions API says of machines and executions, as SDKs and the aws CLI read it."""

from __future__ import annotations

import datetime
import json
import os
import subprocess
import sys
import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
from botocore.exceptions import ClientError

from tests.local.interpreter.cases import INVOKE_AND_WAIT, invoke, machine, one, passing, told
from tests.local.interpreter.world import ACCOUNT, MACHINE, REGION, ROLE, World

WAIT = one({"Type": "Wait", "Seconds": 60, "End": True})


def refused(code: str):
    return pytest.raises(ClientError, match=code)


# ---- definitions ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("definition", "told"),
    [
        ("{", "INVALID_JSON_DESCRIPTION"),
        ({"StartAt": "A"}, "States"),
        ({"StartAt": "Nope", "States": {"A": passing()}}, "StartAt"),
        (one({"Type": "Pass", "Next": "Nope"}), "Nope at /States/A/Next"),
        (one({"Type": "Pass"}), "neither Next nor End"),
        (machine({"A": passing(), "Lost": passing()}), '"Lost" is not reachable'),
        (one({"Type": "Task", "End": True}), "Resource"),
        (one({"Type": "Nonsense", "End": True}), "Nonsense"),
        (one({"Type": "Parallel", "End": True, "Branches": [one({"Type": "Pass", "Next": "Nope"})]}), "Branches[0]"),
        (one(passing(Parameters={"x.$": "not a path"})), "must be a path at /States/A/Parameters/x.$"),
        *[
            (
                one({"Type": "Map", "End": True, "ItemProcessor": one(passing()), field: value}),
                f"{field} is not supported",
            )
            for field, value in (
                ("ItemBatcher", {"MaxItemsPerBatch": 2}),
                ("ToleratedFailurePercentage", 10),
                ("ToleratedFailureCountPath", "$.n"),
                ("ResultWriter", {"Resource": "x"}),
            )
        ],
        (one({"Type": "Task", "End": True, "Resource": f"arn:aws:states:{REGION}:{ACCOUNT}:activity:a"}), "activities"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_definition_that_cannot_run_is_refused(world: World, definition: dict | str, told: str) -> None:
    text = definition if isinstance(definition, str) else json.dumps(definition)
    with refused("InvalidDefinition") as refusal:
        world.steps.create_state_machine(name=f"bad-{uuid.uuid4().hex[:8]}", roleArn=ROLE, definition=text)
    assert told in str(refusal.value)
    result = world.steps.validate_state_machine_definition(definition=text)
    assert result["result"] == "FAIL" and result["diagnostics"][0]["severity"] == "ERROR"


def test_an_update_that_cannot_run_is_refused_and_changes_nothing(world: World) -> None:
    arn = world.create(one(passing(Result=1)))
    with refused("InvalidDefinition"):
        world.steps.update_state_machine(stateMachineArn=arn, definition=json.dumps(one({"Type": "Task"})))
    assert world.run(arn).output == 1


def test_a_template_whose_machine_cannot_run_fails(world: World) -> None:
    formation = world.client("cloudformation")
    resource = {
        "Type": "AWS::StepFunctions::StateMachine",
        "Properties": {"RoleArn": ROLE, "DefinitionString": json.dumps(one({"Type": "Pass", "Next": "Nope"}))},
    }
    formation.create_stack(StackName="bad", TemplateBody=json.dumps({"Resources": {"Machine": resource}}))
    deadline = time.monotonic() + 20
    while formation.describe_stacks(StackName="bad")["Stacks"][0]["StackStatus"].endswith("IN_PROGRESS"):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    events = formation.describe_stack_events(StackName="bad")["StackEvents"]
    assert any("Missing 'Next' target: Nope" in event.get("ResourceStatusReason", "") for event in events)


# ---- starting -------------------------------------------------------------------------------------------------------


def test_a_second_start_with_the_same_name_and_input_is_the_same_execution_while_it_runs(world: World) -> None:
    arn = world.create(WAIT)
    first = world.steps.start_execution(stateMachineArn=arn, name="n", input='{"a":1}')
    second = world.steps.start_execution(stateMachineArn=arn, name="n", input='{"a":1}')
    assert second["executionArn"] == first["executionArn"] and second["startDate"] == first["startDate"]
    with refused("ExecutionAlreadyExists"):
        world.steps.start_execution(stateMachineArn=arn, name="n", input='{"a":2}')
    world.steps.stop_execution(executionArn=first["executionArn"])
    with refused("ExecutionAlreadyExists"):
        world.steps.start_execution(stateMachineArn=arn, name="n", input='{"a":1}')


def test_simultaneous_starts_with_one_name_start_one_execution(world: World) -> None:
    arn = world.create(one(passing()))
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda number: _try_start(world, arn, number), range(8)))
    assert sum(answer is not None for answer in answers) == 1
    assert len(world.steps.list_executions(stateMachineArn=arn)["executions"]) == 1


def _try_start(world: World, arn: str, number: int) -> str | None:
    try:
        return world.start(arn, {"n": number}, name="one")
    except world.steps.exceptions.ExecutionAlreadyExists:
        return None


def test_an_execution_without_a_name_gets_one(world: World) -> None:
    arn = world.create(one(passing()))
    assert world.start(arn) != world.start(arn)


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"name": "with space"}, "InvalidName"),
        ({"name": "x" * 81}, "InvalidName|ParamValidation"),
        ({"input": "{"}, "InvalidExecutionInput"),
        ({"input": json.dumps("x" * 262144)}, "InvalidExecutionInput|ParamValidation"),
        ({"stateMachineArn": f"{MACHINE}:nope"}, "StateMachineDoesNotExist"),
    ],
)
def test_a_start_that_cannot_be_is_refused(world: World, options: dict, code: str) -> None:
    arn = world.create(one(passing()))
    with pytest.raises(Exception, match=f"{code}|Invalid length"):
        world.steps.start_execution(**{"stateMachineArn": arn, **options})


def test_an_express_execution_cannot_be_described(world: World) -> None:
    arn = world.create(one(passing(Result=1)), type="EXPRESS")
    started = world.start(arn)
    assert ":express:" in started
    with refused("InvalidArn"):
        world.steps.describe_execution(executionArn=started)


def test_an_express_execution_can_be_waited_for(world: World) -> None:
    arn = world.create(one(passing(Result=1)), type="EXPRESS")
    ended = world.steps.start_sync_execution(stateMachineArn=arn)
    assert (ended["status"], ended["output"]) == ("SUCCEEDED", "1")
    failing = world.create(one({"Type": "Fail", "Error": "E", "Cause": "c"}), type="EXPRESS")
    ended = world.steps.start_sync_execution(stateMachineArn=failing)
    assert (ended["status"], ended["error"], ended["cause"]) == ("FAILED", "E", "c")


# ---- looking --------------------------------------------------------------------------------------------------------


def test_a_finished_execution_is_described_without_fields_it_has_not(world: World) -> None:
    ended = world.run(one(passing(Result="text")), {"k": 1})
    found = world.steps.describe_execution(executionArn=ended.arn)
    assert found["output"] == '"text"' and found["input"] == '{"k": 1}'
    assert found["stopDate"] >= found["startDate"] and found["startDate"].tzinfo is not None
    assert "error" not in found and "cause" not in found
    assert (found["redriveCount"], found["redriveStatus"]) == (0, "NOT_REDRIVABLE")


def test_executions_are_listed_by_status(world: World) -> None:
    arn = world.create(
        machine(
            {
                "C": {
                    "Type": "Choice",
                    "Default": "F",
                    "Choices": [{"Variable": "$.wait", "BooleanEquals": True, "Next": "W"}],
                },
                "W": {"Type": "Wait", "Seconds": 60, "End": True},
                "F": {"Type": "Fail"},
            }
        )
    )
    running, failed = world.start(arn, {"wait": True}), world.wait(world.start(arn, {"wait": False})).arn
    for status, expected in (("RUNNING", [running]), ("FAILED", [failed]), ("SUCCEEDED", [])):
        listed = world.steps.list_executions(stateMachineArn=arn, statusFilter=status)["executions"]
        assert [execution["executionArn"] for execution in listed] == expected
    world.steps.stop_execution(executionArn=running)


def test_the_machine_of_an_execution_is_the_one_it_began_with(world: World) -> None:
    arn = world.create(
        one({"Type": "Wait", "Seconds": 1, "Next": "B"})
        | {"States": {"A": {"Type": "Wait", "Seconds": 1, "Next": "B"}, "B": passing(Result="old")}}
    )
    started = world.start(arn)
    world.steps.update_state_machine(stateMachineArn=arn, definition=json.dumps(one(passing(Result="new"))))
    found = world.steps.describe_state_machine_for_execution(executionArn=started)
    assert '"old"' in found["definition"] and found["stateMachineArn"] == arn
    assert world.wait(started).output == "old" and world.run(arn).output == "new"


def test_the_history_can_be_read_while_the_execution_runs(world: World) -> None:
    branch = one(told({}, TimeoutSeconds=60))
    started = world.start(one({"Type": "Parallel", "Branches": [branch], "End": True}))
    deadline = time.monotonic() + 20
    while "TaskSubmitted" not in [event["type"] for event in world.history(started)]:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert [event["type"] for event in world.history(started)] == [
        "ExecutionStarted",
        "ParallelStateEntered",
        "ParallelStateStarted",
        "TaskStateEntered",
        "TaskScheduled",
        "TaskStarted",
        "TaskSubmitted",
    ]
    world.steps.stop_execution(executionArn=started)


def test_a_history_tells_what_a_person_on_call_needs(world: World) -> None:
    asl = machine({"A": invoke("echo", {"k": 1}, ResultPath="$.r", Next="B"), "B": invoke("fail")})
    ended = world.run(asl, {"i": 1})
    by_type = {event["type"]: event for event in ended.events}
    assert [event["id"] for event in ended.events] == list(range(1, len(ended.events) + 1))
    assert json.loads(by_type["ExecutionStarted"]["executionStartedEventDetails"]["input"]) == {"i": 1}
    assert by_type["ExecutionStarted"]["executionStartedEventDetails"]["roleArn"] == ROLE
    scheduled = by_type["TaskScheduled"]["taskScheduledEventDetails"]
    assert (scheduled["resourceType"], scheduled["resource"], scheduled["region"]) == ("lambda", "invoke", REGION)
    assert by_type["TaskStateEntered"]["stateEnteredEventDetails"]["name"] == "B"
    assert by_type["TaskFailed"]["taskFailedEventDetails"]["error"] == "CustomError"
    assert by_type["ExecutionFailed"]["executionFailedEventDetails"]["error"] == "CustomError"
    assert all(isinstance(event["timestamp"], datetime.datetime) for event in ended.events)
    assert all(event["previousEventId"] < event["id"] for event in ended.events)


def test_a_history_is_paged_and_reversed(world: World) -> None:
    ended = world.run(machine({f"S{n}": {"Type": "Pass", "Next": f"S{n + 1}"} for n in range(9)} | {"S9": passing()}))
    page = world.steps.get_execution_history(executionArn=ended.arn, maxResults=5)
    assert len(page["events"]) == 5 and page["nextToken"]
    last = world.steps.get_execution_history(executionArn=ended.arn, reverseOrder=True, maxResults=1)["events"]
    assert last[0]["type"] == "ExecutionSucceeded"


def test_the_aws_cli_reads_it(world: World) -> None:
    ended = world.run(one(invoke("echo")))
    env = {
        **os.environ,
        "AWS_ENDPOINT_URL": world.endpoint_url,
        "AWS_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "x",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_PAGER": "",
    }
    argv = [sys.executable, "-m", "awscli", "stepfunctions", "get-execution-history", "--execution-arn", ended.arn]
    shown = subprocess.run(argv, env=env, capture_output=True, text=True, timeout=60, check=True)
    assert [event["type"] for event in json.loads(shown.stdout)["events"]] == ended.types


# ---- stopping -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "state",
    [
        {"Type": "Wait", "Seconds": 60, "End": True},
        told({}, TimeoutSeconds=60),
        told({}, TimeoutSeconds=60, HeartbeatSeconds=30),
        invoke("token", {"token.$": "$$.Task.Token"}, resource=INVOKE_AND_WAIT),
        invoke("fail", Retry=[{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 60}]),
        invoke("slow", {"seconds": 15}),
        {"Type": "Parallel", "End": True, "Branches": [one(told({})), WAIT]},
        {"Type": "Map", "End": True, "ItemsPath": "$.items", "ItemProcessor": WAIT},
    ],
    ids=["a wait", "a token", "a heartbeat", "a function with a token", "a retry", "a call", "branches", "iterations"],
)
def test_stopping_ends_what_the_execution_waits_for(world: World, state: dict) -> None:
    started = world.start(one(state), {"items": [1, 2]})
    time.sleep(0.6)
    begun = time.monotonic()
    world.steps.stop_execution(executionArn=started, error="Enough", cause="said the operator")
    ended = world.wait(started)
    assert time.monotonic() - begun < 2
    assert (ended.status, ended.error, ended.cause) == ("ABORTED", "Enough", "said the operator")
    assert ended.events[-1]["type"] == "ExecutionAborted" and ended.events[-1]["previousEventId"] == 0
    time.sleep(0.3)
    assert world.history(started) == ended.events  # nothing runs on behind it
    assert world.steps.stop_execution(executionArn=started)["stopDate"]


# ---- tokens ---------------------------------------------------------------------------------------------------------


def _with_token(world: World, **fields: object) -> tuple[str, str]:
    started = world.start(one(told({}, **fields)))
    deadline = time.monotonic() + 20
    while True:
        assert time.monotonic() < deadline
        for event in world.history(started):
            if event["type"] == "TaskSubmitted":
                scheduled = next(one for one in world.history(started) if one["type"] == "TaskScheduled")
                message = json.loads(scheduled["taskScheduledEventDetails"]["parameters"])["MessageBody"]
                return started, message["token"]
        time.sleep(0.05)


def test_a_token_is_answered_once(world: World) -> None:
    started, token = _with_token(world)
    world.steps.send_task_heartbeat(taskToken=token)
    world.steps.send_task_success(taskToken=token, output="1")
    assert world.wait(started).output == 1
    for late in (
        lambda: world.steps.send_task_success(taskToken=token, output="2"),
        lambda: world.steps.send_task_failure(taskToken=token, error="E"),
        lambda: world.steps.send_task_heartbeat(taskToken=token),
    ):
        with refused("TaskTimedOut"):
            late()


def test_a_token_of_a_stopped_execution_is_timed_out(world: World) -> None:
    started, token = _with_token(world)
    world.steps.stop_execution(executionArn=started)
    with refused("TaskTimedOut"):
        world.steps.send_task_success(taskToken=token, output="{}")


def test_a_token_that_never_was_is_invalid(world: World) -> None:
    with refused("InvalidToken"):
        world.steps.send_task_success(taskToken="made up", output="{}")


def test_an_output_that_is_not_json_is_refused_and_the_task_waits_on(world: World) -> None:
    started, token = _with_token(world)
    with refused("InvalidOutput"):
        world.steps.send_task_success(taskToken=token, output="{")
    world.steps.send_task_success(taskToken=token, output="[]")
    assert world.wait(started).output == []


# ---- events ---------------------------------------------------------------------------------------------------------


def test_eventbridge_is_told_of_every_status(world: World) -> None:
    url, arn = _subscribe(world)
    ends = machine(
        {
            "C": {
                "Type": "Choice",
                "Default": "Wait",
                "Choices": [
                    {"Variable": "$.end", "StringEquals": "succeed", "Next": "Good"},
                    {"Variable": "$.end", "StringEquals": "fail", "Next": "Bad"},
                ],
            },
            "Good": passing(Result={"x": 1}),
            "Bad": {"Type": "Fail", "Error": "E", "Cause": "c"},
            "Wait": {"Type": "Wait", "Seconds": 60, "End": True},
        },
        TimeoutSeconds=1,
    )
    world.steps.update_state_machine(stateMachineArn=arn, definition=json.dumps(ends))
    for end in ("succeed", "fail", "time out"):
        world.wait(world.start(arn, {"end": end}, name=end.replace(" ", "-")))
    world.steps.update_state_machine(stateMachineArn=arn, definition=json.dumps(WAIT))
    stopped = world.start(arn, {"end": "stop"}, name="stop")
    world.steps.stop_execution(executionArn=stopped, error="Enough", cause="why not")

    events = _received(world, url, 8)
    assert {(event["detail"]["name"], event["detail"]["status"]) for event in events} == {
        ("succeed", "RUNNING"),
        ("succeed", "SUCCEEDED"),
        ("fail", "RUNNING"),
        ("fail", "FAILED"),
        ("time-out", "RUNNING"),
        ("time-out", "TIMED_OUT"),
        ("stop", "RUNNING"),
        ("stop", "ABORTED"),
    }
    last = {event["detail"]["name"]: event for event in events if event["detail"]["status"] != "RUNNING"}
    _like_the_documented_event(last["succeed"], arn)
    assert json.loads(last["succeed"]["detail"]["output"]) == {"x": 1}
    assert (last["fail"]["detail"]["error"], last["fail"]["detail"]["cause"]) == ("E", "c")
    assert last["time-out"]["detail"]["error"] is None
    assert (last["stop"]["detail"]["error"], last["stop"]["detail"]["cause"]) == ("Enough", "why not")


def _like_the_documented_event(event: dict, machine_arn: str) -> None:
    """The example in https://docs.aws.amazon.com/step-functions/latest/dg/eventbridge-integration.html."""
    detail = event["detail"]
    assert (event["source"], event["detail-type"]) == ("aws.states", "Step Functions Execution Status Change")
    assert (event["account"], event["region"], event["resources"]) == (ACCOUNT, REGION, [detail["executionArn"]])
    assert set(detail) == {
        "executionArn",
        "stateMachineArn",
        "name",
        "status",
        "startDate",
        "stopDate",
        "input",
        "output",
        "stateMachineVersionArn",
        "stateMachineAliasArn",
        "redriveCount",
        "redriveDate",
        "redriveStatus",
        "redriveStatusReason",
        "inputDetails",
        "outputDetails",
        "error",
        "cause",
    }
    assert detail["stateMachineArn"] == machine_arn and detail["stopDate"] >= detail["startDate"] > 1_600_000_000_000
    assert json.loads(detail["input"]) == {"end": "succeed"} and detail["inputDetails"] == {"included": True}


def _subscribe(world: World) -> tuple[str, str]:
    sqs, events = world.client("sqs"), world.client("events")
    arn, name = world.create(one(passing())), f"status-{uuid.uuid4().hex[:8]}"
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    pattern = {"source": ["aws.states"], "detail": {"stateMachineArn": [arn]}}
    events.put_rule(Name=name, EventPattern=json.dumps(pattern))
    events.put_targets(Rule=name, Targets=[{"Id": "1", "Arn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"}])
    return url, arn


def _received(world: World, url: str, number: int) -> list[dict]:
    found: list[dict] = []
    deadline = time.monotonic() + 20
    while len(found) < number and time.monotonic() < deadline:
        answer = world.client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1)
        found += [json.loads(message["Body"]) for message in answer.get("Messages", [])]
    return found


# ---- many -----------------------------------------------------------------------------------------------------------


def test_a_hundred_executions_wait_at_once_and_all_end(world: World) -> None:
    asl = machine(
        {
            "Both": {
                "Type": "Parallel",
                "Next": "Done",
                "Branches": [
                    one(told({"after": 2, "output": 1})),
                    one(invoke("echo", {"k": 1}, OutputPath="$.Payload")),
                ],
            },
            "Done": {"Type": "Succeed"},
        }
    )
    arn = world.create(asl)
    with ThreadPoolExecutor(8) as pool:
        started = list(pool.map(lambda number: world.start(arn, {"n": number}), range(100)))
        outputs = list(pool.map(lambda one: world.wait(one).output, started))
    assert outputs == [[1, {"k": 1}]] * 100
