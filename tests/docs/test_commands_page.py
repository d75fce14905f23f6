"""docs/commands.md has every command, option, exit status and --json shape, as the parser has them.
`VOD_UPDATE_DOCS=1 pytest tests/docs` writes it anew."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import pytest

from pipeline.cli.main import STATUSES_OF_EXIT, parser
from pipeline.cli.shapes import SHAPES

PAGE = Path(__file__).parents[2] / "docs" / "commands.md"
INTRODUCTION = """\
# Commands

`vod --help`, and `vod COMMAND --help`, say the same. Commands that ask or act speak to the pipeline that `vod up` keeps
running in this home (`VOD_HOME`), or to a deployed stack: `--stack NAME`, or `VOD_STACK`, in the account and region
that your AWS settings choose. With `AWS_ENDPOINT_URL` set it is the stack behind that address.

Answers go to standard output, progress and mistakes to standard error. With `--json` the answer is one object; of `vod
run` and `vod check` one object to a film and line.

A moment is an age (`90s`, `30m`, `6h`, `14d`) or a time such as `2026-11-23T14:30Z`; without an offset it is UTC.

Your shell completes all of it, names of assets included:

```console
$ source <(vod completion bash)
$ eval "$(vod completion zsh)"     # after compinit
$ vod completion fish | source
```

## Exit status

| status | means |
|---|---|
"""
OUTRO = """
This page is generated from the parser ([pipeline/cli/main.py](../pipeline/cli/main.py)):
`VOD_UPDATE_DOCS=1 pytest tests/docs`.
"""


def commands() -> dict[str, argparse.ArgumentParser]:
    (found,) = (action for action in parser()._actions if isinstance(action, argparse._SubParsersAction))
    return found.choices


def helps() -> dict[str, str]:
    (found,) = (action for action in parser()._actions if isinstance(action, argparse._SubParsersAction))
    return {action.dest: action.help or "" for action in found._choices_actions}


def page() -> str:
    statuses = "\n".join(f"| {status} | {escaped(means)} |" for status, means in sorted(STATUSES_OF_EXIT.items()))
    about = helps()
    parts = [part(name, command, about[name]) for name, command in commands().items()]
    return INTRODUCTION + statuses + "\n" + "\n".join(parts) + OUTRO


def part(name: str, command: argparse.ArgumentParser, about: str) -> str:
    lines = [f"\n## vod {name}\n", f"`{usage(name, command)}`", "", f"{about[0].upper()}{about[1:]}.", ""]
    rows = [row(action) for action in command._actions if not isinstance(action, argparse._HelpAction)]
    lines += ["| | |", "|---|---|", *rows, ""] if rows else []
    lines += [f"{command.epilog[0].upper()}{command.epilog[1:]}.", ""] if command.epilog else []
    for number, shape in enumerate(SHAPES.get(name, [])):
        lines += ["`--json`:" if not number else "or:", "", "| key | holds |", "|---|---|"]
        lines += [f"| `{key.rstrip('?')}` | {escaped(holds)} |" for key, holds in shape.items()]
        lines.append("")
    return "\n".join(lines).rstrip()


def usage(name: str, command: argparse.ArgumentParser) -> str:
    """Arguments alone: the options have a table."""
    words = []
    for action in command._actions:
        if action.option_strings:
            continue
        word = action.metavar or ("|".join(action.choices) if action.choices else action.dest)
        word = f"{word}..." if action.nargs == "+" else word
        words.append(f"[{word}]" if action.nargs == "?" else word)
    return " ".join(["vod", name, *words])


def row(action: argparse.Action) -> str:
    if not action.option_strings:
        word = action.metavar or action.dest.upper()
        return f"| {escaped(word)} | {escaped(told(action))} |"
    takes = "" if action.nargs == 0 else f" {action.metavar or action.dest.upper()}"
    return (
        f"| {', '.join(f'`{option}{escaped(takes)}`' for option in action.option_strings)} | {escaped(told(action))} |"
    )


def told(action: argparse.Action) -> str:
    choices = f"one of {', '.join(map(str, action.choices))}" if action.choices else ""
    return "; ".join(filter(None, [action.help, choices]))


def escaped(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")


def test_the_page_is_current():
    if os.environ.get("VOD_UPDATE_DOCS"):
        PAGE.write_text(page())
    assert PAGE.read_text() == page(), "run: VOD_UPDATE_DOCS=1 pytest tests/docs"


@pytest.mark.parametrize("name", commands())
def test_every_command_and_option_has_a_sentence(name):
    assert helps()[name]
    missing = [action.dest for action in commands()[name]._actions if not action.help]
    assert not missing


def test_every_command_that_prints_json_has_its_shape():
    prints = {name for name, command in commands().items() if "--json" in command._option_string_actions}
    assert prints == set(SHAPES), "pipeline/cli/shapes.py says what each command's --json holds"
