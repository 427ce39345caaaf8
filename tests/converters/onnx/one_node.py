"""Models of one node, and the comparison of what is read from them with ONNX Runtime."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import ModelProto, helper, numpy_helper

from converters.onnx.build import Built, build
from converters.onnx.read import OPSETS, graph_of

NEWEST = OPSETS[-1]
onnxruntime.set_default_logger_severity(3)


@dataclass(frozen=True)
class Case:
    """One node with its inputs.

    Parameters
    ----------
    op : operator.
    inputs : arrays; those in ``constants`` by number are initializers, None is left out.
    attributes : of the node.
    constants : numbers of the inputs that are initializers; None for all but the first.
    outputs : how many.
    opsets : that the case is for.
    """

    op: str
    inputs: Sequence[np.ndarray | None]
    attributes: Mapping[str, Any] = field(default_factory=dict)
    constants: Sequence[int] | None = None
    outputs: int = 1
    opsets: range = OPSETS

    def is_constant(self, index: int) -> bool:
        return index > 0 if self.constants is None else index in self.constants


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    """Numbers around 0, float32."""
    return np.random.RandomState(seed).standard_normal(shape).astype(np.float32)


def model_of(case: Case, opset: int) -> ModelProto:
    """The case as a model of one opset."""
    names = [f"x{index}" if array is not None else "" for index, array in enumerate(case.inputs)]
    given = [(name, array) for name, array in zip(names, case.inputs, strict=True) if array is not None]
    constant = {names[index] for index in range(len(names)) if case.is_constant(index)}
    outputs = [f"y{index}" for index in range(case.outputs)]
    node = helper.make_node(case.op, names, outputs, name="node", **case.attributes)
    graph = helper.make_graph(
        [node],
        "one",
        [
            helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(array.dtype), array.shape)
            for name, array in given
            if name not in constant
        ],
        [helper.make_empty_tensor_value_info(name) for name in outputs],
        [numpy_helper.from_array(array, name) for name, array in given if name in constant],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)


def run_onnxruntime(model: ModelProto | Path, feeds: Mapping[str, np.ndarray]) -> list[np.ndarray]:
    """Outputs of a model in ONNX Runtime, without any rewriting of its own."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    given = str(model) if isinstance(model, Path) else model.SerializeToString()
    return onnxruntime.InferenceSession(given, options, providers=["CPUExecutionProvider"]).run(None, dict(feeds))


def built(model: ModelProto, feeds: Mapping[str, np.ndarray]) -> Built:
    """The model as a module, for inputs of these shapes."""
    copy = onnx.ModelProto.FromString(model.SerializeToString())
    return build(graph_of(copy, Path("model.onnx")), {name: array.shape for name, array in feeds.items()}, "model.onnx")


def run_torch(model: ModelProto, feeds: Mapping[str, np.ndarray]) -> list[np.ndarray]:
    """Outputs of a model in PyTorch."""
    with torch.no_grad():
        found = built(model, feeds).module(*(torch.from_numpy(array) for array in feeds.values()))
    return [tensor.numpy() for tensor in (found.values() if isinstance(found, dict) else (found,))]


def feeds_of(case: Case) -> dict[str, np.ndarray]:
    """The inputs that are no constants."""
    return {
        f"x{index}": array
        for index, array in enumerate(case.inputs)
        if array is not None and not case.is_constant(index)
    }


def assert_like_onnxruntime(case: Case, opset: int, tolerance: float = 2e-6) -> None:
    """PyTorch must give ONNX Runtime's values, shapes and kinds of numbers."""
    model, feeds = model_of(case, opset), feeds_of(case)
    assert_equal(run_torch(model, feeds), run_onnxruntime(model, feeds), tolerance)


def assert_equal(found: Sequence[np.ndarray], expected: Sequence[np.ndarray], tolerance: float = 2e-6) -> None:
    """Values, shapes and kinds of numbers must be those that are expected."""
    assert len(found) == len(expected)
    for ours, theirs in zip(found, expected, strict=True):
        assert ours.shape == theirs.shape
        assert ours.dtype.kind == theirs.dtype.kind
        scale = max(float(np.abs(theirs[np.isfinite(theirs)]).max(initial=0.0)), 1e-3) if theirs.size else 1.0
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=tolerance * scale * 4)
