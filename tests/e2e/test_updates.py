"""Captions, a poster and words that come after a film: it plays with them soon, and nothing is encoded again."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import m3u8
import pytest
from playwright.sync_api import Page

from pipeline.cli.films import Film
from tests.browser.watching import Complaints, open_film, until
from tests.browser.watching import Film as Watched
from tests.e2e import films
from tests.e2e.conftest import Pipeline
from tests.e2e.test_operations import eventually, vod
from tests.lint import rules
from tests.lint.presentation import Presentation

pytest_plugins = ["tests.browser.chromium"]
STEM = "uploads/late/The Film"
ENGLISH = b"1\n00:00:00,200 --> 00:00:02,800\nHello\n"
FRENCH = b"1\n00:00:00,200 --> 00:00:02,800\nBonjour\n"


def beside(pipeline: Pipeline, end: str, body: bytes, stem: str = STEM) -> None:
    pipeline.world.client("s3").put_object(
        Bucket=pipeline.world.outputs["SourcesBucket"], Key=f"{stem}.{end}", Body=body
    )


def shown(pipeline: Pipeline, asset_id: str) -> dict[str, Any]:
    """asset.json as a viewer has it."""
    return json.loads(pipeline.get(f"a/{asset_id}/asset.json"))


def languages(asset: dict[str, Any]) -> list[str]:
    return [each["language"] for each in asset["captions"]]


def receipt(pipeline: Pipeline) -> dict[str, Any]:
    return pipeline.receipt(f"{STEM}.mp4")


def jobs(pipeline: Pipeline) -> int:
    pages = pipeline.world.client("mediaconvert").get_paginator("list_jobs").paginate()
    return sum(len(page["Jobs"]) for page in pages)


def wait_for(pipeline: Pipeline, asset_id: str, is_so: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """What viewers have once this is so, and nothing runs any more."""
    eventually(lambda: shown(pipeline, asset_id), is_so, 60)
    nothing_runs(pipeline)
    return shown(pipeline, asset_id)


def nothing_runs(pipeline: Pipeline) -> None:
    eventually(lambda: {each["status"] for each in pipeline.executions()}, lambda ends: "RUNNING" not in ends, 60)


def test_what_comes_late_joins_a_film_that_plays(
    pipeline: Pipeline, film_folder: Path, tmp_path: Path, page: Page, record_property: Any
) -> None:
    english = films.written(film_folder, "en.srt", ENGLISH)
    path = films.plain(film_folder)
    sent = pipeline.send_all([Film(path, f"{STEM}.mp4", ((english, f"{STEM}.en.srt"),))])[0]
    assert (sent.status, languages(shown(pipeline, sent.asset_id))) == ("published", ["en"])
    encoded = jobs(pipeline)

    # French, a day later.
    began = time.monotonic()
    beside(pipeline, "fr.srt", FRENCH)
    eventually(lambda: shown(pipeline, sent.asset_id), lambda asset: "fr" in languages(asset), 60)
    record_property("seconds_from_upload_to_edge", round(time.monotonic() - began, 2))
    asset = wait_for(pipeline, sent.asset_id, lambda asset: asset["revision"] == 2)
    assert sorted(languages(asset)) == ["en", "fr"] and asset["revision"] == 2
    hls = m3u8.loads(pipeline.get(f"a/{sent.asset_id}/index.m3u8").decode())
    assert sorted(each.language for each in hls.media if each.type == "SUBTITLES") == ["en", "fr"]
    mpd = pipeline.get(f"a/{sent.asset_id}/index.mpd").decode()
    assert 'lang="fr"' in mpd and ".." not in mpd
    assert b"Bonjour" in pipeline.get(f"a/{sent.asset_id}/{asset['captions'][1]['vtt']}")

    # A poster and words at once: one revision or two, as it happens.
    picture = films.make(film_folder, "poster.jpg", *films.picture("320x180", 1, "1"), "-frames:v", "1")
    beside(pipeline, "jpg", picture.read_bytes())
    beside(pipeline, "json", b'{"title": "A Title", "description": "Of a film."}')
    asset = wait_for(
        pipeline, sent.asset_id, lambda asset: asset["title"] == "A Title" and "-sidecar" in asset["poster"]
    )
    assert pipeline.get(f"a/{sent.asset_id}/{asset['poster']}") == picture.read_bytes()
    assert asset["description"] == "Of a film." and languages(asset) == ["en", "fr"]

    # Captions replaced by what is none: those before are kept, and the receipt says so.
    after = asset["revision"]
    beside(pipeline, "fr.srt", b"no captions at all")
    asset = wait_for(pipeline, sent.asset_id, lambda asset: asset["revision"] > after)
    assert b"Bonjour" in pipeline.get(f"a/{sent.asset_id}/{asset['captions'][1]['vtt']}")
    (french,) = [each for each in receipt(pipeline)["captions"] if each["file"] == "The Film.fr.srt"]
    assert "the captions made of it before are kept" in french["warnings"][0]

    # A wrong JSON file: the film plays on, and the receipt says what is wrong.
    beside(pipeline, "json", b'{"title": 7}')
    eventually(lambda: receipt(pipeline).get("error"), bool)
    said = receipt(pipeline)
    assert (said["status"], said["error"]["code"]) == ("published", "INPUT_SIDECAR_WRONG")
    assert shown(pipeline, sent.asset_id) == asset
    nothing_runs(pipeline)
    beside(pipeline, "json", b'{"title": "Another"}')
    asset = wait_for(pipeline, sent.asset_id, lambda asset: asset["title"] == "Another")
    assert "error" not in receipt(pipeline)

    # What has gone stays in what plays, until an operator says so.
    for end in ("en.srt", "jpg"):
        pipeline.world.client("s3").delete_object(Bucket=pipeline.world.outputs["SourcesBucket"], Key=f"{STEM}.{end}")
    done = vod(pipeline, tmp_path, "update", sent.asset_id)
    assert done["removed"] == ["The Film.en.srt", "The Film.jpg"]
    asset = wait_for(pipeline, sent.asset_id, lambda asset: languages(asset) == ["fr"])
    assert asset["poster"].split("/")[1] == f"{sent.version}-r1"

    assert jobs(pipeline) == encoded, "nothing was encoded again"
    assert lint(pipeline, sent.asset_id) == []
    watch_with_captions(pipeline, page, sent.asset_id)
    vod(pipeline, tmp_path, "sweep", "--grace", "0")
    assert shown(pipeline, sent.asset_id) == asset, "nothing is left to follow up"
    (version,) = vod(pipeline, tmp_path, "versions", sent.asset_id)["versions"]
    assert (
        version["status"] == "published" and version["revision"] == version["published_revision"] == asset["revision"]
    )


def lint(pipeline: Pipeline, asset_id: str) -> list[str]:
    store, bucket, folder = pipeline.world.client("s3"), pipeline.world.outputs["OutputsBucket"], f"a/{asset_id}/"
    pages = store.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=folder)
    keys = [item["Key"] for each in pages for item in each["Contents"]]
    files = {key.removeprefix(folder): store.get_object(Bucket=bucket, Key=key)["Body"].read() for key in keys}
    return rules.check(Presentation(files, "index.m3u8", "index.mpd"))


def watch_with_captions(pipeline: Pipeline, page: Page, asset_id: str) -> None:
    """Both players show the French words over the pictures of the first revision."""
    words = "[...vod.video.textTracks].flatMap((one) => [...(one.activeCues || [])].map((cue) => cue.text))"
    for player in ("hls", "dash"):
        complaints = Complaints.of(page)
        open_film(page, Watched(pipeline.world.delivery_url, asset_id), player)
        page.keyboard.press("c")
        until(page, f"{words}.includes('Bonjour')")
        assert complaints.errors == []


@pytest.fixture
def slow_film(film_folder: Path) -> Path:
    return films.make(
        film_folder, "slow.mp4", *films.picture("1280x720", 12), *films.sound(12), *films.H264, *films.AAC
    )


def test_captions_that_come_in_mid_encode_follow_at_its_end(pipeline: Pipeline, slow_film: Path) -> None:
    from tests.e2e.test_operations import begun

    stem = "uploads/late/Mid encode"
    follower = begun(pipeline, Film(slow_film, f"{stem}.mp4"))
    beside(pipeline, "fr.srt", FRENCH, stem)
    asset = eventually(
        lambda: json.loads(pipeline.get(f"a/{follower.asset_id}/asset.json")),
        lambda asset: asset.get("revision") == 2 and asset["status"] == "published",
        120,
    )
    assert languages(asset) == ["fr"]
    assert pipeline.wait(follower).status == "published"
