"""What is an operator's matter: red, at the box that failed, with an error that says where to look."""

from __future__ import annotations

import json
import stat
import time
from pathlib import Path

import pytest

from pipeline.local.mediaconvert.ffmpeg import ffmpeg_path
from tests.e2e import films
from tests.e2e.conftest import Pipeline

#: An ffmpeg that answers every question about itself and dies at work, as one killed for memory does.
DYING = """#!/bin/sh
case " $* " in *" -progress "*) kill -9 $$;; esac
exec {ffmpeg} "$@"
"""


@pytest.fixture
def dying_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = tmp_path / "ffmpeg"
    script.write_text(DYING.format(ffmpeg=ffmpeg_path()))
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("VOD_FFMPEG", str(script))


def test_a_dying_engine_turns_the_transcode_red_after_its_attempts(
    pipeline: Pipeline, film_folder: Path, dying_engine: None
):
    topic = _subscribe(pipeline)
    result = pipeline.send(films.plain(film_folder), "uploads/dying.mp4")
    execution = pipeline.world.client("stepfunctions").describe_execution(executionArn=result.execution_arn)
    assert execution["status"] == "FAILED" and execution["error"] == "TranscodeInterrupted"
    cause = json.loads(execution["cause"])
    assert cause["code"] == "TRANSCODE_INTERRUPTED" and cause["evidence"]["job_id"]
    record = _eventually(lambda: pipeline.record(result), lambda record: "recorded" in record)
    assert record["status"] == "failed" and record["error"]["state"] == "Transcode streams"
    assert _eventually(lambda: _messages(pipeline, topic), bool)[0]["event"] == "failed"


def test_stopping_an_execution_cancels_its_job(pipeline: Pipeline, film_folder: Path):
    from pipeline.cli.films import Film
    from pipeline.cli.follow import Follower

    long = films.make(film_folder, "long.mp4", *films.picture("1920x1080", 60), *films.H264)
    follower = Follower(pipeline.world, Film(long, "uploads/stopped.mp4"))
    follower.upload()
    job_id = _eventually(lambda: (follower.look(), follower._job_id)[1], bool)
    pipeline.world.client("stepfunctions").stop_execution(
        executionArn=follower.execution_arn, error="Enough", cause="said the operator"
    )
    job = _eventually(
        lambda: pipeline.world.client("mediaconvert").get_job(Id=job_id)["Job"], lambda job: job["Status"] == "CANCELED"
    )
    assert job["Status"] == "CANCELED"


def _subscribe(pipeline: Pipeline) -> str:
    sqs, sns = pipeline.world.client("sqs"), pipeline.world.client("sns")
    url = sqs.create_queue(QueueName="operators")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(
        TopicArn=pipeline.world.outputs["TopicArn"],
        Protocol="sqs",
        Endpoint=arn,
        Attributes={"FilterPolicy": json.dumps({"event": ["failed"]})},
    )
    return url


def _messages(pipeline: Pipeline, url: str) -> list[dict]:
    answer = pipeline.world.client("sqs").receive_message(QueueUrl=url, WaitTimeSeconds=1, MaxNumberOfMessages=10)
    return [json.loads(json.loads(message["Body"])["Message"]) for message in answer.get("Messages", [])]


def _eventually(ask, good, seconds: float = 30):
    deadline = time.monotonic() + seconds
    while True:
        answer = ask()
        if good(answer):
            return answer
        assert time.monotonic() < deadline, f"still {answer!r}"
        time.sleep(0.1)
