"""One node as its translator sees it: tensors in, attributes and constants by name."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from torch import Tensor

from converters.errors import RefusedError
from converters.onnx.graph import OnnxNode

LARGEST_CONSTANT = 2**28
"""Values (1 GiB) of a constant that may be computed from the few bytes of a shape."""

_NEEDED = object()


class Node:
    """An operation with the values that it reads; the same translator computes constants and builds the model.

    Parameters
    ----------
    spec : the operation.
    opset : version of ONNX's operators, by which a translator tells apart what an attribute means.
    tensors : a value for every input, None for one that is left out.
    constants : the array of every input that does not depend on the net's input, else None.
    shapes : of the inputs as the model was built; it may be run with more pictures at a time.
    read : takes the numbers of the inputs that are asked for as tensors.
    """

    def __init__(
        self,
        spec: OnnxNode,
        opset: int,
        tensors: Sequence[Any],
        constants: Sequence[np.ndarray | None],
        shapes: Sequence[tuple[int, ...]] = (),
        read: set[int] | None = None,
    ) -> None:
        self.spec = spec
        self.op = spec.op
        self.opset = opset
        self.outputs = len(spec.outputs)
        self._tensors = tensors
        self._constants = constants
        self._shapes = shapes
        self._read = set() if read is None else read

    def __len__(self) -> int:
        """How many inputs there are, left-out ones in between included."""
        return len(self._tensors)

    def __getitem__(self, index: int) -> Tensor:
        """An input as a tensor.

        Raises
        ------
        RefusedError : if the node has no such input.
        """
        tensor = self.get(index)
        if tensor is None:
            raise RefusedError(f"its input {index} is left out, which {self.op} needs")
        return tensor

    def get(self, index: int) -> Tensor | None:
        """An input as a tensor, None if it is left out."""
        self._read.add(index)
        return self._tensors[index] if index < len(self._tensors) else None

    def all(self) -> list[Tensor]:
        """Every input as a tensor."""
        return [self[index] for index in range(len(self))]

    def has(self, index: int) -> bool:
        """Whether an input is there."""
        return index < len(self._tensors) and self._tensors[index] is not None

    def writes(self, index: int) -> bool:
        """Whether an output is there."""
        return index < self.outputs and bool(self.spec.outputs[index])

    def attribute(self, name: str, default: Any = _NEEDED) -> Any:
        """An attribute.

        Raises
        ------
        RefusedError : if it is not there and has no default.
        """
        value = self.spec.attributes.get(name, default)
        if value is _NEEDED:
            raise RefusedError(f"it has no attribute {name!r}, which {self.op} needs")
        return value

    def with_batch(self, shape: list[int]) -> list[int]:
        """A shape in the file, with the first axis of the first input where it is that one's at the time of building.

        Exporters write the batch that they were given into the shapes of reshapes.
        """
        x = self[0]
        built = self._shapes[0] if self._shapes else tuple(x.shape)
        return [x.shape[0], *shape[1:]] if shape and built and shape[0] == built[0] else shape

    def is_constant(self, index: int) -> bool:
        """Whether an input is there and does not depend on the net's input."""
        return self.has(index) and self._constants[index] is not None

    def constant(self, index: int, what: str) -> np.ndarray:
        """An input that must not depend on the net's input.

        Parameters
        ----------
        what : the input is, for the sentence: ``"shape"``.

        Raises
        ------
        RefusedError : if it does, or is left out.
        """
        if not self.has(index):
            raise RefusedError(f"it has no {what}, which {self.op} needs")
        value = self._constants[index]
        if value is None:
            raise RefusedError(f"its {what} is computed from the values of the net's input")
        return value

    def ints(self, name: str, index: int) -> list[int] | None:
        """Whole numbers that older opsets give as attribute ``name`` and newer ones as an input; None if not given."""
        if name in self.spec.attributes:
            return [int(number) for number in np.atleast_1d(self.spec.attributes[name])]
        return self.constant(index, name).astype(np.int64).reshape(-1).tolist() if self.has(index) else None

    def number(self, name: str, index: int) -> float | None:
        """A number that older opsets give as attribute ``name`` and newer ones as an input; None if not given."""
        if name in self.spec.attributes:
            return float(self.spec.attributes[name])
        if not self.has(index):
            return None
        value = self.constant(index, name)
        if value.size != 1:
            raise RefusedError(f"its {name} has shape {value.shape} instead of being one number")
        return float(value.item())

    def check_size(self, shape: Sequence[int]) -> None:
        """Raise RefusedError if a constant of this shape would be too large to compute, as of a damaged file."""
        count = math.prod(shape)
        if count > LARGEST_CONSTANT:
            raise RefusedError(f"its result would be a constant of {count} values; {LARGEST_CONSTANT} at most")

    def refuse_unless(self, name: str, allowed: Any) -> None:
        """Raise RefusedError if an attribute is given and has another value than ``allowed``."""
        value = self.attribute(name, allowed)
        if value != allowed:
            raise RefusedError(f"{name} {value!r}; only {allowed!r} can be converted")
