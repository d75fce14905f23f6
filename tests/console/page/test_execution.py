from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.watching import Complaints
from tests.console.page import canned
from tests.console.page.fake import Fake
from tests.console.page.looking import box, open_execution, status

pytest_plugins = ["tests.browser.chromium"]


def test_the_graph_shows_what_became_of_each_state(fake: Fake, page: Page, complaints: Complaints) -> None:
    one = canned.running()
    fake.add(one)
    open_execution(page, fake, one)
    expect(box(page, "Ingest upload")).to_have_attribute("aria-label", "Ingest upload: Succeeded")
    expect(box(page, "Transcode streams")).to_have_attribute("aria-label", "Transcode streams: Running, 42 %")
    expect(box(page, "Transcode streams").locator("text.percent")).to_have_text("42 %")
    expect(box(page, "Convert captions")).to_have_attribute("data-tone", "retry")
    expect(box(page, "Verify outputs")).to_have_attribute("aria-label", "Verify outputs: Not entered")
    for name, mark in {"Ingest upload": "ok", "Transcode streams": "busy", "Convert captions": "retry"}.items():
        expect(box(page, name).locator("use")).to_have_attribute("href", f"#mark-{mark}")
    taken = page.locator("[data-part=graph] path[data-taken]")
    assert {(path.get_attribute("data-from"), path.get_attribute("data-to")) for path in taken.all()} >= {
        ("Ingest upload", "Encoded already?"),
        ("Encoded already?", "Probe source"),
        ("Download wanted?", "No download"),
    }
    assert page.locator('path[data-taken][data-to="Reject upload"]').count() == 0
    expect(page.locator(".legend li")).to_have_count(8)
    assert complaints.errors == []


def test_the_graph_follows_the_execution(fake: Fake, page: Page) -> None:
    one = canned.running()
    fake.add(one)
    page.clock.install()
    open_execution(page, fake, one)
    page.evaluate("window.watched = document.querySelector('[data-part=graph] svg')")
    fake.executions[one["name"]] = canned.running(77)
    page.clock.run_for(2500)
    expect(box(page, "Transcode streams").locator("text.percent")).to_have_text("77 %")
    expect(page.locator("[data-part=encode] progress")).to_have_attribute("value", "77")
    assert "77 %" in page.title()
    fake.executions[one["name"]] = {**canned.published(), "name": one["name"]}
    page.clock.run_for(2500)
    expect(status(page)).to_have_text("Published")
    expect(box(page, "Published")).to_have_attribute("data-tone", "ok")
    expect(box(page, "Transcode streams").locator("text.percent")).to_be_empty()
    expect(page.locator("[data-part=encode]")).to_be_hidden()
    assert page.evaluate("watched.isConnected"), "the picture was made anew"


def test_a_failed_execution_opens_at_what_failed(fake: Fake, page: Page) -> None:
    one = canned.failed()
    fake.add(one)
    open_execution(page, fake, one)
    expect(status(page)).to_have_text("Failed")
    expect(page.locator("[data-part=error]")).to_contain_text("TRANSCODE_FAILED")
    expect(page.locator("[data-part=error]")).to_contain_text("Look the job up in MediaConvert's console.")
    expect(box(page, "Transcode streams")).to_have_attribute("aria-pressed", "true")
    expect(box(page, "Convert captions")).to_have_attribute("aria-label", "Convert captions: Aborted")
    details = page.locator("[data-part=details]")
    expect(details.locator("h2")).to_have_text("Transcode streams")
    expect(details.locator("[data-part=failure]")).to_contain_text("TranscodeFailed")
    details.get_by_text("Cause", exact=True).click()
    expect(details.locator("[data-part=failure] .json")).to_contain_text("1404")


def test_a_state_is_chosen_by_click_and_by_keyboard(fake: Fake, page: Page) -> None:
    one = canned.published()
    fake.add(one)
    open_execution(page, fake, one)
    heading = page.locator("[data-part=details] h2")
    box(page, "Plan renditions").click()
    expect(heading).to_have_text("Plan renditions")
    page.wait_for_url("**state=Plan+renditions")
    expect(page.locator("[data-part=output]")).to_contain_text('"A film"')
    box(page, "Plan renditions").focus()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    expect(heading).to_have_text("Probe source")
    page.reload()
    expect(heading).to_have_text("Probe source")


def test_the_timeline_lists_states_with_durations_and_retries(fake: Fake, page: Page) -> None:
    one = canned.running()
    fake.add(one)
    open_execution(page, fake, one, "&view=timeline")
    rows = page.locator("[data-part=timeline] tr")
    expect(rows).to_have_count(len(one["states"]))
    expect(rows.nth(0)).to_contain_text("1.0 s")
    captions = rows.filter(has_text="Convert captions")
    expect(captions).to_contain_text("Retrying")
    expect(captions).to_contain_text("3 (2 failed before)")
    captions.get_by_role("button").click()
    expect(page.locator("[data-part=failure]")).to_contain_text("Rate exceeded")
    lanes = [lane.bounding_box() for lane in page.locator(".lane > span").all()]
    first, encode = lanes[0], lanes[len(canned.BEGIN)]
    assert first and encode and first["x"] < encode["x"] and first["width"] < encode["width"]


def test_large_json_is_folded_and_built_when_it_is_opened(fake: Fake, page: Page) -> None:
    large = '{"list": [' + ",".join(f'{{"number": {n}}}' for n in range(1000)) + '], "note": "' + "x" * 1000 + '"}'
    one = canned.published()
    one["states"][0]["output"] = large
    fake.add(one)
    open_execution(page, fake, one, "&state=Ingest upload")
    output = page.locator("[data-part=output]")
    assert output.locator(".line").count() < 20
    output.locator("summary", has_text="list").click()
    expect(output.get_by_role("button", name="800 more")).to_be_visible()
    output.get_by_role("button", name="all 1000 characters").click()
    expect(output).to_contain_text("x" * 1000)


def test_copying_gives_the_json(fake: Fake, page: Page) -> None:
    one = canned.published()
    fake.add(one)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    open_execution(page, fake, one, "&state=Ingest upload")
    page.get_by_role("button", name="Copy input").click()
    expect(page.get_by_role("button", name="Copy input")).to_have_text("Copied")
    assert '"key": "uploads/film.mp4"' in page.evaluate("navigator.clipboard.readText()")


def test_events_are_read_page_by_page_and_filtered(fake: Fake, page: Page) -> None:
    one = canned.failed()
    fake.page_size = 4
    fake.add(one)
    fake.histories[one["name"]] = canned.history(one)
    open_execution(page, fake, one, "&view=events")
    rows = page.locator("[data-part=events] tr")
    expect(rows).to_have_count(len(fake.histories[one["name"]]))
    expect(rows.first).to_contain_text("ExecutionStarted")
    page.locator("[data-filter=event-state]").select_option("Transcode streams")
    expect(rows).to_have_count(3)
    page.locator("[data-filter=event-kind]").select_option("bad")
    expect(rows).to_have_count(2)
    rows.first.locator("summary").click()
    expect(rows.first).to_contain_text("TRANSCODE_FAILED")


def test_links_bills_and_what_was_found_are_there(fake: Fake, page: Page) -> None:
    one = canned.published()
    fake.add(one)
    open_execution(page, fake, one)
    expect(page.locator("[data-link=player]")).to_have_attribute("href", "http://127.0.0.1:9/?asset=boats")
    expect(page.locator("[data-link=aws_console]")).to_be_hidden()
    expect(page.locator("[data-part=price] summary")).to_have_text(
        "Price: predicted 0.0225 USD, actual about 0.0123 USD"
    )
    film = page.locator("[data-part=film]")
    expect(film.locator("summary").first).to_have_text("Film: 2 renditions, 2 changes, 1 warning")
    film.locator("summary").first.click()
    expect(film).to_contain_text("Rotated 90 degrees.")
    expect(film).to_contain_text("boats.fr.srt: 2 cues could not be read")


def test_a_link_that_is_no_address_is_not_shown(fake: Fake, page: Page) -> None:
    one = canned.published()
    one["links"] = {"player": "javascript:alert(1)", "asset_json": None}
    fake.add(one)
    open_execution(page, fake, one)
    expect(page.locator("[data-link=player]")).to_be_hidden()


@pytest.mark.parametrize(
    ("one", "offered"),
    [
        (canned.running, ["Cancel"]),
        (canned.held, ["Approve", "Cancel"]),
        (canned.waiting, ["Release", "Cancel"]),
        (canned.paused, ["Cancel"]),
        (canned.failed, ["Retry"]),
        (canned.published, []),
        (canned.rejected, []),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_what_can_be_done_is_offered_and_nothing_else(fake: Fake, page: Page, one, offered) -> None:
    fake.add(execution := one())
    open_execution(page, fake, execution)
    expect(page.locator("[data-part=actions] button:visible")).to_have_text(offered)
    fake.place["can_write"] = False
    page.reload()
    page.locator("[data-chip=read-only]").wait_for()
    expect(page.locator("[data-part=actions] button:visible")).to_have_count(0)


def test_an_action_asks_first_and_says_what_became_of_it(fake: Fake, page: Page) -> None:
    one = canned.held()
    fake.add(one)
    open_execution(page, fake, one)
    expect(page.locator("[data-part=waits]")).to_contain_text("It waits for approval. Its sidecar says publish: hold.")
    expect(box(page, "Hold for approval")).to_have_attribute("aria-label", "Hold for approval: Waiting")
    approve = page.locator("[data-action=approve]")
    approve.click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("“Premiere” will be playable")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    assert fake.acted == []
    approve.click()
    dialog.get_by_role("textbox").fill("seen by Anna")
    dialog.get_by_role("button", name="Approve").click()
    expect(page.locator(".notice")).to_have_text("Approved: it is being published.×")
    assert fake.acted == [("approve", one["name"], {"note": "seen by Anna"})]


def test_an_action_that_is_refused_says_why(fake: Fake, page: Page) -> None:
    one = canned.failed()
    fake.add(one)
    fake.answers["retry"] = (409, {"error": "not_now", "message": "somebody else has just begun the next run"})
    open_execution(page, fake, one)
    page.locator("[data-action=retry]").click()
    page.get_by_role("dialog").get_by_role("button", name="Retry").click()
    expect(page.locator(".notice")).to_contain_text("Retry did not work: somebody else has just begun the next run")


def test_a_retry_that_becomes_a_new_revision_leads_there(fake: Fake, page: Page) -> None:
    one = canned.failed()
    following = {**canned.running(), "name": one["name"].replace("-r1", "-r2"), "title": "Red Kite again"}
    fake.add(one, following)
    fake.answers["retry"] = (200, {"execution": following["name"], "how": "started anew"})
    open_execution(page, fake, one)
    page.locator("[data-action=retry]").click()
    page.get_by_role("dialog").get_by_role("button", name="Retry").click()
    expect(page.locator("h1")).to_have_text("Red Kite again")


def test_an_earlier_revision_says_so_and_leads_to_the_newest(fake: Fake, page: Page) -> None:
    newest = canned.published()
    one = {**canned.failed(), "status": None, "newer": newest["name"]}
    fake.add(one, newest)
    open_execution(page, fake, one)
    expect(status(page)).to_have_text("Failed")
    page.locator("[data-part=newer] a").click()
    expect(page.locator("h1")).to_have_text("Boats")


def test_an_execution_that_is_not_there_is_said(fake: Fake, page: Page) -> None:
    page.goto(f"{fake.url}/?execution=nobody-0000000000-r1")
    expect(page.get_by_role("heading", name="There is no such execution")).to_be_visible()
    expect(page.locator("[data-part=banners]")).to_be_empty()


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("view", ["list", "graph", "timeline", "events"])
def test_nothing_sticks_out_of_the_page(fake: Fake, page: Page, width: int, view: str) -> None:
    one = canned.failed()
    hostile = {**canned.hostile(), "film": "uploads/" + "long-word" * 30 + ".mp4"}
    fake.add(one, hostile)
    fake.histories[one["name"]] = canned.history(one)
    page.set_viewport_size({"width": width, "height": 844})
    page.goto(fake.url + ("/" if view == "list" else f"/?execution={one['name']}&view={view}"))
    page.locator("[data-part=rows] tr, #panel table, #panel svg").first.wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
