"""A film goes in, and a viewer watches it: the whole pipeline's output in real players, from the real edge."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page

from pipeline.cli.films import Film as Upload
from tests.browser.watching import Film, until, watch
from tests.e2e import films
from tests.e2e.conftest import Pipeline

pytest_plugins = ["tests.browser.chromium"]

WORDS = "A boat leaves the harbour."


@pytest.fixture(scope="module")
def harbour(pipeline: Pipeline, film_folder: Path) -> Film:
    film = films.plain(film_folder, seconds=8)
    captions = film_folder / "harbour.en.vtt"
    captions.write_text(f"WEBVTT\n\n00:00:00.000 --> 00:00:08.000\n{WORDS}\n")
    upload = Upload(film, "uploads/harbour.mp4", ((captions, "uploads/harbour.en.vtt"),))
    (result,) = pipeline.send_all([upload])
    assert (result.status, result.error) == ("published", None)
    return Film(pipeline.world.delivery_url, result.asset_id)


@pytest.mark.parametrize("player", ["hls", "dash"])
def test_five_seconds_play_with_picture_sound_and_captions(
    harbour: Film,
    page: Page,
    pictures: Path,
    player: str,
) -> None:
    found = watch(page, harbour, player, 5, pictures / f"pipeline-{player}.png")
    assert (found["width"], found["height"]) == (480, 270)
    assert found["frames"] >= 100 and found["audio"] > 10_000
    page.keyboard.press("c")
    shown = "[...vod.video.textTracks].flatMap(t => t.mode === 'showing' ? [...(t.activeCues || [])] : [])"
    until(page, f"{shown}.length")
    assert page.evaluate(f"{shown}.map(cue => cue.text)") == [WORDS]


def test_the_page_says_why_a_rejected_upload_does_not_play(
    pipeline: Pipeline,
    film_folder: Path,
    page: Page,
) -> None:
    not_a_film = film_folder / "notes.mp4"
    not_a_film.write_text("These are only words.")
    result = pipeline.send(not_a_film)
    assert result.status == "rejected"
    page.goto(f"{pipeline.world.delivery_url}/?asset={result.asset_id}")
    until(page, "window.vod && vod.state === 'rejected'")
    assert page.locator('[data-part="notice-text"]').inner_text()
