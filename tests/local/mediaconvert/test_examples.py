"""Other people's jobs: every one keeps to the service model, and is either encoded or refused by path. Needs ffmpeg."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.local.mediaconvert import ffmpeg, model
from pipeline.local.mediaconvert.service import MediaConvertService
from tests.local.mediaconvert import films
from tests.local.mediaconvert.conftest import Events
from tests.local.mediaconvert.examples import EXAMPLES, FILM, Example, refusals
from tests.local.mediaconvert.tiny_s3 import TinyS3

SECONDS = 1
ACCEPTED = [example for example in EXAMPLES if not refusals(example.as_request())]
REFUSED = [example for example in EXAMPLES if example not in ACCEPTED]


def name(example: Example) -> str:
    return example.name


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TinyS3]:
    store = TinyS3()
    folder = tmp_path_factory.mktemp("film")
    two_sounds = ("-map", "0:v", "-map", "1:a", "-map", "1:a")  # as the guide's selectors want them
    words = (*films.PICTURE, *films.SOUND, *films.X264, "-c:a", "aac", *two_sounds)
    # NTSC, as the guide expects: 90 frames at 30000/1001 in one rung and at the source's rate in the others.
    film = films.make(folder / "film.mp4", *words, rate="30000/1001", seconds=SECONDS)
    store.put(FILM.removeprefix("s3://"), film.read_bytes())
    yield store
    store.close()


@pytest.fixture(scope="module")
def events() -> Events:
    return Events()


@pytest.fixture(scope="module")
def service(store: TinyS3, events: Events, tmp_path_factory: pytest.TempPathFactory) -> Iterator[MediaConvertService]:
    service = MediaConvertService(tmp_path_factory.mktemp("home"), store.url, "eu-west-1", "123456789012", events.emit)
    yield service
    service.close()


def ask(service: MediaConvertService, example: Example) -> tuple[int, dict[str, Any]]:
    operation, _ = model.route("POST", "/2017-08-29/jobs")
    body = json.dumps(model._write(operation.input_shape, example.as_request())).encode()
    status, _, answer = service.handle("POST", "/2017-08-29/jobs", {}, body, {})
    return status, json.loads(answer)


@pytest.mark.parametrize("example", ACCEPTED, ids=name)
def test_it_is_encoded(service, store, events, example, tmp_path):
    status, answer = ask(service, example)
    assert status == 201, answer
    end = events.wait_for("COMPLETE", "ERROR", job_id=answer["job"]["id"], seconds=240)
    assert end["status"] == "COMPLETE", end.get("errorMessage")
    for group, details in zip(example.settings["OutputGroups"], end["outputGroupDetails"], strict=True):
        assert_made(store, group, details, tmp_path)


def assert_made(store: TinyS3, group: dict[str, Any], details: dict[str, Any], folder: Path) -> None:
    """Every file that the COMPLETE event names is there; films among them can be read and have the film's length."""
    named = [*details.get("playlistFilePaths", [])]
    named += [path for output in details["outputDetails"] for path in output.get("outputFilePaths", [])]
    assert named, details
    for url in named:
        stored = store.objects[url.removeprefix("s3://")].body
        assert stored
        if url.endswith((".mp4", ".m4a", ".mov")):
            path = folder / "made.mp4"
            path.write_bytes(stored)
            seen = ffmpeg.probe(["-of", "json", "-show_format", f"file:{path.name}"], cwd=folder)
            assert float(json.loads(seen.stdout)["format"]["duration"]) == pytest.approx(SECONDS, abs=0.15)


@pytest.mark.parametrize("example", REFUSED, ids=name)
def test_it_is_refused_with_a_path_of_every_setting_to_blame(service, example):
    status, answer = ask(service, example)
    assert status == 400
    settings = example.as_request()["Settings"]
    for refusal in refusals(example.as_request()):
        place = refusal.partition(": ")[0].partition(" is not honoured")[0].partition(" (")[0]
        assert place.startswith("/") or points_into(settings, place) or "leaving it out" in refusal, refusal
    assert answer["message"]


def points_into(value: Any, place: str) -> bool:
    """Whether a path of honoured's names something that the job has."""
    for part in model_path(place):
        try:
            value = value[part]
        except (KeyError, IndexError, TypeError):
            return False
    return True


def model_path(place: str) -> Iterator[str | int]:
    for part in place.split("."):
        head, *indices = part.replace("]", "").split("[")
        yield head
        yield from map(int, indices)
