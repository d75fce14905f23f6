"""The state machine as a picture: Amazon States Language in, boxes and lines out.

Ordinary transitions run down the middle; a Parallel state is a frame around its branches; what is reached only by a
Catch stands in a column on the right, joined by dashed lines. Layout is plain arithmetic (rows by distance from the
start, centred), so that the same file always gives the same picture.

Each state is a group `<g class="state" data-state="NAME">` of its box and its caption, each line carries `data-from`
and `data-to`: a page that shows the picture colours them by what an execution did.
"""

from __future__ import annotations

import dataclasses
import html
from typing import Any

_WIDTH, _HEIGHT, _GAP_X, _GAP_Y, _PAD = 168, 36, 24, 34, 16
_FRAME_TITLE = 22


@dataclasses.dataclass(frozen=True)
class Node:
    """One box. x, y is its upper left corner in pixels; children are the boxes of a Parallel's branches."""

    name: str
    kind: str
    comment: str
    x: float
    y: float
    width: float
    height: float
    children: tuple[Graph, ...] = ()


@dataclasses.dataclass(frozen=True)
class Edge:
    source: str
    target: str
    caught: str = ""


@dataclasses.dataclass(frozen=True)
class Graph:
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    width: float
    height: float

    def node(self, name: str) -> Node:
        return next(node for node in self.nodes if node.name == name)


def graph_of(machine: dict[str, Any]) -> Graph:
    """Lay out one machine, or one branch of a Parallel."""
    states = machine["States"]
    edges = _edges(states)
    rows = _rows(machine["StartAt"], edges)
    sizes = {name: _size(state) for name, state in states.items()}
    middle = _place(rows, sizes, 0)
    width = max((node_x + sizes[name][0] for name, (node_x, _) in middle.items()), default=0)
    aside = _aside([name for name in states if name not in middle], edges, sizes, middle, width + 3 * _GAP_X)
    places = {**middle, **aside}
    nodes = tuple(_node(name, states[name], *places[name], *sizes[name]) for name in states if name in places)
    return Graph(nodes, edges, max(n.x + n.width for n in nodes), max(n.y + n.height for n in nodes))


def svg(machine: dict[str, Any], styled: bool = True) -> str:
    """The picture as one SVG file, readable on light and dark pages; not `styled`: for a page that has its own CSS."""
    graph = graph_of(machine)
    width, height = graph.width + 2 * _PAD, graph.height + 2 * _PAD
    style = f"<style>\n{_STYLE}</style>\n" if styled else ""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" '
        f'width="{width:g}" height="{height:g}" role="img" '
        f'aria-label="{html.escape(machine.get("Comment", "State machine"))}">\n{style}'
        f'<rect class="page" width="{width:g}" height="{height:g}" rx="8"/>\n'
        f'<g transform="translate({_PAD},{_PAD})">\n{_draw(graph)}</g>\n</svg>\n'
    )


_STYLE = """text{font:13px system-ui,sans-serif;fill:#1c2733;text-anchor:middle;dominant-baseline:central}
.page{fill:#fff}.Task{fill:#dcebfa;stroke:#3572b0}.Choice{fill:#fdf1d3;stroke:#b7860b}.Parallel{fill:#f6f8fa;stroke:#8795a1}
.Succeed{fill:#dff3e3;stroke:#2f8f46}.Fail{fill:#fbe0de;stroke:#b3362c}.Pass,.Wait,.Map{fill:#eef0f3;stroke:#8795a1}
path{fill:none;stroke:#5b6b7a}.caught{stroke:#b3362c;stroke-dasharray:4 3;opacity:.65}
"""


def _edges(states: dict[str, Any]) -> tuple[Edge, ...]:
    found = []
    for name, state in states.items():
        targets = [state.get("Next"), state.get("Default"), *(choice["Next"] for choice in state.get("Choices", []))]
        found += [Edge(name, target) for target in dict.fromkeys(targets) if target]
        found += [Edge(name, catch["Next"], ", ".join(catch["ErrorEquals"])) for catch in state.get("Catch", [])]
    return tuple(found)


def _rows(start: str, edges: tuple[Edge, ...]) -> list[list[str]]:
    """States by their longest distance from the start along ordinary transitions."""
    rank, todo = {start: 0}, [start]
    while todo:
        name = todo.pop()
        for edge in edges:
            if edge.source == name and not edge.caught and rank.get(edge.target, -1) < rank[name] + 1 <= len(edges) + 1:
                rank[edge.target] = rank[name] + 1
                todo.append(edge.target)
    return [[name for name, row in rank.items() if row == level] for level in range(max(rank.values()) + 1)]


def _size(state: dict[str, Any]) -> tuple[float, float]:
    if state["Type"] != "Parallel":
        return _WIDTH, _HEIGHT
    branches = [graph_of(branch) for branch in state["Branches"]]
    width = sum(branch.width for branch in branches) + _GAP_X * (len(branches) - 1) + 2 * _PAD
    return width, max(branch.height for branch in branches) + 2 * _PAD + _FRAME_TITLE


def _place(rows: list[list[str]], sizes: dict[str, tuple[float, float]], top: float) -> dict[str, tuple[float, float]]:
    widths = [sum(sizes[name][0] for name in row) + _GAP_X * (len(row) - 1) for row in rows]
    places, y = {}, top
    for row, width in zip(rows, widths, strict=True):
        x = (max(widths) - width) / 2
        for name in row:
            places[name] = (x, y)
            x += sizes[name][0] + _GAP_X
        y += max(sizes[name][1] for name in row) + _GAP_Y
    return places


def _aside(
    names: list[str], edges: tuple[Edge, ...], sizes: dict, middle: dict, x: float
) -> dict[str, tuple[float, float]]:
    """Chains that only a Catch reaches, one column each, in line with the lowest box of the middle."""
    places: dict[str, tuple[float, float]] = {}
    bottom = max(y for _, y in middle.values())
    heads = [name for name in names if any(edge.caught and edge.target == name for edge in edges)]
    for head in heads:
        chain = [head]
        while following := [e.target for e in edges if e.source == chain[-1] and not e.caught and e.target in names]:
            chain.append(following[0])
        y = bottom - (len(chain) - 1) * (_HEIGHT + _GAP_Y)
        for name in chain:
            places.setdefault(name, (x, y))
            y += _HEIGHT + _GAP_Y
        x += _WIDTH + _GAP_X
    return places


def _node(name: str, state: dict[str, Any], x: float, y: float, width: float, height: float) -> Node:
    branches = tuple(graph_of(branch) for branch in state.get("Branches", []))
    return Node(name, state["Type"], state.get("Comment", ""), x, y, width, height, branches)


def _draw(graph: Graph) -> str:
    return "".join(_line(graph, edge) for edge in graph.edges) + "".join(_box(node) for node in graph.nodes)


def _box(node: Node) -> str:
    radius = 18 if node.kind in ("Succeed", "Fail") else 6
    title = f"<title>{html.escape(node.comment)}</title>" if node.comment else ""
    text_y = node.y + (_FRAME_TITLE / 2 + 4 if node.children else node.height / 2)
    parts = [
        f'<g class="state" data-state="{html.escape(node.name)}">\n'
        f'<rect class="{node.kind}" x="{node.x:g}" y="{node.y:g}" width="{node.width:g}" height="{node.height:g}" '
        f'rx="{radius}">{title}</rect>\n',
        f'<text x="{node.x + node.width / 2:g}" y="{text_y:g}">{html.escape(node.name)}</text>\n</g>\n',
    ]
    x = node.x + _PAD
    for child in node.children:
        parts.append(f'<g transform="translate({x:g},{node.y + _PAD + _FRAME_TITLE:g})">\n{_draw(child)}</g>\n')
        x += child.width + _GAP_X
    return "".join(parts)


def _line(graph: Graph, edge: Edge) -> str:
    source, target = graph.node(edge.source), graph.node(edge.target)
    x, y = target.x + target.width / 2, target.y
    joins = f'data-from="{html.escape(edge.source)}" data-to="{html.escape(edge.target)}"'
    if edge.caught:
        start_x, start_y = source.x + source.width, source.y + source.height / 2
        path = f"M{start_x:g} {start_y:g} H{x:g} V{y:g}"
        return f'<path class="caught" {joins} d="{path}"><title>{html.escape(edge.caught)}</title></path>\n'
    start_x, start_y = source.x + source.width / 2, source.y + source.height
    half = (start_y + y) / 2
    return f'<path {joins} d="M{start_x:g} {start_y:g} V{half:g} H{x:g} V{y:g}"/>\n'
