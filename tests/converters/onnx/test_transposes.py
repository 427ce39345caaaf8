"""Transpositions that move until they meet their inverse, as TensorFlow's exporters write them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from onnx import NodeProto

from tests.converters.onnx.graphs import assert_like_onnxruntime, model, node, opened, operators
from tests.converters.onnx.one_node import noise

LAST, FIRST = [0, 2, 3, 1], [0, 3, 1, 2]
CONSTANTS = {
    "w": noise(6, 6, 3, 3),
    "bias": noise(6),
    "rows": noise(9, 1),
    "whole": noise(1, 7, 9, 6),
    "number": np.array(0.5, np.float32),
    "pads": [0, 1, 2, 1, 0, 1, 0, 1],
    "zero": np.array(0, np.float32),
    "starts": [1, -3],
    "ends": [7, 100],
    "axes": [2, -1],
    "steps": [2, 1],
    "sizes": [2, 4],
}

BETWEEN: dict[str, list[NodeProto]] = {
    "nothing": [node("Identity", "t", "m")],
    "one operation on values": [node("Relu", "t", "m")],
    "many operations on values": [
        node("Sigmoid", "t", "a"),
        node("Clip", "a zero number", "b"),
        node("Cast", "b", "m", to=1),
    ],
    "a bias": [node("Add", "t bias", "m")],
    "a bias from the left": [node("Sub", "bias t", "m")],
    "a constant of two axes": [node("Mul", "t rows", "m")],
    "a constant of all axes": [node("Add", "t whole", "m")],
    "a number": [node("Mul", "t number", "m")],
    "two branches": [node("Relu", "t", "a"), node("Tanh", "t", "b"), node("Add", "a b", "m")],
    "a slope per channel": [node("PRelu", "t bias", "m")],
    "a concatenation": [node("Relu", "t", "a"), node("Concat", "t a", "m", axis=3)],
    "a split": [node("Split", "t sizes", "a b", axis=-1), node("Concat", "b a", "m", axis=3)],
    "a pad": [node("Pad", "t pads number", "m")],
    "a softmax": [node("Softmax", "t", "m")],
    "a softmax over rows": [node("Softmax", "t", "m", axis=1)],
    "an average that keeps its axes": [node("ReduceMean", "t", "a", axes=[1, 2]), node("Mul", "t a", "m")],
    "a slice": [node("Slice", "t starts ends axes steps", "m")],
}


@pytest.mark.parametrize("between", BETWEEN.values(), ids=BETWEEN)
def test_between_two_transpositions_nothing_is_left_of_them(between: list[NodeProto], tmp_path: Path) -> None:
    nodes = [
        node("Conv", "x w", "c", pads=[1, 1, 1, 1]),
        node("Transpose", "c", "t", perm=LAST),
        *between,
        node("Transpose", "m", "y", perm=FIRST),
    ]
    file, built = opened(model(nodes, {"x": (2, 6, 7, 9)}, CONSTANTS), tmp_path)
    assert "Transpose" not in operators(built)
    assert_like_onnxruntime(file, built)


KEPT: dict[str, list[NodeProto]] = {
    "a matrix product": [node("MatMul", "t square", "y")],
    "a flattening": [node("Flatten", "t", "y")],
    "a softmax of the flattened": [node("Softmax", "t", "y", axis=1)],
    "another value in its own order": [node("Relu", "x", "r"), node("Add", "t other", "y")],
    "an output": [node("Relu", "t", "y")],
    "both orders": [
        node("Relu", "t", "a"),
        node("Flatten", "a", "b"),
        node("Transpose", "a", "d", perm=FIRST),
        node("Flatten", "d", "e"),
        node("Add", "b e", "y"),
    ],
    "a shape": [node("Shape", "t", "s"), node("Reshape", "x s", "y")],
    "an average that drops its axes": [node("ReduceMean", "t", "y", axes=[1, 2], keepdims=0)],
    "a maximum that drops one": [node("ReduceMax", "t", "y", axes=[3], keepdims=0)],
}


@pytest.mark.parametrize(("name", "rest"), KEPT.items(), ids=KEPT)
def test_what_needs_the_order_gets_it(name: str, rest: list[NodeProto], tmp_path: Path) -> None:
    nodes = [node("Abs", "x", "c"), node("Transpose", "c", "t", perm=LAST), *rest]
    inputs = {"x": (2, 6, 7, 9), "other": (2, 7, 9, 6)}
    used = {value for each in nodes for value in each.input}
    opset = 12 if "flattened" in name else 17
    given = {key: shape for key, shape in inputs.items() if key in used}
    file, built = opened(model(nodes, given, {"square": noise(6, 6)}, opset=opset), tmp_path)
    assert operators(built).count("Transpose") == (0 if name.startswith(("an average", "a maximum", "a shape")) else 1)
    assert_like_onnxruntime(file, built)


def test_an_input_with_its_channels_last(tmp_path: Path) -> None:
    nodes = [
        node("Transpose", "x", "t", perm=FIRST),
        node("Conv", "t w", "c", pads=[1, 1, 1, 1]),
        node("Transpose", "c", "u", perm=LAST),
        node("Add", "u bias", "a"),
        node("Relu", "a", "r"),
        node("Transpose", "r", "v", perm=FIRST),
        node("Conv", "v w", "y"),
    ]
    file, built = opened(model(nodes, {"x": ("n", 7, 9, 6)}, CONSTANTS), tmp_path)
    assert file.shapes == {"x": (1, 6, 7, 9)}
    assert file.notes[0] == "input 'x' has its channels last in the file; the net takes them first, (N, C, H, W)"
    assert operators(built) == ["Conv", "Relu", "Conv"]
    assert_like_onnxruntime(file, built, pictures=2)
    file, _ = opened(model(nodes, {"x": ("n", "h", "w", 6)}, CONSTANTS), tmp_path, x=(1, 8, 10, 6))
    assert file.shapes == {"x": (1, 6, 8, 10)}


def test_transpositions_one_after_the_other(tmp_path: Path) -> None:
    nodes = [
        node("Relu", "x", "r"),
        node("Transpose", "r", "t", perm=LAST),
        node("Transpose", "t", "u", perm=LAST),
        node("Abs", "u", "y"),
    ]
    file, built = opened(model(nodes, {"x": (2, 6, 7, 9)}), tmp_path)
    assert operators(built) == ["Relu", "Abs", "Transpose"]
    assert_like_onnxruntime(file, built)


@pytest.mark.parametrize("form", ["Flatten", "Reshape", "Gemm", "two layers"])
def test_a_flattening_of_channels_that_come_last(form: str, tmp_path: Path) -> None:
    """The weights behind it are reordered, as Keras' Flatten and Dense need it."""
    weights = {"w": CONSTANTS["w"], "fc": noise(210, 4), "fc_turned": noise(4, 210), "b": noise(4)}
    nodes = [
        node("Transpose", "x", "t", perm=FIRST),
        node("Conv", "t w", "c"),
        node("Transpose", "c", "u", perm=LAST),
        node("Relu", "u", "r"),
        node("Reshape", "r shape", "f") if form == "Reshape" else node("Flatten", "r", "f"),
        node("Gemm", "f fc_turned b", "y", transB=1) if form == "Gemm" else node("MatMul", "f fc", "m"),
    ]
    nodes += [] if form == "Gemm" else [node("Add", "m b", "z" if form == "two layers" else "y")]
    nodes += [node("MatMul", "f fc", "n"), node("Add", "z n", "y")] if form == "two layers" else []
    file, built = opened(model(nodes, {"x": ("n", 7, 9, 6)}, {**weights, "shape": [-1, 210]}), tmp_path)
    assert "Transpose" not in operators(built)
    assert built.module.any_batch
    assert_like_onnxruntime(file, built, pictures=2)
    learned = {name for name, _ in built.module.named_parameters()}
    assert any(name.startswith("fc") for name in learned)


def test_a_flattening_that_is_read_otherwise_too(tmp_path: Path) -> None:
    nodes = [
        node("Relu", "x", "c"),
        node("Transpose", "c", "u", perm=LAST),
        node("Flatten", "u", "f"),
        node("MatMul", "f fc", "m"),
        node("ReduceMax", "f", "g"),
        node("Add", "m g", "y"),
    ]
    file, built = opened(model(nodes, {"x": (1, 6, 5, 7)}, {"fc": noise(210, 4)}), tmp_path)
    assert operators(built).count("Transpose") == 1
    assert_like_onnxruntime(file, built)
