"""A PyTorch model as a graph of ATen operations, captured by torch.export, that can be run operation by operation."""

from __future__ import annotations

import operator
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.export.graph_signature import InputKind, OutputKind

from converters.errors import ConversionError
from converters.recognise import keep_whole


@dataclass(frozen=True, eq=False)
class Captured:
    """A model's graph in evaluation mode, without any in-place operation.

    Parameters
    ----------
    graph : functional ATen operations; parameters and buffers are placeholders.
    constants : value of every such placeholder.
    targets : place in the model of every such placeholder, e.g. ``"features.0.weight"``.
    input : name of the placeholder of the net's input.
    outputs : names of the nodes that the model returns.
    input_shape : shape that the model was captured with.
    """

    graph: fx.GraphModule
    constants: dict[str, Tensor]
    targets: dict[str, str]
    input: str
    outputs: tuple[str, ...]
    input_shape: tuple[int, ...]

    @torch.no_grad()
    def run(self, images: Tensor, wanted: set[str], dtype: torch.dtype = torch.float32) -> dict[str, Any]:
        """Run the graph.

        Parameters
        ----------
        images : of shape ``input_shape``.
        wanted : names of the nodes whose results are kept.
        dtype : floating-point type to compute in; float64 serves as ground truth.

        Returns
        -------
        the result (a tensor, or a tuple of them) by name of node.
        """
        values = {name: _cast(value, dtype) for name, value in self.constants.items()} | {self.input: images.to(dtype)}
        names = [node.name for node in self.graph.graph.nodes if node.op == "placeholder"]
        collector = _Collector(self.graph, wanted)
        collector.run(*(values[name] for name in names))
        return collector.kept


def capture(model: nn.Module, input_shape: Sequence[int]) -> Captured:
    """Capture ``model`` for one input of ``input_shape`` (batch first); the model is left as it was.

    Raises
    ------
    ConversionError : if the model is not in float32, cannot process such an input, or cannot be captured because its
        control flow depends on the values it computes.
    """
    _check_float32(model)
    device = next((tensor.device for tensor in model.parameters()), torch.device("cpu"))
    images = torch.zeros(tuple(input_shape), device=device)
    with evaluating(model):
        _try_forward(model, images)
        try:
            program = torch.export.export(model, (images,))
            keep_whole(program.graph)
            program = program.run_decompositions({})
        except Exception as error:  # whatever torch, or the model's own code, raises
            raise ConversionError(
                f"{type(model).__name__} cannot be captured by torch.export: {_first_line(error)}; its forward must "
                "neither decide by the values of tensors nor leave PyTorch"
            ) from error
    return _captured(program, tuple(input_shape))


def _captured(program: torch.export.ExportedProgram, input_shape: tuple[int, ...]) -> Captured:
    signature = program.graph_signature
    inputs = [spec for spec in signature.input_specs if spec.kind == InputKind.USER_INPUT]
    places: dict[str, str] = {
        str(spec.arg.name): spec.target
        for spec in signature.input_specs
        if spec.kind != InputKind.USER_INPUT and spec.target
    }
    stored = {**program.state_dict, **program.constants}
    outputs = [spec.arg for spec in signature.output_specs if spec.kind == OutputKind.USER_OUTPUT]
    if len(inputs) != 1 or not all(hasattr(argument, "name") for argument in outputs):
        raise ConversionError("the model must take one tensor and return tensors")
    return Captured(
        graph=program.graph_module,
        constants={name: stored[target].detach() for name, target in places.items()},
        targets=places,
        input=str(inputs[0].arg.name),
        outputs=tuple(str(argument.name) for argument in outputs),
        input_shape=input_shape,
    )


class _Collector(fx.Interpreter):
    """Runs a graph and keeps the wanted results."""

    def __init__(self, graph: fx.GraphModule, wanted: set[str]) -> None:
        super().__init__(graph)
        self._wanted = wanted
        self.kept: dict[str, Any] = {}

    def run_node(self, n: fx.Node) -> Any:
        result = super().run_node(n)
        if n.name in self._wanted:
            self.kept[n.name] = result
        return result


def module_place(node: fx.Node) -> str:
    """Path of the innermost module whose forward made ``node``, "" for the model itself."""
    stack = node.meta.get("nn_module_stack") or {}
    return next(reversed(stack.values()))[0] if stack else ""


def is_getitem(node: fx.Node) -> bool:
    """Whether ``node`` only picks one of several results of another."""
    return node.target is operator.getitem


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Keep ``model`` in evaluation mode for the length of the block, then each module in the mode that it had."""
    modes = {module: module.training for module in model.modules()}
    model.eval()
    try:
        yield
    finally:
        for module, training in modes.items():
            module.training = training


def _check_float32(model: nn.Module) -> None:
    for name, value in model.state_dict().items():
        if value.is_floating_point() and value.dtype != torch.float32:
            raise ConversionError(
                f"{name} of the model is {value.dtype}; Caffe computes in float32: call model.float()"
            )


def _try_forward(model: nn.Module, images: Tensor) -> None:
    try:
        with torch.no_grad():
            model(images)
    except Exception as error:
        raise ConversionError(
            f"{type(model).__name__} cannot process an input of shape {tuple(images.shape)}: {_first_line(error)}; "
            "give the shape that it was made for"
        ) from error


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    return lines[0].rstrip(".;:")[:300]


def _cast(value: Tensor, dtype: torch.dtype) -> Tensor:
    return value.to(dtype) if value.is_floating_point() else value
