"""What an ONNX graph is made of: nodes and initializers, with names after the layers and blobs of Caffe."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from onnx import helper

from converters.back.source_layer import SourceLayer
from prototxt.net.graph import Value


class GraphParts:
    """Gathers nodes, layer by layer.

    Parameters
    ----------
    final : the value that every blob holds in the end; it is named like its blob, those before it ``blob@version``.

    Attributes
    ----------
    layer : the one that is described at the moment.
    nodes : in order.
    initializers : stored arrays by name.
    """

    layer: SourceLayer

    def __init__(self, final: frozenset[Value]) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: dict[str, np.ndarray] = {}
        self._final = final
        self._taken: set[str] = set()
        self._written: set[str] = set()
        self._stored: dict[tuple[int, tuple[int, ...]], str] = {}

    def name_of(self, value: Value) -> str:
        """The name of a blob in the graph."""
        return value.blob if value in self._final else f"{value.blob}@{value.version}"

    def reserve(self, names: Sequence[str]) -> None:
        """Keep names from being given to steps of a layer."""
        self._taken.update(names)

    def write(self, layer: SourceLayer, value: Value, made: str) -> str:
        """Give a top its name; a value that is another one's, as of Dropout, gets a node of its own."""
        name = self.name_of(value)
        node = self.nodes[-1] if self.nodes else None
        if node is not None and made in node.output and made not in self._written:
            node.output[list(node.output).index(made)] = name
        else:
            self.nodes.append(helper.make_node("Identity", [made], [name], name=self._unique(f"{layer.name}/Identity")))
        self._written.add(name)
        return name

    def node(self, op: str, inputs: Sequence[str], outputs: int = 1, **attributes: Any) -> list[str]:
        """Append a node; gives the names of its outputs."""
        name = self._unique(f"{self.layer.name}/{op}")
        results = [f"{name}:{place}" for place in range(outputs)]
        attributes = {key: value for key, value in attributes.items() if value is not None}
        self.nodes.append(helper.make_node(op, list(inputs), results, name=name, **attributes))
        return results

    def op(self, op: str, *inputs: str, **attributes: Any) -> str:
        """Append a node with one output; gives its name."""
        return self.node(op, inputs, **attributes)[0]

    def stored(self, role: str, array: np.ndarray) -> str:
        """An initializer of the layer, such as ``conv1.weight``; an array that is stored already is taken again."""
        name = self._stored.setdefault((array.ctypes.data, array.shape), f"{self.layer.name}.{role}")
        while name in self.initializers and not _same(self.initializers[name], array):
            name += "_"
        self.initializers[name] = array
        return name

    def number(self, value: float) -> str:
        """A float32 number."""
        return self._constant(f"number {np.float32(value)}", np.array(value, np.float32))

    def integers(self, values: Sequence[int]) -> str:
        """A list of whole numbers, as shapes and axes are given."""
        return self._constant(f"integers {','.join(map(str, values))}", np.array(values, np.int64).reshape(-1))

    def integer(self, value: int) -> str:
        """A whole number."""
        return self._constant(f"integer {value}", np.array(value, np.int64))

    def _constant(self, name: str, array: np.ndarray) -> str:
        self.initializers[name] = array
        return name

    def _unique(self, name: str) -> str:
        free, number = name, 1
        while free in self._taken:
            number += 1
            free = f"{name}_{number}"
        self._taken.add(free)
        return free


def _same(ours: np.ndarray, other: np.ndarray) -> bool:
    return ours.dtype == other.dtype and ours.shape == other.shape and ours.tobytes() == other.tobytes()
