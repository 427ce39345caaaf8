"""Models of several nodes, and how what is read from them is held against ONNX Runtime and Caffe."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import ModelProto, NodeProto, helper, numpy_helper

from converters.onnx.build import Built
from converters.onnx.file import OnnxFile, open_onnx
from tests.converters.onnx.one_node import assert_equal, noise, run_onnxruntime


def node(op: str, inputs: str, outputs: str, **attributes: Any) -> NodeProto:
    """A node, its values with spaces between; ``_`` is one that is left out."""
    names = [[name if name != "_" else "" for name in text.split()] for text in (inputs, outputs)]
    return helper.make_node(op, *names, **attributes)


def model(
    nodes: Sequence[NodeProto],
    inputs: Mapping[str, Sequence[int | str]],
    constants: Mapping[str, Any] | None = None,
    outputs: Sequence[str] = ("y",),
    opset: int = 17,
    kind: int = onnx.TensorProto.FLOAT,
) -> ModelProto:
    """A model of nodes; constants that are lists become int64."""
    arrays = {
        name: value if isinstance(value, np.ndarray) else np.array(value) for name, value in (constants or {}).items()
    }
    graph = helper.make_graph(
        list(nodes),
        "graph",
        [helper.make_tensor_value_info(name, kind, shape) for name, shape in inputs.items()],
        [helper.make_empty_tensor_value_info(name) for name in outputs],
        [numpy_helper.from_array(array, name) for name, array in arrays.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def opened(model: ModelProto, folder: Path, **shapes: Sequence[int]) -> tuple[OnnxFile, Built]:
    """The model read from a file, and built."""
    path = folder / "model.onnx"
    path.write_bytes(model.SerializeToString())
    file = open_onnx(path, shapes)
    return file, file.build()


def operators(built: Built) -> list[str]:
    """Operators that are left, in order."""
    return [operation.spec.op for operation in built.module.operations()]


def assert_like_onnxruntime(file: OnnxFile, built: Built, pictures: int = 1, tolerance: float = 2e-6) -> None:
    """Every output must be ONNX Runtime's, which runs the file itself; several pictures at once as one by one."""
    names = [entry.name for entry in file.graph.inputs]
    last = {entry.name for entry in file.graph.inputs if entry.channels_last}
    feeds = [{name: noise(*file.shapes[name], seed=seed) for name in names} for seed in range(pictures)]
    runs = [
        run_onnxruntime(
            file.path, {name: array.transpose(0, 2, 3, 1) if name in last else array for name, array in feed.items()}
        )
        for feed in feeds
    ]
    expected = [np.concatenate(results) for results in zip(*runs, strict=True)]
    with torch.no_grad():
        found = built.module(*(torch.from_numpy(np.concatenate([feed[name] for feed in feeds])) for name in names))
    ours = [found] if isinstance(found, torch.Tensor) else list(found.values())
    assert_equal([tensor.detach().numpy() for tensor in ours], expected, tolerance)
