"""``train_val.prototxt``: the layers of the converted net, fed with data, with a loss and learning rates."""

from __future__ import annotations

from dataclasses import dataclass

from converters.conversion import Conversion
from converters.errors import ConversionError
from converters.training.data import LABEL, TrainingData, data_layers
from prototxt.formats.schema import LayerParameter, NetParameter
from prototxt.lint import lint_net
from prototxt.net.build import layer
from prototxt.net.graph import NetGraph, Node, Value
from prototxt.net.layer_types import UNIT_TYPES
from prototxt.net.shapes import infer_shapes

RATES = ({"lr_mult": 1.0, "decay_mult": 1.0}, {"lr_mult": 2.0, "decay_mult": 0.0})
"""What Caffe's users give weights and biases."""


@dataclass(frozen=True)
class TrainingNet:
    """A net to train.

    Parameters
    ----------
    net : with layers for both phases; its layers with weights have the names that they have in the converted net.
    notes : what was guessed or left out, a sentence each.
    """

    net: NetParameter
    notes: tuple[str, ...]


def training_net(conversion: Conversion, data: TrainingData) -> TrainingNet:
    """Make the training net of a conversion.

    Weights and biases of convolutions and inner products get the rates 1 and 2 and the decays 1 and 0, as Caffe's users
    write them; what PyTorch does not learn stays at 0. Batch normalisation works as in PyTorch's training, by the
    statistics of the batch, which its running ones follow, or is frozen (``data.frozen_batch_norm``).

    Raises
    ------
    ConversionError : if the net takes several inputs, or stock Caffe would refuse the training net.
    """
    graph = NetGraph(conversion.net)
    if len(graph.inputs) != 1:
        names = ", ".join(value.blob for value in graph.inputs)
        raise ConversionError(f"--train is for nets of one input; this one takes {names}")
    scores = _scores(graph)
    fed = data_layers(data, graph.inputs[0].blob, conversion.preprocessing)
    kept = [node.layer for node in graph.layers if not _left_out(node, scores)]
    body = [_learning(each, data.frozen_batch_norm) for each in kept]
    loss, notes = _judging(scores, infer_shapes(graph).values[scores])
    net = NetParameter(name=conversion.net.name)
    net.layer.extend([*fed.layers, *body, *loss])
    others = [value.blob for value in graph.outputs if value.blob not in (scores.blob, "prob")]
    if others:
        notes.append(f"the loss is that of {scores.blob}; add one for {', '.join(others)}, or silence it")
    complaints = lint_net(net)
    if complaints:
        raise ConversionError(f"the training net would not load in stock Caffe 1.0: {'; '.join(complaints)}")
    return TrainingNet(net, (*fed.notes, *notes))


def _scores(graph: NetGraph) -> Value:
    """The value that the loss is taken of: the first output, before a Softmax that ends the net."""
    value = graph.outputs[0]
    maker = graph.producer(value)
    return maker.bottoms[0] if maker.type == "Softmax" else value


def _left_out(node: Node, scores: Value) -> bool:
    """Input, and what only makes probabilities of the scores."""
    return node.type == "Input" or (node.type == "Softmax" and node.bottoms[0] == scores)


def _learning(old: LayerParameter, frozen_batch_norm: bool) -> LayerParameter:
    """A copy of a layer that says how it learns."""
    new = LayerParameter()
    new.CopyFrom(old)
    if new.type == "BatchNorm" and frozen_batch_norm:
        new.batch_norm_param.use_global_stats = True
    if new.type in UNIT_TYPES:
        message = new.inner_product_param if new.type == "InnerProduct" else new.convolution_param
        for index in range(1 + message.bias_term):
            spec = new.param[index] if index < len(new.param) else new.param.add()
            for field, rate in RATES[index].items():
                if not spec.HasField(field):
                    setattr(spec, field, rate)
    return new


def _judging(scores: Value, shape: tuple[int, ...]) -> tuple[list[LayerParameter], list[str]]:
    """Loss and accuracy for scores of a shape, and what was guessed."""
    if len(shape) >= 2 and shape[1] >= 2:
        layers = [
            layer("SoftmaxWithLoss", "loss", [scores.blob, LABEL], "loss"),
            layer("Accuracy", "accuracy", [scores.blob, LABEL], "accuracy", include=[{"phase": "TEST"}]),
        ]
        if len(shape) == 2 and shape[1] > 5:
            bottoms, fields = [scores.blob, LABEL], {"top_k": 5}
            phase = [{"phase": "TEST"}]
            layers.append(layer("Accuracy", "accuracy_top5", bottoms, accuracy_param=fields, include=phase))
        per_place = [
            f"{LABEL} must have the shape {(shape[0], *shape[2:])}, a class for every place, so feed it by HDF5"
        ]
        return layers, per_place if len(shape) > 2 else []
    loss = layer("EuclideanLoss", "loss", [scores.blob, LABEL], "loss")
    return [loss], [f"{scores.blob} has the shape {shape}, no scores of classes: the loss is Euclidean"]
