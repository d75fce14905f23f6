from __future__ import annotations

import os
import re

from playwright.sync_api import Page, expect

from tests.browser.watching import Complaints
from tests.console.page import canned
from tests.console.page.fake import PART_SIZE, URLS_AT_ONCE, Fake
from tests.console.page.looking import drop, open_list, upload_row

pytest_plugins = ["tests.browser.chromium"]

#: More parts than URLs come at once.
FILM = os.urandom(PART_SIZE * (URLS_AT_ONCE + 2) + 1234)


def test_a_dropped_film_and_its_sidecars_arrive_whole(fake: Fake, page: Page, complaints: Complaints) -> None:
    open_list(page, fake)
    page.locator("[data-part=upload-open]").click()
    page.locator("[data-part=folder]").fill("/spring/2026/")
    drop(page, {"My Film.mov": FILM, "My Film.en.srt": b"1\n", "My Film.json": b"{}"})
    expect(upload_row(page, "My Film.mov")).to_contain_text("Uploaded, 1.3 MB.")
    folder = "uploads/spring/2026"
    assert fake.objects[f"{folder}/My Film.mov"] == FILM
    assert fake.completed[-1] == f"{folder}/My Film.mov", "a film must not arrive before its sidecars"
    assert sorted(fake.completed[:2]) == [f"{folder}/My Film.en.srt", f"{folder}/My Film.json"]
    assert complaints.errors == []


def test_the_execution_of_an_upload_is_linked_when_it_appears(fake: Fake, page: Page) -> None:
    older = {**canned.published(), "film": "uploads/harbour.mp4", "name": "harbour-0000000000-r1"}
    fake.add(older)
    open_list(page, fake)
    drop(page, {"harbour.mp4": b"film"})
    row = upload_row(page, "harbour.mp4")
    expect(row).to_contain_text("Its execution will appear in a moment.")
    expect(row.locator("a")).to_be_hidden()
    fake.add({**canned.running(), "film": "uploads/harbour.mp4", "started_at": canned.ago(0)})
    expect(row.locator("a")).to_have_text("Transcoding: follow its execution")
    row.locator("a").click()
    expect(page.locator("h1")).to_have_text("Harbour At Dawn")
    expect(page.locator("#uploads")).to_be_hidden()


def test_files_are_chosen_by_a_button_too(fake: Fake, page: Page) -> None:
    open_list(page, fake)
    with page.expect_file_chooser() as chooser:
        page.locator("[data-part=empty] button").click()
    chooser.value.set_files(
        [
            {"name": "a.mp4", "mimeType": "video/mp4", "buffer": b"a"},
            {"name": "b.mp4", "mimeType": "video/mp4", "buffer": b"b"},
        ]
    )
    expect(upload_row(page, "b.mp4")).to_contain_text("Uploaded")
    expect(upload_row(page, "a.mp4")).to_contain_text("Uploaded")
    assert fake.objects == {"uploads/a.mp4": b"a", "uploads/b.mp4": b"b"}


def test_a_part_that_fails_is_sent_again(fake: Fake, page: Page) -> None:
    fake.refuse_parts[2] = 2
    open_list(page, fake)
    drop(page, {"film.mp4": FILM})
    expect(upload_row(page, "film.mp4")).to_contain_text("Uploaded", timeout=15_000)
    assert fake.objects["uploads/film.mp4"] == FILM


def test_urls_that_have_expired_are_signed_again(fake: Fake, page: Page) -> None:
    fake.expire = {1, 2}
    open_list(page, fake)
    drop(page, {"film.mp4": FILM})
    expect(upload_row(page, "film.mp4")).to_contain_text("Uploaded", timeout=15_000)
    assert fake.objects["uploads/film.mp4"] == FILM
    assert fake.signed.count(1) >= 2


def test_an_upload_that_cannot_go_on_says_why_and_can_be_tried_again(fake: Fake, page: Page) -> None:
    open_list(page, fake)
    fake.fail = (403, "denied", "You may not write to vod-sources.")
    drop(page, {"film.mp4": b"film"})
    row = upload_row(page, "film.mp4")
    expect(row).to_contain_text("You may not write to vod-sources.")
    fake.fail = None
    row.get_by_role("button", name="Try again").click()
    expect(row).to_contain_text("Uploaded")


def test_an_upload_can_be_cancelled_and_leaves_no_parts(fake: Fake, page: Page) -> None:
    open_list(page, fake)
    fake.delay = 0.5
    drop(page, {"film.mp4": FILM})
    row = upload_row(page, "film.mp4")
    expect(row).to_contain_text(re.compile(r"\d+ % of 1\.3 MB · .*/s"), timeout=10_000)
    row.get_by_role("button", name="Cancel").click()
    expect(row).to_contain_text("Cancelled")
    fake.delay = 0
    page.wait_for_timeout(1000)
    assert fake.aborted == ["uploads/film.mp4"] and fake.objects == {}


def test_an_empty_file_is_refused_at_once(fake: Fake, page: Page) -> None:
    open_list(page, fake)
    drop(page, {"nothing.mp4": b""})
    expect(upload_row(page, "nothing.mp4")).to_contain_text("The file is empty")
    expect(upload_row(page, "nothing.mp4").get_by_role("button")).to_be_hidden()
    assert fake.parts == {}


def test_whoever_may_not_write_cannot_drop(fake: Fake, page: Page) -> None:
    fake.place["can_write"] = False
    open_list(page, fake)
    drop(page, {"film.mp4": b"film"})
    page.wait_for_timeout(500)
    expect(page.locator("#uploads")).to_be_hidden()
    assert fake.parts == {}
