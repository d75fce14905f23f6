"""A film is replaced, rolled back and deleted while somebody watches it: `vod rollback` and `vod delete` on a stack."""

from __future__ import annotations

import json
import time
import urllib.error
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

from pipeline.cli.films import Film as Upload
from tests.browser.watching import Complaints, Film, open_film, seen, until
from tests.e2e import films
from tests.e2e.conftest import Pipeline
from tests.e2e.test_operations import eventually, vod

pytest_plugins = ["tests.browser.chromium"]

KEY = "uploads/replaced.mp4"


def version_that_plays(page: Page) -> str:
    """The folder that the page's segments come from."""
    found = page.evaluate("performance.getEntriesByType('resource').map(each => each.name)")
    (version,) = {url.split("/v/")[1].split("/")[0] for url in found if "/v/" in url and ".cmf" in url}
    return version


def sources(pipeline: Pipeline) -> list[Any]:
    answer = pipeline.world.client("s3").list_object_versions(
        Bucket=pipeline.world.outputs["SourcesBucket"], Prefix=KEY
    )
    return [*answer.get("Versions", []), *answer.get("DeleteMarkers", [])]


def status(pipeline: Pipeline, path: str) -> int:
    try:
        pipeline.get(path)
    except urllib.error.HTTPError as error:
        return error.code
    return 200


@pytest.mark.parametrize("player", ["hls", "dash"])
def test_a_film_is_replaced_rolled_back_and_deleted_under_its_viewers_eyes(
    pipeline: Pipeline, film_folder: Path, page: Page, tmp_path: Path, pictures: Path, player: str
) -> None:
    first = films.make(film_folder, "first.mp4", *films.picture("640x360", 8), *films.sound(8), *films.H264, *films.AAC)
    second = films.make(film_folder, "second.mp4", *films.picture("640x360", 4), *films.H264)
    one = pipeline.send_all([Upload(first, KEY, ())])[0]
    watched = Film(pipeline.world.delivery_url, one.asset_id)
    complaints, refused = Complaints.of(page), []
    page.on("response", lambda answer: answer.status >= 400 and refused.append((answer.status, answer.url)))
    open_film(page, watched, player)
    of_one = version_that_plays(page)

    two = pipeline.send_all([Upload(second, KEY, ())])[0]
    assert (two.status, two.asset_id) == ("published", one.asset_id) and two.version != one.version
    # The viewer goes on: another quality and another place, both fetched after the newer film was published.
    page.evaluate("vod.engine.choose(vod.engine.qualities()[0].id); vod.video.currentTime = 5; vod.video.play(); 0")
    until(page, "vod.video.currentTime > 6")
    assert seen(page)["state"] == "ready" and version_that_plays(page) == of_one
    assert (refused, complaints.errors) == ([], [])
    later = page.context.new_page()
    open_film(later, watched, player)
    assert version_that_plays(later).startswith(two.version)

    rolled = vod(pipeline, tmp_path, "rollback", one.asset_id)
    assert rolled["plays"].startswith(one.version)
    time.sleep(2.5)  # how long CloudFront keeps a pointer
    later.reload()
    until(later, "window.vod && vod.state === 'ready' && vod.video.currentTime > 0.2")
    assert version_that_plays(later).startswith(one.version)

    kept = f"a/{one.asset_id}/v/{of_one}/asset.json"
    assert status(pipeline, kept) == 200 and len(sources(pipeline)) == 2
    report = vod(pipeline, tmp_path, "delete", one.asset_id, "--yes", "--purge-sources")
    assert {each["version_id"] for each in report["sources"]} and sources(pipeline) == []
    assert kept in report["outputs"]
    assert status(pipeline, kept) == 404  # what the edge had kept for a year is forgotten
    eventually(lambda: status(pipeline, f"a/{one.asset_id}/index.m3u8"), lambda answer: answer == 404, 10)
    later.reload()
    until(later, "window.vod && vod.state === 'removed'", 20)
    later.screenshot(path=pictures / "removed-for-good.png")
    versions = vod(pipeline, tmp_path, "versions", one.asset_id)["versions"]
    assert {each["status"] for each in versions} == {"removed"}
    assert json.loads(pipeline.get(f"a/{one.asset_id}/asset.json"))["status"] == "removed"
    vod(pipeline, tmp_path, "sweep", "--grace", "0")
    listed = pipeline.world.client("s3").list_objects_v2(
        Bucket=pipeline.world.outputs["OutputsBucket"], Prefix=f"a/{one.asset_id}/"
    )
    assert [entry["Key"] for entry in listed["Contents"]] == [f"a/{one.asset_id}/asset.json"]
