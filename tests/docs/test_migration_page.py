"""docs/migration.md's examples are taken: the ladder by the profiles' reader, the JSON file by the wishes'."""

from __future__ import annotations

import re
from pathlib import Path

from pipeline.media import profiles, wishes

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/migration.md").read_text()


def block(language: str) -> str:
    (found,) = re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    return found


def test_the_translated_ladder_is_a_profile():
    """Beside those of the repository, as somebody would paste it."""
    text = (ROOT / "profiles.toml").read_text() + "\n" + block("toml")
    before = profiles.parse(text)["as-before"]
    assert [(box.name, box.max_bitrate_bps // 1000) for box in before.boxes["h264"]] == [
        ("1080p", 8500),
        ("720p", 6000),
        ("540p", 3500),
        ("360p", 1500),
        ("270p", 400),
    ]


def test_the_translated_metadata_file_is_read_as_it_stands():
    read = wishes.read(block("json").encode(), "My Film.json", tuple(profiles.load()))
    assert read["title"] == "My Film" and read["publish"] == "hold" and read["tags"] == ["drama", "short"]


def test_every_field_of_ours_that_the_page_names_is_one():
    ours = set(wishes.schema(tuple(profiles.load()))["properties"])
    table = PAGE.split("### 3.")[1].split("### 4.")[0]
    column = [line.split("|")[2] for line in table.splitlines() if line.startswith(("| `", "| fields"))]
    named = {word for cell in column for word in re.findall(r"`([a-z_]+)`", cell)} - {"archive_sources"}
    assert named and named <= ours
