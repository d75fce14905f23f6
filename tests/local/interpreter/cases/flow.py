"""Data flow, choices, waits, ends, branches and iterations."""

from __future__ import annotations

from tests.local.interpreter.cases import Case, caught, fails, invoke, machine, one, passing, succeeds
from tests.local.interpreter.world import ACCOUNT, ROLE


def _parameters(says: str, given: dict, expected: object, expression: str) -> Case:
    return succeeds(says, one(passing(Parameters={"x.$": expression})), given, {"x": expected})


LADDER = {"l": [{"h": 360, "k": "low"}, {"h": 720, "k": "high"}]}

DATA = [
    succeeds("a Pass gives its Result", one(passing(Result={"x": 1})), {}, {"x": 1}),
    succeeds(
        "ResultPath grafts a result deep into the input",
        one(passing(Result=5, ResultPath="$.a.b")),
        {"k": 1},
        {"k": 1, "a": {"b": 5}},
    ),
    succeeds("ResultPath null keeps the input", one(passing(Result=5, ResultPath=None)), {"k": 1}, {"k": 1}),
    succeeds(
        "InputPath and OutputPath select",
        one(passing(InputPath="$.a", OutputPath="$.b")),
        {"a": {"b": {"c": 1}}},
        {"c": 1},
    ),
    succeeds("an output that is a string is quoted JSON", one(passing(Result="plain")), {}, "plain"),
    succeeds("InputPath null gives an empty object", one(passing(InputPath=None)), {"k": 1}, {}),
    succeeds(
        "text in every script passes unharmed",
        one(passing()),
        {"title": 'Größe 映画 🎬 "quoted"\n'},
        {"title": 'Größe 映画 🎬 "quoted"\n'},
    ),
    _parameters("a JSONPath filter selects by a field", LADDER, [720], "$.l[?(@.k=='high')].h"),
    _parameters("a JSONPath wildcard selects all", LADDER, [360, 720], "$.l[*].h"),
    _parameters("a JSONPath slice selects some", LADDER, [{"h": 360, "k": "low"}], "$.l[0:1]"),
    _parameters("a JSONPath descends", LADDER, [360, 720], "$..h"),
    succeeds(
        "the context object tells of execution, state and machine",
        one(
            passing(
                Parameters={
                    "id.$": "$$.Execution.Id",
                    "name.$": "$$.Execution.Name",
                    "given.$": "$$.Execution.Input.k",
                    "role.$": "$$.Execution.RoleArn",
                    "started.$": "$$.Execution.StartTime",
                    "state.$": "$$.State.Name",
                    "entered.$": "$$.State.EnteredTime",
                    "machine.$": "$$.StateMachine.Name",
                    "machine_id.$": "$$.StateMachine.Id",
                    "redrives.$": "$$.Execution.RedriveCount",
                }
            )
        ),
        {"k": 7},
        check=lambda ended: (
            ended.output["id"] == ended.arn
            and ended.output["id"].endswith(f":{ended.output['name']}")
            and ended.output["given"] == 7
            and ended.output["role"] == ROLE
            and ended.output["state"] == "A"
            and ended.output["started"].endswith("Z")
            and ended.output["redrives"] == 0
            and ended.output["machine_id"].endswith(f"{ACCOUNT}:stateMachine:{ended.output['machine']}")
        ),
    ),
    fails(
        "a path that finds nothing is States.Runtime",
        one(passing(Parameters={"x.$": "$.nope"})),
        {},
        "States.Runtime",
        check=lambda ended: "$.nope" in ended.cause,
    ),
    fails(
        "States.Runtime is not caught by States.ALL",
        caught(invoke("echo", {"x.$": "$.nope"}), "States.ALL"),
        {},
        "States.Runtime",
    ),
    fails(
        "a result beyond 256 KB is States.DataLimitExceeded, which States.ALL does not catch",
        caught(invoke("big", {"characters": 300_000}), "States.ALL"),
        {},
        "States.DataLimitExceeded",
    ),
]

INTRINSICS = [
    _parameters(
        f"{expression} is {expected!r}",
        {"l": [1, 2, 2, 3], "n": 4, "o": {"p": 1}, "s": '{"z":1}'},
        expected,
        expression,
    )
    for expression, expected in [
        ("States.Format('{}-{}', $.n, 'b')", "4-b"),
        ("States.Array($.n, 2)", [4, 2]),
        ("States.ArrayLength($.l)", 4),
        ("States.ArrayPartition($.l, 2)", [[1, 2], [2, 3]]),
        ("States.ArrayRange(1, 5, 2)", [1, 3, 5]),
        ("States.ArrayUnique($.l)", [1, 2, 3]),
        ("States.ArrayContains($.l, 2)", True),
        ("States.ArrayGetItem($.l, 3)", 3),
        ("States.MathAdd($.n, -1)", 3),
        ("States.StringSplit('a,b', ',')", ["a", "b"]),
        ("States.Base64Encode('x')", "eA=="),
        ("States.Base64Decode('eA==')", "x"),
        ("States.Hash('x', 'SHA-256')", "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"),
        ("States.JsonMerge($.o, $.o, false)", {"p": 1}),
        ("States.StringToJson($.s)", {"z": 1}),
        ("States.JsonToString($.o)", '{"p":1}'),
    ]
]


def _choice(rule: dict, given: dict, expected: str = "yes") -> Case:
    choices = machine(
        {
            "C": {"Type": "Choice", "Choices": [{**rule, "Next": "yes"}], "Default": "no"},
            "yes": passing(Result="yes"),
            "no": passing(Result="no"),
        }
    )
    return succeeds(f"a Choice on {rule} with {given} goes to {expected}", choices, given, expected)


CHOICES = [
    _choice({"Variable": "$.s", "StringEquals": "a"}, {"s": "a"}),
    _choice({"Variable": "$.s", "StringLessThan": "b"}, {"s": "a"}),
    _choice({"Variable": "$.s", "StringMatches": "*.mp4"}, {"s": "my film.mp4"}),
    _choice({"Variable": "$.s", "StringMatches": "*.mp4"}, {"s": "film.mov"}, "no"),
    _choice({"Variable": "$.n", "NumericGreaterThanEquals": 3}, {"n": 3}),
    _choice({"Variable": "$.n", "NumericLessThanPath": "$.m"}, {"n": 3, "m": 4}),
    _choice({"Variable": "$.t", "TimestampGreaterThan": "2020-01-01T00:00:00Z"}, {"t": "2024-01-01T00:00:00Z"}),
    _choice({"Variable": "$.b", "BooleanEquals": True}, {"b": True}),
    _choice({"Variable": "$.x", "IsPresent": False}, {}),
    _choice({"Variable": "$.x", "IsNull": True}, {"x": None}),
    _choice({"Variable": "$.x", "IsString": True}, {"x": 1}, "no"),
    _choice(
        {"And": [{"Variable": "$.n", "IsNumeric": True}, {"Not": {"Variable": "$.n", "NumericLessThan": 3}}]}, {"n": 5}
    ),
    _choice({"Or": [{"Variable": "$.x", "IsPresent": True}, {"Variable": "$.n", "NumericEquals": 5}]}, {"n": 5}),
    fails(
        "a Choice without a match and without a Default is States.NoChoiceMatched",
        machine(
            {
                "C": {"Type": "Choice", "Choices": [{"Variable": "$.n", "NumericEquals": 1, "Next": "yes"}]},
                "yes": passing(),
            }
        ),
        {"n": 2},
        "States.NoChoiceMatched",
    ),
]

ENDS = [
    succeeds(
        "a Wait lasts as long as SecondsPath says",
        one({"Type": "Wait", "SecondsPath": "$.s", "End": True}),
        {"s": 1},
        check=lambda ended: 1 <= ended.seconds < 4,
    ),
    succeeds(
        "a Wait for a time that has passed is no wait",
        one({"Type": "Wait", "Timestamp": "2020-01-01T00:00:00Z", "End": True}),
    ),
    succeeds("a Succeed ends with its input", one({"Type": "Succeed"}), {"k": 1}, {"k": 1}),
    fails(
        "a Fail names error and cause",
        one({"Type": "Fail", "Error": "E", "Cause": "because"}),
        {},
        "E",
        check=lambda ended: ended.cause == "because",
    ),
    fails(
        "a Fail takes error and cause from the input",
        one({"Type": "Fail", "ErrorPath": "$.e", "CausePath": "States.Format('x{}', $.c)"}),
        {"e": "EE", "c": "cc"},
        "EE",
        check=lambda ended: ended.cause == "xcc",
    ),
    Case(
        "a machine's TimeoutSeconds ends it as TIMED_OUT to the second, with error and cause in the history only",
        one({"Type": "Wait", "Seconds": 30, "End": True}, TimeoutSeconds=2),
        status="TIMED_OUT",
        check=lambda ended: (
            2 <= ended.seconds < 3
            and ended.error is None
            and ended.events[-1]["type"] == "ExecutionTimedOut"
            and ended.events[-1]["executionTimedOutEventDetails"]["error"] == "States.Timeout"
            and ended.events[-1]["previousEventId"] == 0
        ),
    ),
    Case(
        "a machine's TimeoutSeconds ends a task in the middle of its call",
        one(invoke("slow", {"seconds": 15}), TimeoutSeconds=2),
        status="TIMED_OUT",
        check=lambda ended: 2 <= ended.seconds < 3,
    ),
]


def _parallel(*branches: dict, **fields: object) -> dict:
    state = {"Type": "Parallel", "Branches": list(branches), **fields}
    return state if "Next" in state else {**state, "End": True}


LONG_WAIT = one({"Type": "Wait", "Seconds": 60, "End": True})

BRANCHES = [
    succeeds(
        "the branches of a Parallel give an array in their order",
        one(
            _parallel(
                one(invoke("slow", {"seconds": 0.4, "tag": "a"}, OutputPath="$.Payload.tag")),
                one(passing(Result="b")),
                ResultSelector={"first.$": "$[0]", "all.$": "$"},
                ResultPath="$.p",
            )
        ),
        {"k": 1},
        {"k": 1, "p": {"first": "a", "all": ["a", "b"]}},
    ),
    succeeds(
        "a Parallel catches what fails in a branch, by the error's own name",
        caught(_parallel(one(invoke("fail")), one(passing())), "CustomError"),
        {},
        check=lambda ended: ended.output["Error"] == "CustomError",
    ),
    succeeds(
        "a Parallel catches a timeout in a branch as States.Timeout",
        caught(_parallel(one(invoke("slow", {"seconds": 9}, TimeoutSeconds=1))), "States.Timeout"),
        {},
        check=lambda ended: ended.seconds < 6,
    ),
    succeeds(
        "a branch that fails ends its siblings at once",
        caught(_parallel(one({"Type": "Fail", "Error": "X"}), LONG_WAIT), "X"),
        {},
        check=lambda ended: ended.seconds < 5 and "WaitStateAborted" in ended.types,
    ),
    succeeds(
        "a Parallel retries all its branches",
        one(
            _parallel(
                one(invoke("flaky", {"id": "parallel", "fails": 1}, OutputPath="$.Payload.attempts")),
                Retry=[{"ErrorEquals": ["CustomError"], "IntervalSeconds": 1}],
            )
        ),
        {},
        [2],
    ),
    succeeds(
        "each branch has its own context object",
        one(
            _parallel(
                *(
                    machine(
                        {
                            f"{name}1": invoke("slow", {"seconds": 0.3}, ResultPath="$.r", Next=f"{name}2"),
                            f"{name}2": passing(Parameters={"n.$": "$$.State.Name"}),
                        }
                    )
                    for name in "PQ"
                )
            )
        ),
        {},
        [{"n": "P2"}, {"n": "Q2"}],
    ),
    succeeds(
        "the events of branches are in the history",
        one(_parallel(one(invoke("echo")), one(passing()))),
        {},
        check=lambda ended: (
            {"ParallelStateStarted", "TaskScheduled", "TaskSucceeded", "PassStateEntered", "ParallelStateSucceeded"}
            <= set(ended.types)
        ),
    ),
]


def _map(processor: dict, **fields: object) -> dict:
    return {"Type": "Map", "ItemProcessor": processor, "End": True, **fields}


def _distributed(processor: dict) -> dict:
    return {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}, **processor}


def _from_s3(**config: str) -> dict:
    key = {"JSON": "items.json", "CSV": "items.csv"}[config["InputType"]]
    return {
        "Resource": "arn:aws:states:::s3:getObject",
        "ReaderConfig": config,
        "Parameters": {"Bucket": "cases", "Key": key},
    }


MAPS = [
    succeeds(
        "a Map gives each item its index and value",
        one(
            _map(
                one(
                    invoke("echo", None, OutputPath="$.Payload")
                    | {"Parameters": {"FunctionName": "echo", "Payload.$": "$"}}
                ),
                ItemsPath="$.l",
                MaxConcurrency=2,
                ItemSelector={"v.$": "$$.Map.Item.Value", "i.$": "$$.Map.Item.Index", "k.$": "$.k"},
            )
        ),
        {"l": [10, 20, 30], "k": "q"},
        [{"v": v, "i": i, "k": "q"} for i, v in enumerate((10, 20, 30))],
    ),
    succeeds(
        "a Map of the older spelling works",
        one(
            {
                "Type": "Map",
                "ItemsPath": "$.l",
                "Parameters": {"v.$": "$$.Map.Item.Value"},
                "Iterator": one(passing()),
                "End": True,
            }
        ),
        {"l": [1, 2]},
        [{"v": 1}, {"v": 2}],
    ),
    succeeds(
        "a Map catches what fails in an iteration",
        caught(_map(one(invoke("fail")), ItemsPath="$.l"), "CustomError"),
        {"l": [1, 2]},
        check=lambda ended: ended.output["Error"] == "CustomError",
    ),
    succeeds("a Map of nothing gives nothing", one(_map(one(passing()), ItemsPath="$.l")), {"l": []}, []),
    succeeds(
        "a distributed Map runs over an array",
        one(_map(_distributed(one(passing())), ItemsPath="$.l")),
        {"l": [1, 2]},
        [1, 2],
    ),
    succeeds(
        "a distributed Map reads JSON from S3, and a percentage may be a whole number",
        one(_map(_distributed(one(passing())), ItemReader=_from_s3(InputType="JSON"), ToleratedFailurePercentage=0)),
        {},
        [{"n": number} for number in range(5)],
    ),
    succeeds(
        "a distributed Map reads CSV from S3",
        one(_map(_distributed(one(passing())), ItemReader=_from_s3(InputType="CSV", CSVHeaderLocation="FIRST_ROW"))),
        {},
        [{"a": "1", "b": "2"}, {"a": "3", "b": "4"}],
    ),
    succeeds(
        "a distributed Map lists a bucket",
        one(
            _map(
                _distributed(one(passing())),
                ItemReader={
                    "Resource": "arn:aws:states:::s3:listObjectsV2",
                    "Parameters": {"Bucket": "cases", "Prefix": "list/"},
                },
            )
        ),
        {},
        check=lambda ended: [item["Key"] for item in ended.output] == [f"list/{n}.txt" for n in range(3)],
    ),
    fails(
        "an iteration of a distributed Map that fails fails the Map",
        one(_map(_distributed(one(invoke("fail"))), ItemsPath="$.l")),
        {"l": [1, 2]},
        "States.ExceedToleratedFailureThreshold",
    ),
]

CASES = [*DATA, *INTRINSICS, *CHOICES, *ENDS, *BRANCHES, *MAPS]
