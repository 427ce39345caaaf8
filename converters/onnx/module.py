"""An ONNX graph as a PyTorch module: one submodule a node, one parameter an initializer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from converters.onnx.graph import OnnxNode
from converters.onnx.node import Node
from converters.onnx.registry import Translator


class Operation(nn.Module):
    """One node; its forward takes the inputs that its translator reads as tensors, and gives a list of outputs.

    Parameters
    ----------
    spec : the node.
    translator : of its operator.
    opset : version of ONNX's operators.
    inputs : names of the values, "" for one that is left out.
    constants : the array of every input that does not depend on the net's input, else None.
    reads : numbers of the inputs that the translator reads as tensors.
    shapes : of the inputs as the model was built.
    """

    def __init__(
        self,
        spec: OnnxNode,
        translator: Translator,
        opset: int,
        inputs: Sequence[str],
        constants: Sequence[np.ndarray | None],
        reads: Sequence[int],
        shapes: Sequence[tuple[int, ...]],
    ) -> None:
        super().__init__()
        self.spec = spec
        self.translator = translator
        self.opset = opset
        self.inputs = tuple(inputs)
        self.constants = tuple(constants)
        self.reads = tuple(reads)
        self.shapes = tuple(shapes)

    def read_names(self) -> list[str]:
        """Names of the values that forward takes."""
        return [self.inputs[index] for index in self.reads]

    def forward(self, *tensors: Tensor) -> list[Tensor]:
        """Compute the node."""
        values: list[Any] = [name or None for name in self.inputs]
        for index, tensor in zip(self.reads, tensors, strict=True):
            values[index] = tensor
        return results(self.translator, Node(self.spec, self.opset, values, self.constants, self.shapes))

    def extra_repr(self) -> str:
        """What a print of the model says of it."""
        return f"{self.spec.spoken}, {self.spec.label!r}"


def results(translator: Translator, node: Node) -> list[Tensor]:
    """Outputs of a node, as a list."""
    found = translator.translate(node)
    return [found] if isinstance(found, Tensor) else list(found)


@dataclass(frozen=True)
class Keys:
    """Names that things of the ONNX model have as attributes of the module.

    Parameters
    ----------
    operations : in the order in which they are computed.
    constants : by name of the value.
    """

    operations: tuple[str, ...]
    constants: Mapping[str, str]


class OnnxModule(nn.Module):
    """The graph; takes a tensor for every input, gives the one output or all of them as a tuple.

    Parameters
    ----------
    operations : in an order in which they can be computed.
    constants : values by name that they read as tensors.
    learned : names of those that may be learned; the others are buffers.
    keys : names of both as attributes.
    inputs : shapes by name of the value.
    outputs : names of the values that they are, by name of the output.
    """

    def __init__(
        self,
        operations: Sequence[Operation],
        constants: Mapping[str, Tensor],
        learned: set[str],
        keys: Keys,
        inputs: Mapping[str, tuple[int, ...]],
        outputs: Mapping[str, str],
    ) -> None:
        super().__init__()
        self._keys = keys
        self._inputs = dict(inputs)
        self.any_batch = True
        self._outputs = dict(outputs)
        for name, tensor in constants.items():
            if name in learned:
                self.register_parameter(keys.constants[name], nn.Parameter(tensor))
            else:
                self.register_buffer(keys.constants[name], tensor)
        for key, operation in zip(keys.operations, operations, strict=True):
            self.add_module(key, operation)

    def forward(self, *inputs: Tensor) -> Tensor | dict[str, Tensor]:
        """Compute all nodes; gives the one output, or all of them by name.

        Raises
        ------
        ValueError : for other shapes than the model was built for, where the file fixes them.
        """
        given = [tuple(value.shape) for value in inputs]
        if not self.any_batch and given != list(self._inputs.values()):
            raise ValueError("the shapes in the ONNX file are fixed to the batch that it was exported with")
        values = self.compute(dict(zip(self._inputs, inputs, strict=True)))
        outputs = {name: self.output(name, values) for name in self._outputs}
        return next(iter(outputs.values())) if len(outputs) == 1 else outputs

    def compute(self, inputs: Mapping[str, Tensor], constants: Mapping[str, Tensor] | None = None) -> dict[str, Tensor]:
        """Every value by name.

        Parameters
        ----------
        inputs : by name.
        constants : by name, in place of the parameters and buffers.
        """
        values = {**self.constants(), **(constants or {}), **inputs}
        for operation in self.operations():
            found = operation(*(values[name] for name in operation.read_names()))
            values.update(zip(operation.spec.outputs, found, strict=False))
        return values

    def output(self, name: str, values: Mapping[str, Tensor]) -> Tensor:
        """An output among the values that `compute` gives."""
        return values[self._outputs[name]]

    def constants(self) -> dict[str, Tensor]:
        """Parameters and buffers by name of the value."""
        return {name: getattr(self, key) for name, key in self._keys.constants.items()}

    def operations(self) -> list[Operation]:
        """The nodes, in order."""
        found = [self.get_submodule(key) for key in self._keys.operations]
        return [operation for operation in found if isinstance(operation, Operation)]


def meta(tensor: Tensor) -> Tensor:
    """The tensor without its values, of which only shape and type are known."""
    return torch.empty(tensor.shape, dtype=tensor.dtype, device="meta")
