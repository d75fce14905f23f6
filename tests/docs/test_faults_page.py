"""docs/faults.md lists every kind of fault as the code has it. `VOD_UPDATE_DOCS=1 pytest tests/docs` writes it anew."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest

from pipeline.local.chaos.invariants import RULES
from pipeline.local.faults import KINDS, POINTS, Parameter, plan_of

PAGE = Path(__file__).parents[2] / "docs/faults.md"


def kinds() -> str:
    lines = ["| kind | what happens | point | parameters |", "|---|---|---|---|"]
    for name, kind in KINDS.items():
        parameters = "; ".join(f"`{word}`: {one.about} ({_values(one)})" for word, one in kind.parameters.items())
        lines.append(f"| `{name}` | {kind.about} | {kind.point} | {parameters} |".replace("  |", " |"))
    return "\n".join(lines)


def _values(parameter: Parameter) -> str:
    """The words that may be said, the one that is meant when nothing is said first."""
    if isinstance(parameter.values, tuple):
        return ", ".join([parameter.default, *(word for word in parameter.values if word != parameter.default)])
    return "none" if parameter.default is None else str(parameter.default)


def facts() -> str:
    rows = [f"| {point} | {', '.join(f'`{fact}`' for fact in known)} |" for point, known in POINTS.items()]
    return "\n".join(["| point | facts |", "|---|---|", *rows])


@pytest.mark.parametrize(("name", "table"), [("kinds", kinds()), ("facts", facts())])
def test_the_table_is_the_codes(name, table):
    pattern = re.compile(f"(<!-- {name} -->\n)(.*?)(\n<!-- /{name} -->)", re.DOTALL)
    if os.environ.get("VOD_UPDATE_DOCS"):
        PAGE.write_text(pattern.sub(lambda found: found[1] + table + found[3], PAGE.read_text()))
    assert pattern.search(PAGE.read_text())[2] == table


def test_the_example_is_a_plan():
    example = re.search(r"```json\n(.*?)```", PAGE.read_text(), re.DOTALL)[1]
    assert len(plan_of(json.loads(example), "the example").faults) == 2


def test_every_promise_is_told():
    text = PAGE.read_text()
    assert all(rule in text for rule in RULES)
