"""The page is built when its inputs change, and only then; without the registry it says what to do."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from pipeline.local import player_build
from pipeline.local.home import default_home
from pipeline.local.player_build import PLAYER, PlayerBuildFailed, build

#: CloudFront names it in the template, so its name may not change with its content.
FORBIDDEN_PAGE = "403.json"


@pytest.fixture
def player(tmp_path: Path) -> Path:
    """A copy of the page's source, free to be changed."""
    return Path(shutil.copytree(PLAYER, tmp_path / "player", ignore=shutil.ignore_patterns("node_modules", "dist")))


@pytest.fixture
def npm_calls(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """npm, replaced by a note of what it was asked and the least that a build leaves."""
    calls: list[list[str]] = []

    def _npm(arguments: list[str], _home: Path, player: Path) -> None:
        calls.append(arguments)
        (player / "node_modules").mkdir(exist_ok=True)
        (player / "dist").mkdir(exist_ok=True)
        (player / "dist" / "index.html").write_text("built")

    monkeypatch.setattr(player_build, "_npm", _npm)
    return calls


def test_nothing_runs_when_nothing_changed(player: Path, npm_calls: list[list[str]], tmp_path: Path) -> None:
    assert build(tmp_path, player) == build(tmp_path, player) == player / "dist"
    assert npm_calls == [["ci"], ["run", "build"]]


@pytest.mark.parametrize("name", ["src/page.js", "src/page.css", "package-lock.json", "build.mjs"])
def test_a_changed_input_is_built(player: Path, npm_calls: list[list[str]], tmp_path: Path, name: str) -> None:
    build(tmp_path, player)
    (player / name).write_text((player / name).read_text() + "\n")
    build(tmp_path, player)
    assert len(npm_calls) == 4


def test_a_deleted_page_is_built_again(player: Path, npm_calls: list[list[str]], tmp_path: Path) -> None:
    shutil.rmtree(build(tmp_path, player))
    build(tmp_path, player)
    assert len(npm_calls) == 4


def test_a_build_that_failed_is_not_taken_for_done(
    player: Path, npm_calls: list[list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build(tmp_path, player)
    (player / "src" / "page.js").write_text("changed")
    monkeypatch.setattr(player_build, "_npm", lambda *_: (_ for _ in ()).throw(PlayerBuildFailed("no")))
    for _ in range(2):
        with pytest.raises(PlayerBuildFailed):
            build(tmp_path, player)


def test_without_the_registry_the_message_says_so(
    player: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("npm_config_registry", "http://127.0.0.1:9/")
    monkeypatch.setenv("npm_config_fetch_retries", "0")
    with pytest.raises(PlayerBuildFailed, match="The npm registry cannot be reached"):
        build(tmp_path, player)
    assert not (player / "dist").exists()


def test_the_built_page_holds_no_inline_script_or_style_and_every_name_it_mentions(tmp_path: Path) -> None:
    dist = build(default_home())
    html = (dist / "index.html").read_text()
    assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)|javascript:", html)
    mentioned = re.findall(r'"/(player/[^"]+)"', html)
    assert len(mentioned) == 6 and all((dist / name).is_file() for name in mentioned)
    assert "{{" not in html
    hashed = [path.name for path in (dist / "player").iterdir() if path.name != FORBIDDEN_PAGE]
    assert hashed and all(re.search(r"\.[0-9a-f]{12}\.\w+$", name) for name in hashed)


def test_nothing_of_the_registry_is_in_the_lock_file() -> None:
    assert "resolved" not in (PLAYER / "package-lock.json").read_text()


def test_the_players_are_not_in_the_repository() -> None:
    tracked = subprocess.run(["git", "ls-files", "player"], cwd=PLAYER.parent, capture_output=True, text=True).stdout
    assert "node_modules" not in tracked and "dist" not in tracked
