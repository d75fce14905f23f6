from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.watching import Complaints
from tests.console.page import canned
from tests.console.page.fake import Fake
from tests.console.page.looking import open_list

pytest_plugins = ["tests.browser.chromium"]


@pytest.fixture
def films(fake: Fake) -> Fake:
    fake.add(canned.running(), canned.published(), canned.failed(), canned.rejected(), canned.held(), canned.waiting())
    return fake


def many(count: int) -> list[dict[str, object]]:
    return [
        {
            **canned.published(),
            "name": f"film-{n}-bbbbbbbbbb-r1",
            "title": f"Film {n}",
            "started_at": canned.ago(500 + n),
        }
        for n in range(count)
    ]


def test_every_status_has_a_mark_and_a_word(films: Fake, page: Page, complaints: Complaints) -> None:
    rows = open_list(page, films)
    expect(rows).to_have_count(6)
    expect(rows.locator(".badge")).to_have_text(["Transcoding", "Published", "Failed", "Rejected", "Waiting", "Held"])
    marks = [rows.nth(n).locator(".badge use").get_attribute("href") for n in range(6)]
    assert marks == ["#mark-busy", "#mark-ok", "#mark-bad", "#mark-refused", "#mark-wait", "#mark-wait"]
    for mark in set(marks):
        assert page.locator(f"symbol{mark}").count() == 1
    expect(rows.first.locator("progress")).to_have_attribute("value", "42")
    expect(rows.nth(2)).to_contain_text("TRANSCODE_FAILED")
    expect(rows.nth(1).locator("progress")).to_be_hidden()
    assert complaints.errors == []


def test_a_films_title_is_text_whatever_it_holds(fake: Fake, page: Page, complaints: Complaints) -> None:
    fake.add(canned.hostile())
    rows = open_list(page, fake)
    expect(rows.locator("a")).to_have_text(canned.HOSTILE)
    assert page.locator("img, main b").count() == 0
    rows.locator("a").click()
    expect(page.locator("h1")).to_have_text(canned.HOSTILE)
    page.locator('[data-state="Ingest upload"]').first.click()
    expect(page.locator("[data-part=input]")).to_contain_text(canned.HOSTILE)
    assert page.locator("img, main b").count() == 0
    assert page.title() != "owned" and complaints.errors == []


def test_filters_stand_in_the_address_and_survive_a_reload(films: Fake, page: Page) -> None:
    rows = open_list(page, films)
    page.locator("[data-filter=status]").select_option("failed")
    expect(rows).to_have_count(1)
    page.locator("[data-filter=q]").fill("kite")
    page.wait_for_url("**/?q=kite&status=failed")
    page.reload()
    expect(rows).to_have_count(1)
    expect(page.locator("[data-filter=q]")).to_have_value("kite")
    expect(page.locator("[data-filter=status]")).to_have_value("failed")
    page.locator("[data-filter=q]").fill("nothing like it")
    expect(page.locator("[data-part=empty] h2")).to_have_text("Nothing matches these filters")
    page.get_by_role("button", name="Clear filters").first.click()
    expect(rows).to_have_count(6)


def test_statuses_are_counted_where_they_are_chosen(films: Fake, page: Page) -> None:
    open_list(page, films)
    expect(page.locator("[data-filter=status] option[value=held]")).to_have_text("Held (1)")
    expect(page.locator("[data-filter=status] option[value=cancelled]")).to_have_text("Cancelled")


def test_the_way_back_from_an_execution_keeps_the_filters(films: Fake, page: Page) -> None:
    open_list(page, films, "?status=failed").locator("a").click()
    expect(page.locator("h1")).to_have_text("Red Kite")
    page.get_by_role("link", name="Executions").click()
    page.wait_for_url("**/?status=failed")
    page.go_back()
    expect(page.locator("h1")).to_have_text("Red Kite")


def test_pages_lead_forward_and_back(fake: Fake, page: Page) -> None:
    fake.page_size = 10
    fake.add(*many(25))
    rows = open_list(page, fake)
    first = rows.first.locator("a")
    expect(first).to_have_text("Film 0")
    page.locator("[data-part=older]").click()
    expect(first).to_have_text("Film 10")
    page.locator("[data-part=older]").click()
    expect(first).to_have_text("Film 20")
    expect(rows).to_have_count(5)
    expect(page.locator("[data-part=older]")).to_be_disabled()
    page.locator("[data-part=newer]").click()
    expect(first).to_have_text("Film 10")
    page.go_back()
    expect(first).to_have_text("Film 20")


def test_an_update_keeps_scrolling_focus_and_marked_text(fake: Fake, page: Page) -> None:
    fake.add(*many(40))
    rows = open_list(page, fake)
    row = rows.nth(30)
    row.scroll_into_view_if_needed()
    row.locator("a").focus()
    page.evaluate("() => { window.watched = document.activeElement; getSelection().selectAllChildren(watched); }")
    before = row.bounding_box()
    name = next(one for one in fake.executions if one.startswith("film-30-"))
    fake.executions[name] = {**fake.executions[name], "status": "expired"}
    fake.add(canned.running())
    expect(rows).to_have_count(41)
    expect(rows.nth(31).locator(".badge")).to_have_text("Expired")
    assert page.evaluate("document.activeElement === watched && String(getSelection()) === watched.textContent")
    after = rows.nth(31).bounding_box()
    assert before and after and abs(before["y"] - after["y"]) < 3, "the row under the reader's eye has moved"


def test_an_empty_list_says_what_to_do(fake: Fake, page: Page) -> None:
    open_list(page, fake)
    expect(page.locator("[data-part=empty] h2")).to_have_text("Drop a film here")
    fake.place["can_write"] = False
    page.reload()
    expect(page.locator("[data-part=empty]")).to_contain_text("s3://vod-sources/uploads/")
    expect(page.locator("[data-part=upload-open]")).to_be_hidden()
    expect(page.locator("[data-chip=read-only]")).to_be_visible()


def test_a_backend_that_is_gone_is_said_and_found_again(films: Fake, page: Page) -> None:
    page.clock.install()
    rows = open_list(page, films)
    films.gone = True
    page.clock.run_for(2000)
    banner = page.locator("[data-part=banners]")
    expect(banner).to_contain_text("server does not answer")
    expect(rows).to_have_count(6)
    films.gone = False
    page.clock.run_for(5000)
    expect(banner).to_be_empty()


def test_what_aws_says_is_passed_on(films: Fake, page: Page) -> None:
    page.clock.install()
    open_list(page, films)
    films.fail = (502, "credentials", "The security token included in the request is expired.")
    page.clock.run_for(2000)
    banner = page.locator("[data-part=banners]")
    expect(banner).to_contain_text("The security token included in the request is expired.")
    films.fail = None
    page.clock.run_for(5000)
    expect(banner).to_be_empty()


def test_a_paused_intake_is_said(films: Fake, page: Page) -> None:
    films.place["intake"] = {"paused": True, "since": canned.ago(60), "by": "anna", "reason": "new encoder"}
    open_list(page, films)
    expect(page.locator("[data-part=banners]")).to_contain_text("The intake is paused.")
    expect(page.locator("[data-part=banners]")).to_contain_text("by anna: new encoder")


def test_a_page_that_nobody_sees_asks_nothing(films: Fake, page: Page) -> None:
    page.clock.install()
    open_list(page, films)
    hide = """(hidden) => {
      Object.defineProperty(document, "hidden", {value: hidden, configurable: true});
      document.dispatchEvent(new Event("visibilitychange"));
    }"""
    page.evaluate(hide, True)
    page.wait_for_timeout(200)  # what was under way
    films.asked.clear()
    page.clock.run_for(60_000)
    page.wait_for_timeout(100)
    assert films.asked == []
    page.evaluate(hide, False)
    page.wait_for_timeout(500)
    assert films.asked == ["/api/place", "/api/executions"] or films.asked == ["/api/executions", "/api/place"]


@pytest.mark.parametrize("execution", [False, True], ids=["list", "execution"])
def test_two_hundred_polls_leave_nothing_behind(films: Fake, page: Page, execution: bool) -> None:
    """Elements, listeners and memory after 220 polls whose answers differ are those after 20."""
    page.clock.install()
    name = canned.running()["name"]
    page.goto(f"{films.url}/" + (f"?execution={name}" if execution else ""))
    page.locator("[data-part=rows] tr, #panel > *").first.wait_for()
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable")

    def poll(times: int) -> dict[str, float]:
        for _ in range(times):
            films.executions[name] = canned.running(len(films.asked) % 100)
            asked = len(films.asked)
            while len(films.asked) == asked:
                page.clock.run_for(2000)
        for _ in range(2):
            session.send("HeapProfiler.collectGarbage")
        return {one["name"]: one["value"] for one in session.send("Performance.getMetrics")["metrics"]}

    before, after = poll(20), poll(200)
    assert len(films.asked) > 220
    assert after["Nodes"] <= before["Nodes"] + 20
    assert after["JSEventListeners"] <= before["JSEventListeners"] + 5
    assert after["JSHeapUsedSize"] <= before["JSHeapUsedSize"] * 1.15 + 200_000
