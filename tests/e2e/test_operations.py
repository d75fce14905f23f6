"""What was lost is found, what was stopped is gone: the sweep and the operators' commands against a running stack."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from pipeline.cli.films import Film
from pipeline.cli.follow import Follower
from pipeline.media import keys
from tests.e2e import films
from tests.e2e.conftest import Pipeline


def vod(pipeline: Pipeline, home: Path, *arguments: str) -> Any:
    """The command as an operator's shell runs it, pointed at the stack by the SDK's own variables."""
    environment = {
        **os.environ,
        "VOD_HOME": str(home),
        "AWS_ENDPOINT_URL": pipeline.stack.endpoint_url,
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    argv = [sys.executable, "-m", "pipeline.cli", *arguments, "--json"]
    done = subprocess.run(argv, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def objects_of(pipeline: Pipeline, asset_id: str) -> list[str]:
    listed = pipeline.world.client("s3").list_objects_v2(
        Bucket=pipeline.world.outputs["OutputsBucket"], Prefix=f"{keys.pointer_prefix(asset_id)}v/"
    )
    return [entry["Key"] for entry in listed.get("Contents", [])]


def eventually(ask, good, seconds: float = 60):
    deadline = time.monotonic() + seconds
    while not good(answer := ask()):
        assert time.monotonic() < deadline, f"still {answer!r}"
        time.sleep(0.2)
    return answer


def begun(pipeline: Pipeline, film: Film) -> Follower:
    """An upload whose job has been submitted."""
    follower = Follower(pipeline.world, film)
    follower.upload()
    eventually(lambda: (follower.look(), follower._job_id)[1], bool)
    return follower


def job_of(pipeline: Pipeline, follower: Follower) -> dict[str, Any]:
    return pipeline.world.client("mediaconvert").get_job(Id=follower._job_id)["Job"]


def test_a_cancelled_run_leaves_no_job_and_no_object_and_may_be_tried_again(
    pipeline: Pipeline, film_folder: Path, tmp_path: Path
):
    long = films.make(film_folder, "long.mp4", *films.picture("1920x1080", 60), *films.H264)
    follower = begun(pipeline, Film(long, "uploads/cancelled.mp4"))
    (cancelled,) = vod(pipeline, tmp_path, "cancel", follower.asset_id)["cancelled"]
    assert cancelled["execution"] == follower.execution_arn.rsplit(":", 1)[1]
    execution = pipeline.world.client("stepfunctions").describe_execution(executionArn=follower.execution_arn)
    assert execution["status"] == "ABORTED" and job_of(pipeline, follower)["Status"] == "CANCELED"
    vod(pipeline, tmp_path, "sweep", "--grace", "0")
    assert objects_of(pipeline, follower.asset_id) == []
    follower.look()
    record = pipeline.record(follower.result)
    assert record["status"] == "cancelled" and pipeline.asset_json(follower.result)["status"] == "failed"
    retried = vod(pipeline, tmp_path, "retry", follower.asset_id)
    assert retried == {"execution": cancelled["execution"].replace("-r1", "-r2"), "how": "started anew"}
    vod(pipeline, tmp_path, "cancel", retried["execution"])


@contextlib.contextmanager
def unheard(pipeline: Pipeline, source: str):
    """Within the block nobody hears what this service says."""
    events = pipeline.world.client("events")
    patterns = {rule["Name"]: rule.get("EventPattern", "") for rule in events.list_rules()["Rules"]}
    (name,) = [name for name, pattern in patterns.items() if source in pattern]
    events.disable_rule(Name=name)
    try:
        yield
    finally:
        events.enable_rule(Name=name)


@pytest.fixture
def deaf(pipeline: Pipeline):
    with unheard(pipeline, "aws.mediaconvert"):
        yield


def test_a_job_whose_end_nobody_heard_is_published_by_the_sweep(
    pipeline: Pipeline, film_folder: Path, tmp_path: Path, deaf
):
    follower = begun(pipeline, Film(films.plain(film_folder, 2), "uploads/unheard.mp4"))
    eventually(lambda: job_of(pipeline, follower)["Status"], lambda status: status == "COMPLETE")
    report = vod(pipeline, tmp_path, "sweep")
    assert report["counts"]["answer posted"] == 1 and report["trouble"] == []
    assert pipeline.wait(follower).status == "published"


def test_two_uploads_of_one_key_end_with_the_later_one_playing_and_nothing_left_of_the_earlier(
    pipeline: Pipeline, film_folder: Path, tmp_path: Path
):
    first, second = films.plain(film_folder, 2), films.plain(film_folder, 3)
    followers = [Follower(pipeline.world, Film(film, "uploads/twice.mp4")) for film in (first, second)]
    for follower in followers:
        follower.upload()
    older, newer = map(pipeline.wait, followers)
    assert newer.status == "published" and pipeline.asset_json(newer)["version"] == newer.version
    vod(pipeline, tmp_path, "sweep", "--grace", "0")
    folders = {key.split("/")[3] for key in objects_of(pipeline, newer.asset_id)}
    assert older.status in ("superseded", "published")
    assert (f"{older.version}-r1" in folders) == (older.status == "published"), "only what was published stays"


def test_dead_letters_and_objects_that_were_there_before_start_nothing_twice(
    pipeline: Pipeline, film_folder: Path, tmp_path: Path
):
    result = pipeline.send(films.written(film_folder, "again.mp4", b"no film"), "uploads/before/again.mp4")
    before = len(pipeline.executions())
    looked = vod(pipeline, tmp_path, "ingest", "uploads/before/", "--dry-run")
    assert (looked["films"], looked["known"], looked["new"], looked["profile"]) == (1, 1, 0, "default")
    assert vod(pipeline, tmp_path, "ingest", "uploads/before/") == {"sent": 1, "left_out": 0}
    sqs, outputs = pipeline.world.client("sqs"), pipeline.world.outputs
    sqs.send_message(QueueUrl=outputs["JobsDeadLettersUrl"], MessageBody=json.dumps({"detail": {"status": "COMPLETE"}}))
    sqs.send_message(QueueUrl=outputs["RecordDeadLettersUrl"], MessageBody=json.dumps(_bad_end(result.execution_arn)))
    assert vod(pipeline, tmp_path, "replay")["letters"] == {"uploads": 0, "jobs": 1, "record": 1, "sweep": 0}
    assert vod(pipeline, tmp_path, "replay", "record")["letters"] == {"record": 0}
    assert pipeline.record(result)["status"] == "rejected" and len(pipeline.executions()) == before


def test_an_upload_whose_event_was_lost_is_found_by_its_window_and_starts_once(
    pipeline: Pipeline, film_folder: Path, tmp_path: Path
):
    with unheard(pipeline, "aws.s3"):
        follower = Follower(
            pipeline.world, Film(films.written(film_folder, "lost.mp4", b"no film"), "uploads/lost.mp4")
        )
        follower.upload()
        time.sleep(1)
    found = vod(pipeline, tmp_path, "replay", "uploads", "--since", "5m", "--dry-run")
    lost = [(each["film"], each["why"]) for each in found["missed"]["uploads"]]
    assert lost == [("uploads/lost.mp4", "never heard of")]
    sent = vod(pipeline, tmp_path, "replay", "uploads", "--since", "5m")
    assert sent["missed"] == found["missed"] and sent["letters"] == {"uploads": 0}
    assert pipeline.wait(follower).status == "rejected"
    before = len(pipeline.executions())
    assert vod(pipeline, tmp_path, "replay", "uploads", "--since", "5m")["missed"] == {"uploads": []}
    assert len(pipeline.executions()) == before


def _bad_end(arn: str) -> dict[str, Any]:
    """An event that came too late: its execution has succeeded since."""
    detail = {"executionArn": arn, "name": arn.rsplit(":", 1)[1], "status": "FAILED", "input": "{}"}
    return {"source": "aws.states", "detail-type": "Step Functions Execution Status Change", "detail": detail}


def test_an_operator_sees_what_became_of_films_and_why(pipeline: Pipeline, film_folder: Path, tmp_path: Path):
    good = pipeline.send(films.plain(film_folder, 2), "uploads/asked after.mp4")
    bad = tmp_path / "bad.mp4"
    bad.write_bytes(b"no film" * 1000)
    refused = pipeline.send(bad, "uploads/asked after too.mp4")
    rejected = vod(pipeline, tmp_path, "list", "--state", "rejected", "--since", "1h")["films"]
    assert "uploads/asked after too.mp4" in [film["film"] for film in rejected]
    assert {film["status"] for film in rejected} == {"rejected"}
    shown = vod(pipeline, tmp_path, "show", good.asset_id)
    assert [step["state"] for step in shown["steps"]][-1] == "Published" and shown["jobs"][0]["status"] == "COMPLETE"
    assert shown["plays"]["version"] == good.version and shown["renditions"]
    (spent,) = vod(pipeline, tmp_path, "cost", good.asset_id)["runs"]
    assert spent["actual"]["total"] > 0 and spent["actual"] == {**spent["predicted"], "unbilled": []}, spent["jobs"]
    period = vod(pipeline, tmp_path, "cost", "--since", "1h")
    assert period["films"] >= 1 and period["actual"] >= spent["actual"]["total"]
    told = vod(pipeline, tmp_path, "explain", refused.asset_id)
    assert told["error"]["code"] == refused.error["code"] and told["error"]["fix"]
    assert "Probe source" in [step["state"] for step in told["failed_attempts"]]
    assert any("SourceUnreadable" in one["line"] for one in told["log"])
    lines = vod(pipeline, tmp_path, "logs", good.asset_id)["lines"]
    assert {"start", "probe", "plan", "complete", "publish"} <= {one["function"] for one in lines}
    assert all(json.loads(one["line"])["asset_id"] == good.asset_id for one in lines)
