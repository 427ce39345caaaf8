"""A PyTorch model as a graph of ATen operations that can be run operation by operation, in either precision."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, fx


@dataclass(frozen=True)
class NetInput:
    """One input of the net.

    Parameters
    ----------
    name : of the Input layer and its blob.
    parameter : of the model's forward that takes it.
    node : name of the placeholder in the graph.
    shape : that the graph was captured with, batch first.
    asked : that was asked for, and that the net declares; its batch may be smaller, see `converters.capture.capture`.
    integers : how many values an input of whole numbers has, 0 to ``integers - 1``; 0 for one of real numbers.
    """

    name: str
    parameter: str
    node: str
    shape: tuple[int, ...]
    asked: tuple[int, ...]
    integers: int = 0


@dataclass(frozen=True)
class NetOutput:
    """One value that the model returns.

    Parameters
    ----------
    path : where it lies in what the model returns, such as ``"1"`` or ``"boxes.0"``; "" for a single tensor.
    node : name of the graph's node that gives it; "" where it is no tensor.
    value : None, a number or a text, where it is no tensor.
    """

    path: str
    node: str
    value: Any = None


@dataclass(frozen=True, eq=False)
class Captured:
    """A model's graph in evaluation mode, without any in-place operation.

    Parameters
    ----------
    graph : functional ATen operations; parameters and buffers are placeholders.
    constants : value of every such placeholder.
    targets : place in the model of every such placeholder, e.g. ``"features.0.weight"``.
    learned : names of those placeholders that are parameters with ``requires_grad``.
    inputs : of the net, in the order of the model's forward.
    outputs : what the model returns, in its order.
    notes : what was guessed or left out, a sentence each.
    """

    graph: fx.GraphModule
    constants: dict[str, Tensor]
    targets: dict[str, str]
    learned: frozenset[str]
    inputs: tuple[NetInput, ...]
    outputs: tuple[NetOutput, ...]
    notes: tuple[str, ...] = ()

    @property
    def pictures(self) -> int:
        """How many inputs of the shape that was asked for one run of the graph takes."""
        return self.inputs[0].shape[0] // self.inputs[0].asked[0]

    @torch.no_grad()
    def run(self, feed: Mapping[str, Tensor], wanted: set[str], dtype: torch.dtype = torch.float32) -> dict[str, Any]:
        """Run the graph.

        Parameters
        ----------
        feed : by name of the net's input, of its ``shape``.
        wanted : names of the nodes whose results are kept.
        dtype : floating-point type to compute in; float64 serves as ground truth.

        Returns
        -------
        the result (a tensor, or a tuple of them) by name of node.
        """
        values = {name: _cast(value, dtype) for name, value in self.constants.items()}
        for each in self.inputs:
            values[each.node] = feed[each.name].long() if each.integers else feed[each.name].to(dtype)
        names = [node.name for node in self.graph.graph.nodes if node.op == "placeholder"]
        collector = _Collector(self.graph, wanted, dtype)
        collector.run(*(values[name] for name in names))
        return collector.kept


class _Collector(fx.Interpreter):
    """Runs a graph in one floating-point type and keeps the wanted results."""

    def __init__(self, graph: fx.GraphModule, wanted: set[str], dtype: torch.dtype) -> None:
        super().__init__(graph)
        self._wanted = wanted
        self._dtype = dtype
        self.kept: dict[str, Any] = {}

    def run_node(self, n: fx.Node) -> Any:
        result = super().run_node(n)
        if n.name in self._wanted:
            self.kept[n.name] = result
        return result

    def call_function(self, target: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Call an operation; where it names float32 (``x.float()``), the type of this run is meant."""
        args, kwargs = fx.node.map_aggregate(
            (args, kwargs), lambda value: self._dtype if value is torch.float32 else value
        )
        result = super().call_function(target, args, kwargs)
        if isinstance(result, Tensor) and result.dtype == torch.float32:  # made without naming a type, as by zeros
            return result.to(self._dtype)
        return result


def _cast(value: Tensor, dtype: torch.dtype) -> Tensor:
    return value.to(dtype) if value.is_floating_point() else value
