"""The state machine as a picture: Amazon States Language in, boxes and lines out.

Ordinary transitions run down the middle, a row for each step from the start; a line that passes rows by has a place of
its own in each, so that it never runs through a box. A Parallel state is a frame around its branches. What is reached
only by a Catch stands below on the right, and dashed lines come to it along the right margin. Layout is plain
arithmetic, so that the same file always gives the same picture.

Each state is a group `<g class="state" data-state="NAME">` of its box and its caption, each line carries `data-from`
and `data-to`: a page that shows the picture colours them by what an execution did.
"""

from __future__ import annotations

import dataclasses
import html
import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

_HEIGHT, _GAP_X, _GAP_Y, _PAD = 36, 16, 28, 16
_FRAME_TITLE = 22
_LETTER, _AROUND = 7.6, 28  # a caption's width in the widest of the usual fonts, and what the box adds to it
_MARGIN = 12  # between two lines along the right margin
_ROUNDS = 24
_SHELF = 840  # how wide a Parallel's branches may stand side by side

#: A box is known by its name; a line's place in a row that it passes by, by the line's ends and the row.
Key = str | tuple[str, str, int]


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
    """caught: the errors that lead this way, "" for an ordinary transition. path: its line, as SVG writes it."""

    source: str
    target: str
    caught: str = ""
    path: str = ""


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
    states, edges = machine["States"], _edges(machine["States"])
    sizes = {name: _size(name, state) for name, state in states.items()}
    rank = _ranks(machine["StartAt"], edges)
    chains = {edge: _chain(edge, rank) for edge in edges if not edge.caught and edge.source in rank}
    rows = _rows(rank, list(chains.values()))
    usual = _usual(machine["StartAt"], states, chains)
    centres = _centres(rows, list(chains.values()), usual, sizes)
    tops = _tops(rows, sizes)
    places = {
        key: (centres[key] - sizes[key][0] / 2, tops[row])
        for row, keys in enumerate(rows)
        for key in keys
        if isinstance(key, str)
    }
    right = max(centre + _width(key, sizes) / 2 for key, centre in centres.items())
    places |= _aside([name for name in states if name not in rank], edges, sizes, places)
    nodes = tuple(_node(name, states[name], *places[name], *sizes[name]) for name in states if name in places)
    boxes = {node.name: node for node in nodes}
    margins = _margins(edges, right)
    lines = tuple(
        dataclasses.replace(
            edge,
            path=_caught(boxes[edge.source], boxes[edge.target], *margins[edge.target])
            if edge.caught
            else _down(chains.get(edge, [edge.source, edge.target]), boxes, centres, tops),
        )
        for edge in edges
    )
    width = max([*(node.x + node.width for node in nodes), *(x + _MARGIN for x, _ in margins.values())])
    return Graph(nodes, lines, width, max(node.y + node.height for node in nodes))


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


def _size(name: str, state: dict[str, Any]) -> tuple[float, float]:
    own = round(len(name) * _LETTER) + _AROUND
    if state["Type"] != "Parallel":
        return own, _HEIGHT
    shelves = _shelves([graph_of(branch) for branch in state["Branches"]])
    width = max(_along([branch.width for branch in shelf], _GAP_X) for shelf in shelves)
    height = _along([max(branch.height for branch in shelf) for shelf in shelves], _GAP_Y)
    return max(width + 2 * _PAD, own), height + 2 * _PAD + _FRAME_TITLE


def _shelves(branches: Sequence[Graph]) -> list[list[Graph]]:
    """A Parallel's branches side by side, and below each other where they would be wider than is easily seen."""
    shelves: list[list[Graph]] = [[]]
    for branch in branches:
        if shelves[-1] and _along([one.width for one in [*shelves[-1], branch]], _GAP_X) > _SHELF:
            shelves.append([])
        shelves[-1].append(branch)
    return shelves


def _along(lengths: list[float], gap: float) -> float:
    return sum(lengths) + gap * (len(lengths) - 1)


def _width(key: Key, sizes: Mapping[str, tuple[float, float]]) -> float:
    return sizes[key][0] if isinstance(key, str) else 0


def _ranks(start: str, edges: tuple[Edge, ...]) -> dict[str, int]:
    """A state's row: its longest distance from the start along ordinary transitions."""
    rank, todo = {start: 0}, [start]
    while todo:
        name = todo.pop()
        for edge in edges:
            if edge.source == name and not edge.caught and rank.get(edge.target, -1) < rank[name] + 1 <= len(edges) + 1:
                rank[edge.target] = rank[name] + 1
                todo.append(edge.target)
    return rank


def _chain(edge: Edge, rank: Mapping[str, int]) -> list[Key]:
    """The line's ends, and between them its place in every row that it passes by."""
    between = range(rank[edge.source] + 1, rank[edge.target])
    return [edge.source, *((edge.source, edge.target, row) for row in between), edge.target]


def _rows(rank: Mapping[str, int], chains: list[list[Key]]) -> list[list[Key]]:
    """Who stands in each row, from left to right: each near those it is joined with in the row above."""
    rows: list[list[Key]] = [[] for _ in range(max(rank.values()) + 1)]
    for name, row in rank.items():
        rows[row].append(name)
    for chain in chains:
        for key in chain[1:-1]:
            rows[key[2]].append(key)  # type: ignore[index,call-overload]
    above = _joined(chains, upwards=True)
    for before, row in itertools.pairwise(rows):
        place = {key: number for number, key in enumerate(before)}
        row.sort(key=lambda key: _mean([(place[other], 1) for other in above.get(key, []) if other in place], 0))
    return rows


def _joined(chains: list[list[Key]], upwards: bool) -> dict[Key, list[Key]]:
    found: dict[Key, list[Key]] = {}
    for chain in chains:
        for upper, lower in itertools.pairwise(chain):
            found.setdefault(lower if upwards else upper, []).append(upper if upwards else lower)
    return found


def _mean(values: list[tuple[float, float]], otherwise: float) -> float:
    """Of (value, weight)."""
    weights = sum(weight for _, weight in values)
    return sum(value * weight for value, weight in values) / weights if weights else otherwise


def _usual(start: str, states: dict[str, Any], chains: Mapping[Edge, list[Key]]) -> list[Key]:
    """The way from the start by Next and Default, line places included: it runs straight down.

    It ends at a question all of whose answers are ends: they look better as a pair.
    """
    ways = {(edge.source, edge.target): chain for edge, chain in chains.items()}
    onward = {name: state.get("Next") or state.get("Default") for name, state in states.items()}
    found: list[Key] = [start]
    name = start
    while (following := onward[name]) and following not in found:
        answers = [target for source, target in ways if source == name]
        if len(answers) > 1 and not any(source in answers for source, _ in ways):
            break
        found += ways[name, following][1:]
        name = following
    return found


def _centres(
    rows: list[list[Key]], chains: list[list[Key]], usual: list[Key], sizes: Mapping[str, tuple[float, float]]
) -> dict[Key, float]:
    """Where each stands across: as near as can be to the middle of those above and below it, none over another."""
    joined = {**_joined(chains, upwards=True)}
    for key, below in _joined(chains, upwards=False).items():
        joined[key] = joined.get(key, []) + below
    centres: dict[Key, float] = dict.fromkeys((key for row in rows for key in row), 0.0)
    for turn in range(_ROUNDS):
        for row in rows if turn % 2 == 0 else reversed(rows):
            wanted = [
                0.0 if key in usual else _mean([(centres[other], 1) for other in joined.get(key, [])], 0) for key in row
            ]
            weights = [1e6 if key in usual else 1.0 for key in row]
            centres.update(zip(row, _apart(wanted, weights, [_width(key, sizes) for key in row]), strict=True))
    for chain in chains:
        _straighten(chain[1:-1], rows, centres, sizes)
    left = min(centre - _width(key, sizes) / 2 for key, centre in centres.items())
    return {key: round(centre - left) for key, centre in centres.items()}


def _straighten(
    places: list[Key], rows: list[list[Key]], centres: dict[Key, float], sizes: Mapping[str, tuple[float, float]]
) -> None:
    """One place across for all rows that a line passes by, where there is one that is free in each."""
    for x in sorted({centres[key] for key in places}, key=abs, reverse=True):
        others = [other for key in places for other in rows[key[2]] if other not in places]  # type: ignore[index,call-overload]
        if all(abs(centres[other] - x) >= _width(other, sizes) / 2 + _GAP_X - 0.5 for other in others):
            centres.update(dict.fromkeys(places, x))
            return


def _apart(wanted: list[float], weights: list[float], widths: list[float]) -> list[float]:
    """Centres in this order, a gap between any two, as near to the wanted ones as can be.

    Isotonic regression (pool adjacent violators): what would overlap is pooled, and stands around its common middle.
    """
    offsets = [0.0]
    for one, other in itertools.pairwise(widths):
        offsets.append(offsets[-1] + (one + other) / 2 + _GAP_X)
    pools: list[tuple[float, float, int]] = []
    for centre, weight, offset in zip(wanted, weights, offsets, strict=True):
        mean, count = centre - offset, 1
        while pools and pools[-1][0] > mean:
            before, heavy, many = pools.pop()
            mean, weight, count = (before * heavy + mean * weight) / (heavy + weight), heavy + weight, many + count
        pools.append((mean, weight, count))
    means = (mean for mean, _, count in pools for _ in range(count))
    return [mean + offset for mean, offset in zip(means, offsets, strict=True)]


def _tops(rows: list[list[Key]], sizes: Mapping[str, tuple[float, float]]) -> list[float]:
    """Where each row begins; one more, where the next would."""
    heights = [max(sizes[key][1] for key in row if isinstance(key, str)) for row in rows]
    return [sum(heights[:row]) + _GAP_Y * row for row in range(len(rows) + 1)]


def _aside(
    names: list[str],
    edges: tuple[Edge, ...],
    sizes: Mapping[str, tuple[float, float]],
    middle: Mapping[str, tuple[float, float]],
) -> dict[str, tuple[float, float]]:
    """Chains that only a Catch reaches, a column each, beside the lowest boxes of the middle."""
    chains = [_following(name, edges, names) for name in names if any(e.caught and e.target == name for e in edges)]
    if not chains:
        return {}
    step = _HEIGHT + _GAP_Y
    top = max(0, max(y for _, y in middle.values()) - (max(map(len, chains)) - 1) * step)
    beside = [x + sizes[name][0] for name, (x, y) in middle.items() if y + sizes[name][1] > top - _GAP_Y]
    x, places = max(beside) + 2 * _GAP_X, {}
    for chain in chains:
        width = max(sizes[name][0] for name in chain)
        for row, name in enumerate(chain):
            places.setdefault(name, (x + (width - sizes[name][0]) / 2, top + row * step))
        x += width + _GAP_X
    return places


def _following(name: str, edges: tuple[Edge, ...], names: list[str]) -> list[str]:
    chain = [name]
    while following := [e.target for e in edges if e.source == chain[-1] and not e.caught and e.target in names]:
        chain.append(following[0])
    return chain


def _margins(edges: tuple[Edge, ...], right: float) -> dict[str, tuple[float, float]]:
    """For each target of a Catch: the x of its line along the right margin, and how far above it the line turns."""
    targets = dict.fromkeys(edge.target for edge in edges if edge.caught)
    return {target: (right + _MARGIN * (1 + n), 8.0 + 6 * n) for n, target in enumerate(targets)}


def _caught(source: Node, target: Node, margin: float, above: float) -> str:
    x, y = source.x + source.width, source.y + source.height / 2
    middle = target.x + target.width / 2
    return f"M{x:g} {y:g} H{margin:g} V{target.y - above:g} H{middle:g} V{target.y:g}"


def _down(chain: list[Key], boxes: Mapping[str, Node], centres: Mapping[Key, float], tops: list[float]) -> str:
    """From the lower edge of one box to the upper edge of another, turning half way between rows."""
    source, target = boxes[chain[0]], boxes[chain[-1]]  # type: ignore[index]
    path = f"M{source.x + source.width / 2:g} {source.y + source.height:g}"
    for key in chain[1:-1]:
        path += f" V{tops[key[2]] - _GAP_Y / 2:g} H{centres[key]:g}"  # type: ignore[index,call-overload]
    return f"{path} V{target.y - _GAP_Y / 2:g} H{target.x + target.width / 2:g} V{target.y:g}"


def _node(name: str, state: dict[str, Any], x: float, y: float, width: float, height: float) -> Node:
    branches = tuple(graph_of(branch) for branch in state.get("Branches", []))
    return Node(name, state["Type"], state.get("Comment", ""), x, y, width, height, branches)


def _draw(graph: Graph) -> str:
    return "".join(_line(edge) for edge in graph.edges) + "".join(_box(node) for node in graph.nodes)


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
    for child, x, y in _placed(node):
        parts.append(f'<g transform="translate({x:g},{y:g})">\n{_draw(child)}</g>\n')
    return "".join(parts)


def _placed(node: Node) -> Iterator[tuple[Graph, float, float]]:
    """Each branch of a Parallel and its upper left corner; every shelf stands in the frame's middle."""
    y = node.y + _PAD + _FRAME_TITLE
    for shelf in _shelves(node.children) if node.children else []:
        x = node.x + (node.width - _along([child.width for child in shelf], _GAP_X)) / 2
        for child in shelf:
            yield child, x, y
            x += child.width + _GAP_X
        y += max(child.height for child in shelf) + _GAP_Y


def _line(edge: Edge) -> str:
    joins = f'data-from="{html.escape(edge.source)}" data-to="{html.escape(edge.target)}"'
    if edge.caught:
        return f'<path class="caught" {joins} d="{edge.path}"><title>{html.escape(edge.caught)}</title></path>\n'
    return f'<path {joins} d="{edge.path}"/>\n'
