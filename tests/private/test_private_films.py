"""A private deployment from end to end: no way in without the login, and none that ends in the middle of a film."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page

from tests.browser.watching import Complaints, Film, seen, until
from tests.private.conftest import COOKIE_SECONDS, SITE, Place

pytest_plugins = ["tests.browser.chromium"]
pytestmark = pytest.mark.xdist_group("private")  # one stack


def get(place: Place, path: str, **headers: str) -> httpx.Response:
    return httpx.get(f"{place.base}{path}", headers=headers, trust_env=False, timeout=30)


def session(place: Place, asset_id: str, token: str, **headers: str) -> httpx.Response:
    return get(place, f"/session/{asset_id}", **{"x-vod-token": token, **headers})


def cookie(answer: httpx.Response) -> str:
    return "; ".join(line.partition(";")[0] for line in answer.headers.get_list("set-cookie"))


def vod(place: Place, home: Path, *arguments: str) -> dict[str, Any]:
    environment = os.environ | {
        "VOD_HOME": str(home),
        "AWS_ENDPOINT_URL": place.pipeline.stack.endpoint_url,
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    argv = [sys.executable, "-m", "pipeline.cli", *arguments, "--json"]
    done = subprocess.run(argv, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_without_cookies_nothing_of_a_film_is_to_be_had(place: Place) -> None:
    listed = place.pipeline.stack.client("s3").list_objects_v2(
        Bucket=place.pipeline.world.outputs["OutputsBucket"], Prefix=f"a/{place.asset_id}/"
    )
    there = [entry["Key"].removeprefix(f"a/{place.asset_id}/") for entry in listed["Contents"]]
    kinds = {Path(name).suffix: name for name in there}
    assert {".m3u8", ".mpd", ".json", ".cmfv", ".cmfa", ".jpg"} <= kinds.keys()
    for name in [*kinds.values(), "missing"]:
        answer = get(place, f"/a/{place.asset_id}/{name}", origin=SITE)
        assert answer.status_code == 403, name
        # A player of another site can read this, and tell its viewer.
        assert answer.json()["error"] == "FORBIDDEN"
        assert answer.headers["access-control-allow-origin"] == SITE
        assert answer.headers["access-control-allow-credentials"] == "true"
    assert get(place, "/").status_code == 200


def test_the_issuers_cookies_open_the_film_and_no_other_until_they_end(place: Place) -> None:
    issued = session(place, place.asset_id, place.token())
    said = issued.json()
    assert issued.status_code == 200 and issued.headers["cache-control"] == "no-store"
    assert said["expires_at"] - said["now"] == COOKIE_SECONDS
    lines = issued.headers.get_list("set-cookie")
    assert len(lines) == 4 and all(f"Path=/a/{place.asset_id}/; Secure; HttpOnly" in line for line in lines)
    assert get(place, f"/a/{place.asset_id}/index.m3u8", cookie=cookie(issued)).status_code == 200
    assert get(place, "/a/another-film-000000000000/index.m3u8", cookie=cookie(issued)).status_code == 403
    time.sleep(max(0, said["expires_at"] - time.time()) + 0.1)
    assert get(place, f"/a/{place.asset_id}/index.m3u8", cookie=cookie(issued)).status_code == 403


@pytest.mark.parametrize(
    ("token", "message"),
    [(lambda place: "", "sign in first"), (lambda place: place.token("other-0"), "for other films"),
     (lambda place: place.token() + "x", "not"), (lambda place: place.token(seconds=-1), "expired")],
)  # fmt: skip
def test_the_issuer_refuses_in_words_and_sets_no_cookie(place: Place, token: Any, message: str) -> None:
    answer = session(place, place.asset_id, token(place), origin=SITE)
    assert answer.status_code == 401 and "set-cookie" not in answer.headers
    assert message in answer.json()["message"]
    assert answer.headers["access-control-allow-origin"] == SITE


def test_a_key_is_replaced_without_anybody_noticing(place: Place) -> None:
    """Both are trusted; the secret decides which one signs. Cookies of either open the film meanwhile."""
    by_new = cookie(session(place, place.asset_id, place.token()))
    place.put_key("old")
    try:
        lambdas = place.pipeline.stack.client("lambda")
        name = place.pipeline.stack.deployment.physical["IssueFunction"]
        lambdas.update_function_configuration(FunctionName=name, Description="started anew")  # as five minutes would
        by_old = cookie(session(place, place.asset_id, place.token()))
    finally:
        place.put_key("new")
    for each in (by_new, by_old):
        assert get(place, f"/a/{place.asset_id}/index.m3u8", cookie=each).status_code == 200


def test_vod_sign_lets_somebody_in(place: Place, tmp_path: Path) -> None:
    signed = vod(place, tmp_path, "sign", place.asset_id, "--minutes", "1")
    header = "; ".join(f"{name}={value}" for name, value in signed["cookies"].items())
    assert get(place, f"/a/{place.asset_id}/index.mpd", cookie=header).status_code == 200
    token = signed["page"].partition("#token=")[2]
    assert session(place, place.asset_id, token).status_code == 200


def open_page(place: Place, page: Page, player: str, token: str) -> None:
    page.add_init_script(
        "addEventListener('DOMContentLoaded', () => { document.querySelector('video').muted = true; })"
    )
    page.goto(f"{Film(place.base, place.asset_id).url(player)}#token={token}")


def slow(page: Page, bytes_per_second: int) -> None:
    """So that the film is fetched while it plays, and not all of it at its beginning."""
    wire = page.context.new_cdp_session(page)
    wire.send("Network.enable")
    conditions = {"offline": False, "latency": 5, "downloadThroughput": bytes_per_second, "uploadThroughput": -1}
    wire.send("Network.emulateNetworkConditions", conditions)


@pytest.mark.parametrize("player", ["hls", "dash"])
def test_playback_goes_on_when_its_cookies_end(place: Place, page: Page, pictures: Path, player: str) -> None:
    complaints, answers = Complaints.of(page), []
    began = time.monotonic()
    page.on("response", lambda answer: answers.append((time.monotonic() - began, answer.url, answer.status)))
    open_page(place, page, player, place.token())
    until(page, "window.vod && vod.state === 'ready' && vod.video.currentTime > 0.2")
    assert "token" not in page.url  # out of sight once it is read
    slow(page, 50_000)
    until(page, "vod.session.renewals >= 2", 3 * COOKIE_SECONDS)
    # Whatever the player has fetched by now, another quality and another place it must fetch anew.
    page.evaluate("vod.engine.choose(vod.engine.qualities()[0].id); vod.video.currentTime = 0.1; vod.video.play(); 0")
    late = began + COOKIE_SECONDS + 2
    until(page, "vod.video.currentTime > 2", 40)
    page.wait_for_timeout(max(0, (late - time.monotonic()) * 1000))
    page.evaluate("vod.engine.choose(vod.engine.qualities().at(-1).id); vod.video.currentTime = 8; vod.video.play(); 0")
    until(page, "vod.video.currentTime > 9", 60)
    found = seen(page)
    assert (found["state"], found["error"]) == ("ready", None)
    fetched_late = [
        url for at, url, status in answers if at > COOKIE_SECONDS + 1 and "/v/" in url and status in (200, 206)
    ]
    assert fetched_late, "nothing of the film was fetched after its first cookies had ended"
    assert [url for _, url, status in answers if status == 403] == []
    assert complaints.errors == []
    page.screenshot(path=pictures / f"private-{player}.png")


#: Another quality has to be fetched, whatever lies in the buffer; none is listed while an engine loads anew.
FETCH_ANEW = """(() => {
  const other = vod.engine?.qualities().find((one) => one.id !== vod.engine.quality());
  if (other) vod.engine.choose(other.id);
  vod.video.currentTime = 2;
  vod.video.play().catch(() => {});
})()"""


@pytest.mark.parametrize("player", ["hls", "dash"])
def test_a_computer_that_slept_gets_new_cookies_and_goes_on(place: Place, page: Page, player: str) -> None:
    """No timer has run: the first refusal of a segment asks for cookies, and the film goes on with them."""
    open_page(place, page, player, place.token())
    until(page, "window.vod && vod.state === 'ready' && vod.video.currentTime > 0.2")
    page.evaluate("clearTimeout(vod.session.timer); 0")
    page.wait_for_timeout((COOKIE_SECONDS + 0.5) * 1000)
    renewals = page.evaluate("vod.session.renewals")
    page.evaluate(FETCH_ANEW)
    until(page, "vod.video.currentTime > 4", 30)
    assert (seen(page)["state"], page.evaluate("vod.session.renewals")) == ("ready", renewals)
    assert page.evaluate("vod.admissions.length") >= 1


@pytest.mark.parametrize("player", ["hls", "dash"])
def test_when_the_login_has_ended_the_film_stops_and_says_why(
    place: Place, page: Page, pictures: Path, player: str
) -> None:
    """The token ends before the film does: cookies end with it, and there are no new ones."""
    open_page(place, page, player, place.token(seconds=8))
    until(page, "window.vod && vod.state === 'ready' && vod.video.currentTime > 0.2")
    page.wait_for_timeout(8500)
    page.evaluate(FETCH_ANEW)
    until(page, "vod.state === 'forbidden'", 30)
    assert page.locator('[data-part="stopped-title"]').inner_text() == "You are not allowed to see this film"
    page.screenshot(path=pictures / f"expired-{player}.png")
    page.reload()
    until(page, "window.vod && vod.state === 'forbidden'", 20)
    assert "expired" in page.locator('[data-part="notice-detail"]').inner_text()


def test_a_stranger_is_told_so(place: Place, page: Page, pictures: Path) -> None:
    page.goto(f"{place.base}/?asset={place.asset_id}")
    until(page, "window.vod && vod.state === 'forbidden'", 20)
    assert "sign in first" in page.locator('[data-part="notice-detail"]').inner_text()
    page.screenshot(path=pictures / "forbidden.png")
