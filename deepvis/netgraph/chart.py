"""A net as a graph to be drawn: which layers make a node, what it says, and where it stands."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from deepvis.netgraph.analyser import Analysis, Row
from deepvis.netgraph.layered import Layering, lay_out
from deepvis.state.net_info import NetInfo
from prototxt.net.graph import NetGraph, Node, Value
from prototxt.net.layer_types import ACTIVATION_TYPES, NORMALISATION_TYPES, UNIT_TYPES

FOLDED_TYPES = ACTIVATION_TYPES | NORMALISATION_TYPES | {"Dropout"}
"""Layers that stand in the node of the layer before them, if they are its only reader and read nothing else."""

_PART = re.compile(r"(?P<layer>.+)__g\d+_lr(?P<rate>[^_]+)(?P<rest>.*)")
_CHARACTER, _LINE = 7.0, 15.0  # width and height of text, in the graph's own units
_SMALL = 0.86  # size of the lines below the title
_WIDTHS = (84.0, 210.0)
_MARGIN = 8.0


@dataclass(frozen=True)
class ChartNode:
    """One node: a layer, and what is folded into it.

    Parameters
    ----------
    layers : names of its layers, the first gives the node its type.
    title : what to call it; a part of a layer that per-filter rates have split is called after its rate.
    lines : type and size, settings, what is folded into it; each may be missing.
    has_filters : whether the layer has units of its own.
    layer : what the window selects for it; empty where the window lists none of its layers.
    """

    layers: tuple[str, ...]
    title: str
    lines: tuple[str, ...]
    has_filters: bool
    layer: str = ""

    @property
    def size(self) -> tuple[float, float]:
        """Width and height that the text takes, within bounds."""
        longest = max([len(self.title), *(_SMALL * len(line) for line in self.lines)])
        width = min(max(longest * _CHARACTER + 2 * _MARGIN, _WIDTHS[0]), _WIDTHS[1])
        return width, _LINE * (1 + _SMALL * len(self.lines)) + _MARGIN


@dataclass(frozen=True, eq=False)
class Chart:
    """The graph.

    Parameters
    ----------
    nodes : in the net's order.
    edges : (source, target) by number.
    down, right : where everything stands, with edges that go down, and to the right.
    """

    nodes: tuple[ChartNode, ...]
    edges: tuple[tuple[int, int], ...]
    down: Layering
    right: Layering

    def node_of(self, layer: str) -> int:
        """Number of the node that a layer of the net, or of the window's list, belongs to; -1 for none."""
        for number, node in enumerate(self.nodes):
            if layer in node.layers or layer == node.layer:
                return number
        return -1


def matches(words: str, *texts: str) -> bool:
    """Whether every word is somewhere in the texts, upper and lower case alike; no words match everything."""
    whole = " ".join(texts).casefold()
    return all(word in whole for word in words.casefold().split())


def draw_chart(graph: NetGraph, analysis: Analysis, net: NetInfo) -> Chart:
    """Make the graph of a net.

    Parameters
    ----------
    graph, analysis : of the net.
    net : the window's list of its layers.
    """
    groups = _folded(graph)
    rows = dict(zip(graph.layers, analysis.rows, strict=True))
    nodes = tuple(_node([rows[layer] for layer in group], group, net) for group in groups)
    writer = {top: number for number, group in enumerate(groups) for layer in group for top in layer.tops}
    edges = tuple(
        dict.fromkeys((writer[value], number) for number, group in enumerate(groups) for value in group[0].bottoms)
    )
    down = lay_out([node.size for node in nodes], edges)
    right = lay_out([node.size[::-1] for node in nodes], edges).transposed()
    return Chart(nodes, edges, down, right)


def _folded(graph: NetGraph) -> list[list[Node]]:
    """The layers of every node, in the net's order."""
    groups: list[list[Node]] = []
    open_values: Mapping[Value, list[Node]] = {}
    for node in graph.layers:
        group = open_values.get(node.bottoms[0]) if len(node.bottoms) == 1 else None
        if group is None or node.type not in FOLDED_TYPES or len(graph.consumers(node.bottoms[0])) != 1:
            groups.append(group := [])
        group.append(node)
        if len(node.tops) == 1 and node.bottoms:
            open_values = {**open_values, node.tops[0]: group}
    return groups


def _node(rows: list[Row], group: list[Node], net: NetInfo) -> ChartNode:
    first, *folded = rows
    names = [row.name for row in rows] + [top.blob for top in group[0].tops if first.type == "Input"]
    title, about = first.name, first.about
    part = _PART.fullmatch(first.name)
    if part is not None:
        title = f"lr × {part['rate']}{part['rest'].replace('__', ' ')}"
        about = f"{part['layer']}: {about}" if about else part["layer"]
    lines = (f"{first.type}  {first.activations}", about, " · ".join(row.type for row in folded))
    return ChartNode(
        tuple(row.name for row in rows),
        title,
        tuple(line for line in lines if line),
        first.type in UNIT_TYPES,
        next((name for name in names if net.index(name) >= 0), ""),
    )
