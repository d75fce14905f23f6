"""What operators read about one film, and the command that does it again."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest

from pipeline.aws import existing, reading
from pipeline.aws.clients import client
from pipeline.cli import explain, inspect, operate
from pipeline.cli.main import parser
from pipeline.cli.world import World
from tests.aws.world import furnish, moto_in_place
from tests.cli.test_operate import HERE, OUTPUTS, vod
from tests.media.films import BUCKET

SOURCE = {
    "container": "mp4",
    "duration_ms": 2000,
    "video": {"codec": "AVC", "width": 640, "height": 360, "frame_rate": "30000/1001", "transfer": "ARIB_B67"},
    "audio": [{"codec": "AAC", "channels": 2}],
    "warnings": ["The film is variable."],
}
JOB = {
    "job_id": "job-1",
    "role": "streams",
    "attempt": 3,
    "status": "ERROR",
    "error_code": 1999,
    "error_message": "The transcoder was ended by SIGKILL\n[mov] last words",
    "messages": ["The job needs 1 MB"],
}


def told(error: dict | None, **more: object) -> dict:
    return {
        "film": "uploads/folder/a b.mp4",
        "version_id": None,
        "status": "failed",
        "execution": "a-1-r1",
        "error": error,
        "waits": None,
        "failed_attempts": [],
        "jobs": [],
        "source": None,
        "plan": None,
        "profile": None,
        "log": [],
        "fetched": [],
        "reproduce": "vod run --once a.mp4",
        "links": {"console": "https://console"},
        **more,
    }


def test_an_explanation_leads_to_the_errors_part_in_the_catalogue():
    lines = explain._tell_explained(told({"code": "INPUT_EMPTY", "message": "a.mp4 is empty: 0 bytes"}))
    assert "  more      docs/errors.md#input_empty" in lines


def test_an_error_of_an_operators_leads_to_the_runbook_as_well():
    lines = explain._tell_explained(told({"code": "OUTPUT_WRONG", "message": "x", "class": "service"}))
    assert "  more      docs/errors.md#output_wrong, docs/runbook.md#output_wrong" in lines


def test_where_a_rejection_came_from_is_the_box_that_failed_last():
    steps = [{"state": "Probe source", "failed_attempts": 1, "error": "SourceUnreadable", "message": "x"}]
    lines = explain._tell_explained(told({"code": "INPUT_EMPTY", "message": "x"}, failed_attempts=steps))
    assert lines[1] == "  where     Probe source" and "once" in "".join(lines)


def test_a_box_without_an_end_is_not_running_once_its_run_is_over(capsys):
    step = {"state": "Transcode streams", "seconds": None, "failed_attempts": 0, "error": None}
    assert inspect._step_line(step, "failed").split() == ["Transcode", "streams", "failed"]
    version = {"version": "1", "revision": 1, "error": None, "created_at": "t", "waits": None}
    shown = {"asset_id": "a", "film": "f", "plays": None, "execution": "e", "jobs": [], "renditions": []}
    shown |= {"links": {}, "price": {}}
    for status, word in (("failed", "failed"), ("cancelled", "stopped"), ("transcoding", "running")):
        lines = inspect._tell_shown({**shown, "steps": [step], "versions": [{**version, "status": status}]})
        assert lines[-1].split()[-1] == word


def test_what_has_no_part_leads_nowhere():
    assert not any("errors.md" in line for line in explain._tell_explained(told(None)))
    assert not any("errors.md" in line for line in explain._tell_explained(told({"code": "NOT_STARTED"})))


def test_the_bundle_tells_the_attempts_the_engines_last_lines_the_film_and_the_plan():
    error = {
        "code": "TRANSCODE_INTERRUPTED",
        "class": "service",
        "message": "MediaConvert error 1999",
        "evidence": {"job_id": "job-1", "mediaconvert_error_code": 1999},
        "fix": "Look.",
        "state": "Transcode streams",
    }
    step = {"state": "Transcode streams", "failed_attempts": 3, "error": "TranscodeInterrupted", "message": "SIGKILL"}
    line = {"at": "2026-11-23T13:05:17.391Z", "function": "plan", "line": "plain text"}
    plan = {"rungs": [{"name": "360p", "width": 640, "height": 360}]}
    more = {"failed_attempts": [step], "jobs": [JOB], "source": SOURCE, "plan": plan, "profile": "av1", "log": [line]}
    assert explain._tell_explained(told(error, **more)) == [
        "uploads/folder/a b.mp4: failed (a-1-r1)",
        "  where     Transcode streams",
        "  error     TRANSCODE_INTERRUPTED (service): MediaConvert error 1999",
        "  evidence  job_id job-1, mediaconvert_error_code 1999",
        "  fix       Look.",
        "  more      docs/errors.md#transcode_interrupted, docs/runbook.md#transcode_interrupted",
        "  attempts  Transcode streams failed 3 times, last with TranscodeInterrupted: SIGKILL",
        "  job       job-1 (streams), attempt 3: ERROR 1999",
        "              The transcoder was ended by SIGKILL",
        "              [mov] last words",
        "              The job needs 1 MB",
        "  source    mp4, 2.0 s, 640x360 AVC 29.97 fps HDR (HLG), AAC 2 channels",
        "              The film is variable.",
        "  plan      profile av1: 360p 640x360",
        "  log       2026-11-23 13:05:17.391  plan      plain text",
        "  again     vod run --once a.mp4",
        "  console   https://console",
    ]


# What was logged -----------------------------------------------------------------------------------------------------

AT = "2026-11-23 13:05:17.391  probe    "


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("START RequestId: 1", ["START RequestId: 1"]),
        (json.dumps({"level": "INFO", "message": "probe: ok", "ms": 12}), ["INFO    probe: ok (12 ms)"]),
        (
            json.dumps({"level": "ERROR", "message": "x", "errorType": "KeyError", "stackTrace": ["a\n  b\n"]}),
            ["ERROR   x", "        a", "          b"],
        ),
        (
            json.dumps({"errorMessage": "boom", "errorType": "KeyError", "level": "ERROR", "stackTrace": []}),
            ["ERROR   boom"],
        ),
        (
            json.dumps({"_aws": {"CloudWatchMetrics": [{"Metrics": [{"Name": "Seconds"}]}]}, "Seconds": 1.5}),
            ["METRIC  Seconds 1.5"],
        ),
        ("[1, 2]", ["[1, 2]"]),
        ("\x1b[2Jtwo\nlines", ["\ufffd[2Jtwo", "lines"]),
    ],
)
def test_a_line_of_a_functions_log_is_read_as_lambda_writes_it(line, expected):
    one = {"at": "2026-11-23T13:05:17.391Z", "function": "probe", "line": line}
    assert explain.log_lines(one) == [f"{AT} {each}" for each in expected]


# The same again ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["uploads/it's; rm -rf.mp4", "uploads/x/a$(b).mov", "uploads/-no extension"])
@pytest.mark.parametrize(("profile", "stack"), [(None, None), ("default", "Vod"), ("hevc-hdr", "Vod-prod")])
def test_the_command_that_does_it_again_is_one_that_this_parser_takes(key, profile, stack):
    words = explain.reproduce(told(None, film=key, profile=profile), "again", stack)
    fetch, again = words.split(" && ")
    fetching, running = (parser().parse_args(shlex.split(each)[1:]) for each in (fetch, again))
    assert (fetching.name, fetching.stack, fetching.fetch) == ("a-1-r1", stack, Path("again"))
    assert running.films == [f"again/{key.rsplit('/', 1)[1]}"] and running.once and running.port == 0
    assert dict(running.context) == ({"profile": "hevc-hdr"} if profile == "hevc-hdr" else {})


@pytest.fixture
def uploaded(monkeypatch):
    """A film that was uploaded twice, with its sidecars, in a pipeline that can be asked."""
    with moto_in_place():
        furnish()
        for key, body in (("a b.mp4", b"first"), ("a b.mp4", b"second"), ("a b.en.srt", b"1"), ("a b.json", b"{}")):
            client("s3").put_object(Bucket=BUCKET, Key=f"uploads/folder/{key}", Body=body)
        (newest,) = existing.newest(BUCKET, "uploads/folder/a b.mp4")
        versions = client("s3").list_object_versions(Bucket=BUCKET)["Versions"]
        (first,) = [
            each["VersionId"]
            for each in versions
            if each["Key"].endswith(".mp4") and each["VersionId"] != newest["VersionId"]
        ]
        monkeypatch.setattr(
            operate, "attached", lambda home, stack: World("", "", {**OUTPUTS, "SourcesBucket": BUCKET})
        )
        monkeypatch.setattr(reading, "explain", lambda name, place: told(None, version_id=first))
        yield


def test_the_film_of_that_version_is_fetched_with_what_lies_beside_it(uploaded, tmp_path, capsys):
    folder = tmp_path / "here" / "again"
    status, said = vod(capsys, "explain", "a-1-r1", "--fetch", str(folder), "--json")
    assert status == 0 and json.loads(said)["fetched"] == [
        str(folder / name) for name in ("a b.mp4", "a b.en.srt", "a b.json", "explain.json")
    ]
    assert (folder / "a b.mp4").read_bytes() == b"first"
    assert json.loads((folder / "explain.json").read_text())["film"] == "uploads/folder/a b.mp4"


def test_a_folder_that_cannot_be_made_is_one_sentence(uploaded, tmp_path, capsys):
    (tmp_path / "file").touch()
    status, said = vod(capsys, "explain", "a-1-r1", "--fetch", str(tmp_path / "file" / "again"))
    assert status == 1 and said == f"vod: {tmp_path / 'file' / 'again'}: Not a directory"


def test_a_pipeline_on_this_machine_is_looked_at_in_its_own_console():
    run = {"execution": "a-1-r1", "links": {"console": "https://aws"}}
    assert inspect.links(run, World("", "", {})) == {"console": "https://aws"}
    assert inspect.links(run, HERE) == {"console": None}
    here = World("http://127.0.0.1:1", "", {}, console_url="http://127.0.0.1:8090")
    assert inspect.links(run, here) == {"console": "http://127.0.0.1:8090/?execution=a-1-r1"}
