"""What exporters take apart is put together again; what only looks like it stays as it is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from onnx import NodeProto

from tests.converters.onnx.graphs import assert_like_onnxruntime, model, node, opened, operators
from tests.converters.onnx.one_node import noise


def number(value: float) -> np.ndarray:
    return np.array(value, np.float32)


NUMBERS = {
    "half": number(0.5),
    "one": number(1),
    "two": number(2),
    "three": number(3),
    "six": number(6),
    "sixth": number(1 / 6),
    "zero": number(0),
    "root": number(2**0.5),
    "inverse_root": number(0.5**0.5),
    "share": number(0.044715),
    "scale": number((2 / np.pi) ** 0.5),
    "eps": number(1e-5),
    "w": noise(5, 4, 3, 3),
    "up": noise(4, 5, 3, 3),
    "square": noise(9, 9),
    "per_channel": noise(5, 1, 1),
    "per_channel_4": noise(1, 5, 1, 1),
    "per_column": noise(9),
    "per_column_4": noise(1, 1, 1, 9),
    "flat": [-1],
    "places": np.arange(8).reshape(2, 4, 1, 1),
    "turned": np.arange(8)[::-1].copy().reshape(2, 4, 1, 1),
    "pads": [0, 0, 1, 2, 0, 0, 1, 0],
    "pads_of_channels": [0, 1, 0, 0, 0, 0, 0, 0],
}

_ERF = [node("Erf", "d", "e"), node("Add", "e one", "p")]
_TANH = [
    node("Mul", "i scale", "s"),
    node("Tanh", "s", "e"),
    node("Add", "e one", "p"),
    node("Mul", "x half", "h"),
    node("Mul", "h p", "y"),
]
_CENTRED = [node("ReduceMean", "x", "mean", axes=[-1]), node("Sub", "x mean", "d")]
_NORM = [node("ReduceMean", "q", "v", axes=[-1]), node("Add", "v eps", "a"), node("Sqrt", "a", "r")]

TOGETHER: dict[str, tuple[list[NodeProto], list[str]]] = {
    "gelu of PyTorch": (
        [node("Div", "x root", "d"), *_ERF, node("Mul", "x p", "m"), node("Mul", "m half", "y")],
        ["Gelu"],
    ),
    "gelu of TensorFlow": (
        [node("Mul", "x inverse_root", "d"), *_ERF, node("Mul", "x half", "h"), node("Mul", "p h", "y")],
        ["Gelu"],
    ),
    "gelu, halves first": (
        [node("Div", "x root", "d"), *_ERF, node("Mul", "half p", "h"), node("Mul", "x h", "y")],
        ["Gelu"],
    ),
    "gelu by tanh": (
        [node("Pow", "x three", "c"), node("Mul", "c share", "k"), node("Add", "x k", "i"), *_TANH],
        ["Gelu"],
    ),
    "gelu by tanh, cube by products": (
        [
            node("Mul", "x x", "q"),
            node("Mul", "q x", "c"),
            node("Mul", "share c", "k"),
            node("Add", "k x", "i"),
            *_TANH,
        ],
        ["Gelu"],
    ),
    "silu": ([node("Sigmoid", "x", "s"), node("Mul", "x s", "y")], ["Silu"]),
    "mish": ([node("Softplus", "x", "s"), node("Tanh", "s", "t"), node("Mul", "t x", "y")], ["Mish"]),
    "hard-swish": ([node("HardSigmoid", "x", "s", alpha=1 / 6), node("Mul", "x s", "y")], ["HardSwish"]),
    "hard-swish of old PyTorch": (
        [
            node("Add", "x three", "a"),
            node("Clip", "a zero six", "c"),
            node("Mul", "x c", "m"),
            node("Div", "m six", "y"),
        ],
        ["HardSwish"],
    ),
    "hard-sigmoid": (
        [node("Add", "x three", "a"), node("Clip", "a zero six", "c"), node("Mul", "c sixth", "y")],
        ["HardSigmoid"],
    ),
    "layer norm": ([*_CENTRED, node("Pow", "d two", "q"), *_NORM, node("Div", "d r", "y")], ["LayerNorm"]),
    "layer norm with weights": (
        [
            *_CENTRED,
            node("Mul", "d d", "q"),
            *_NORM,
            node("Div", "d r", "n"),
            node("Mul", "n per_column", "m"),
            node("Add", "m per_column", "y"),
        ],
        ["LayerNorm"],
    ),
    "bias of a convolution": ([node("Conv", "x w", "c"), node("Add", "c per_channel", "y")], ["Conv"]),
    "bias of a convolution, four axes": ([node("Conv", "x w", "c"), node("Add", "per_channel_4 c", "y")], ["Conv"]),
    "bias of a transposed convolution": (
        [node("ConvTranspose", "x up", "c"), node("Add", "c per_channel", "y")],
        ["ConvTranspose"],
    ),
    "bias of a matrix product": ([node("MatMul", "x square", "c"), node("Add", "c per_column", "y")], ["MatMul"]),
    "bias of a matrix product, four axes": (
        [node("MatMul", "x square", "c"), node("Add", "c per_column_4", "y")],
        ["MatMul"],
    ),
    "a reshape by indices": (
        [node("ReduceMean", "x", "m", axes=[2, 3]), node("Reshape", "m flat", "f"), node("Gather", "f places", "y")],
        ["ReduceMean", "AllReshaped"],
    ),
    "the first values by indices": (
        [node("Reshape", "x flat", "f"), node("Gather", "f places", "y")],
        ["AllReshaped"],
    ),
    "pad": ([node("Pad", "x pads", "p"), node("Conv", "p w", "y", pads=[0, 1, 0, 1])], ["Conv"]),
    "pad with a zero": ([node("Pad", "x pads zero", "p"), node("Conv", "p w", "y", auto_pad="VALID")], ["Conv"]),
}

APART: dict[str, list[NodeProto]] = {
    "a gelu that something else reads": [
        node("Div", "x root", "d"),
        *_ERF,
        node("Mul", "x p", "m"),
        node("Mul", "m half", "g"),
        node("Add", "g e", "y"),
    ],
    "a gelu with another number": [
        node("Div", "x two", "d"),
        *_ERF,
        node("Mul", "x p", "m"),
        node("Mul", "m half", "y"),
    ],
    "a gate of another value": [node("Abs", "x", "a"), node("Sigmoid", "a", "s"), node("Mul", "x s", "y")],
    "another hard-sigmoid": [node("HardSigmoid", "x", "s"), node("Mul", "x s", "y")],
    "another clip": [node("Add", "x two", "a"), node("Clip", "a zero six", "c"), node("Div", "c six", "y")],
    "a sum of columns with a convolution": [
        node("Conv", "x w", "c", pads=[1, 1, 1, 1]),
        node("Add", "c per_column", "y"),
    ],
    "a second bias": [node("Conv", "x w bias", "c"), node("Add", "c per_channel", "y")],
    "other indices": [node("Reshape", "x flat", "f"), node("Gather", "f turned", "y")],
    "a pad with ones": [node("Pad", "x pads one", "p"), node("Conv", "p w", "y")],
    "a pad that mirrors": [node("Pad", "x pads", "p", mode="reflect"), node("Conv", "p w", "y")],
    "a pad that two read": [
        node("Pad", "x pads", "p"),
        node("Conv", "p w", "a"),
        node("Conv", "p w", "b"),
        node("Add", "a b", "y"),
    ],
    "a norm of another value": [*_CENTRED, node("Pow", "x two", "q"), *_NORM, node("Div", "d r", "y")],
}


@pytest.mark.parametrize(("nodes", "expected"), TOGETHER.values(), ids=TOGETHER)
def test_put_together(nodes: list[NodeProto], expected: list[str], tmp_path: Path) -> None:
    file, built = opened(model(nodes, {"x": (2, 4, 7, 9)}, NUMBERS), tmp_path)
    assert operators(built) == expected
    assert_like_onnxruntime(file, built)


@pytest.mark.parametrize("nodes", APART.values(), ids=APART)
def test_left_as_it_is(nodes: list[NodeProto], tmp_path: Path) -> None:
    file, built = opened(model(nodes, {"x": (2, 4, 7, 9)}, {**NUMBERS, "bias": noise(5)}), tmp_path)
    assert operators(built) == [each.op_type for each in nodes]
    assert_like_onnxruntime(file, built)
