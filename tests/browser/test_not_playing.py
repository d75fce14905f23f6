"""No film to show: the page says why in plain words, and looks again where that helps."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.film import ASSET, asset_json
from tests.browser.watching import Film, until
from tests.local.edge.stub_s3 import StubS3

pytest_plugins = ["tests.browser.chromium"]
pytestmark = pytest.mark.xdist_group("browser")  # one film, one Chromium

TITLES = {
    "processing": "This film is still being prepared",
    "rejected": "This film could not be accepted",
    "failed": "Something went wrong on our side",
    "removed": "This film has been removed",
}


def _publish(bucket: StubS3, asset_id: str, status: str, message: str = "") -> None:
    body = asset_json(asset_id=asset_id, status=status, message=message, title="Holiday in Wales")
    bucket.put(f"a/{asset_id}/asset.json", json.dumps(body), "application/json")


def _title(page: Page) -> str:
    until(page, "window.vod && vod.state !== 'loading'")
    return page.locator('[data-part="notice-title"]').inner_text()


@pytest.mark.parametrize("asset_id", ["no-such-film-00000000", "../w/secret", "a b", "%00", "<img src=x>"])
def test_an_unknown_name_is_said_to_be_unknown(film: Film, page: Page, pictures: Path, asset_id: str) -> None:
    page.goto(f"{film.edge_url}/")
    page.locator("#name").fill(asset_id)
    page.get_by_role("button", name="Watch").click()
    page.wait_for_url("**/?asset=*")
    assert _title(page) == "We have no film with this name"
    assert page.locator("#name").input_value() == asset_id
    page.screenshot(path=pictures / "not-found.png")


@pytest.mark.parametrize("status", TITLES)
def test_a_film_that_is_not_published_says_why(
    film: Film, bucket: StubS3, page: Page, pictures: Path, status: str
) -> None:
    _publish(bucket, f"{status}-film-1", status, "The file has no picture, only sound.")
    page.goto(f"{film.edge_url}/?asset={status}-film-1")
    assert _title(page) == TITLES[status]
    assert page.locator('[data-part="notice-text"]').inner_text() == "The file has no picture, only sound."
    assert page.locator('[data-part="notice-film"]').inner_text() == "Holiday in Wales"
    page.screenshot(path=pictures / f"{status}.png")


def test_a_film_being_prepared_says_how_far_it_is(film: Film, bucket: StubS3, page: Page, pictures: Path) -> None:
    body = asset_json(asset_id="half-film-1", status="processing", message="", title="Holiday in Wales", percent=42)
    bucket.put("a/half-film-1/asset.json", json.dumps(body), "application/json")
    page.goto(f"{film.edge_url}/?asset=half-film-1")
    until(page, "window.vod && vod.state === 'processing'")
    assert page.locator('[data-part="progress"]').get_attribute("value") == "42"
    page.screenshot(path=pictures / "progress.png")


def test_a_film_being_prepared_starts_by_itself_when_it_is_published(film: Film, bucket: StubS3, page: Page) -> None:
    _publish(bucket, "later-film-1", "processing")
    page.add_init_script(
        "addEventListener('DOMContentLoaded', () => { document.querySelector('video').muted = true; })"
    )
    page.goto(f"{film.edge_url}/?asset=later-film-1")
    assert _title(page) == TITLES["processing"]
    for key in [key for key in bucket.objects if key.startswith(f"a/{ASSET}/")]:
        bucket.objects[key.replace(ASSET, "later-film-1")] = bucket.objects[key]
    until(page, "vod.state === 'ready' && vod.video.currentTime > 0.5", 30)


def test_without_a_connection_the_page_offers_to_try_again(film: Film, page: Page) -> None:
    page.route("**/asset.json", lambda route: route.abort())
    page.goto(film.url())
    assert _title(page) == "We cannot reach the film"
    page.unroute("**/asset.json")
    page.get_by_role("button", name="Try again").click()
    until(page, "vod.state === 'ready'")


def test_without_a_name_the_page_asks_for_one(film: Film, page: Page) -> None:
    page.goto(f"{film.edge_url}/")
    assert _title(page) == "Which film would you like to see?"
    page.get_by_label("Name of the film").fill(ASSET)
    page.keyboard.press("Enter")
    page.wait_for_url("**/?asset=*")
    until(page, "window.vod && vod.state === 'ready'")


def test_a_sound_shows_its_cover_and_no_cover_shows_a_note(
    film: Film, bucket: StubS3, page: Page, pictures: Path
) -> None:
    """What the page makes of asset.json; the sound itself is the test film's."""
    for name, poster in (("cover", asset_json()["poster"]), ("plain", None)):
        for key in [key for key in bucket.objects if key.startswith(f"a/{ASSET}/")]:
            bucket.objects[key.replace(ASSET, f"{name}-song-1")] = bucket.objects[key]
        body = asset_json(
            asset_id=f"{name}-song-1",
            audio_only=True,
            width=None,
            height=None,
            renditions=[],
            poster=poster,
            storyboard=None,
        )
        bucket.put(f"a/{name}-song-1/asset.json", json.dumps(body), "application/json")
        page.goto(f"{film.edge_url}/?asset={name}-song-1")
        until(page, "vod.state === 'ready'")
        assert page.locator(".stage .sound").is_visible() is (poster is None)
        assert bool(page.locator("video").get_attribute("poster")) is bool(poster)
        page.screenshot(path=pictures / f"sound-{name}.png")


def test_in_the_dark_the_page_is_dark(film: Film, browser: Browser, pictures: Path) -> None:
    context = browser.new_context(color_scheme="dark")
    page = context.new_page()
    page.goto(f"{film.edge_url}/")
    until(page, "window.vod && vod.state === 'home'")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(20, 18, 15)"
    page.screenshot(path=pictures / "dark.png")
    context.close()
