"""Parts of a net that run by themselves."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

import numpy as np

from prototxt.formats.schema import NetParameter
from prototxt.net.build import layer
from prototxt.net.graph import NetGraph, Value

Top = tuple[str, int]


def up_to(net: NetParameter, wanted: Iterable[Top]) -> NetParameter:
    """The part of a net that leads to the wanted tops, whose last ones are then its outputs."""
    graph = NetGraph(net)
    needed = {node.index for node in graph.ancestors(graph.node(name).tops[index] for name, index in wanted)}
    part = NetParameter(name=net.name)
    part.layer.extend(each for index, each in enumerate(graph.net.layer) if index in needed or each.type == "Input")
    return part


def from_values(graph: NetGraph, given: Mapping[Value, np.ndarray], wanted: Value) -> NetParameter:
    """The part of a net that computes ``wanted`` of ``given`` values, which become inputs called after their blobs.

    Every way to ``wanted`` must lead through a given value.
    """
    needed, open_values, sources = set(), [wanted], {}
    while open_values:
        value = open_values.pop()
        if value in given and value != wanted:
            sources[value.blob] = given[value].shape
            continue
        node = graph.producer(value)
        if node.index not in needed:
            needed.add(node.index)
            open_values += node.bottoms
    part = NetParameter(name=graph.net.name)
    for blob, shape in sorted(sources.items()):
        part.layer.append(layer("Input", f"{blob}/given", tops=blob, input_param={"shape": [{"dim": list(shape)}]}))
    part.layer.extend(each for index, each in enumerate(graph.net.layer) if index in needed)
    return part


def given_values(graph: NetGraph, known: Mapping[Value, np.ndarray], wanted: Value, steps: int) -> Collection[Value]:
    """The known values that lie at least ``steps`` known values before ``wanted``, as little before as possible."""
    border: Sequence[Value] = [wanted]
    for _ in range(steps):
        border = [before for value in border for before in _before(graph, known, value)]
    return set(border)


def _before(graph: NetGraph, known: Mapping[Value, np.ndarray], value: Value) -> set[Value]:
    """The nearest known values that ``value`` is computed of; itself where it is an input."""
    found, open_values = set(), list(graph.producer(value).bottoms)
    if not open_values:
        return {value}
    while open_values:
        before = open_values.pop()
        if before in known:
            found.add(before)
        else:
            open_values += graph.producer(before).bottoms
    return found
