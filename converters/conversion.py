"""From a PyTorch model to a Caffe net."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import nn

from converters.capture import capture, capture_again
from converters.captured import Captured, NetOutput
from converters.errors import ConversionError
from converters.layer_spec import Blob, LayerSpec, Reference
from converters.names import Namer
from converters.signature import Shapes
from converters.simplify import simplified
from converters.sizes import walk_for_sizes, why_fixed
from converters.walk import Missing, Walk
from converters.write import WITHOUT_BACKWARD, to_net, to_weights
from prototxt.common.errors import InputError
from prototxt.formats.schema import NetParameter
from prototxt.formats.weights import Weights
from prototxt.lint import lint_net
from prototxt.net.input_size import mark_fixed_input_size
from prototxt.net.shapes import infer_shapes
from prototxt.pixels.preprocess import Preprocessing

InputShapes = Mapping[str, tuple[int, ...]]
ModelAt = Callable[[InputShapes], nn.Module]


@dataclass(frozen=True, eq=False)
class Conversion:
    """A Caffe net made from a PyTorch model.

    Parameters
    ----------
    net : with an Input layer ``data``, or one for each of several inputs under its name in the model's forward; passes
        the linter of stock Caffe 1.0.
    weights : float32 blobs by layer.
    preprocessing : from pixels to ``data``: the same as the PyTorch model takes; None if it was not given.
    modules : place in the PyTorch model of every Caffe layer, "" for the model's own forward.
    references : which value of the PyTorch graph each layer's top must equal.
    captured : that PyTorch graph.
    outputs : blob of everything that the model returns, by its place in the result (`converters.captured.NetOutput`);
        None where the net has no blob for it.
    notes : what was guessed or left out, a sentence each.
    baked : preprocessing that the net's first layer does and the PyTorch graph does not (`converters.baking`), or None.
    """

    net: NetParameter
    weights: Weights
    preprocessing: Preprocessing | None
    modules: dict[str, str]
    references: tuple[Reference, ...] = ()
    captured: Captured | None = field(default=None, repr=False)
    outputs: dict[str, str | None] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    baked: Preprocessing | None = None


def convert(
    model: nn.Module,
    input_shape: Shapes,
    preprocessing: Preprocessing | None = None,
    names: Mapping[str, str] | None = None,
    title: str = "",
    softmax: bool = True,
    at: ModelAt | None = None,
) -> Conversion:
    """Convert a model in evaluation mode; the model itself is not changed.

    Parameters
    ----------
    model : takes one float32 tensor of ``input_shape``, or several.
    input_shape : batch first, e.g. (1, 3, 224, 224), or such shapes by the names of the forward's parameters. The
        Caffe net can be reshaped to another batch wherever the model keeps pictures apart.
    preprocessing : from pixels to the model's first input.
    names : Caffe layer names by place in the model (`converters.names.classic_names`); other layers are called after
        their place.
    title : name of the net; by default that of the model's class.
    softmax : append a Softmax layer ``prob`` if the model returns (N, classes) scores.
    at : gives the model for inputs of other shapes, by name, where that is another.

    Raises
    ------
    UnsupportedOpsError : naming every operation that stock Caffe has no way to express, with its place in the model.
    ConversionError : if the model cannot be captured, or does not take such an input.
    """

    def of(captured: Captured) -> Conversion:
        return _of_captured(captured, model, preprocessing, names or {}, title or type(model).__name__, softmax, at)

    conversion = of(capture(model, input_shape))
    refused = _why_not_as_asked(conversion)
    return of(capture(model, input_shape, fixed_batch=refused)) if refused else conversion


def _of_captured(
    captured: Captured,
    model: nn.Module,
    preprocessing: Preprocessing | None,
    names: Mapping[str, str],
    title: str,
    softmax: bool,
    at: ModelAt | None,
) -> Conversion:
    """The net of a captured graph; see `convert`."""
    inputs = {each.name: each.asked for each in captured.inputs}
    reserved = (*inputs, "prob")
    walk, layers = walk_for_sizes(
        lambda graph, any_size: Walk(graph, Namer(model, names, reserved), any_size),
        captured,
        lambda shapes: _captured_at(at, model, captured, shapes),
    )
    outputs, notes = _outputs(captured, walk)
    if not layers:
        raise ConversionError(f"{type(model).__name__} returns its input: there is nothing to convert")
    if softmax and _gives_scores(captured, outputs.values()):
        (scores,) = (blob.name for blob in outputs.values() if blob)
        layers.append(LayerSpec("prob", "Softmax", (scores,), ("prob",)))
    raw, layers = layers, simplified(layers, {"prob", *(blob.name for blob in outputs.values() if blob)})
    renamed = _renamed_tops(raw, layers)
    net = to_net(title, inputs, layers)
    if walk.fixed:
        mark_fixed_input_size(net, why_fixed(walk.fixed))
    complaints = lint_net(net)
    if complaints:
        raise ConversionError(f"the net would not load in stock Caffe 1.0: {'; '.join(complaints)}")
    present = {layer.name for layer in layers}
    return Conversion(
        net=net,
        weights=to_weights(layers),
        preprocessing=preprocessing,
        modules={layer.name: layer.place for layer in layers},
        references=tuple(reference for reference in walk.references if reference.layer in present),
        captured=captured,
        outputs={path: renamed.get(blob.name, blob.name) if blob else None for path, blob in outputs.items()},
        notes=(*captured.notes, *notes, *_without_backward(layers)),
    )


def _why_not_as_asked(conversion: Conversion) -> str:
    """Why the net does not take the batch that was asked for, if it was captured with another; "" where it does.

    A model that names the pictures of its batch (``x[0]``, ``x.view(1, -1)``) becomes a net of that batch alone.
    """
    if conversion.captured is not None and conversion.captured.pictures > 1:
        try:
            infer_shapes(conversion.net)
        except InputError as error:
            return str(error)
    return ""


def _captured_at(at: ModelAt | None, model: nn.Module, captured: Captured, shapes: InputShapes) -> Captured | None:
    """The model at other shapes; None where there is none."""
    try:
        return capture_again(at(shapes) if at else model, captured, shapes)
    except InputError:
        return None


def _outputs(captured: Captured, walk: Walk) -> tuple[dict[str, Blob | None], list[str]]:
    """The blob of everything that the model returns (None where there is none), and why there is none."""
    outputs: dict[str, Blob | None] = {}
    notes = []
    for output in captured.outputs:
        value = walk.value(output.node) if output.node else None
        outputs[output.path] = value if isinstance(value, Blob) else None
        if not isinstance(value, Blob):
            what = _what(output, value)
            notes.append(f"output {output.path!r} has no blob: it is {what}")
    if not any(outputs.values()):
        raise ConversionError("the model returns nothing that depends on its input")
    return outputs, notes


def _renamed_tops(before: Collection[LayerSpec], after: Collection[LayerSpec]) -> dict[str, str]:
    """The new name of every top of ``before``: a layer that works in place writes to a blob of another name."""
    tops = {(layer.name, place): top for layer in after for place, top in enumerate(layer.tops)}
    named = [((layer.name, place), top) for layer in before for place, top in enumerate(layer.tops)]
    return {top: tops[key] for key, top in named if key in tops}


def _without_backward(layers: Collection[LayerSpec]) -> list[str]:
    """A sentence about layers through which stock Caffe cannot go back, if there are any."""
    found = [f"{layer.name} ({layer.type})" for layer in layers if layer.type in WITHOUT_BACKWARD]
    sentence = "stock Caffe has no backward pass for {}; with force_backward: true it ends the program that asks"
    return [sentence.format(", ".join(found))] if found else []


def _what(output: NetOutput, value: Any) -> str:
    """Why an output is no blob."""
    if not output.node:
        return repr(output.value)
    if isinstance(value, Missing):
        return value.reason
    return f"a constant of shape {tuple(value.shape)}, whatever the input"


def _gives_scores(captured: Captured, outputs: Collection[Blob | None]) -> bool:
    """Whether the model returns (N, classes) scores alone, of which Caffe's users expect a Softmax ``prob``."""
    scores = next(iter(outputs))
    if len(outputs) != 1 or scores is None or len(scores.shape) != 2 or scores.shape[1] < 2:
        return False
    (node,) = (node for node in captured.graph.graph.nodes if node.name == captured.outputs[0].node)
    return not any(f"aten.{name}." in str(node.target) for name in GIVES_PROBABILITIES)


GIVES_PROBABILITIES = ("softmax", "log_softmax", "sigmoid", "log_sigmoid")
