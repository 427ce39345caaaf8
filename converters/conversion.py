"""From a PyTorch model to a Caffe net."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from torch import Tensor, fx, nn

import converters.ops  # noqa: F401 - registers the converters
from converters.call import Call, Result
from converters.capture import Captured, capture, is_getitem, module_place
from converters.errors import ConversionError, Problem, RefusedError, UnsupportedOpsError
from converters.layer_spec import Blob, LayerSpec, Reference
from converters.names import Namer
from converters.registry import CONVERTERS, supported_ops
from converters.simplify import simplified
from converters.write import to_net, to_weights
from prototxt.formats.schema import NetParameter
from prototxt.formats.weights import Weights
from prototxt.lint import lint_net
from prototxt.pixels.preprocess import Preprocessing

INPUT = "data"


@dataclass(frozen=True, eq=False)
class Conversion:
    """A Caffe net made from a PyTorch model.

    Parameters
    ----------
    net : with an Input layer ``data``; passes the linter of stock Caffe 1.0.
    weights : float32 blobs by layer.
    preprocessing : from pixels to ``data``: the same as the PyTorch model takes; None if it was not given.
    modules : place in the PyTorch model of every Caffe layer, "" for the model's own forward.
    references : which value of the PyTorch graph each layer's top must equal.
    captured : that PyTorch graph.
    """

    net: NetParameter
    weights: Weights
    preprocessing: Preprocessing | None
    modules: dict[str, str]
    references: tuple[Reference, ...] = ()
    captured: Captured | None = field(default=None, repr=False)


def convert(
    model: nn.Module,
    input_shape: Sequence[int],
    preprocessing: Preprocessing | None = None,
    names: Mapping[str, str] | None = None,
    title: str = "",
    softmax: bool = True,
) -> Conversion:
    """Convert a model in evaluation mode; the model itself is not changed.

    Parameters
    ----------
    model : takes one float32 tensor of ``input_shape``.
    input_shape : batch first, e.g. (1, 3, 224, 224). The Caffe net can be reshaped to another batch wherever the model
        keeps pictures apart.
    preprocessing : from pixels to the model's input.
    names : Caffe layer names by place in the model (`converters.names.classic_names`); other layers are called after
        their place.
    title : name of the net; by default that of the model's class.
    softmax : append a Softmax layer ``prob`` if the model returns (N, classes) scores.

    Raises
    ------
    UnsupportedOpsError : naming every operation that stock Caffe has no way to express, with its place in the model.
    ConversionError : if the model cannot be captured, or does not take such an input.
    """
    captured = capture(model, input_shape)
    walk = _Walk(captured, Namer(model, names or {}, reserved=(INPUT, "prob")))
    layers, outputs = walk.layers(), walk.outputs()
    if not layers:
        raise ConversionError(f"{type(model).__name__} returns its input: there is nothing to convert")
    if softmax:
        layers, outputs = _with_prob(layers, outputs)
    layers = simplified(layers, {blob.name for blob in outputs})
    net = to_net(title or type(model).__name__, INPUT, captured.input_shape, layers)
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
    )


class _Walk:
    """One pass over the captured graph: what every node became."""

    def __init__(self, captured: Captured, namer: Namer) -> None:
        self._captured = captured
        self._namer = namer
        self._values: dict[str, Any] = {captured.input: Blob(INPUT, captured.input_shape)}
        self._shared = _shared_constants(captured)
        self.references: list[Reference] = []

    def layers(self) -> list[LayerSpec]:
        """Convert every node, in order.

        Raises
        ------
        UnsupportedOpsError : after the last node, if any was refused.
        """
        layers: list[LayerSpec] = []
        problems: list[Problem] = []
        for node in self._captured.graph.graph.nodes:
            if node.op == "placeholder":
                self._values.setdefault(node.name, self._captured.constants.get(node.name))
            elif is_getitem(node):
                self._values[node.name] = self._values[node.args[0].name][node.args[1]]
            elif node.op != "output" and not self._fold(node):
                try:
                    layers += self._convert(node)
                except RefusedError as refusal:
                    problems.append(Problem(_short(str(node.target)), module_place(node), str(refusal)))
                    self._values[node.name] = _blobs(node, [node.name] * 9)
        if problems:
            raise UnsupportedOpsError(problems, supported_ops())
        return layers

    def outputs(self) -> list[Blob]:
        """What the model returns."""
        outputs = [self._values[name] for name in self._captured.outputs]
        if not all(isinstance(output, Blob) for output in outputs):
            raise ConversionError("the model returns something that does not depend on its input")
        return outputs

    def _convert(self, node: fx.Node) -> list[LayerSpec]:
        op = str(node.target)
        if op not in CONVERTERS:
            raise RefusedError
        place = module_place(node)
        values = _blobs(node, [""] * 9)
        shape = (values[0] if isinstance(values, tuple) else values).shape
        call = Call(
            op, self._namer.name(place, op), place, self._arguments(node), shape, self._namer.unique, self._share
        )
        result = CONVERTERS[op](call)
        self._values[node.name] = self._result(node, result)
        self._refer(node, call.layers, result)
        return call.layers

    def _arguments(self, node: fx.Node) -> dict[str, Any]:
        """Arguments by the names of the operation's schema."""
        schema = node.target._schema.arguments  # type: ignore[union-attr]
        values = fx.node.map_arg((node.args, node.kwargs), lambda argument: self._values[argument.name])
        positional: dict[str, Any] = dict(zip((entry.name for entry in schema), values[0], strict=False))
        given = {**positional, **values[1]}
        return {
            entry.name: _plain(given[entry.name]) if entry.name in given else entry.default_value for entry in schema
        }

    def _fold(self, node: fx.Node) -> bool:
        """Compute a node that does not depend on the input; False if it does."""
        values = [self._values[argument.name] for argument in node.all_input_nodes]
        if any(_depends_on_input(value) for value in values):
            return False
        args, kwargs = fx.node.map_arg((node.args, node.kwargs), lambda argument: self._values[argument.name])
        self._values[node.name] = node.target(*args, **kwargs)  # type: ignore[operator]
        return True

    def _result(self, node: fx.Node, result: Result) -> Any:
        if isinstance(result, Blob):
            return result
        return _blobs(node, [result] if isinstance(result, str) else result)

    def _refer(self, node: fx.Node, layers: Sequence[LayerSpec], result: Result) -> None:
        several = isinstance(node.meta["val"], tuple | list)
        tops = () if isinstance(result, Blob) else (result,) if isinstance(result, str) else result
        wanted = {top: index for index, top in enumerate(tops)}
        for layer in layers:
            for index, top in enumerate(layer.tops):
                if top in wanted:
                    part = wanted[top] if several else None
                    self.references.append(Reference(layer.name, index, node.name, part))

    def _share(self, array: np.ndarray) -> str:
        return self._shared.get(array.__array_interface__["data"][0], "")


def _shared_constants(captured: Captured) -> dict[int, str]:
    """Places of the parameters that several operations use, by address of their memory."""
    nodes = {node.name: node for node in captured.graph.graph.nodes}
    uses: Counter[str] = Counter()
    for name, target in captured.targets.items():
        uses[target] += len(nodes[name].users)
    return {
        captured.constants[name].cpu().numpy().__array_interface__["data"][0]: target
        for name, target in captured.targets.items()
        if uses[target] > 1 and captured.constants[name].is_floating_point()
    }


def _depends_on_input(value: Any) -> bool:
    return isinstance(value, Blob) or (isinstance(value, tuple) and any(isinstance(part, Blob) for part in value))


def _plain(value: Any) -> Any:
    """Tensors as arrays, and torch's lists as lists."""
    if isinstance(value, Tensor):
        return value.detach().cpu().numpy()
    return [_plain(entry) for entry in value] if isinstance(value, list | tuple) else value


def _blobs(node: fx.Node, names: Sequence[str]) -> Any:
    """The node's result, or results, under ``names``; a result without a name is one that nobody may read."""
    values = node.meta["val"]
    if isinstance(values, tuple | list):
        return tuple(Blob(name, tuple(map(int, value.shape))) for name, value in zip(names, values, strict=False))
    return Blob(names[0], tuple(map(int, values.shape)))


def _short(op: str) -> str:
    return op.removesuffix(".default")


def _with_prob(layers: list[LayerSpec], outputs: list[Blob]) -> tuple[list[LayerSpec], list[Blob]]:
    """Append the Softmax ``prob`` that Caffe's users expect of a classifier, unless it has one already."""
    scores = outputs[0]
    if len(outputs) != 1 or len(scores.shape) != 2 or scores.shape[1] < 2 or layers[-1].type in ("Softmax", "Log"):
        return layers, outputs
    prob = LayerSpec("prob", "Softmax", (scores.name,), ("prob",))
    return [*layers, prob], [Blob("prob", scores.shape)]
