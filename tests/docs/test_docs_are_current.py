"""What the documentation shows is what the code does. `VOD_UPDATE_DOCS=1 pytest tests/docs` writes it anew."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest

from pipeline.media.graph import graph_of, svg

ROOT = Path(__file__).parents[2]
MACHINE = json.loads((ROOT / "statemachine/vod.asl.json").read_text())
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])


def test_the_picture_is_drawn_from_the_state_machine_file():
    picture = ROOT / "docs/pictures/state-machine.svg"
    if os.environ.get("VOD_UPDATE_DOCS"):
        picture.write_text(svg(MACHINE))
    assert picture.read_text() == svg(MACHINE)


def test_the_picture_shows_every_state_once():
    def names(graph):
        return [
            name for node in graph.nodes for name in [node.name, *(n for child in node.children for n in names(child))]
        ]

    assert sorted(names(graph_of(MACHINE))) == sorted(_states(MACHINE))


def _states(machine):
    for name, state in machine["States"].items():
        yield name
        for branch in state.get("Branches", []):
            yield from _states(branch)


def test_no_two_boxes_of_the_picture_overlap():
    nodes = graph_of(MACHINE).nodes
    for one in nodes:
        for other in nodes:
            apart = one.x + one.width <= other.x or other.x + other.width <= one.x
            apart = apart or one.y + one.height <= other.y or other.y + other.height <= one.y
            assert one is other or apart, f"{one.name} and {other.name}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path):
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text()):
        assert target.startswith("https://") or (page.parent / target).exists(), f"{page.name}: {target}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_make_target_that_a_page_names_exists(page: Path):
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"`make ([a-z-]+)", page.read_text())) | set(
        re.findall(r"^\$? ?make ([a-z-]+)", page.read_text(), re.MULTILINE)
    )
    assert named <= targets


#: What such a film does not take, and the boxes that say so.
NOT_ITS_OWN = {
    *("Transcode download", "No download", "No captions", "Convert poster", "No poster", "Convert cover", "No cover"),
    *("Hold for budget", "Hold for approval"),
    *("Recall encode", "Earlier encode", "Convert late captions", "Convert late poster"),
}


def test_the_readme_shows_the_states_that_a_captioned_film_really_ticks_off():
    shown = re.findall(r"^  ✔ (.+?)  +[\d.]+ s$", (ROOT / "README.md").read_text(), re.MULTILINE)
    assert sorted(shown) == sorted(_happy_states(MACHINE) - NOT_ITS_OWN)


def _happy_states(machine: dict) -> set[str]:
    """Tasks and endings that a film passes when nothing is wrong with it."""
    name, found = machine["StartAt"], set()
    while name:
        state = machine["States"][name]
        found |= {name} if state["Type"] in ("Task", "Succeed", "Pass") else set()
        for branch in state.get("Branches", []):
            found |= _happy_states(branch)
        for choice in state.get("Choices", []):
            found |= _happy_states({**machine, "StartAt": choice["Next"]})
        name = state.get("Next") or state.get("Default")
    return found


def test_a_page_that_shows_the_picture_finds_every_state_and_brings_its_own_style():
    drawn = svg(MACHINE, styled=False)
    assert "<style" not in drawn
    assert sorted(re.findall(r'<g class="state" data-state="([^"]+)">', drawn)) == sorted(_states(MACHINE))
