"""`vod mediaconvert` in a process of its own: any boto3 program uses it, with files from an S3 that is not ours."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.local.mediaconvert import films
from tests.local.mediaconvert.tiny_s3 import TinyS3

ROOT = Path(__file__).parents[2]
#: Somebody's program: it knows nothing of us but the environment.
PROGRAM = """
import json, sys, time
import boto3
mediaconvert = boto3.client("mediaconvert")
settings = json.loads(sys.argv[1])
job = mediaconvert.create_job(Role="arn:aws:iam::000000000000:role/any", Queue="films", Settings=settings)["Job"]
while job["Status"] not in ("COMPLETE", "ERROR"):
    time.sleep(0.2)
    job = mediaconvert.get_job(Id=job["Id"])["Job"]
print(json.dumps([job["Status"], job.get("ErrorMessage"), job["Queue"], job["Messages"]["Info"]]))
"""


@pytest.fixture
def store() -> Iterator[TinyS3]:
    store = TinyS3()
    yield store
    store.close()


@pytest.fixture
def environment(store: TinyS3, tmp_path: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return {
        **kept,
        "VOD_HOME": str(tmp_path / "home"),
        "PYTHONPATH": str(ROOT),
        "PYTHONUNBUFFERED": "1",
        "AWS_ENDPOINT_URL_S3": store.url,
        "AWS_ACCESS_KEY_ID": "any",
        "AWS_SECRET_ACCESS_KEY": "any",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_CONFIG_FILE": str(tmp_path / "none"),
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "none"),
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def vod(environment: dict[str, str], *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "pipeline.cli", "mediaconvert", *words],
        env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


@pytest.fixture
def serving(environment: dict[str, str], tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    process = vod(environment, "--port", "0", "--queue", "films=1", "--events", str(tmp_path / "events.jsonl"))
    try:
        for line in process.stdout:
            if found := re.search(r"AWS_ENDPOINT_URL_MEDIACONVERT=(\S+)", line):
                yield process, found[1]
                break
        else:
            pytest.fail("it did not say where it listens")
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def test_a_boto3_program_uses_it_with_files_from_another_s3(serving, store, environment, tmp_path):
    process, endpoint = serving
    store.put("films/My Film.mov", films.plain(tmp_path, seconds=1).read_bytes())
    settings = films.job(films.rung("_180p", 320, 180), films.sound(), groups=(films.movie("_file", 160, 90),))
    settings["Inputs"][0]["FileInput"] = "s3://films/My Film.mov"
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, json.dumps(settings)],
        env={**environment, "AWS_ENDPOINT_URL_MEDIACONVERT": endpoint}, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    status, error, queue, [info] = json.loads(done.stdout)
    assert (status, error) == ("COMPLETE", None)
    assert queue == "arn:aws:mediaconvert:eu-west-1:000000000000:queues/films"
    assert info.startswith("The job needs up to ")
    assert {"out/v/stream.m3u8", "out/v/stream.mpd", "out/v/film_file.mp4"} <= set(store.objects)

    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=20)
    assert process.returncode == 130, said
    assert re.search(r"\d{13}-\w{6}  COMPLETE", said)
    events = [json.loads(line) for line in (tmp_path / "events.jsonl").read_text().splitlines()]
    assert [event["detail"]["status"] for event in events] == ["PROGRESSING", "INPUT_INFORMATION", "COMPLETE"]
    assert {event["source"] for event in events} == {"aws.mediaconvert"}
    assert list((tmp_path / "home").glob("run-*")) == []


def test_requests_that_nobody_signed_are_refused(serving):
    _, endpoint = serving
    request = urllib.request.Request(f"{endpoint}/2017-08-29/jobs", data=b"{}", method="POST")
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request)
    assert refused.value.code == 403
    assert refused.value.headers["x-amzn-ErrorType"] == "ForbiddenException"


@pytest.mark.parametrize(
    ("words", "change", "said", "status"),
    [
        (("--queue", "films=none"), {}, "--queue films=none: write NAME, or NAME=2", 2),
        (("--queue", "Default"), {}, "Queue Default already exists", 1),
        ((), {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}, "no AWS credentials: set AWS_ACCESS_KEY_ID", 1),
        ((), {"AWS_PROFILE": "nobody"}, "the AWS configuration cannot be used: The config profile (nobody)", 1),
        (("--workers", "0"), {}, "0 is not a number of 1 or more", 2),
    ],
)
def test_what_cannot_be_is_said_in_one_line(environment, words, change, said, status):
    process = vod({**environment, **change}, *words)
    out, _ = process.communicate(timeout=30)
    assert said in out
    assert "Traceback" not in out
    assert process.returncode == status


def test_a_port_that_is_taken_is_named(environment, store):
    process = vod(environment, "--port", store.url.rpartition(":")[2])
    out, _ = process.communicate(timeout=30)
    assert f"cannot listen on {store.url.removeprefix('http://')}: " in out
    assert process.returncode == 1
