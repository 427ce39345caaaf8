"""A net as a table, as in MATLAB's network analyser: activations, learnables and receptive field of every layer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from deepvis.model.model import Model
from deepvis.netgraph.layer_words import about_layer
from prototxt.net.graph import Node, Value
from prototxt.net.receptive_field import ReceptiveField

PARAMETERS: dict[str, tuple[str, ...]] = {
    "Convolution": ("Weights", "Bias"),
    "Deconvolution": ("Weights", "Bias"),
    "InnerProduct": ("Weights", "Bias"),
    "Embed": ("Weights", "Bias"),
    "Scale": ("Scale", "Bias"),
    "Bias": ("Bias",),
    "PReLU": ("Slope",),
    "BatchNorm": ("Mean", "Variance", "Factor"),
}
"""What the parameter blobs of a type are called, in Caffe's order; of other types they are numbered."""

STATISTICS = frozenset({"BatchNorm"})
"""Types whose blobs are counted over images and not learned by gradient descent (batch_norm_layer.cpp)."""


@dataclass(frozen=True)
class Row:
    """One layer of the table.

    Parameters
    ----------
    name, type : of the layer.
    about : its settings in a few words, such as ``64 of 11×11, stride 4, pad 2``.
    activations : of one image, such as ``56×56×64`` (height, width, channels) or ``9216``.
    values : number of them.
    learnables : such as ``Weights 11×11×3×64, Bias 64``; sizes are height, width, inputs, units.
    count : numbers that are learned here: no statistics of BatchNorm, and nothing that an earlier layer shares.
    field, stride : size and stride of the receptive field, such as ``51×51`` and ``8``; empty where there is none. What
        sees all of the input has no stride.
    """

    name: str
    type: str
    about: str
    activations: str
    values: int
    learnables: str
    count: int
    field: str = ""
    stride: str = ""


@dataclass(frozen=True)
class Analysis:
    """The whole table.

    Parameters
    ----------
    rows : every layer of the TEST phase, in the net's order.
    """

    rows: tuple[Row, ...]

    @property
    def layers(self) -> int:
        """Number of layers."""
        return len(self.rows)

    @property
    def values(self) -> int:
        """Numbers that all layers give for one image; those of a layer that works in place are counted too."""
        return sum(row.values for row in self.rows)

    @property
    def count(self) -> int:
        """Numbers that are learned."""
        return sum(row.count for row in self.rows)


def analyse(model: Model) -> Analysis:
    """Make the table of a model."""
    owners: dict[str, str] = {}
    return Analysis(tuple(_row(model, node, owners) for node in model.graph.layers))


def activation_shape(model: Model, value: Value) -> tuple[int, ...]:
    """Shape of a value for one image: the positions of a map, then the channels; () for a single number."""
    _, *shape = (1, *model.shapes.values[value]) if len(model.shapes.values[value]) < 2 else _per_image(model, value)
    return (*shape[1:], shape[0]) if shape else ()


def size_text(shape: Sequence[int]) -> str:
    """Such as ``56×56×64``; ``1`` for a single number."""
    return "×".join(map(str, shape)) or "1"


def parameter_shape(node: Node, shape: Sequence[int]) -> tuple[int, ...]:
    """Shape of a parameter as the table gives it: a convolution's as height, width, inputs, units.

    Caffe's blob of a Convolution is (units, inputs, height, width), of a Deconvolution (inputs, units, …); that of an
    InnerProduct stays (units, inputs), as in the thesis's Figure 2.3.
    """
    if node.type == "Convolution" and len(shape) > 2:
        return (*shape[2:], shape[1], shape[0])
    if node.type == "Deconvolution" and len(shape) > 2:
        return (*shape[2:], shape[0], shape[1])
    return tuple(shape)


def parameter_name(node: Node, place: int) -> str:
    """What the parameter blob at ``place`` is called."""
    names = PARAMETERS.get(node.type, ())
    return names[place] if place < len(names) else f"Blob {place}"


def _per_image(model: Model, value: Value) -> tuple[int, ...]:
    return model.layout(value).map_shape(model.shapes.values[value])


def _row(model: Model, node: Node, owners: dict[str, str]) -> Row:
    words, count = _learnables(model, node, owners)
    shapes = [activation_shape(model, top) for top in node.tops]
    field = next((model.fields[top] for top in node.tops if top in model.fields), None)
    return Row(
        node.name,
        node.type,
        about_layer(node, [model.shapes.values[bottom] for bottom in node.bottoms]),
        _several([size_text(shape) for shape in shapes]),
        sum(prod(shape) for shape in shapes),
        words,
        count,
        *_field_words(field),
    )


def _learnables(model: Model, node: Node, owners: dict[str, str]) -> tuple[str, int]:
    """Parameters in words and how many are learned here; ``owners`` has the layer of every shared name so far."""
    words, count = [], 0
    for place, shape in enumerate(model.shapes.params.get(node.name, ())):
        shared = node.layer.param[place].name if place < len(node.layer.param) else ""
        owner = owners.setdefault(shared, node.name) if shared else node.name
        text = f"{parameter_name(node, place)} {size_text(parameter_shape(node, shape))}"
        words.append(text if owner == node.name else f"{text} (of {owner})")
        if owner == node.name and node.type not in STATISTICS:
            count += prod(shape)
    return ", ".join(words), count


def _several(words: list[str]) -> str:
    """The same size once, with how often it is there: ``6×6×128 (2 of them)``."""
    if len(words) > 1 and len(set(words)) == 1:
        return f"{words[0]} ({len(words)} of them)"
    return ", ".join(words)


def _field_words(field: ReceptiveField | None) -> tuple[str, str]:
    if field is None:
        return "", ""
    strides = field.stride if len(set(field.stride)) > 1 else field.stride[:1]
    return size_text(field.size), "×".join(f"{stride:g}" for stride in strides) if any(strides) else ""
