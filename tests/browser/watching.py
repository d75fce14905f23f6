"""Watch a film in a real browser and say what was seen. Needs an edge's URL and an asset id, nothing else."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Page

ENGINES = {"hls": "hls.js", "dash": "Shaka Player"}


@dataclass(frozen=True)
class Film:
    """A published film on some edge."""

    edge_url: str
    asset_id: str

    def url(self, player: str = "hls") -> str:
        return f"{self.edge_url}/?asset={self.asset_id}" + ("&player=dash" if player == "dash" else "")


@dataclass
class Complaints:
    """What the browser complained about while the page was open."""

    errors: list[str]

    @classmethod
    def of(cls, page: Page) -> Complaints:
        found = cls([])
        page.on("console", lambda message: message.type == "error" and found.errors.append(message.text))
        page.on("pageerror", lambda error: found.errors.append(f"uncaught: {error}"))
        return found


STATE = "window.vod ? [vod.state, vod.error, vod.video.currentTime, vod.video.readyState] : 'no page'"
SEEN = """() => {
  const video = vod.video, frames = video.getVideoPlaybackQuality();
  return { state: vod.state, error: vod.error, kind: vod.kind, engine: vod.engine && vod.engine.name,
    time: video.currentTime, paused: video.paused, width: video.videoWidth, height: video.videoHeight,
    frames: frames.totalVideoFrames, dropped: frames.droppedVideoFrames, audio: video.webkitAudioDecodedByteCount,
    qualities: vod.engine ? vod.engine.qualities().map((one) => one.height) : [] };
}"""


def until(page: Page, expression: str, seconds: float = 30) -> None:
    """Wait until an expression is true in the page.

    Playwright's own wait_for_function polls with eval(), which the page's Content-Security-Policy rightly forbids.
    """
    limit = time.monotonic() + seconds
    while not page.evaluate(f"Boolean({expression})"):
        assert time.monotonic() < limit, f"after {seconds} s still not true: {expression}; {page.evaluate(STATE)}"
        page.wait_for_timeout(50)


def seen(page: Page) -> dict[str, Any]:
    return page.evaluate(SEEN)


def open_film(page: Page, film: Film, player: str = "hls") -> None:
    """Open the page, muted so that every browser lets the film begin by itself, and wait for the picture to move."""
    page.add_init_script(
        "addEventListener('DOMContentLoaded', () => { document.querySelector('video').muted = true; })"
    )
    page.goto(film.url(player))
    until(page, "window.vod && vod.state === 'ready' && vod.video.currentTime > 0.2")


def watch(page: Page, film: Film, player: str, seconds: float, picture: Path | None = None) -> dict[str, Any]:
    """Play for some seconds; what was seen at the end. Asserts what any playing film must show."""
    complaints = Complaints.of(page)
    open_film(page, film, player)
    until(page, f"vod.video.currentTime >= {seconds}", seconds * 2 + 20)
    found = seen(page)
    if picture:
        page.screenshot(path=picture)
    assert found["state"] == "ready" and found["error"] is None, found
    assert found["engine"] == ENGINES[player]
    assert found["frames"] > 0 and found["dropped"] <= 0.1 * found["frames"], found
    assert complaints.errors == []
    return found
