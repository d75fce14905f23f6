"""The commands that the documentation shows, as somebody would type them.

In: README.md, docs/*.md and the READMEs of the player and the console. Out: Commands, each with its page and its words.
Taken are lines of fenced blocks that begin with `$ ` or with one of PROGRAMS, with their continuation lines, and code
spans that begin with one of PROGRAMS. An environment before the program stays with it.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), *sorted(ROOT.glob("*/README.md"))]
PROGRAMS = ("vod", "make", "aws", "python", "npx", "npm", "curl", "pytest", "uv", "pip", "cdk", "git")

_FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^\1```", re.MULTILINE | re.DOTALL)
_SPAN = re.compile(r"(?<!`)`([^`\n]+(?:\n[^`\n]+)?)`(?!`)")
_ENVIRONMENT = re.compile(r"^(?:[A-Z][A-Z_0-9]*=\S* +)*")
_SHELLS = ("", "console", "sh", "bash", "shell", "fish", "zsh")


@dataclasses.dataclass(frozen=True)
class Command:
    """text: as it is typed, on one line, without a prompt; `.venv/bin/` is left out of it."""

    page: str
    text: str

    @property
    def words(self) -> str:
        """Without its environment."""
        return _ENVIRONMENT.sub("", self.text)

    @property
    def program(self) -> str:
        return self.words.split()[0]


def documented() -> list[Command]:
    """Every command once, with the first page that shows it."""
    found: dict[str, Command] = {}
    for page in PAGES:
        for text in commands_of(page.read_text(encoding="utf-8")):
            found.setdefault(text, Command(page.relative_to(ROOT).as_posix(), text))
    return list(found.values())


def commands_of(markdown: str) -> Iterator[str]:
    for fence in _FENCE.finditer(markdown):
        if fence[2] in _SHELLS:
            yield from _lines(fence[3])
    for span in _SPAN.finditer(_FENCE.sub("", markdown)):
        text = " ".join(span[1].split())
        if _is_command(text):
            yield _bare(text)


def _lines(block: str) -> Iterator[str]:
    prompted = re.search(r"^\s*\$ ", block, re.MULTILINE)
    for line in re.sub(r"\s*\\\n\s*", " ", block).splitlines():
        line = line.strip()
        if prompted and not line.startswith("$ "):
            continue  # what the command prints
        text = re.sub(r"\s+#\s.*$", "", line.removeprefix("$ ")).strip()
        if prompted or _is_command(text):
            yield _bare(text)


def _bare(text: str) -> str:
    return text.replace(".venv/bin/", "")


def _is_command(text: str) -> bool:
    words = _ENVIRONMENT.sub("", _bare(text)).split()
    return len(words) > 1 and words[0] in PROGRAMS and "--help" not in words


# --- where each is proved --------------------------------------------------------------------------------------------

#: `vod` commands that are not run by tests/e2e/test_documented_commands.py but parsed, and why.
NOT_RUN = {
    "up": "it runs until Ctrl-C; tests/e2e/test_cli.py starts and ends it",
    "demo": "it encodes twenty seconds; `make demo` is the house's own show",
    "console": "it runs until Ctrl-C; tests/console serves it",
    "mediaconvert": "it runs until Ctrl-C; tests/cli/test_mediaconvert.py starts and ends it",
}


def is_run(command: Command) -> bool:
    """Whether the end-to-end test runs it on its stack."""
    words = command.words.split()
    if words[0] == "vod":
        # Options of a deployment ask for a stack of one's own, and for its codecs.
        return words[1] not in NOT_RUN and "-c" not in words
    return command.words.startswith(("aws s3 cp ", "aws stepfunctions list-executions "))
