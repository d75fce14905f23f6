"""A viewer opens the page, and the film plays: in hls.js, in Shaka Player, with captions and chosen qualities."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.film import DESCRIPTION
from tests.browser.watching import Complaints, Film, open_film, seen, until, watch

pytest_plugins = ["tests.browser.chromium"]
pytestmark = pytest.mark.xdist_group("browser")  # one film, one Chromium


@pytest.mark.parametrize("player", ["hls", "dash"])
def test_five_seconds_play_with_picture_and_sound(film: Film, page: Page, pictures: Path, player: str) -> None:
    found = watch(page, film, player, 5, pictures / f"playing-{player}.png")
    assert (found["width"], found["height"]) in {(640, 360), (320, 180)}
    assert found["frames"] >= 100
    assert found["audio"] > 10_000
    assert sorted(found["qualities"]) == [180, 360]


@pytest.mark.parametrize("player", ["hls", "dash"])
def test_a_chosen_quality_is_the_one_shown(film: Film, page: Page, player: str) -> None:
    open_film(page, film, player)
    for label, height in (("180p", 180), ("360p", 360), ("180p", 180)):
        page.locator('[data-control="settings"]').click()
        page.locator('[data-group="quality"] label').filter(
            has=page.get_by_text(label, exact=True), has_not_text="Auto"
        ).click()
        until(page, f"vod.video.videoHeight === {height}", 20)
        assert page.locator('[data-group="quality"] input:checked').evaluate("input => input.value") != "auto"
        page.keyboard.press("Escape")
        page.evaluate("vod.video.currentTime = 0.1; vod.video.play()")
    until(page, "document.querySelector('[data-control=badge]').textContent === '180p'")


@pytest.mark.parametrize("player", ["hls", "dash"])
def test_captions_show_their_words_once(film: Film, page: Page, player: str) -> None:
    open_film(page, film, player)
    page.keyboard.press("c")
    until(page, "[...vod.video.textTracks].some(t => t.mode === 'showing' && t.activeCues?.length)")
    words = "[...vod.video.textTracks].flatMap(t => [...(t.activeCues || [])].map(c => c.text))"
    assert page.evaluate(words) == ["A test picture moves."]
    assert page.locator('[data-control="captions"]').get_attribute("aria-pressed") == "true"
    page.locator('[data-control="settings"]').click()
    menu = page.locator('[data-group="captions"] label')
    assert menu.all_inner_texts() == ["Off", "English"]  # the manifests' captions are the same ones, not more
    menu.first.click()
    until(page, "[...vod.video.textTracks].every(t => t.mode !== 'showing')")


def test_what_the_films_owner_writes_is_read_as_text(film: Film, page: Page) -> None:
    open_film(page, film)
    shown = page.locator('[data-part="description"]')
    assert shown.inner_text() == DESCRIPTION and page.evaluate("window.markup") is None
    assert shown.evaluate("element => element.children.length") == 0


def test_the_switch_goes_to_dash_and_back(film: Film, page: Page) -> None:
    open_film(page, film)
    page.get_by_role("link", name="DASH").click()
    until(page, "window.vod && vod.engine && vod.engine.name === 'Shaka Player'")
    page.get_by_role("link", name="HLS").click()
    until(page, "window.vod && vod.engine && vod.engine.name === 'hls.js'")


def test_the_keyboard_is_enough(film: Film, page: Page) -> None:
    open_film(page, film)
    page.keyboard.press(" ")
    until(page, "vod.video.paused")
    before = seen(page)["time"]
    page.keyboard.press("ArrowRight")
    assert seen(page)["time"] == pytest.approx(min(before + 5, 8), abs=0.2)
    page.keyboard.press("m")
    assert page.evaluate("vod.video.muted") is False
    page.keyboard.press("k")
    until(page, "!vod.video.paused || vod.video.ended")
    page.keyboard.press("f")
    until(page, "document.fullscreenElement !== null")


def test_every_control_has_a_name(film: Film, page: Page) -> None:
    open_film(page, film)
    page.locator('[data-control="settings"]').click()
    nameless = page.evaluate(
        """[...document.querySelectorAll('button, input, a, output')].filter(e => e.checkVisibility()
            && !(e.ariaLabel || e.textContent.trim() || e.labels?.length)).map(e => e.outerHTML)"""
    )
    assert nameless == []


@pytest.mark.parametrize("player", ["hls", "dash"])
def test_a_film_that_stops_says_so_and_goes_on_from_there(film: Film, page: Page, player: str) -> None:
    page.route("**/*.m4s", lambda route: route.abort() if "00003" in route.request.url else route.continue_())
    open_film(page, film, player)
    until(page, "vod.state === 'network'", 60)
    assert page.locator('[data-part="stopped-title"]').inner_text() == "We cannot reach the film"
    stopped_at = seen(page)["time"]
    page.unroute("**/*.m4s")
    page.locator('[data-part="again"]').click()
    until(page, f"vod.state === 'ready' && vod.video.currentTime > {stopped_at}", 20)


@pytest.mark.parametrize("player", ["hls", "dash"])
def test_nothing_is_fetched_from_elsewhere(film: Film, page: Page, player: str) -> None:
    fetched: list[str] = []
    page.on("request", lambda request: fetched.append(request.url))
    complaints = Complaints.of(page)
    open_film(page, film, player)
    assert [url for url in fetched if not url.startswith((film.edge_url, "blob:", "data:"))] == []
    assert complaints.errors == []


def test_the_menu_says_what_each_quality_costs(film: Film, page: Page, pictures: Path) -> None:
    open_film(page, film)
    page.locator('[data-control="settings"]').click()
    hints = page.locator('[data-group="quality"] label small').all_inner_texts()
    # (average bitrate of the rendition + 128 kbit/s of sound) for 8 seconds
    assert hints[1:] == ["828 kB", "328 kB"]
    page.screenshot(path=pictures / "menu.png")


def test_the_seek_bar_shows_the_picture_of_the_place(film: Film, page: Page, pictures: Path) -> None:
    fetched: list[str] = []
    page.on("request", lambda request: fetched.append(request.url))
    complaints = Complaints.of(page)
    open_film(page, film)
    assert not [url for url in fetched if "storyboard.vtt" in url]  # nobody has pointed at the bar
    bar = page.locator('[data-control="seek"]').bounding_box()
    assert bar
    preview, picture = page.locator('[data-control="preview"]'), page.locator('[data-control="preview"] img')
    for share, moved in ((0.25, "translate(0px, 0px)"), (0.9, "translate(-320px, 0px)")):
        page.mouse.move(bar["x"] + share * bar["width"], bar["y"] + bar["height"] / 2)
        until(page, f"document.querySelector('[data-control=preview] img').style.transform.includes('{moved}')")
        until(page, "document.querySelector('[data-control=preview] img').naturalWidth === 640")
        assert preview.is_visible()
        box = preview.bounding_box()
        assert box and box["x"] >= bar["x"] - 3 and box["x"] + box["width"] <= bar["x"] + bar["width"] + 3
        assert box["y"] + box["height"] <= bar["y"] + 2
    assert page.locator('[data-control="preview-time"]').inner_text() == "0:07"
    page.screenshot(path=pictures / "preview.png")
    page.mouse.move(5, 5)
    assert preview.is_hidden() and picture.count() == 1
    assert complaints.errors == []


def test_on_a_phone_everything_is_within_reach(film: Film, browser: Browser, pictures: Path) -> None:
    context = browser.new_context(
        viewport={"width": 390, "height": 844},
        device_scale_factor=2,
        has_touch=True,
        is_mobile=True,
        color_scheme="dark",
    )
    page = context.new_page()
    open_film(page, film)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.locator('[data-control="settings"]').tap()
    assert page.locator('[data-control="menu"]').is_visible() and not seen(page)["paused"]
    page.screenshot(path=pictures / "phone.png")
    for box in (each.bounding_box() for each in page.locator(".buttons button:visible, .menu label:visible").all()):
        assert box and box["x"] >= 0 and box["x"] + box["width"] <= 390 and box["height"] >= 36
    page.touchscreen.tap(200, 100)
    until(page, "document.querySelector('[data-control=menu]').hidden")
    page.evaluate("document.querySelector('[data-part=stage]').dataset.idle = 'yes'")
    page.touchscreen.tap(200, 100)  # asks for the bar
    page.wait_for_timeout(100)
    assert not seen(page)["paused"] and page.locator('[data-part="stage"]').get_attribute("data-idle") == "no"
    page.touchscreen.tap(200, 100)
    until(page, "vod.video.paused")
    context.close()


SAFARI = (
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/17.4 Safari/605.1.15"
)


def test_a_browser_that_plays_hls_itself_is_let_to(film: Film, browser: Browser, pictures: Path) -> None:
    """The path Safari takes. Chromium knows HLS too by now, so that under Safari's name it can walk it."""
    context = browser.new_context(user_agent=SAFARI)
    page = context.new_page()
    page.goto(film.edge_url)
    if not page.evaluate("document.createElement('video').canPlayType('application/vnd.apple.mpegurl')"):
        pytest.skip("this Chromium does not play HLS by itself")
    complaints = Complaints.of(page)
    open_film(page, film)
    until(page, "vod.video.currentTime >= 2")
    found = seen(page)
    assert (found["kind"], found["engine"], found["error"]) == ("native", "this browser", None)
    assert found["width"] > 0 and found["audio"] > 0
    assert complaints.errors == []
    context.close()
