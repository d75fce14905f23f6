"""The promise of the table, tried on every setting of MediaConvert's service model: honoured, of no effect and said to
be, or refused with its path. Every place of the model, and every value of their enumerations."""

from __future__ import annotations

import ast
import copy
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.local.mediaconvert import honoured, model
from tests.local.mediaconvert.conftest import JOB

ENGINE = Path(honoured.__file__).parent
#: They judge settings or pass them on; reading a setting there does not honour it.
JUDGES = {"honoured.py", "rules.py", "acceleration.py"}
ROWS = {row.path: row for row in honoured.SETTINGS}
INNER = {path[:end] for path in ROWS for end in range(len(path)) if path[end] in ".[{"}
PLACES = dict(model.walk(model.service_model().shape_for("JobSettings")))
#: Read under names that are put together: f"{colour}Primary{axis}".
PUT_TOGETHER = {
    f"{name}{axis}" for name in ("RedPrimary", "GreenPrimary", "BluePrimary", "WhitePoint") for axis in "XY"
}


def sample(shape: Any) -> Any:
    """Some value of a shape that the model accepts."""
    return {"integer": 1, "double": 1.0, "boolean": True, "list": [{}], "map": {"a": "b"}, "structure": {}}.get(
        shape.type_name, (getattr(shape, "enum", None) or ["text"])[-1]
    )


def concrete(path: str) -> str:
    """A path of the model as refusals write it: the first item of every list, one name in every map."""
    return path.replace("[]", "[0]").replace("{}", ".Audio Selector 1")


def with_setting(path: str, value: Any) -> dict[str, Any]:
    """The planner's job with one place of the model's tree set, making what is missing on the way."""
    job = copy.deepcopy(JOB)
    target: Any = job
    *parents, last = path.replace("[]", ".0").replace("{}", ".Audio Selector 1").split(".")
    for part, following in itertools.pairwise([*parents, last]):
        if isinstance(target, list):
            target[:] = target or [{}]
            target = target[0]
        else:
            target = target.setdefault(part, [] if following == "0" else {})
    if isinstance(target, list):
        target[:1] = [value]
    else:
        target[last] = value
    return job


def blamed(job: dict[str, Any]) -> list[str]:
    """The paths that a job is refused for."""
    said = honoured.refusals({"Settings": job})
    return [line.partition(" is not honoured")[0].partition(": ")[0] for line in said]


def is_blamed(path: str, job: dict[str, Any]) -> bool:
    """The place itself, or a structure it is in: never another part of the job."""
    place = concrete(path)
    return any(place == found or place.startswith((f"{found}.", f"{found}[")) for found in blamed(job))


def test_the_job_it_is_tried_on_is_honoured():
    assert blamed(JOB) == []


@pytest.mark.parametrize("part", sorted({path.partition("[")[0].partition(".")[0] for path in PLACES}))
def test_a_setting_without_a_row_is_refused_by_its_path(part):
    places = [path for path in PLACES if path.partition("[")[0].partition(".")[0] == part]
    for path in places:
        if path not in ROWS and path not in INNER:
            assert is_blamed(path, with_setting(path, sample(PLACES[path]))), path


def enumerated() -> Iterator[tuple[str, list[str]]]:
    for path in ROWS:
        if enum := getattr(PLACES[path], "enum", None):
            yield path, enum


def test_a_value_that_a_row_does_not_name_is_refused_by_its_path():
    tried = 0
    for path, enum in enumerated():
        for value in enum:
            if not ROWS[path].values.accepts(value):
                tried += 1
                job = with_setting(path, value)
                assert concrete(path) in blamed(job), f"{path}: {value}"
    assert tried > 100


def words_of_the_engine() -> set[str]:
    return {
        node.value
        for path in ENGINE.glob("*.py")
        if path.name not in JUDGES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


def last(path: str) -> str:
    return path.replace("[]", "").replace("{}", "").rpartition(".")[2]


def is_a_choice(row: honoured.Row) -> bool:
    """More than one value passes, so that the engine must look which it is."""
    enum = getattr(PLACES[row.path], "enum", None)
    if enum:
        return sum(row.values.accepts(value) for value in enum) > 1
    return row.values is honoured.ANY or ", " in row.values.words or " to " in row.values.words


def test_what_is_honoured_is_read_and_what_nobody_reads_is_said_to_have_no_effect():
    """A row that lets several values pass is a promise that somebody looks at the setting."""
    words = words_of_the_engine()
    choices = {last(path) for path, row in ROWS.items() if is_a_choice(row)} - PUT_TOGETHER
    unread = {name for name in choices if name not in words}
    assert unread - honoured.WITHOUT_EFFECT == set(), "nobody reads these: honour them, or add them to WITHOUT_EFFECT"
    assert honoured.WITHOUT_EFFECT - unread == set(), "these are read, or have no row: take them out of WITHOUT_EFFECT"


def test_the_document_says_what_has_no_effect():
    text = honoured.as_markdown()
    assert "| `VideoDescription.AntiAlias` | any, without effect |" in text
    assert "| `VideoDescription.Width` | any |" in text
