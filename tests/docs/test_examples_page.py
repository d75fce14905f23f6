"""docs/mediaconvert-examples.md says what becomes of other people's jobs, as the code has it. `VOD_UPDATE_DOCS=1 pytest
tests/docs` writes it anew; tests/local/mediaconvert/test_examples.py encodes those that are accepted."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from tests.local.mediaconvert.examples import EXAMPLES, Example, refusals

PAGE = Path(__file__).parents[2] / "docs" / "mediaconvert-examples.md"
INTRODUCTION = """\
# Other people's jobs

The local MediaConvert is made for the jobs of this pipeline, and should run those of others. These are the jobs that
MediaConvert's documentation, the SDK examples, AWS's VOD solution and other programs send, with their settings as they
are, and what becomes of them here. Those that are accepted are encoded by a test; what is refused says so by path and
value, and nothing else of the job is to blame.

This page is generated: `VOD_UPDATE_DOCS=1 pytest tests/docs`.
"""


def page() -> str:
    found = {example.name: refusals(example.as_request()) for example in EXAMPLES}
    rows = [f"| {one.name} | {one.seen} | {verdict(found[one.name])} |" for one in EXAMPLES]
    table = "\n".join(["| job | seen in | here |", "|---|---|---|", *rows])
    parts = [section(one, found[one.name]) for one in EXAMPLES if found[one.name]]
    accepted = sum(not said for said in found.values())
    summary = f"{accepted} of {len(EXAMPLES)} are encoded."
    return "\n".join([INTRODUCTION, summary, "", table, *(["", "## What is refused", *parts] if parts else [])]) + "\n"


def verdict(said: list[str]) -> str:
    return "encoded" if not said else f"refused: {len(list(distinct(said)))} settings"


def section(example: Example, said: list[str]) -> str:
    return "\n".join([f"\n**{example.name}**\n", *(f"- {line}" for line in distinct(said))])


def distinct(said: list[str]) -> Iterator[str]:
    """One line for the same setting of several outputs."""
    seen = set()
    for line in said:
        line = re.sub(r"\[\d+\]", "[]", line).replace(" is not honoured by the local engine", "")
        place, _, rest = line.partition(": ")
        place = place.partition(" (honoured: ")[0]
        if place not in seen:
            seen.add(place)
            yield f"`{place}`" + (f": {rest}" if rest else "")


def test_the_page_is_current():
    if os.environ.get("VOD_UPDATE_DOCS"):
        PAGE.write_text(page())
    assert PAGE.read_text() == page(), "run: VOD_UPDATE_DOCS=1 pytest tests/docs"
