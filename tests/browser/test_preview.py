"""A held film is watched where it is: in its run's own folder, by a link that whoever approves it was given."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
from playwright.sync_api import Page

from tests.browser.film import ASSET, VERSION, asset_json
from tests.browser.watching import Film, until, watch
from tests.local.edge.stub_s3 import StubS3

pytest_plugins = ["tests.browser.chromium"]
pytestmark = pytest.mark.xdist_group("browser")  # one film, one Chromium

HELD = "held-film-1a2b3c4d"
RUN = VERSION.removeprefix("v/")


@pytest.fixture
def held(bucket: StubS3) -> str:
    """The film's version under another asset, whose own asset.json says that it is being prepared."""
    for key, thing in list(bucket.objects.items()):
        if key.startswith(f"a/{ASSET}/{VERSION}/"):
            bucket.objects[key.replace(ASSET, HELD, 1)] = thing
    for name in ("index.m3u8", "index.mpd"):
        published = bucket.objects[f"a/{ASSET}/{name}"]
        inside = published.body.replace(f"{VERSION}/".encode(), b"").replace(b"<BaseURL></BaseURL>", b"")
        bucket.put(f"a/{HELD}/{VERSION}/{name}", inside, published.headers["Content-Type"])
    told = asset_json(asset_id=HELD, title="The held picture")
    bucket.put(f"a/{HELD}/{VERSION}/asset.json", json.dumps(told), "application/json")
    waits = asset_json(asset_id=HELD, title="The held picture", status="processing", message="Not yet.")
    bucket.put(f"a/{HELD}/asset.json", json.dumps(waits), "application/json")
    return HELD


@dataclasses.dataclass(frozen=True)
class Preview(Film):
    run: str = RUN

    def url(self, player: str = "hls") -> str:
        return f"{super().url(player)}&run={self.run}"


@pytest.mark.parametrize("player", ["hls", "dash"])
def test_a_preview_plays_with_its_poster_and_says_what_it_is(
    film: Film, held: str, page: Page, pictures: Path, player: str
) -> None:
    watch(page, Preview(film.edge_url, held), player, 1, pictures / f"preview-{player}.png")
    assert page.locator('[data-part="preview"]').is_visible()
    assert page.evaluate("vod.video.poster").endswith(f"/a/{HELD}/{VERSION}/poster.0000000.jpg")


def test_viewers_of_the_film_s_own_address_see_nothing_of_it(film: Film, held: str, page: Page) -> None:
    page.goto(Film(film.edge_url, held).url())
    until(page, "window.vod && vod.state === 'processing'")
    assert page.locator('[data-part="preview"]').is_hidden()


@pytest.mark.parametrize(
    "run", ["", "../../other/v/1-r1", "0123abcd", "0123ABCD-r1", "0123abcd-r0", "0123abcd-r1/x", "%2e"]
)
def test_what_is_no_run_is_not_asked_for(film: Film, held: str, bucket: StubS3, page: Page, run: str) -> None:
    bucket.asked.clear()
    page.goto(f"{film.edge_url}/?asset={held}&run={run}")
    until(page, "window.vod && vod.state === 'notfound'")
    assert not [path for _, path, _ in bucket.asked if "asset.json" in path]
