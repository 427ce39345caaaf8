"""A Caffe net with its weights, ready to be written down elsewhere: which layers are needed, and what they read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from converters.back.inference_net import inference_net
from converters.back.source_layer import Shape, SourceLayer
from converters.errors import ConversionError
from prototxt.common.errors import InputError
from prototxt.formats.schema import NetParameter
from prototxt.formats.text import read_net
from prototxt.formats.weights import Weights, read_weights, share
from prototxt.net.fit import fit_weights
from prototxt.net.graph import NetGraph, Node, Value
from prototxt.net.shapes import Shapes, infer_shapes


@dataclass(frozen=True)
class SourceNet:
    """A net of the phase TEST.

    Attributes
    ----------
    net : without losses and data layers.
    graph, shapes : of it.
    weights : of every layer that has parameters, in the net's shapes.
    layers : those that outputs need, in order; Input layers are not among them.
    notes : a sentence for everything that was changed or left out.
    """

    net: NetParameter
    graph: NetGraph
    shapes: Shapes
    weights: Weights
    layers: tuple[SourceLayer, ...]
    notes: tuple[str, ...]

    @property
    def inputs(self) -> dict[Value, Shape]:
        """What comes in, by its shape in the prototxt."""
        return {value: self.shapes.values[value] for value in self.graph.inputs}

    @property
    def outputs(self) -> tuple[Value, ...]:
        """What goes out, in Caffe's order."""
        return self.graph.outputs

    @cached_property
    def values(self) -> tuple[Value, ...]:
        """Everything that the layers compute; the middle of two layers that are computed together is not there."""
        return tuple(
            value
            for layer in self.layers
            for value, wanted in zip(layer.node.tops, layer.wanted, strict=True)
            if wanted and layer.scale is None
        )

    @cached_property
    def batch_is_free(self) -> bool:
        """Whether the first axis of every input may be longer, and then that of everything that comes of it is."""
        mine, others = self.shapes, self._longer
        return others.params == mine.params and all(
            others.values[value][1:] == shape[1:] for value, shape in mine.values.items()
        )

    def varies(self, value: Value) -> bool:
        """Whether the first axis of a value follows the batch."""
        return self.batch_is_free and self._longer.values[value] != self.shapes.values[value]

    @cached_property
    def _longer(self) -> Shapes:
        """The shapes of all values when the inputs have one item more; of no net where that does not fit."""
        longer = {value.blob: (shape[0] + 1, *shape[1:]) for value, shape in self.inputs.items() if shape}
        try:
            return infer_shapes(self.graph, longer)
        except InputError:
            return Shapes({}, {"": []})


def read_source_net(
    prototxt: Path, caffemodel: Path, input_shapes: Mapping[str, Sequence[int]] | None = None
) -> SourceNet:
    """Read a net and its weights from files of any age.

    Raises
    ------
    InputError : for files that cannot be read, layers that cannot be converted, weights that are missing or do not fit.
    """
    net = read_net(prototxt)
    return source_net(net, read_weights(caffemodel, net), input_shapes, str(caffemodel))


def source_net(
    net: NetParameter,
    weights: Weights,
    input_shapes: Mapping[str, Sequence[int]] | None = None,
    source: str = "the weights",
) -> SourceNet:
    """Put a net and its weights together; parameters and errors as in `inference_net` and `fit_weights`.

    Parameters
    ----------
    source : where the weights come from, for errors.
    """
    inference = inference_net(net, input_shapes)
    graph = NetGraph(inference.net)
    shapes = infer_shapes(graph)
    fit = fit_weights(shapes.params, share(inference.net, weights), source)
    if fit.missing:
        raise ConversionError(
            f"{source}: has no weights for {', '.join(fit.missing)}; give the caffemodel that belongs to the prototxt"
        )
    _refuse_strange_numbers(fit.weights, source)
    layers = _needed_layers(graph, shapes, fit.weights)
    return SourceNet(inference.net, graph, shapes, fit.weights, layers, inference.notes)


def _refuse_strange_numbers(weights: Weights, source: str) -> None:
    strange = [name for name, arrays in weights.items() if not all(np.isfinite(array).all() for array in arrays)]
    if strange:
        raise ConversionError(
            f"{source}: layer {strange[0]!r} has weights that are infinite or not a number; take a snapshot from "
            "before the training diverged"
        )


def _needed_layers(graph: NetGraph, shapes: Shapes, weights: Weights) -> tuple[SourceLayer, ...]:
    needed = graph.ancestors(graph.outputs)
    read = {value for node in needed for value in node.bottoms} | set(graph.outputs)
    owners = _owners(graph)
    layers = {
        node: SourceLayer(
            node,
            tuple(shapes.values[value] for value in node.bottoms),
            tuple(shapes.values[value] for value in node.tops),
            tuple(weights.get(node.name, ())),
            tuple(value in read for value in node.tops),
            owners[node],
        )
        for node in needed
        if node.type != "Input"
    }
    for node, layer in list(layers.items()):
        scale = _scale_behind(graph, layer)
        if scale is not None and scale in layers:
            layers[node] = replace(layer, scale=layers[scale])
    return tuple(layers.values())


def _scale_behind(graph: NetGraph, layer: SourceLayer) -> Node | None:
    """The learned Scale of channels that alone reads a BatchNorm: together they are one batch normalisation."""
    if layer.type != "BatchNorm" or len(layer.shape) < 2:
        return None
    param = layer.param.batch_norm_param
    readers = graph.consumers(layer.node.tops[0])
    if (
        len(readers) != 1
        or readers[0].type != "Scale"
        or (not param.use_global_stats and param.HasField("use_global_stats"))
    ):
        return None
    scale = readers[0].layer.scale_param
    shared = any(spec.name for spec in readers[0].layer.param)
    axis = scale.axis % len(layer.shape)
    return readers[0] if len(readers[0].bottoms) == 1 and (axis, scale.num_axes) == (1, 1) and not shared else None


def _owners(graph: NetGraph) -> dict[Node, tuple[tuple[str, int] | None, ...]]:
    """For every parameter with a name that an earlier layer has given to one of its own: that layer and place."""
    first: dict[str, tuple[str, int]] = {}
    found: dict[Node, tuple[tuple[str, int] | None, ...]] = {}
    for node in graph.layers:
        places: list[tuple[str, int] | None] = []
        for place, spec in enumerate(node.layer.param):
            owner = first.setdefault(spec.name, (node.name, place)) if spec.name else (node.name, place)
            places.append(None if owner == (node.name, place) else owner)
        found[node] = tuple(places)
    return found
