"""`vod completion bash|zsh|fish`: a script that teaches the shell our commands, options, files and assets.

The script is made of the command line's own parser by shtab, so that it knows what `--help` knows. Names of assets are
asked of the pipeline when somebody presses the key: by `vod completion assets`, which the script calls. That has two
seconds and says nothing when it cannot answer, since whatever it said would stand in the middle of somebody's prompt.
"""

from __future__ import annotations

import argparse
import itertools
import os
import shlex
import signal
import sys
from pathlib import Path
from typing import NoReturn

from rich.console import Console

SHELLS = ("bash", "zsh", "fish")
_NEWEST = 1000
_PATIENCE_SECONDS = 2.0


def complete(options: argparse.Namespace, console: Console) -> int:
    if options.what == "assets":
        return _assets()
    from pipeline.cli.main import parser

    print(script(parser(), options.what, _ourselves()))
    return 0


def script(parser: argparse.ArgumentParser, shell: str, vod: list[str]) -> str:
    """The script for one of SHELLS; `vod`: the words that call this program."""
    import shtab

    assets = {
        "bash": "_vod_assets",
        "zsh": "_vod_assets",
        "fish": "(_vod_assets)",
        "preamble": {name: lines.replace("VOD", shlex.join(vod)) for name, lines in _ASK.items()},
    }
    for action in _actions(parser):
        if action.metavar in ("FILM", "FILE"):
            action.complete = shtab.FILE  # type: ignore[attr-defined]
        elif action.metavar == "DIR":
            action.complete = shtab.DIRECTORY  # type: ignore[attr-defined]
        elif str(action.metavar).startswith("ASSET"):
            action.complete = assets  # type: ignore[attr-defined]
    return shtab.complete(parser, shell)


#: How each shell asks for names. zsh's compadd and fish's own filter keep those that fit; bash wants it said.
_ASK = {
    "bash": '_vod_assets() { compgen -W "$(VOD completion assets 2>/dev/null)" -- "$1"; }',
    "zsh": '_vod_assets() { compadd -- ${(f)"$(VOD completion assets 2>/dev/null)"} }',
    "fish": "function _vod_assets; VOD completion assets 2>/dev/null; end",
}


def _actions(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    found = []
    for action in parser._actions:  # argparse has no public way; shtab and Sphinx read it, too
        if isinstance(action, argparse._SubParsersAction):
            for command in action.choices.values():
                found += _actions(command)
        else:
            found.append(action)
    return found


def _ourselves() -> list[str]:
    """The words that call this program from anywhere: the shell that completes may know no `vod`."""
    called = Path(sys.argv[0])
    return [str(called.absolute())] if os.access(called, os.X_OK) else [sys.executable, "-m", "pipeline.cli"]


def _assets() -> int:
    """The assets that changed last, one to a line."""
    signal.signal(signal.SIGALRM, _too_late)
    signal.setitimer(signal.ITIMER_REAL, _PATIENCE_SECONDS)
    try:
        from pipeline.aws import reading
        from pipeline.cli.world import attached, spoken_to
        from pipeline.local.home import default_home

        with spoken_to(attached(default_home(), None)) as world:
            versions = itertools.islice(reading.listed(world.outputs["AssetsTable"]), _NEWEST)
            print("\n".join(dict.fromkeys(version["asset_id"] for version in versions)))
    except Exception:  # whatever it was: there is nobody here to be told
        return 1
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    return 0


def _too_late(signum: int, frame: object) -> NoReturn:
    raise TimeoutError
