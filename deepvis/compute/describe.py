"""The layer list of a model: which of its blobs the window shows, under which name."""

from __future__ import annotations

from deepvis.model import Model
from deepvis.models.net_info import LayerInfo, NetInfo
from prototxt.graph import UNIT_TYPES, Node, Value

HIDDEN_TYPES = frozenset({"Dropout", "Flatten", "Reshape", "Split", "Silence", "Accuracy", "ArgMax"})
"""Layers whose output is another layer's values again, or nothing to look at."""


def describe(model: Model) -> NetInfo:
    """List what the window shows of a model.

    A layer stands for its whole chain of BatchNorm, Scale, Bias and activation: the activation has no entry of its
    own, its values are those of the layer before it.
    """
    covered: set[Value] = set()
    layers: dict[str, LayerInfo] = {}
    for node in model.graph.layers:
        if not node.tops or node.type in HIDDEN_TYPES or node.tops[0] in covered:
            continue
        entry = _entry(model, node, covered)
        if entry is not None:
            layers.setdefault(entry.name, entry)
    entries = tuple(layers.values())
    return NetInfo(model.name, entries, tuple(model.classes), _class_layer(model, entries))


def _entry(model: Model, node: Node, covered: set[Value]) -> LayerInfo | None:
    """The entry of one layer; marks the values of its chain as covered. None for what is no map or vector."""
    own = node.tops[0]
    is_input = node.type == "Input"
    value = own if is_input else model.graph.unit_value(node.name)
    covered.update(top for inner in model.graph.between([own], [value]) for top in inner.tops)
    shape = model.shapes.values[value]
    if len(shape) not in (2, 4):
        return None
    height, width = shape[2:] if len(shape) == 4 else (1, 1)
    field = None if is_input or height == width == 1 else model.fields.get(value)
    return LayerInfo(
        name=own.blob if is_input else node.name,
        type=node.type,
        units=shape[1],
        height=height,
        width=width,
        value=value,
        own_value=own,
        receptive_field=field,
        has_filters=node.type in UNIT_TYPES,
    )


def _class_layer(model: Model, entries: tuple[LayerInfo, ...]) -> str | None:
    """The vector of class scores: the net's last output, if it is one and fits the names of the classes."""
    for entry in reversed(entries):
        if entry.is_vector and entry.units > 1 and (not model.classes or entry.units == len(model.classes)):
            return entry.name
    return None
