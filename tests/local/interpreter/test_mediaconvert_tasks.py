"""mediaconvert:createJob.sync with jobs that really run."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from pipeline.local.mediaconvert.ffmpeg import ffmpeg_path
from tests.local.interpreter.cases import caught, one, task
from tests.local.interpreter.world import ROLE, World

SETTINGS = json.loads(Path(__file__).parents[1].joinpath("mediaconvert", "job.json").read_text())


@pytest.fixture(scope="module")
def film(world: World, tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("film") / "film.mp4"
    picture = "testsrc2=size=320x180:rate=25:duration=1"
    argv = [
        str(ffmpeg_path()),
        "-nostdin",
        "-v",
        "error",
        "-f",
        "lavfi",
        "-i",
        picture,
        "-f",
        "lavfi",
        "-i",
        "sine=duration=1",
        "-pix_fmt",
        "yuv420p",
        str(path),
    ]
    subprocess.run(argv, check=True, timeout=60)
    s3 = world.client("s3")
    for bucket in ("films", "out"):
        s3.create_bucket(Bucket=bucket)
    s3.upload_file(str(path), "films", "film.mp4")
    return "s3://films/film.mp4"


def _job(url: str) -> dict:
    settings = json.loads(json.dumps(SETTINGS))
    settings["Inputs"][0]["FileInput"] = url
    return task("arn:aws:states:::mediaconvert:createJob.sync", Parameters={"Role": ROLE, "Settings": settings})


def test_a_job_is_waited_for_and_is_the_output(world: World, film: str) -> None:
    ended = world.run(one(_job(film)))
    assert ended.status == "SUCCEEDED", ended.cause
    job = ended.output["Job"]
    assert job["Status"] == "COMPLETE" and job["OutputGroupDetails"] and isinstance(job["CreatedAt"], str)
    tasks = [kind for kind in ended.types if kind.startswith("Task") and "State" not in kind]
    assert tasks == ["TaskScheduled", "TaskStarted", "TaskSubmitted", "TaskSucceeded"]


def test_a_job_that_fails_is_states_taskfailed_with_the_job_as_the_cause(world: World, film: str) -> None:
    ended = world.run(caught(_job("s3://films/not-there.mp4"), "States.TaskFailed"))
    assert ended.status == "SUCCEEDED", ended.cause
    job = json.loads(ended.output["Cause"])["Job"]
    assert job["Status"] == "ERROR" and job["ErrorMessage"]
