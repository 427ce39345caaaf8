"""The layer list of a model: which of its blobs the window shows, under which name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import prod

from deepvis.errors import SettingsError
from deepvis.model.model import Model
from deepvis.settings.settings import Settings
from deepvis.state.net_info import LayerInfo, NetInfo
from prototxt.net.graph import Node, Value
from prototxt.net.layer_types import UNIT_TYPES

HIDDEN_TYPES = frozenset({"Dropout", "Flatten", "Reshape", "Split", "Silence", "Accuracy", "ArgMax"})
"""Layers whose output is another layer's values again, or nothing to look at."""


@dataclass(frozen=True)
class Naming:
    """How layers are called, and which are left out.

    Parameters
    ----------
    hidden : whether a layer of this name is left out.
    title : a shorter name of a layer.
    labelled : layers whose units are the classes; None: those from the last layer with filters on that have as many
        units as there are classes.
    class_layer : the layer with the class probabilities or scores; None: the last vector that fits.
    """

    hidden: Callable[[str], bool] = lambda name: False
    title: Callable[[str], str] = lambda name: name
    labelled: tuple[str, ...] | None = None
    class_layer: str | None = None


def naming_of(settings: Settings) -> Naming:
    """Make a `Naming` of what the settings say."""
    hidden, names = settings.hidden_layers, settings.layer_names
    table = names if isinstance(names, dict) else {}
    return Naming(
        hidden if callable(hidden) else lambda name: name in hidden,
        names if callable(names) else lambda name: table.get(name, name),
        settings.label_layers,
        settings.class_layer,
    )


def describe(model: Model, naming: Naming = Naming()) -> NetInfo:
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
        if entry is not None and (entry.type == "Input" or not naming.hidden(entry.name)):
            layers.setdefault(entry.name, replace(entry, title=str(naming.title(entry.name))))
    entries = tuple(layers.values())
    if naming.class_layer is not None and naming.class_layer not in layers:
        raise SettingsError(f"class_layer = {naming.class_layer!r} is no layer of the net; it has {', '.join(layers)}")
    labelled = _labelled(model, entries) if naming.labelled is None else naming.labelled
    class_layer = naming.class_layer or _class_layer(model, entries)
    return NetInfo(model.name, entries, tuple(model.classes), class_layer, frozenset(labelled))


def _labelled(model: Model, entries: tuple[LayerInfo, ...]) -> list[str]:
    """The layers whose units are the classes: of as many units, from the last layer with filters on."""
    last = max((place for place, entry in enumerate(entries) if entry.has_filters), default=0)
    return [entry.name for entry in entries[last:] if entry.units == len(model.classes)]


def _entry(model: Model, node: Node, covered: set[Value]) -> LayerInfo | None:
    """The entry of one layer; marks the values of its chain as covered. None for what is no map or vector."""
    own = node.tops[0]
    is_input = node.type == "Input"
    value = own if is_input else model.graph.unit_value(node.name)
    covered.update(top for inner in model.graph.between([own], [value]) for top in inner.tops)
    if is_input and own not in model.feed.values:
        return None
    shape = model.layout(value).map_shape(model.shapes.values[value])
    if len(shape) < 2:
        return None
    _, height, width = tile_shape(shape[1:])
    has_field = len(shape) == 4 and not is_input and height * width > 1 and model.preprocessing.pair == "none"
    field = model.fields.get(value) if has_field else None
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


def tile_shape(shape: Sequence[int]) -> tuple[int, int, int]:
    """(C, H, W) in which maps of any number of axes are shown: signals have height 1, slices lie below each other.

    Parameters
    ----------
    shape : (C, …).
    """
    return shape[0], prod(shape[1:-1]), shape[-1] if len(shape) > 1 else 1


def _class_layer(model: Model, entries: tuple[LayerInfo, ...]) -> str | None:
    """The vector of class scores: the net's last output, if it is one and fits the names of the classes."""
    for entry in reversed(entries):
        if entry.is_vector and entry.units > 1 and (not model.classes or entry.units == len(model.classes)):
            return entry.name
    return None
