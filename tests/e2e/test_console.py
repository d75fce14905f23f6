"""The console over the whole stack: films sent as a browser sends them, and looked at until they have ended."""

from __future__ import annotations

import json
import os
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.cli.console import served
from pipeline.cli.world import spoken_to
from tests.e2e import films
from tests.e2e.conftest import Pipeline


class Page:
    """What the console's page does, in a browser that keeps to its origin."""

    def __init__(self, origin: str):
        self.origin = origin

    def get(self, path: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
        return _fetch(urllib.request.Request(f"{self.origin}{path}", headers=headers))

    def read(self, path: str) -> Any:
        return json.loads(self.get(path)[2])

    def post(self, path: str, body: Any) -> Any:
        headers = {"Origin": self.origin, "X-Vod-Console": "1", "Content-Type": "application/json"}
        status, _, answer = _fetch(urllib.request.Request(f"{self.origin}{path}", json.dumps(body).encode(), headers))
        assert status == 200, answer
        return json.loads(answer)

    def put(self, url: str, part: bytes) -> str:
        """One part, with the preflight that a browser sends first; the ETag must be one that a page may read."""
        asked = {"Origin": self.origin, "Access-Control-Request-Method": "PUT"}
        status, answer, _ = _fetch(urllib.request.Request(url, headers=asked, method="OPTIONS"))
        assert (status, answer["access-control-allow-origin"]) == (200, self.origin)
        status, answer, _ = _fetch(urllib.request.Request(url, part, {"Origin": self.origin}, method="PUT"))
        assert (status, answer["access-control-expose-headers"]) == (200, "ETag")
        return answer["etag"]

    def upload(self, name: str, body: bytes, folder: str = "") -> str:
        begun = self.post("/api/uploads", {"name": name, "folder": folder, "size": len(body), "type": ""})
        size, done = begun["part_size"], []
        for part in begun["parts"]:
            start = (part["number"] - 1) * size
            done.append({"number": part["number"], "etag": self.put(part["url"], body[start : start + size])})
        named = {"key": begun["key"], "upload_id": begun["upload_id"]}
        self.post("/api/uploads/complete", {**named, "parts": done})
        return begun["key"]

    def watch(self, key: str, until: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Poll the list as the page does until the film of this key is as wanted."""
        deadline, found = time.monotonic() + 120, None
        while time.monotonic() < deadline:
            listed = self.read("/api/executions")["executions"]
            found = next((one for one in listed if one["film"] == key), None)
            if found and until(found):
                return found
            time.sleep(0.5)
        raise AssertionError(f"{key}: {found}")


def _fetch(request: urllib.request.Request) -> tuple[int, dict[str, str], bytes]:
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, {name.lower(): value for name, value in answer.headers.items()}, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, {name.lower(): value for name, value in error.headers.items()}, error.read()


@pytest.fixture(scope="module")
def page(pipeline: Pipeline) -> Iterator[Page]:
    with spoken_to(pipeline.world), served(pipeline.world, port=0) as origin:
        yield Page(origin)


def has_ended(found: dict[str, Any]) -> bool:
    return found["status"] in ("published", "rejected", "failed") and found["execution_status"] == "SUCCEEDED"


def test_a_film_dropped_on_the_page_is_published_and_told_state_by_state(page: Page, film_folder: Path) -> None:
    film = films.plain(film_folder, 2)
    key = page.upload("Größe & Mehr.mp4", film.read_bytes(), "from the page")
    assert key == "uploads/from the page/Größe & Mehr.mp4"
    found = page.watch(key, has_ended)
    assert (found["status"], found["code"]) == ("published", None) and found["stopped_at"] > found["started_at"]
    told = page.read(f"/api/executions/{found['name']}")
    states = {state["name"]: state for state in told["states"]}
    assert {state["status"] for state in states.values()} == {"succeeded"}
    assert states["Transcode streams"]["inside"] == "Transcode" and states["Transcode"]["kind"] == "Parallel"
    assert json.loads(states["Probe source"]["input"])["upload"]["key"] == key
    assert "source" in json.loads(states["Probe source"]["output"])
    assert [(job["role"], job["status"], job["percent"]) for job in told["jobs"]] == [("streams", "COMPLETE", 100)]
    assert told["links"]["player"].endswith(f"/?asset={found['asset_id']}")
    assert _fetch(urllib.request.Request(told["links"]["asset_json"]))[0] == 200
    assert page.get(told["links"]["receipt"])[0] == 200  # through the redirect, from S3
    path = f"/api/executions/{found['name']}"
    assert page.get(path, **{"If-None-Match": page.get(path)[1]["etag"]})[0] == 304


def test_a_file_of_two_parts_that_is_no_film_is_rejected_and_the_box_says_why(page: Page) -> None:
    key = page.upload("noise.mp4", os.urandom(9 << 20))
    found = page.watch(key, has_ended)
    assert (found["status"], found["code"]) == ("rejected", "INPUT_NOT_A_FILM")
    told = page.read(f"/api/executions/{found['name']}")
    states = {state["name"]: state for state in told["states"]}
    probe = states["Probe source"]
    # A second look before a file is called bad, and then the Catch.
    assert (probe["status"], probe["error"], probe["attempts"]) == ("caught", "SourceUnreadable", 2)
    assert probe["failed_attempts"] == 2 and "noise.mp4" in probe["cause"]
    assert states["Upload rejected"]["status"] == "succeeded" and told["error"]["code"] == "INPUT_NOT_A_FILM"
    history = page.read(f"/api/executions/{found['name']}/history")
    assert history["next"] is None and history["events"][-1]["type"] == "ExecutionSucceeded"
    assert any(event["state"] == "Probe source" and "Failed" in event["type"] for event in history["events"])
    drawn = page.read(f"/api/graph?execution={found['name']}")["svg"]
    assert all(f'data-state="{name}"' in drawn for name in states)


def test_a_film_that_is_cancelled_from_the_page_is_red_where_it_was(page: Page, film_folder: Path) -> None:
    film = films.plain(film_folder, 20)
    key = page.upload("cancelled.mp4", film.read_bytes())
    found = page.watch(key, lambda one: one["status"] == "transcoding" and one["percent"] is not None)
    answer = page.post(f"/api/executions/{found['name']}/cancel", {})
    assert [run["execution"] for run in answer["cancelled"]] == [found["name"]]
    page.watch(key, lambda one: one["status"] == "cancelled" and one["execution_status"] == "ABORTED")
    states = {state["name"]: state["status"] for state in page.read(f"/api/executions/{found['name']}")["states"]}
    assert states["Transcode"] == states["Transcode streams"] == "aborted" and states["Probe source"] == "succeeded"


def test_an_upload_that_is_given_up_leaves_nothing_in_the_bucket(page: Page, pipeline: Pipeline) -> None:
    begun = page.post("/api/uploads", {"name": "given up.mp4", "folder": "", "size": 9 << 20, "type": "video/mp4"})
    page.put(begun["parts"][0]["url"], os.urandom(8 << 20))
    page.post("/api/uploads/abort", {"key": begun["key"], "upload_id": begun["upload_id"]})
    s3, bucket = pipeline.world.client("s3"), pipeline.world.outputs["SourcesBucket"]
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=bucket)
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket, Prefix=begun["key"])


def test_other_sites_cannot_upload_with_the_pages_urls(page: Page) -> None:
    begun = page.post("/api/uploads", {"name": "x.mp4", "folder": "", "size": 1, "type": ""})
    asked = {"Origin": "https://evil.example", "Access-Control-Request-Method": "PUT"}
    assert _fetch(urllib.request.Request(begun["parts"][0]["url"], headers=asked, method="OPTIONS"))[0] == 403
    page.post("/api/uploads/abort", {"key": begun["key"], "upload_id": begun["upload_id"]})
