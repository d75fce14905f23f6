"""Every error carries its address, and can be read back from wherever Step Functions puts it."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path

import pytest

from pipeline.media import errors

ROOT = Path(__file__).parents[2]
CODE = [
    *(ROOT / "pipeline" / "media").glob("*.py"),
    *(ROOT / "pipeline" / "aws").glob("*.py"),
    *(ROOT / "lambdas").rglob("*.py"),
]
CLASSES = [cls for cls in vars(errors).values() if isinstance(cls, type) and issubclass(cls, errors.VodError)]
STEPS = json.loads((ROOT / "statemachine" / "vod.asl.json").read_text())

#: Codes that our code hands to a class of ours: (class, code).
RAISED = {
    (node.func.id, node.args[0].value)
    for path in CODE
    for node in ast.walk(ast.parse(path.read_text()))
    if isinstance(node, ast.Call)
    and isinstance(node.func, ast.Name)
    and node.func.id in {cls.__name__ for cls in CLASSES}
    and node.args
    and isinstance(node.args[0], ast.Constant)
}
MAPPED = {(cls.__name__, code) for cls, code in errors.MEDIACONVERT_ERRORS.values()}


def named_in(part: str) -> set[str]:
    """Error names in the state machine's Retry or Catch, nested branches included."""

    def walk(value):
        if isinstance(value, dict):
            for rule in value.get(part, []):
                yield from rule["ErrorEquals"]
            for item in value.values():
                yield from walk(item)
        elif isinstance(value, list):
            for item in value:
                yield from walk(item)

    return set(walk(STEPS))


def test_every_code_we_raise_is_known():
    assert {code for _, code in RAISED | MAPPED} <= errors.CODES.keys()


def test_every_known_code_is_raised_somewhere():
    text = "\n".join(path.read_text() for path in CODE if path.name != "errors.py")
    mapped = {code for _, code in MAPPED}
    for code in errors.CODES.keys() - mapped - {"SERVICE_ERROR"}:
        assert f'"{code}"' in text, code


@pytest.mark.parametrize("code", errors.CODES)
def test_every_code_says_what_kind_it_is_and_what_to_do(code):
    known = errors.CODES[code]
    assert known.kind in ("input", "config", "service", "policy")
    assert known.fix.endswith(".") and known.fix[0].isupper() and len(known.fix) < 200
    if known.kind in ("input", "policy"):
        assert not re.search(r"MediaConvert|execution|redrive", known.fix + known.cause), "content teams read this"


@pytest.mark.parametrize("code", errors.CODES)
def test_every_code_says_why_it_happens_what_its_evidence_is_and_who_acts(code):
    known = errors.CODES[code]
    assert known.cause.endswith(".") and known.cause[0].isupper() and known.cause not in known.fix
    assert known.shows and not known.shows.endswith(".")
    assert known.owner in ("uploader", "operator", "developer", "nobody")
    assert known.kind != "input" or known.owner == "uploader"
    assert known.kind != "config" or known.owner in ("operator", "developer")
    assert known.owner != "nobody" or known.retryable or known.kind == "policy", "something failed and nobody acts"


def test_retryable_means_that_the_state_machine_retries_the_class():
    retried = named_in("Retry") | {cls.__name__ for cls in CLASSES if cls.__name__ in named_in("Retry")}
    for name, code in RAISED | MAPPED:
        assert not errors.CODES[code].retryable or name in retried, (name, code)


def test_every_class_is_caught_or_retried_or_stays_red_on_purpose():
    red = {"TranscodeFailed", "OutputMissing", "OutputWrong", "PlanImpossible"}
    answered = named_in("Retry") | named_in("Catch")
    for cls in CLASSES:
        if cls is not errors.VodError:
            assert (cls.__name__ in red) != (cls.__name__ in answered), cls.__name__
            assert f" {cls.__name__} " in errors.__doc__


def test_input_and_policy_errors_are_the_uploaders_and_the_rest_is_not():
    for name, code in RAISED | MAPPED:
        owners = issubclass(getattr(errors, name), (errors.SourceRejected, errors.SourceSuperseded))
        assert owners == (errors.CODES[code].kind in ("input", "policy")), (name, code)


def test_an_unknown_code_is_a_bug_that_shows_itself():
    with pytest.raises(KeyError):
        errors.SourceRejected("NOT_A_CODE", "x")


# MediaConvert's codes ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "cls", "ours"),
    [
        (1010, errors.SourceUnreadable, "INPUT_UNREADABLE"),
        (1020, errors.SourceRejected, "INPUT_NO_PICTURE"),
        (1030, errors.SourceRejected, "INPUT_CODEC_UNSUPPORTED"),
        (1040, errors.TranscodeFailed, "TRANSCODE_SETTINGS"),
        (1076, errors.SourceUnreadable, "INPUT_TRUNCATED"),
        (1401, errors.TranscodeFailed, "TRANSCODE_NOT_ALLOWED"),
        (1404, errors.SourceRejected, "INPUT_MISSING"),
        (1432, errors.TranscodeFailed, "TRANSCODE_NOT_ALLOWED"),
        (1517, errors.TranscodeInterrupted, "TRANSCODE_INTERRUPTED"),
        (1999, errors.TranscodeInterrupted, "TRANSCODE_INTERRUPTED"),
        (3451, errors.TranscodeInterrupted, "TRANSCODE_INTERRUPTED"),
    ],
)
def test_mediaconverts_codes_have_our_names(code, cls, ours):
    error = errors.from_mediaconvert(code, "its own words", {"job_id": "1515368087458-qnoxtd"})
    assert type(error) is cls and error.code == ours
    assert (error.evidence["mediaconvert_error_code"], error.evidence["job_id"]) == (code, "1515368087458-qnoxtd")
    if errors.CODES[ours].kind == "input":  # for the film's owner: our words, MediaConvert's as evidence
        assert error.message == errors.CODES[ours].cause
        assert error.evidence["mediaconvert_message"] == "its own words"
    else:
        assert f"{code}: its own words" in error.message


@pytest.mark.parametrize("code", errors.MEDIACONVERT_ERRORS)
def test_every_mapped_code_makes_an_error(code):
    assert errors.from_mediaconvert(code, "m", {}).code in errors.CODES


# Causes --------------------------------------------------------------------------------------------------------------

REJECTED = errors.SourceRejected("INPUT_EMPTY", 'caf\u00e9 "quoted".mp4 is empty: 0 bytes', {"key": "k", "n": 1})


def lambda_cause(message: str) -> str:
    """What Step Functions puts into Cause when a Lambda function raised."""
    return json.dumps(
        {"errorMessage": message, "errorType": "SourceRejected", "requestId": "r", "stackTrace": ["  File"]}
    )


@pytest.mark.parametrize("cause", [str(REJECTED), lambda_cause(str(REJECTED))], ids=["SendTaskFailure", "Lambda"])
def test_our_contract_comes_back_from_a_cause(cause):
    read = errors.parse_cause("SourceRejected", cause)
    assert read == REJECTED.as_dict()
    assert next(iter(read)) == "message", "the console cuts long causes"


@pytest.mark.parametrize(
    ("error", "cause", "message"),
    [
        ("States.Timeout", "", "States.Timeout"),
        ("Lambda.Unknown", "The Lambda function returned an invalid payload", "Lambda.Unknown: The Lambda function"),
        ("Sandbox.Timedout", lambda_cause("RequestId: r Error: Task timed out after 3.00 seconds"), "Task timed out"),
        ("KeyError", lambda_cause("'bucket'"), "KeyError: 'bucket'"),
        ("X", "[1, 2]", "X: [1, 2]"),
        ("X", "null", "X: null"),
        ("X", '{"errorMessage": null}', "X: "),
        ("X", '{"errorMessage": "12"}', "X: "),
        ("X", '{"message": "m", "code": "C", "class": "input", "fix": "f"}', "X: "),
        ("X", str(REJECTED)[:-5], "X: "),
        ("X", "x" * 40_000, "X: xxx"),
    ],
    ids=range(11),
)
def test_anything_else_becomes_a_service_error_and_nothing_is_lost(error, cause, message):
    read = errors.parse_cause(error, cause)
    assert (read["code"], read["class"], read["evidence"]) == ("SERVICE_ERROR", "service", {"error": error})
    assert read["message"].startswith(error) and message in read["message"] and len(read["message"]) <= 2000
    assert read.keys() == REJECTED.as_dict().keys()


def test_evidence_of_any_type_can_be_printed():
    assert "PosixPath" not in str(errors.OutputWrong("OUTPUT_WRONG", "m", {"path": Path("a/b"), "set": {1}}))
