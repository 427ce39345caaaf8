"""A net as a graph in SSA form: every time that a blob is written there is a value of its own."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from prototxt.common.errors import NetError
from prototxt.common.names import did_you_mean
from prototxt.formats.schema import LayerParameter, NetParameter
from prototxt.formats.upgrade import upgrade_net
from prototxt.net.layer_types import ACTIVATION_TYPES, LOSS_TYPES, NORMALISATION_TYPES, UNIT_TYPES

AUTO_TOP = "(automatic)"


class Value(NamedTuple):
    """What a blob holds after a layer wrote it; every in-place layer after that makes the next ``version`` (from 0)."""

    blob: str
    version: int = 0

    def __str__(self) -> str:
        return f"{self.blob}@{self.version}" if self.version else self.blob


@dataclass(frozen=True, eq=False, slots=True)
class Node:
    """A layer in its place: ``index`` in the net's order, and the values that it reads and writes."""

    index: int
    name: str
    type: str
    layer: LayerParameter
    bottoms: tuple[Value, ...]
    tops: tuple[Value, ...]

    def __str__(self) -> str:
        return f"layer {self.name!r} ({self.type})"

    @property
    def in_place(self) -> bool:
        """Whether some top overwrites the bottom of the same place."""
        return any(bottom.blob == top.blob for bottom, top in zip(self.bottoms, self.tops, strict=False))


class NetGraph:
    """The graph of a net.

    Parameters
    ----------
    net : the net of one phase (`prototxt.net.phases.filter_net`); an older form (V1 layers, ``input`` fields) is
        upgraded.

    Attributes
    ----------
    net : the message that the graph was made from, in the newest form.
    layers : all layers in Caffe's order, which is the order of the file.
    inputs : the tops of Input layers.
    outputs : the values that no layer reads, in the order of writing, as Caffe's ``net.outputs``.
    values : every value, in the order of writing.

    Raises
    ------
    NetError : for a bottom that no earlier layer writes, a blob that two layers write, or an in-place layer on a value
        that another layer reads too (Caffe refuses all three: net.cpp AppendBottom, AppendTop; insert_splits.cpp).
    """

    def __init__(self, net: NetParameter) -> None:
        if net.layers or net.input:
            net = upgrade_net(net)
        self.net = net
        self.layers = _wire(net)
        self._by_name: dict[str, Node] = {}
        self._producers: dict[Value, Node] = {}
        self._consumers: dict[Value, tuple[Node, ...]] = {}
        for node in self.layers:
            self._by_name.setdefault(node.name, node)
            for value in dict.fromkeys(node.bottoms):
                self._consumers[value] += (node,)
            for value in node.tops:
                self._producers[value] = node
                self._consumers[value] = ()
        self.values = tuple(self._producers)
        self.inputs = tuple(top for node in self.layers if node.type == "Input" for top in node.tops)
        self.outputs = tuple(v for v in self.values if not self._consumers[v] and v.blob != AUTO_TOP)
        self._last = {value.blob: value for value in self.values}
        _check_in_place(self)

    def node(self, name: str) -> Node:
        """Return the (first) layer called ``name``.

        Raises
        ------
        NetError : if there is none; the sentence lists the nearest names.
        """
        if name not in self._by_name:
            raise NetError(_unknown("layer", name, self._by_name))
        return self._by_name[name]

    def value(self, blob: str) -> Value:
        """Return the last value of ``blob``: what it holds after a whole forward pass.

        Raises
        ------
        NetError : if the net has no such blob.
        """
        if blob not in self._last:
            raise NetError(_unknown("blob", blob, self._last))
        return self._last[blob]

    def producer(self, value: Value) -> Node:
        """Return the layer that writes ``value``."""
        return self._producers[value]

    def consumers(self, value: Value) -> tuple[Node, ...]:
        """Return the layers that read ``value``, in order; one that reads it twice is there once."""
        return self._consumers[value]

    def unit_layers(self) -> tuple[Node, ...]:
        """Return the layers that have units (Convolution, Deconvolution, InnerProduct), in order."""
        return tuple(node for node in self.layers if node.type in UNIT_TYPES)

    def unit_value(self, layer: str, after: bool = True) -> Value:
        """Return the value from which the units of ``layer`` are read.

        Parameters
        ----------
        layer : name of a layer.
        after : True for the last value of the layer's chain of BatchNorm, Scale and Bias (of one bottom) up to and
            including the first activation, where every value of the chain has one reader only; False for the layer's
            own top, before all of them.

        Raises
        ------
        NetError : if there is no such layer, or it has no top.
        """
        node = self.node(layer)
        if not node.tops:
            raise NetError(f"{node}: has no top, so it has no units to read")
        value = node.tops[0]
        while after:
            readers = self.consumers(value)
            if len(readers) != 1 or len(readers[0].bottoms) != 1:
                break
            if readers[0].type in ACTIVATION_TYPES:
                return readers[0].tops[0]
            if readers[0].type not in NORMALISATION_TYPES:
                break
            value = readers[0].tops[0]
        return value

    def ancestors(self, values: Iterable[Value]) -> tuple[Node, ...]:
        """Return the layers that must run to compute ``values``, in order."""
        wanted = set(values)
        needed = []
        for node in reversed(self.layers):
            if not wanted.isdisjoint(node.tops):
                wanted.update(node.bottoms)
                needed.append(node)
        return tuple(reversed(needed))

    def descendants(self, values: Iterable[Value]) -> tuple[Node, ...]:
        """Return the layers whose tops depend on ``values``, in order."""
        reached = set(values)
        dependent = []
        for node in self.layers:
            if not reached.isdisjoint(node.bottoms):
                reached.update(node.tops)
                dependent.append(node)
        return tuple(dependent)

    def between(self, sources: Iterable[Value], targets: Iterable[Value]) -> tuple[Node, ...]:
        """Return the layers on any path from ``sources`` to ``targets``, in order."""
        below = set(self.descendants(sources))
        return tuple(node for node in self.ancestors(targets) if node in below)

    def last_needed(self, values: Iterable[Value]) -> int:
        """Return the index of the last layer that must run before all ``values`` are there (-1 for no values)."""
        return max((self._producers[value].index for value in values), default=-1)


def _wire(net: NetParameter) -> tuple[Node, ...]:
    """Give every bottom and top its version."""
    current: dict[str, Value] = {}
    nodes = []
    for index, layer in enumerate(net.layer):
        bottoms = tuple(_read(layer, blob, current) for blob in layer.bottom)
        tops = tuple(_write(layer, place, current) for place in range(len(layer.top)))
        if not tops and layer.type in LOSS_TYPES:
            tops = (_next_version(AUTO_TOP, current),)
        nodes.append(Node(index, layer.name, layer.type, layer, bottoms, tops))
    return tuple(nodes)


def _read(layer: LayerParameter, blob: str, current: dict[str, Value]) -> Value:
    if blob not in current:
        raise NetError(
            f"layer {layer.name!r} ({layer.type}): unknown bottom blob {blob!r}; it must be a top of an earlier layer"
            f" of the same phase{_nearest(blob, current)}"
        )
    return current[blob]


def _write(layer: LayerParameter, place: int, current: dict[str, Value]) -> Value:
    blob = layer.top[place]
    in_place = place < len(layer.bottom) and layer.bottom[place] == blob
    if blob in current and not in_place:
        raise NetError(
            f"layer {layer.name!r} ({layer.type}): top blob {blob!r} is written by an earlier layer already; give this"
            " top a name of its own (only a layer whose bottom has the same name may work in place)"
        )
    return _next_version(blob, current)


def _next_version(blob: str, current: dict[str, Value]) -> Value:
    current[blob] = Value(blob, current[blob].version + 1 if blob in current else 0)
    return current[blob]


def _check_in_place(graph: NetGraph) -> None:
    for node in graph.layers:
        for bottom, top in zip(node.bottoms, node.tops, strict=False):
            readers = [f"{reader} reads too" for reader in graph.consumers(bottom) if reader is not node]
            readers += ["it reads twice"] * (node.bottoms.count(bottom) > 1)
            if bottom.blob == top.blob and readers:
                raise NetError(
                    f"{node}: overwrites blob {bottom.blob!r} in place, which {readers[0]}; Caffe refuses that: give"
                    " the top a name of its own"
                )


def _unknown(what: str, name: str, known: Iterable[str]) -> str:
    return f"the net has no {what} {name!r}{_nearest(name, known)}"


def _nearest(name: str, known: Iterable[str]) -> str:
    hint = did_you_mean(name, known, "")
    return hint and f"; {hint}"
