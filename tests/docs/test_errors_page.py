"""docs/errors.md has a part for every error code, as the code has it. `VOD_UPDATE_DOCS=1 pytest tests/docs` writes it
anew; tests/media/test_errors.py holds the table that it is made of against what is really raised."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from pathlib import Path

import pytest

from pipeline.media import errors

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "errors.md"
INTRODUCTION = """\
# Errors

Every error of the pipeline has a code, and every code a part here. The same words stand in the receipt beside the
upload, in the record, in the message on the topic, in the execution's cause and in what `vod` prints: `message` (what
is wrong with this film), `code`, `class`, `retryable`, `evidence` (the facts), `fix` (what to do).

| class | whose matter it is | what becomes of the upload |
|---|---|---|
| `input` | the uploader's: something is wrong with the file | rejected, ends green |
| `policy` | nobody's or the uploader's: a rule or a person decided | rejected or superseded, ends green |
| `config` | an operator's: a permission, a setting, a profile | failed, the box is red |
| `service` | AWS's; an operator's where waiting does not help | tried again, then failed, the box is red |

An operator's way from an alarm to one of these is in the [runbook](runbook.md). This page is generated from
[pipeline/media/errors.py](../pipeline/media/errors.py): `VOD_UPDATE_DOCS=1 pytest tests/docs`.
"""
WHO = {
    "uploader": "Who uploaded the film",
    "operator": "An operator",
    "developer": "Who maintains this pipeline",
    "nobody": "Nobody",
}


def page() -> str:
    """Every code in the order of the table; the numbers of MediaConvert that become it, where there are some."""
    numbers = defaultdict(list)
    for number, (_, code) in sorted(errors.MEDIACONVERT_ERRORS.items()):
        numbers[code].append(str(number))
    index = [f"| [{code}](#{code.lower()}) | {known.kind} | {known.cause} |" for code, known in errors.CODES.items()]
    table = "\n".join(["| code | class | cause |", "|---|---|---|", *index])
    parts = [part(code, known, numbers[code]) for code, known in errors.CODES.items()]
    return "\n".join([INTRODUCTION, table, *parts]) + "\n"


def part(code: str, known: errors.Code, numbers: list[str]) -> str:
    again = "yes, by itself" if known.retryable else "no"
    if code in {code for cls, code in errors.MEDIACONVERT_ERRORS.values() if cls is errors.SourceUnreadable}:
        again = "once, where MediaConvert met it while it read the file"
    lines = [
        f"\n## {code}\n",
        known.cause,
        "",
        f"- **Evidence:** {known.shows}",
        f"- **Fix:** {known.fix}",
        f"- **Class:** {known.kind}; tried again: {again}",
        f"- **Who acts:** {WHO[known.owner]}",
    ]
    return "\n".join([*lines, *([f"- **MediaConvert's errors:** {', '.join(numbers)}"] if numbers else [])])


def test_the_page_is_current():
    if os.environ.get("VOD_UPDATE_DOCS"):
        PAGE.write_text(page())
    assert PAGE.read_text() == page(), "run: VOD_UPDATE_DOCS=1 pytest tests/docs"


@pytest.mark.parametrize("code", errors.CODES)
def test_every_code_has_one_part_with_everything_in_it(code):
    text = PAGE.read_text()
    assert len(re.findall(rf"^## {code}$", text, re.MULTILINE)) == 1
    own = text.split(f"\n## {code}\n")[1].split("\n## ")[0]
    assert all(f"- **{word}:** " in own for word in ("Evidence", "Fix", "Class", "Who acts"))


def test_no_part_is_about_a_code_that_is_gone():
    assert set(re.findall(r"^## (\S+)$", PAGE.read_text(), re.MULTILINE)) == set(errors.CODES)


def test_an_errors_page_leads_to_its_part():
    assert errors.page_of("INPUT_EMPTY") == "docs/errors.md#input_empty"
    assert (ROOT / errors.page_of("INPUT_EMPTY").split("#")[0]) == PAGE
