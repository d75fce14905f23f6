"""What content teams read is true: the schema in docs/ is the reader's, and the page's examples are taken."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import jsonschema
import pytest

from pipeline.media import profiles, sidecars, wishes
from pipeline.media.errors import SourceRejected

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "content-team.md"
SCHEMA = ROOT / "docs" / "film.schema.json"


def test_the_published_schema_is_the_readers():
    """With the profiles that the repository ships. `VOD_UPDATE_DOCS=1 pytest tests/docs` writes it anew."""
    text = json.dumps(wishes.schema(tuple(profiles.load())), indent=2, ensure_ascii=False) + "\n"
    if os.environ.get("VOD_UPDATE_DOCS"):
        SCHEMA.write_text(text)
    assert SCHEMA.read_text() == text


def test_the_pages_example_is_taken_by_reader_and_schema():
    (example,) = re.findall(r"```json\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert wishes.read(example.encode(), "My Film.json", tuple(profiles.load()))["poster_at_ms"] == 65_500
    jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text())).validate(json.loads(example))


def test_the_page_names_every_field_and_no_other():
    (table,) = re.findall(r"\| field \| says \|\n.*?\n\n", PAGE.read_text(), re.DOTALL)
    named = {name for row in table.strip().splitlines()[2:] for name in re.findall(r"`(\w+)`", row.split("|")[1])}
    assert named | {"$schema"} == set(json.loads(SCHEMA.read_text())["properties"])


WRONG = """{
  "title": "My Film",
  "profle": "download",
  "description": "A",
  "language": "en",
  "tags": ["a"],
  "poster_time": "00:01:05:12"
}"""


def test_the_pages_mistakes_are_told_in_these_words():
    with pytest.raises(SourceRejected) as refused:
        wishes.read(WRONG.encode(), "My Film.json", tuple(profiles.load()))
    assert f"```\n{refused.value.message}\n```" in PAGE.read_text()


@pytest.mark.parametrize("film", ["My Film.mov", "My Film.mp4"])
def test_the_pages_names_bind_as_it_says(film):
    names = set(re.findall(r"My Film\.[\w.-]*\w", PAGE.read_text()))
    folder = "uploads/spring/"
    around = {f"{folder}{name}" for name in (*names, "My Film.mov", "My Film.mp4")}
    assert not sidecars.beside(f"{folder}My Film.mov", around).doubted
    alone = {key for key in around if ".mp4" not in key and ".mov." not in key}
    found = sidecars.beside(f"{folder}My Film.mov", alone)
    assert {one.language for one in found.captions} == {"en", "fr", "und"}
    assert (found.poster, found.wishes) == (f"{folder}My Film.jpg", f"{folder}My Film.json")
    two = {f"{folder}My Film.mov", f"{folder}My Film.mp4", f"{folder}My Film.json"}
    assert sidecars.beside(f"{folder}{film}", two).doubted == (f"{folder}My Film.json",)
