"""The console's page in a real browser, over the embedded stack: a film is dropped, its graph turns green, it plays."""

from __future__ import annotations

import base64
import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from pipeline.cli.console import served
from pipeline.cli.world import spoken_to
from tests.browser.watching import Complaints, until
from tests.e2e import films
from tests.e2e.conftest import Pipeline

pytest_plugins = ["tests.browser.chromium"]

#: A browser's own drop cannot be made from outside; its event can, with a real File in it.
DROP = """async ([name, body]) => {
  const bytes = Uint8Array.from(atob(body), (letter) => letter.charCodeAt(0));
  const transfer = new DataTransfer();
  transfer.items.add(new File([bytes], name, {type: "video/mp4"}));
  for (const kind of ["dragenter", "dragover", "drop"]) {
    document.body.dispatchEvent(new DragEvent(kind, {dataTransfer: transfer, bubbles: true, cancelable: true}));
  }
}"""
PATIENCE = 120_000


@pytest.fixture(scope="module")
def console(pipeline: Pipeline) -> Iterator[str]:
    with spoken_to(pipeline.world), served(pipeline.world, port=0) as url:
        yield url


@contextlib.contextmanager
def queue_paused(pipeline: Pipeline) -> Iterator[None]:
    arn = pipeline.world.outputs["MediaConvertQueueArn"]
    engine, name = pipeline.world.client("mediaconvert"), arn.rsplit("/", 1)[-1]
    engine.update_queue(Name=name, Status="PAUSED")
    try:
        yield
    finally:
        engine.update_queue(Name=name, Status="ACTIVE")


def drop(page: Page, film: Path, name: str) -> None:
    page.evaluate(DROP, [name, base64.b64encode(film.read_bytes()).decode()])


def test_a_film_is_dropped_and_its_graph_turns_green_until_it_plays(
    pipeline: Pipeline,
    console: str,
    film_folder: Path,
    page: Page,
    pictures: Path,
) -> None:
    complaints = Complaints.of(page)
    page.goto(console)
    expect(page.locator("[data-part=upload-open]")).to_be_visible()
    with queue_paused(pipeline):  # so that nobody need be quick to see it wait
        drop(page, films.plain(film_folder, seconds=2), "Dropped here.mp4")
        page.locator("[data-part=upload-rows] a").click(timeout=PATIENCE)
        expect(page.locator("h1")).to_have_text("Dropped here")
        busy = page.locator('[data-state="Transcode streams"]')
        expect(busy).to_have_attribute("data-tone", "busy", timeout=PATIENCE)
        expect(page.locator(".head > .badge").first).to_have_text("Transcoding")
        page.screenshot(path=pictures / "console-running.png")
    expect(page.locator(".head > .badge").first).to_have_text("Published", timeout=PATIENCE)
    for state in ("Ingest upload", "Transcode", "Transcode streams", "Publish asset", "Published"):
        expect(page.locator(f'[data-state="{state}"]')).to_have_attribute("data-tone", "ok", timeout=PATIENCE)
    page.screenshot(path=pictures / "console-published.png")
    assert complaints.errors == []
    with page.context.expect_page() as opened:
        page.locator("[data-link=player]").click()
    until(opened.value, "window.vod && vod.state === 'ready'")


def test_what_is_no_film_is_seen_as_rejected_with_the_reason(
    console: str,
    film_folder: Path,
    page: Page,
    pictures: Path,
) -> None:
    page.goto(console)
    expect(page.locator("[data-part=upload-open]")).to_be_visible()
    broken = films.written(film_folder, "only-words.mp4", b"These are only words.")
    drop(page, broken, "only words.mp4")
    page.locator("[data-part=upload-rows] a").click(timeout=PATIENCE)
    expect(page.locator(".head > .badge").first).to_have_text("Rejected", timeout=PATIENCE)
    expect(page.locator("[data-part=error]")).to_contain_text("INPUT_NOT_A_FILM")
    expect(page.locator('[data-state="Probe source"]')).to_have_attribute("data-tone", "refused")
    expect(page.locator('[data-state="Upload rejected"]')).to_have_attribute("data-tone", "ok", timeout=PATIENCE)
    page.locator('[data-view="events"]').click()
    expect(page.locator("[data-part=events] tr").first).to_contain_text("ExecutionStarted")
    page.screenshot(path=pictures / "console-rejected.png")
