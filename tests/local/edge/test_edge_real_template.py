"""The template we deploy, read by the edge: what it promises about lifetimes, refusals and the page's policy."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from pipeline.local.edge import Edge, serve
from pipeline.local.home import default_home
from pipeline.local.player_build import PLAYER, build
from pipeline.local.synth import synthesise
from tests.local.edge.stub_s3 import StubS3

SEGMENT = "a/film/v/1-r1/stream_720p_000000001.cmfv"


@pytest.fixture(scope="module")
def origin() -> Iterator[StubS3]:
    stub = StubS3()
    stub.put(SEGMENT, b"x" * 2000, "video/mp4")
    stub.put("a/film/v/1-r1/stream.m3u8", "#EXTM3U\n" * 500, "application/vnd.apple.mpegurl")
    stub.put("a/film/asset.json", "{}", "application/json")
    stub.put("site/index.html", "<h1>films</h1>", "text/html")
    stub.put("site/player/page.0123.js", "1", "text/javascript")
    stub.put("w/film/plan.json", "{}", "application/json")
    yield stub
    stub.stop()


@pytest.fixture(scope="module")
def viewer(origin: StubS3, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    home = default_home()
    build(home)
    template = synthesise(home).template
    buckets = [key for key, item in template["Resources"].items() if item["Type"] == "AWS::S3::Bucket"]
    physical = {logical: logical.lower() for logical in buckets}
    edge = Edge(template, physical, origin.url, tmp_path_factory.mktemp("edge"))
    with serve(edge) as serving, httpx.Client(base_url=serving.url, trust_env=False) as client:
        yield client


@pytest.mark.parametrize(
    ("path", "cache_control"),
    [
        (f"/{SEGMENT}", None),  # its ETag is asked again: MediaConvert cannot set Cache-Control
        ("/a/film/v/1-r1/stream.m3u8", None),
        ("/a/film/asset.json", "public, max-age=2"),
        ("/", "public, max-age=60"),
    ],
)
def test_browsers_are_told_how_long_each_kind_lasts(viewer: httpx.Client, path: str, cache_control: str | None) -> None:
    answer = viewer.get(path)
    assert (answer.status_code, answer.headers.get("cache-control")) == (200, cache_control)


def test_missing_is_404_and_what_is_not_delivered_is_403(viewer: httpx.Client) -> None:
    assert viewer.get("/a/none/asset.json").status_code == 404
    assert viewer.get("/w/film/plan.json").status_code == 404  # the page's origin reads below site/ only
    assert viewer.get("/a/../w/film/plan.json").status_code == 404
    assert viewer.get("/a/%2e%2e/w/film/plan.json").status_code in (403, 404)


def test_the_page_has_the_policy_it_was_written_for(viewer: httpx.Client) -> None:
    csp = " ".join((PLAYER / "csp.txt").read_text().split())
    assert viewer.get("/").headers["content-security-policy"].split("; ") == csp.split("; ")


def test_players_of_other_sites_may_read_films(viewer: httpx.Client) -> None:
    other = {"origin": "https://elsewhere.example"}
    assert viewer.get(f"/{SEGMENT}", headers=other).headers["access-control-allow-origin"] == "*"
    asked = other | {"access-control-request-method": "GET", "access-control-request-headers": "range"}
    preflight = viewer.options(f"/{SEGMENT}", headers=asked)
    assert (preflight.status_code, preflight.headers["access-control-allow-origin"]) == (200, "*")


def test_playlists_are_compressed_and_segments_are_not(viewer: httpx.Client) -> None:
    assert viewer.get("/a/film/v/1-r1/stream.m3u8").headers["content-encoding"] == "gzip"
    assert "content-encoding" not in viewer.get(f"/{SEGMENT}").headers
