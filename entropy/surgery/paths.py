"""Copies of a stretch of the old net for the new task: with weights of their own, or sharing the old ones, frozen."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from entropy.errors import SurgeryError
from entropy.surgery.extended import Additions, OldNet
from entropy.surgery.heads import TaskHead, read_by_classifier
from prototxt.formats.schema import LayerParameter
from prototxt.net.graph import NetGraph, Node, Value
from prototxt.net.layer_types import UNIT_TYPES
from prototxt.split.chains import companions
from prototxt.split.layouts import filter_axis

Inserted = Callable[[str, str], LayerParameter]
"""From the blobs that it reads and writes to a layer that the new task has and the old one has not."""

# Caffe shares the parameters of these at the first step of the sequence only.
_UNSHARABLE = frozenset({"LSTM", "RNN"})


@dataclass(frozen=True)
class PathCopier:
    """Copies layers of an old net.

    Parameters
    ----------
    old : the net.
    added : where the copies go.
    suffix : what the names of copied layers and blobs end with.
    own : layers whose copies get weights of their own, the old ones to begin with, and learn. All other copies share
        the old layers' parameters.
    """

    old: OldNet
    added: Additions
    suffix: str
    own: Collection[str] = ()

    def copy(self, nodes: Collection[Node], inserted: Mapping[str, Inserted] | None = None) -> dict[str, str]:
        """Copy layers, in order, and insert others behind some.

        Parameters
        ----------
        nodes : layers that read old blobs in their last version, or each other's (`closed`).
        inserted : layer name to what is inserted behind it, or behind its copy.

        Returns
        -------
        Old blob to the new task's own version of it.
        """
        blobs: dict[str, str] = {}
        for node in self.old.graph.layers:
            if node in nodes:
                self.added.layers.append(self._copy(node, blobs))
            if inserted and node.name in inserted:
                blob = node.tops[0].blob
                layer = inserted[node.name](blobs.get(blob, blob), blob + self.suffix)
                blobs[blob] = layer.top[0]
                self.added.layers.append(layer)
        twice = [self.added.copied_from[layer.name] for layer in self.added.layers if layer.name in self.added.shared]
        if twice:
            self.added.notes.append(f"computed once more for the new task, with the same weights: {', '.join(twice)}")
        return blobs

    def _copy(self, node: Node, blobs: dict[str, str]) -> LayerParameter:
        layer = LayerParameter()
        layer.CopyFrom(node.layer)
        layer.name = node.name + self.suffix
        del layer.blobs[:]
        layer.bottom[:] = [blobs.get(value.blob, value.blob) for value in node.bottoms]
        for place, value in enumerate(node.tops):
            if place < len(node.bottoms) and node.bottoms[place].blob == value.blob:
                layer.top[place] = layer.bottom[place]
            else:
                layer.top[place] = value.blob + self.suffix
            blobs[value.blob] = layer.top[place]
        if node.name in self.old.weights:
            self._take_weights(node, layer)
        return layer

    def _take_weights(self, node: Node, layer: LayerParameter) -> None:
        self.added.copied_from[layer.name] = node.name
        if node.name not in self.own and node.type not in _UNSHARABLE:
            self.added.shared.add(layer.name)
            return
        if node.name not in self.own:
            self.added.frozen.add(layer.name)
        self.added.weights[layer.name] = [blob.copy() for blob in self.old.weights[node.name]]
        for spec in layer.param:
            if spec.name:  # what old layers share, their copies share
                spec.name += self.suffix


def closed(graph: NetGraph, nodes: Iterable[Node]) -> frozenset[Node]:
    """Add the layers whose tops a later layer overwrites in place: their values can be read in a copy only."""
    chosen = set(nodes)
    while True:
        overwritten = (value for node in chosen for value in node.bottoms if value != graph.value(value.blob))
        missing = {graph.producer(value) for value in overwritten} - chosen
        if not missing:
            return frozenset(chosen)
        chosen |= missing


def leading_to(old: OldNet, layers: Sequence[str], head: TaskHead) -> tuple[tuple[Node, ...], frozenset[Node]]:
    """Find what stands between some layers and what a head reads.

    Returns
    -------
    The layers themselves; and those that depend on them and lead to a blob that the head reads.

    Raises
    ------
    SurgeryError : there are none, or one does not lead to the head.
    NetError : the net has no such layer or blob.
    """
    if not layers:
        raise SurgeryError("name at least one layer of which the new task gets its own")
    nodes = tuple(old.graph.node(name) for name in layers)
    targets = [old.graph.value(blob) for blob in head.on or (read_by_classifier(old),)]
    leading = set(old.graph.ancestors(targets))
    for node in nodes:
        if node not in leading:
            read = ", ".join(repr(target.blob) for target in targets)
            raise SurgeryError(
                f"{node}: does not lead to {read}, which the new head reads; leave it out, or let the head read a blob "
                "behind it"
            )
    return nodes, frozenset(old.graph.between(_tops(nodes), targets))


def with_companions(old: OldNet, layer: Node) -> tuple[str, ...]:
    """A layer and the BatchNorm, Scale, Bias and PReLU layers that belong to its filters."""
    if layer.type not in UNIT_TYPES:
        return (layer.name,)
    places = companions(old.net, layer.index, filter_axis(layer.layer))
    return (layer.name, *(old.net.layer[place].name for place in places))


def _tops(nodes: Iterable[Node]) -> list[Value]:
    return [value for node in nodes for value in node.tops]
