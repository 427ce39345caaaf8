"""Nets of ONNX files with open axes at other sizes: as ONNX Runtime runs them, or refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from onnx import NodeProto

from converters.onnx import convert_onnx
from prototxt.common.errors import NetError
from prototxt.net.input_size import fixed_input_size
from tests.converters.onnx.graphs import model, node
from tests.converters.onnx.one_node import noise, run_onnxruntime
from torchcaffe.network import Network

CONSTANTS: dict[str, Any] = {
    "w": noise(4, 3, 3, 3),
    "back": noise(3, 4, 3, 3),
    "twice": np.array([1, 1, 2, 2], np.float32),
    "half": np.array([1, 1, 0.5, 0.5], np.float32),
    "zero": [0],
    "two": [2],
    "four": [4],
    "minus": [-1],
}
WINDOW: dict[str, Any] = {"kernel_shape": [3, 3], "strides": [2, 2]}
ASYMMETRIC: dict[str, Any] = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}


def grown_to_the_input() -> list[NodeProto]:
    """A map that is resized to the height and width that Shape gives."""
    return [
        node("MaxPool", "x", "p", **WINDOW),
        node("Shape", "x", "all"),
        node("Slice", "all two four", "size"),
        node("Shape", "p", "small"),
        node("Slice", "small zero two", "first"),
        node("Concat", "first size", "sizes", axis=0),
        node("Resize", "p _ _ sizes", "y", mode="nearest", **ASYMMETRIC),
    ]


FREE = {
    "maxima, rounded up": [node("MaxPool", "x", "y", ceil_mode=1, **WINDOW)],
    "maxima, rounded up, padded": [node("MaxPool", "x", "y", ceil_mode=1, pads=[1, 1, 1, 1], **WINDOW)],
    "maxima, padded at the end": [node("MaxPool", "x", "y", pads=[0, 0, 1, 1], **WINDOW)],
    "averages, rounded up": [node("AveragePool", "x", "y", ceil_mode=1, **WINDOW)],
    "averages, padded at the end": [node("AveragePool", "x", "y", pads=[0, 0, 1, 1], count_include_pad=1, **WINDOW)],
    "averages, padded as needed before": [node("AveragePool", "x", "y", auto_pad="SAME_LOWER", **WINDOW)],
    "convolution, padded at the end": [node("Conv", "x w", "y", strides=[2, 2], pads=[0, 0, 1, 1])],
    "convolution, same size": [node("Conv", "x w", "y", auto_pad="SAME_UPPER")],
    "twice the size": [node("Resize", "x _ twice", "y", mode="linear")],
    "flattened by its shape": [
        node("Shape", "x", "all"),
        node("Slice", "all zero two", "first"),
        node("Concat", "first minus", "wanted", axis=0),
        node("Reshape", "x wanted", "y"),
    ],
}
TIED = {
    "maxima, padded as needed": [node("MaxPool", "x", "y", auto_pad="SAME_UPPER", **WINDOW)],
    "convolution, padded as needed": [node("Conv", "x w", "y", strides=[2, 2], auto_pad="SAME_UPPER")],
    "half the size": [node("Resize", "x _ half", "y", mode="nearest", **ASYMMETRIC)],
    "the size of the input": grown_to_the_input(),
    "a size that is written down": [node("ConvTranspose", "x back", "y", strides=[2, 2], output_shape=[32, 32])],
}
"""Padding by need, and sizes that are computed, are other numbers at other sizes."""


def network_of(nodes: list[NodeProto], path: Path) -> Network:
    used = {name for each in nodes for name in each.input}
    constants = {name: value for name, value in CONSTANTS.items() if name in used}
    path.write_bytes(model(nodes, {"x": (1, 3, "height", "width")}, constants).SerializeToString())
    conversion = convert_onnx(path, {"x": (1, 3, 16, 16)})
    assert bool(fixed_input_size(conversion.net)) == (nodes in TIED.values())
    return Network(conversion.net, weights=conversion.weights)


@pytest.mark.parametrize("name", FREE)
def test_right_at_every_size(name: str, tmp_path: Path) -> None:
    network = network_of(FREE[name], tmp_path / "net.onnx")
    for size in ((16, 16), (15, 17), (18, 14), (19, 21)):
        x = noise(1, 3, *size)
        (expected,) = run_onnxruntime(tmp_path / "net.onnx", {"x": x})
        with torch.no_grad():
            found = next(reversed(network.run({"data": x}).values())).numpy()
        np.testing.assert_allclose(found.reshape(expected.shape), expected, atol=1e-5)


@pytest.mark.parametrize("name", TIED)
def test_refused_at_another_size(name: str, tmp_path: Path) -> None:
    network = network_of(TIED[name], tmp_path / "net.onnx")
    (expected,) = run_onnxruntime(tmp_path / "net.onnx", {"x": noise(1, 3, 16, 16)})
    with torch.no_grad():
        found = next(reversed(network.run({"data": noise(1, 3, 16, 16)}).values())).numpy()
    np.testing.assert_allclose(found.reshape(expected.shape), expected, atol=1e-5)
    with pytest.raises(NetError, match="this net is right for 16 x 16 only"):
        network.run({"data": noise(1, 3, 15, 17)})
