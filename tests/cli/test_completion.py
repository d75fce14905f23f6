"""The shells' completions, by running the shells on the generated scripts."""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

from pipeline.aws import reading
from pipeline.cli import completion, world
from pipeline.cli.main import main, parser
from tests.cli.test_operate import HERE

ASSETS = ["my-film-0123456789ab", "my-other-film-0123456789ab", "trailer-0123456789ab"]


@pytest.fixture(scope="module")
def vod(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """A `vod` that knows three assets, and complains beside them."""
    program = tmp_path_factory.mktemp("bin") / "my vod"
    lines = ["#!/bin/sh", '[ "$1 $2" = "completion assets" ] || exit 9', "echo trouble >&2"]
    program.write_text("\n".join([*lines, *(f"echo {asset}" for asset in ASSETS)]) + "\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return [str(program)]


def ran(shell: str, script: str, folder: Path) -> list[str]:
    file = folder / f"ask.{shell}"
    file.write_text(script)
    none = {"bash": ["--norc", "--noprofile"], "zsh": ["-f"], "fish": ["--no-config"]}[shell]
    done = subprocess.run([shell, *none, str(file)], cwd=folder, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and not done.stderr, done.stderr
    return done.stdout.splitlines()


def by_bash(vod: list[str], words: list[str], folder: Path) -> set[str]:
    """What bash offers for the last of these words."""
    asked = f"COMP_WORDS=({shlex.join(words)}); COMP_CWORD={len(words) - 1}; COMPREPLY=()"
    script = completion.script(parser(), "bash", vod)
    lines = [script, asked, "_shtab_vod", "printf '%s\\n' \"${COMPREPLY[@]}\""]
    return set(filter(None, ran("bash", "\n".join(lines), folder)))


CASES = {
    "commands": ("vod re", {"release", "replay", "resume", "retry"}),
    "options": ("vod list --st", {"--stack", "--status", "--state"}),
    "an option's values": ("vod list --status re", {"received", "rejected"}),
    "an argument's values": ("vod replay u", {"uploads"}),
    "after an option with a value": ("vod retry --since 2h --co", {"--code"}),
    "assets": ("vod show my", set(ASSETS[:2])),
    "all assets": ("vod cancel ''", set(ASSETS)),
    "files": ("vod run fi", {"film.mov", "film.srt"}),
    "folders": ("vod run film.mov --output f", {"folder"}),
    "nothing, where any number may stand": ("vod list --limit ''", set()),
}


def missing(shell: str) -> pytest.MarkDecorator:
    """Skipped without the shell; not in CI, which installs it."""
    skipped = shutil.which(shell) is None and not os.environ.get("CI")
    return pytest.mark.skipif(skipped, reason=f"{shell} is not installed")


@pytest.mark.parametrize(("line", "expected"), CASES.values(), ids=CASES)
def test_bash_completes(vod, tmp_path, line, expected):
    for name in ("film.mov", "film.srt"):
        (tmp_path / name).touch()
    (tmp_path / "folder").mkdir()
    assert by_bash(vod, shlex.split(line), tmp_path) == expected


def test_every_command_and_every_option_is_completed(vod, tmp_path):
    (commands,) = (action.choices for action in parser()._actions if isinstance(action, argparse._SubParsersAction))
    assert by_bash(vod, ["vod", ""], tmp_path) == set(commands)
    script = completion.script(parser(), "bash", vod)
    for name, command in commands.items():
        options = {option for action in command._actions for option in action.option_strings}
        (line,) = [line for line in script.splitlines() if line.startswith(f"_shtab_vod_{name}_option_strings=")]
        assert set(shlex.split(line.partition("=(")[2].rstrip(")"))) == options, name


@missing("fish")
def test_fish_completes(vod, tmp_path):
    script = completion.script(parser(), "fish", vod)
    said = ran("fish", f'{script}\ncomplete -C "vod re"\ncomplete -C "vod show my"\n', tmp_path)
    assert {line.partition("\t")[0] for line in said} == {"release", "replay", "resume", "retry", *ASSETS[:2]}


@missing("zsh")
def test_zsh_takes_the_script(vod, tmp_path):
    script = completion.script(parser(), "zsh", vod)
    (tmp_path / "vod.zsh").write_text(script)
    lines = ["autoload -Uz compinit", "compinit -u -d ./dump", 'eval "$(cat vod.zsh)"', "print $_comps[vod]"]
    assert ran("zsh", "\n".join(lines), tmp_path) == ["_shtab_vod"]


# What the scripts ask ------------------------------------------------------------------------------------------------


@pytest.fixture
def here(monkeypatch) -> None:
    monkeypatch.setattr(world, "attached", lambda home, stack: HERE)


def test_assets_are_said_once_each_the_newest_first(here, monkeypatch, capsys):
    versions = [{"asset_id": asset} for asset in ("b", "a", "b")]
    monkeypatch.setattr(reading, "listed", lambda table: iter(versions))
    assert main(["completion", "assets"]) == 0
    assert capsys.readouterr().out.split() == ["b", "a"]


def test_who_asks_without_a_pipeline_is_answered_with_silence(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("VOD_HOME", str(tmp_path))
    assert main(["completion", "assets"]) == 1
    assert capsys.readouterr() == ("", "")


def test_nobody_waits_at_the_prompt_for_a_pipeline_that_does_not_answer(here, monkeypatch, capsys):
    import time

    monkeypatch.setattr(completion, "_PATIENCE_SECONDS", 0.2)
    monkeypatch.setattr(reading, "listed", lambda table: time.sleep(30))
    begin = time.monotonic()
    assert main(["completion", "assets"]) == 1 and time.monotonic() - begin < 10
    assert capsys.readouterr() == ("", "")


def test_the_script_calls_the_program_that_wrote_it(capsys, monkeypatch, tmp_path):
    program = tmp_path / "vod"
    program.touch(mode=0o755)
    monkeypatch.setattr("sys.argv", [str(program)])
    assert main(["completion", "bash"]) == 0
    assert f"{program} completion assets" in capsys.readouterr().out
