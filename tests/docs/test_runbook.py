"""docs/runbook.md has a part for every error that is an operator's, and for no other.

tests/stacks/test_watch.py holds its alarms, tests/docs/test_documented_commands.py its commands.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pipeline.media import errors

TEXT = (Path(__file__).parents[2] / "docs" / "runbook.md").read_text(encoding="utf-8")
PARTS = dict(re.findall(r"^### ([A-Z_]+)\n(.*?)(?=^##|\Z)", TEXT, re.MULTILINE | re.DOTALL))
OPERATORS = [code for code, known in errors.CODES.items() if known.kind in ("service", "config")]
#: Not of these classes, and an operator's all the same: nobody decided, or `vod run` alone says it.
ALSO = ["APPROVAL_TIMED_OUT", "BUDGET_TIMED_OUT", "NOT_STARTED"]


def test_every_error_of_an_operators_has_its_part_and_every_part_its_error():
    assert sorted(PARTS) == sorted([*OPERATORS, *ALSO])


@pytest.mark.parametrize("code", PARTS)
def test_every_part_says_what_it_means_and_what_to_do(code):
    meaning, _, steps = PARTS[code].strip().partition("\n\n")
    assert re.match(r"[A-Z`].*\.$", meaning.replace("\n", " "))
    assert re.match(r"1\. ", steps) and "`vod " in steps, "with a command"
