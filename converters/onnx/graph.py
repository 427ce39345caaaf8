"""An ONNX model as plain records: no other file than those that read it knows protobuf."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

OWN = "converters"
"""Domain of the operators that are put together here of several: ONNX does not have them in every opset, or at all."""


@dataclass(frozen=True, eq=False)
class OnnxNode:
    """One operation.

    Parameters
    ----------
    op : name of the operator, e.g. ``"Conv"``.
    name : as the file gives it, often ``""``.
    inputs, outputs : names of values; ``""`` for one that is left out.
    attributes : numbers, strings, lists of them, tensors, and an `OnnxGraph` for every branch of an If.
    domain : ``""`` for the operators of ONNX itself.
    scope : place in the PyTorch model that the exporter noted, or ``""``.
    """

    op: str
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any] = field(default_factory=dict)
    domain: str = ""
    scope: str = ""

    @property
    def label(self) -> str:
        """What to call the node in a sentence: its name, or its first output's."""
        return self.name or next(filter(None, self.outputs), self.op)

    @property
    def kind(self) -> str:
        """The operator with its domain: ``"Conv"``, ``"com.microsoft::FusedConv"``."""
        return f"{self.domain}::{self.op}" if self.domain else self.op

    @property
    def spoken(self) -> str:
        """The operator as a sentence calls it."""
        return self.op if self.domain == OWN else self.kind


@dataclass(frozen=True)
class OnnxInput:
    """An input of the graph.

    Parameters
    ----------
    name : of the value.
    dtype : that it is computed in here: float32 for every floating-point type.
    shape : a number or the name of a dynamic axis (``"?"`` where it has none) per axis; None if nothing is said.
    channels_last : the file has it as (N, H, W, C), and ``shape`` is (N, C, H, W) all the same.
    """

    name: str
    dtype: torch.dtype
    shape: tuple[int | str, ...] | None
    channels_last: bool = False


@dataclass(frozen=True, eq=False)
class OnnxGraph:
    """A graph, its nodes in an order in which they can be computed.

    Parameters
    ----------
    nodes : the operations.
    initializers : values by name that the file holds, floating-point ones in float32.
    inputs : without those that have an initializer.
    outputs : names of values.
    opset : version of ONNX's own operators.
    notes : sentences about what was taken otherwise than the file has it.
    """

    nodes: tuple[OnnxNode, ...]
    initializers: Mapping[str, Tensor]
    inputs: tuple[OnnxInput, ...]
    outputs: tuple[str, ...]
    opset: int
    notes: tuple[str, ...] = ()
