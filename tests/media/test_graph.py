from __future__ import annotations

import itertools
import json
import re
from pathlib import Path

import pytest

from pipeline.media.graph import Graph, graph_of, svg

MACHINE = json.loads((Path(__file__).parents[2] / "statemachine/vod.asl.json").read_text())


def task(following: str | None = None, caught: str | None = None) -> dict[str, object]:
    onward = {"Next": following} if following else {"End": True}
    return {"Type": "Task", **onward, "Catch": [{"ErrorEquals": ["Bad"], "Next": caught}] if caught else []}


def choice(default: str, *others: str) -> dict[str, object]:
    return {"Type": "Choice", "Default": default, "Choices": [{"Next": other} for other in others]}


#: A question whose usual answer passes a row by, another way that passes a wide frame by, and a way of errors.
WINDING = {
    "StartAt": "Begin",
    "States": {
        "Begin": choice("Ask", "Shortcut"),
        "Ask": choice("Work", "Wait for it"),
        "Wait for it": task("Work"),
        "Work": {
            "Type": "Parallel",
            "Branches": [{"StartAt": name, "States": {name: task()}} for name in ("This branch", "And that branch")],
            "Next": "Finish",
        },
        "Shortcut": task("Finish"),
        "Finish": task(None, "Tell"),
        "Tell": task("Told"),
        "Told": {"Type": "Succeed"},
    },
}


def points(path: str) -> list[tuple[float, float]]:
    """The corners of a line made of M, H and V."""
    found: list[tuple[float, float]] = []
    for kind, first, second in re.findall(r"([MHV])(-?[\d.]+)(?: (-?[\d.]+))?", path):
        x, y = found[-1] if found else (0.0, 0.0)
        found.append({"M": (float(first), float(second or 0)), "H": (float(first), y), "V": (x, float(first))}[kind])
    return found


def run_through(graph: Graph) -> list[str]:
    """Boxes that an ordinary line runs through."""
    found = []
    for edge in graph.edges:
        if edge.caught:
            continue
        for (x, y), (to_x, to_y) in itertools.pairwise(points(edge.path)):
            for node in graph.nodes:
                across = node.x < max(x, to_x) and min(x, to_x) < node.x + node.width
                down = node.y < max(y, to_y) and min(y, to_y) < node.y + node.height
                if (across or (x == to_x and node.x < x < node.x + node.width)) and down:
                    found.append(f"{edge.source} -> {edge.target} through {node.name}")
    return found


@pytest.mark.parametrize("machine", [WINDING, MACHINE], ids=["winding", "ours"])
def test_no_line_runs_through_a_box(machine):
    assert run_through(graph_of(machine)) == []


def test_a_line_through_a_box_would_be_seen():
    graph = graph_of(MACHINE)
    node = graph.node("Probe source")
    edge = graph.edges[0].__class__("a", "b", "", f"M{node.x + 5} {node.y - 9} V{node.y + node.height + 9}")
    assert run_through(Graph(graph.nodes, (edge,), graph.width, graph.height)) == ["a -> b through Probe source"]


@pytest.mark.parametrize("machine", [WINDING, MACHINE], ids=["winding", "ours"])
def test_the_usual_way_runs_straight_down(machine):
    graph = graph_of(machine)
    states = machine["States"]
    name, middles = machine["StartAt"], []
    while name:
        node = graph.node(name)
        middles.append(node.x + node.width / 2)
        name = states[name].get("Next") or states[name].get("Default")
    assert len(middles) > 3 and max(middles) - min(middles) <= 1


@pytest.mark.parametrize("machine", [WINDING, MACHINE], ids=["winding", "ours"])
def test_every_line_begins_and_ends_at_its_boxes(machine):
    graph = graph_of(machine)
    for edge in graph.edges:
        source, target = graph.node(edge.source), graph.node(edge.target)
        (x, y), (to_x, to_y) = points(edge.path)[0], points(edge.path)[-1]
        assert source.x <= x <= source.x + source.width and source.y <= y <= source.y + source.height
        assert (to_x, to_y) == (target.x + target.width / 2, target.y)
        assert min(x for x, _ in points(edge.path)) >= 0 and max(x for x, _ in points(edge.path)) <= graph.width


def test_the_picture_of_our_machine_fits_a_laptop():
    assert graph_of(MACHINE).width < 1050


def test_many_branches_stand_below_each_other_inside_their_frame():
    branches = [{"StartAt": f"Branch {n}", "States": {f"Branch {n}": task()}} for n in range(20)]
    machine = {"StartAt": "Work", "States": {"Work": {"Type": "Parallel", "Branches": branches, "End": True}}}
    frame = graph_of(machine).node("Work")
    assert frame.width < 900
    text = svg(machine)
    corners = [(float(x), float(y)) for x, y in re.findall(r"translate\(([\d.]+),([\d.]+)\)", text)][1:]
    assert len(corners) == len(set(corners)) == 20 and len({y for _, y in corners}) > 1
    assert all(x + 100 < frame.width and y + 36 < frame.height for x, y in corners)
