"""After mending, a redrive goes on where it turned red: what is encoded is not encoded again, and the film plays."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from pipeline.cli.follow import Result
from tests.e2e import films
from tests.e2e.conftest import Pipeline
from tests.e2e.test_failures import dying_engine  # noqa: F401  (a fixture)
from tests.e2e.test_operations import vod


@contextmanager
def misconfigured(pipeline: Pipeline, function: str, **wrong: str) -> Iterator[None]:
    """A function deployed with a wrong setting, put right again at the end."""
    client = pipeline.world.client("lambda")
    name = next(
        one["FunctionName"]
        for page in client.get_paginator("list_functions").paginate()
        for one in page["Functions"]
        if f"lambdas.{function}." in one["Handler"]
    )
    right = client.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
    client.update_function_configuration(FunctionName=name, Environment={"Variables": {**right, **wrong}})
    try:
        yield
    finally:
        client.update_function_configuration(FunctionName=name, Environment={"Variables": right})


def redriven(pipeline: Pipeline, result: Result) -> dict[str, Any]:
    steps = pipeline.world.client("stepfunctions")
    assert steps.describe_execution(executionArn=result.execution_arn)["redriveStatus"] == "REDRIVABLE"
    steps.redrive_execution(executionArn=result.execution_arn)
    return ended(pipeline, result)


def ended(pipeline: Pipeline, result: Result) -> dict[str, Any]:
    steps = pipeline.world.client("stepfunctions")
    deadline = time.monotonic() + 120
    while (found := steps.describe_execution(executionArn=result.execution_arn))["status"] == "RUNNING":
        assert time.monotonic() < deadline, "still running"
        time.sleep(0.1)
    return found


def _jobs(pipeline: Pipeline, result: Result) -> list[str]:
    pages = pipeline.world.client("mediaconvert").get_paginator("list_jobs").paginate()
    return [
        job["Status"] for page in pages for job in page["Jobs"] if job["UserMetadata"]["asset_id"] == result.asset_id
    ]


def _red_box(pipeline: Pipeline, result: Result) -> str:
    """The box that failed, as `record` has read it from the history; once it has done all it does about a bad end."""
    deadline = time.monotonic() + 30
    while "recorded" not in (record := pipeline.record(result)):
        assert time.monotonic() < deadline, record
        time.sleep(0.1)
    return record["error"]["state"]


def _plays(pipeline: Pipeline, result: Result) -> None:
    told = pipeline.asset_json(result)
    assert (told["status"], told["version"]) == ("published", result.version)
    folder = f"a/{result.asset_id}"
    master = pipeline.get(f"{folder}/{told['hls']}").decode()
    playlist = next(line for line in master.splitlines() if line and not line.startswith("#"))
    media = pipeline.get(f"{folder}/{playlist}").decode()
    segment = next(line for line in media.splitlines() if line and not line.startswith("#"))
    assert pipeline.get(f"{folder}/{playlist.rpartition('/')[0]}/{segment}")[4:8] in (b"styp", b"moof", b"sidx")
    assert pipeline.record(result)["status"] == "published"


@pytest.mark.parametrize(("function", "box"), [("verify", "Verify outputs"), ("publish", "Publish asset")])
def test_what_is_encoded_is_not_encoded_again(pipeline: Pipeline, film_folder: Path, function: str, box: str):
    with misconfigured(pipeline, function, VOD_OUTPUTS_BUCKET="a-bucket-that-is-gone"):
        result = pipeline.send(films.plain(film_folder), f"uploads/mended at {function}.mp4")
    assert (result.status, _red_box(pipeline, result)) == ("failed", box)
    assert redriven(pipeline, result)["status"] == "SUCCEEDED"
    assert _jobs(pipeline, result) == ["COMPLETE"]
    assert pipeline.states(result).count(box) == 1, "the box that was red is the box that goes on"
    _plays(pipeline, result)


@pytest.mark.usefixtures("dying_engine")
def test_a_film_whose_engine_died_is_encoded_once_the_engine_is_mended(
    pipeline: Pipeline, film_folder: Path, monkeypatch: pytest.MonkeyPatch
):
    result = pipeline.send(films.plain(film_folder), "uploads/engine mended.mp4")
    assert (result.status, _red_box(pipeline, result)) == ("failed", "Transcode streams")
    attempts = _jobs(pipeline, result)
    monkeypatch.delenv("VOD_FFMPEG")
    assert redriven(pipeline, result)["status"] == "SUCCEEDED"
    assert set(attempts) == {"ERROR"} and sorted(_jobs(pipeline, result)) == ["COMPLETE", *attempts]
    assert pipeline.states(result).count("Transcode") == pipeline.states(result).count("No captions") == 1
    _plays(pipeline, result)


def test_an_operators_retry_is_a_redrive_where_that_is_enough(pipeline: Pipeline, film_folder: Path, tmp_path: Path):
    with misconfigured(pipeline, "publish", VOD_TABLE="a-table-that-is-gone"):
        result = pipeline.send(films.plain(film_folder), "uploads/retried.mp4")
    assert _red_box(pipeline, result) == "Publish asset"
    name = result.execution_arn.rsplit(":", 1)[1]
    assert vod(pipeline, tmp_path, "retry", result.asset_id) == {"execution": name, "how": "redriven"}
    assert ended(pipeline, result)["status"] == "SUCCEEDED"
    assert _jobs(pipeline, result) == ["COMPLETE"]
    _plays(pipeline, result)
