"""In which order the layers of a net run for some wanted values, and when a value is let go of."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from torch import Tensor

from prototxt.net.graph import NetGraph, Node, Value
from torchcaffe.layer import Layer

Function = Callable[..., "Tensor | tuple[Tensor, ...]"]


@dataclass(frozen=True, slots=True)
class Step:
    """One layer's turn, or that of several that run as one.

    Parameters
    ----------
    node : the layer; of several the first.
    bottoms : what it reads, and whether the gradient is cut there.
    tops : what it writes.
    frees : values that nobody needs after it.
    function : what runs in place of the layer; None for the layer itself.
    """

    node: Node
    bottoms: tuple[tuple[Value, bool], ...]
    tops: tuple[Value, ...]
    frees: tuple[Value, ...]
    function: Function | None = None


def make_plan(
    graph: NetGraph,
    layers: Sequence[Layer],
    given: frozenset[Value],
    kept: frozenset[Value],
    all_layers: bool,
    force_backward: bool,
) -> tuple[Step, ...]:
    """The steps that lead from the given values to those that are kept.

    Parameters
    ----------
    graph : of the net.
    layers : one for every node of it.
    given : values that are not computed.
    kept : values that are wanted in the end.
    all_layers : run layers without tops (Silence, HDF5Output) too.
    force_backward : of the net.
    """
    needed = set(kept - given)
    last_reader: dict[Value, Node] = {}
    nodes: list[Node] = []
    for node in reversed(graph.layers):
        runs_for_itself = all_layers and not node.tops
        if runs_for_itself or not needed.isdisjoint(node.tops):
            nodes.append(node)
            needed.update(set(node.bottoms) - given)
            for value in (*node.bottoms, *node.tops):
                last_reader.setdefault(value, node)
    frees: dict[Node, list[Value]] = {}
    for value, node in last_reader.items():
        if value not in kept:
            frees.setdefault(node, []).append(value)
    return tuple(_step(node, layers[node.index], frees.get(node, []), force_backward) for node in reversed(nodes))


def _step(node: Node, layer: Layer, frees: Iterable[Value], force_backward: bool) -> Step:
    cuts = (layer.cuts_gradient(place, force_backward) for place in range(len(node.bottoms)))
    return Step(node, tuple(zip(node.bottoms, cuts, strict=True)), tuple(node.tops), tuple(frees))
