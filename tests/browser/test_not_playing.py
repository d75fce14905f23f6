"""No film to show: the page says why in plain words, and looks again where that helps."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from playwright.sync_api import Page

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
