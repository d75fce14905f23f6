"""Machines in JSONata, and variables."""

from __future__ import annotations

from tests.local.interpreter.cases import INVOKE, Case, machine, passing, succeeds


def _output(expression: object, expected: object, given: object = None) -> Case:
    return succeeds(
        f"JSONata: {expression} is {expected!r}",
        _jsonata({"A": passing(Output={"x": expression})}),
        given,
        {"x": expected},
    )


def _jsonata(states: dict[str, dict]) -> dict:
    return machine(states, QueryLanguage="JSONata")


LADDER = {"l": [{"h": 360}, {"h": 720}, {"h": 1080}]}

CASES = [
    _output("{% $states.input.a + 1 %}", 2, {"a": 1}),
    _output("{% $sum($states.input.l.h) %}", 2160, LADDER),
    _output("{% $states.input.l[h >= 720].h %}", [720, 1080], LADDER),
    _output("{% $map($states.input.l, function($v) { $v.h * 2 }) %}", [720, 1440, 2160], LADDER),
    _output("{% $states.context.State.Name %}", "A"),
    _output("{% $partition([1, 2, 3], 2) %}", [[1, 2], [3]]),
    _output("{% $range(1, 5, 2) %}", [1, 3, 5]),
    _output("{% $hash('x', 'SHA-256') %}", "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"),
    _output("{% $length($uuid()) %}", 36),
    _output("{% $parse('{\"a\":1}').a %}", 1),
    succeeds(
        "JSONata: a task takes Arguments, assigns variables and gives Output",
        _jsonata(
            {
                "A": {
                    "Type": "Task",
                    "Resource": INVOKE,
                    "Next": "B",
                    "Assign": {"v": "{% $states.result.Payload.v %}"},
                    "Arguments": {"FunctionName": "echo", "Payload": {"v": "{% $states.input.a %}"}},
                    "Output": "{% $states.result.Payload %}",
                },
                "B": passing(Output={"o": "{% $v %}", "i": "{% $states.input.v %}"}),
            }
        ),
        {"a": 5},
        {"o": 5, "i": 5},
    ),
    succeeds(
        "JSONata: a Choice takes a Condition",
        _jsonata(
            {
                "C": {
                    "Type": "Choice",
                    "Default": "no",
                    "Choices": [
                        {"Condition": "{% $states.input.n > 3 and $contains($states.input.k, '.mp4') %}", "Next": "yes"}
                    ],
                },
                "yes": passing(Output="yes"),
                "no": passing(Output="no"),
            }
        ),
        {"n": 4, "k": "x.mp4"},
        "yes",
    ),
    succeeds(
        "JSONata: a catcher sees the error",
        _jsonata(
            {
                "A": {
                    "Type": "Task",
                    "Resource": INVOKE,
                    "End": True,
                    "Arguments": {"FunctionName": "fail", "Payload": {}},
                    "Catch": [
                        {"ErrorEquals": ["States.ALL"], "Next": "B", "Output": {"e": "{% $states.errorOutput.Error %}"}}
                    ],
                },
                "B": passing(),
            }
        ),
        {},
        {"e": "CustomError"},
    ),
    succeeds(
        "JSONata: a Map takes Items",
        _jsonata(
            {
                "M": {
                    "Type": "Map",
                    "End": True,
                    "Items": "{% $states.input.l %}",
                    "ItemSelector": {"v": "{% $states.context.Map.Item.Value.h %}"},
                    "ItemProcessor": machine({"A": passing()}),
                }
            }
        ),
        LADDER,
        [{"v": 360}, {"v": 720}, {"v": 1080}],
    ),
    succeeds(
        "JSONPath: a variable assigned in one state is read in the next",
        machine({"A": {"Type": "Pass", "Assign": {"v.$": "$.a"}, "Next": "B"}, "B": passing(Parameters={"o.$": "$v"})}),
        {"a": 5},
        {"o": 5},
    ),
]
