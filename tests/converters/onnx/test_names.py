"""Names of layers, as different exporters name their nodes."""

from __future__ import annotations

import pytest

from converters.onnx.graph import OnnxNode
from converters.onnx.names import exported_scope, identifier, layer_names


def named(op: str, name: str = "", outputs: str = "y", inputs: str = "x", scope: str = "") -> OnnxNode:
    return OnnxNode(op, name, tuple(inputs.split()), tuple(outputs.split()), scope=scope)


EXPORTERS = {
    "PyTorch since 1.13": (
        [
            named("Conv", "/layer1/layer1.0/conv1/Conv"),
            named("Relu", "/layer1/layer1.0/relu/Relu"),
            named("Relu", "/layer1/layer1.0/relu_1/Relu"),
            named("Add", "/layer1/layer1.0/Add"),
            named("Sigmoid", "/act/Sigmoid"),
            named("Mul", "/act/Mul"),
            named("Flatten", "/Flatten"),
        ],
        ["layer1.0.conv1", "layer1.0.relu", "layer1.0.relu_1", "layer1.0.add", "act.sigmoid", "act.mul", "Flatten"],
    ),
    "PyTorch with torch.export": (
        [
            named("Conv", "node_conv2d", scope="layer1.0.conv1"),
            named("Add", "node_add", inputs="a b"),
            named("Gemm", "node_linear", inputs="x fc.weight fc.bias"),
        ],
        ["layer1.0.conv1", "node_add", "fc"],
    ),
    "old PyTorch": (
        [
            named("Conv", "Conv_0", inputs="x features.0.weight"),
            named("Relu", "Relu_1", "12"),
            named("Relu", "", "13"),
            named("Add", "14"),
        ],
        ["features.0", "Relu_1", "relu13", "add14"],
    ),
    "TensorFlow": (
        [
            named("Conv", "StatefulPartitionedCall/model/conv1/Conv2D"),
            named("Relu", "StatefulPartitionedCall/model/conv1/Relu"),
            named("MatMul", "StatefulPartitionedCall/model/dense/MatMul"),
            named("Transpose", "Transpose__12"),
        ],
        ["conv1/Conv2D", "conv1/Relu", "dense/MatMul", "Transpose__12"],
    ),
    "Paddle": (
        [
            named("Conv", "Conv.0", "conv2d_0.tmp_0", "x conv2d_0.w_0"),
            named("BatchNormalization", "", "batch_norm_0.tmp_3"),
        ],
        ["conv2d_0", "batch_norm_0.tmp_3"],
    ),
    "without names": (
        [named("Conv", "", "conv1_output_0"), named("Relu", "", "a b:0"), named("Abs", "", "?!")],
        ["conv1", "a", "abs"],
    ),
}


@pytest.mark.parametrize(("nodes", "expected"), EXPORTERS.values(), ids=EXPORTERS)
def test_names_of_exporters(nodes: list[OnnxNode], expected: list[str]) -> None:
    weights = dict.fromkeys(("features.0.weight", "fc.weight", "fc.bias", "conv2d_0.w_0"))
    assert list(layer_names(nodes, weights).values()) == expected


@pytest.mark.parametrize(
    ("scopes", "place"),
    [
        ("['', 'features', 'features.0', 'conv2d']", "features.0"),
        ("['', 'relu']", ""),
        ("[]", ""),
        ("no list", ""),
        ("__import__('os')", ""),
        ("[" * 5000, ""),
        ("3", ""),
    ],
)
def test_what_the_metadata_say(scopes: str, place: str) -> None:
    assert exported_scope({"pkg.torch.onnx.name_scopes": scopes}) == place
    assert exported_scope({}) == ""


def test_identifiers() -> None:
    assert identifier("input.1") == "input_1"
    assert identifier("1/conv") == "n1_conv"
    assert identifier("?") == "value"
    assert identifier("größe") == "gr_e"
