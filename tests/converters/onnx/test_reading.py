"""What exporters write: chains that compute shapes, weights by other names, inputs of other types, open axes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

from converters import verify
from converters.onnx import convert_onnx
from converters.onnx.read import read_onnx
from tests.converters.onnx.graphs import assert_like_onnxruntime, model, node, opened, operators
from tests.converters.onnx.one_node import noise
from tests.converters.parity import assert_parity_in

IMAGE = {"x": (1, 4, 6, 8)}
CONV = {"w": noise(4, 4, 3, 3), "b": noise(4)}


def flattened_by_shape() -> onnx.ModelProto:
    """``x.view(x.size(0), -1)`` as PyTorch up to 1.12 wrote it, then a fully connected layer."""
    return model(
        [
            node("Conv", "x w b", "c", name="Conv_0", pads=[1, 1, 1, 1]),
            node("Relu", "c", "r", name="Relu_1"),
            node("Shape", "r", "shape"),
            node("Constant", "", "zero", value=numpy_helper.from_array(np.array(0))),
            node("Gather", "shape zero", "batch", axis=0),
            node("Constant", "", "minus", value=numpy_helper.from_array(np.array([-1]))),
            node("Unsqueeze", "batch axes", "first"),
            node("Concat", "first minus", "wanted", axis=0),
            node("Reshape", "r wanted", "flat", name="Reshape_7"),
            node("Gemm", "flat fc.weight fc.bias", "12", transB=1),
        ],
        {"x": ("batch", 4, 6, 8)},
        {**CONV, "axes": [0], "fc.weight": noise(5, 192, seed=1), "fc.bias": noise(5, seed=2)},
        ["12"],
    )


def test_chains_of_shapes_leave_nothing(tmp_path: Path) -> None:
    file, built = opened(flattened_by_shape(), tmp_path)
    assert operators(built) == ["Conv", "Relu", "Reshape", "Gemm"]
    assert list(built.names.values()) == ["Conv_0", "Relu_1", "Reshape_7", "fc"]
    assert file.notes == ("the batch of input 'x', of any size, was taken as 1",)
    assert built.module.any_batch
    assert_like_onnxruntime(file, built, pictures=3)


@pytest.mark.caffe
def test_to_caffe(tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    path.write_bytes(flattened_by_shape().SerializeToString())
    conversion = convert_onnx(path)
    assert [layer.name for layer in conversion.net.layer] == ["data", "Conv_0", "Relu_1", "fc", "prob"]
    assert conversion.net.name == "net"
    assert conversion.modules == {"Conv_0": "Conv_0", "Relu_1": "Relu_1", "fc": "12", "prob": ""}
    assert conversion.notes[0].startswith("the batch of input 'x'")
    assert_parity_in("caffe", {"net": conversion}, tmp_path)
    _, built = opened(flattened_by_shape(), tmp_path)
    (verification,) = verify(conversion, built.module, ["torchcaffe"])
    assert verification.worst.difference.relative < 1e-5


CONSTANTS = {
    "value": numpy_helper.from_array(noise(4, 1, 1)),
    "value_float": 2.5,
    "value_floats": [2.5] * 8,
    "value_int": 3,
    "value_ints": [3] * 8,
}


@pytest.mark.parametrize("form", CONSTANTS)
def test_constant_nodes(form: str, tmp_path: Path) -> None:
    nodes = [
        node("Constant", "", "c", **{form: CONSTANTS[form]}),
        node("Cast", "c", "f", to=TensorProto.FLOAT),
        node("Mul", "x f", "y"),
    ]
    file, built = opened(model(nodes, IMAGE), tmp_path)
    assert operators(built) == ["Mul"]
    assert not list(built.module.parameters())
    assert_like_onnxruntime(file, built, pictures=2)


def test_what_may_be_learned(tmp_path: Path) -> None:
    """Weights may, stored statistics and single numbers may not."""
    nodes = [
        node("Conv", "x w b", "c"),
        node("BatchNormalization", "c b b mean variance", "n"),
        node("Mul", "n factor", "y"),
    ]
    constants = {**CONV, "mean": noise(4), "variance": np.abs(noise(4)), "factor": np.array(0.5, np.float32)}
    file, built = opened(model(nodes, IMAGE, constants), tmp_path)
    assert {name for name, _ in built.module.named_parameters()} == {"w", "b"}
    assert {name for name, _ in built.module.named_buffers()} == {"mean", "variance", "factor"}
    assert_like_onnxruntime(file, built)


def test_weights_that_are_shared_by_another_name(tmp_path: Path) -> None:
    nodes = [
        node("Identity", "w", "again"),
        node("Conv", "x w", "c", pads=[1, 1, 1, 1], name="one"),
        node("Conv", "c again", "y", pads=[1, 1, 1, 1], name="two"),
    ]
    file, built = opened(model(nodes, IMAGE, {"w": CONV["w"]}), tmp_path)
    assert [name for name, _ in built.module.named_parameters()] == ["w"]
    conversion = convert_onnx(file.path)
    assert [[param.name for param in layer.param] for layer in conversion.net.layer] == [[], ["w"], ["w"]]


@pytest.mark.parametrize("branch", [False, True])
def test_a_branch_that_shapes_decide(branch: bool, tmp_path: Path) -> None:
    """``x.squeeze(3)`` of an axis whose size the exporter does not know."""

    def graph(op: str) -> onnx.GraphProto:
        inside = [node(op, "r", f"{op}_out", **({"perm": [0, 1, 3, 2]} if op == "Transpose" else {}))]
        return helper.make_graph(inside, op, [], [helper.make_empty_tensor_value_info(f"{op}_out")])

    nodes = [
        node("Relu", "x", "r"),
        node("Shape", "r", "shape"),
        node("Gather", "shape three", "size"),
        node("Equal", "size wanted", "condition"),
        node("If", "condition", "i", then_branch=graph("Transpose"), else_branch=graph("Abs")),
        node("Neg", "i", "y"),
    ]
    file, built = opened(model(nodes, IMAGE, {"three": np.array(3), "wanted": np.array(8 if branch else 1)}), tmp_path)
    assert operators(built) == ["Relu", "Transpose" if branch else "Abs", "Neg"]
    assert_like_onnxruntime(file, built)


def test_initializers_among_the_inputs(tmp_path: Path) -> None:
    """Before version 4 of the format every initializer had to be an input too."""
    old = model([node("Conv", "x w", "y")], {**IMAGE, "w": (4, 4, 3, 3)}, {"w": CONV["w"]}, opset=9)
    file, built = opened(old, tmp_path)
    assert list(file.shapes) == ["x"]
    assert_like_onnxruntime(file, built)


@pytest.mark.parametrize(("kind", "name"), [(np.float16, "float16"), (np.float64, "float64")])
def test_other_floating_point_types(kind: type, name: str, tmp_path: Path) -> None:
    element = helper.np_dtype_to_tensor_dtype(np.dtype(kind))
    nodes = [node("Conv", "x w b", "c"), node("Cast", "c", "y", to=element)]
    file, built = opened(
        model(nodes, IMAGE, {key: value.astype(kind) for key, value in CONV.items()}, kind=element), tmp_path
    )
    assert file.notes == (f"3 tensors of type {name} became float32, in which Caffe computes",)
    assert built.module(torch.zeros(1, 4, 6, 8)).dtype == torch.float32
    assert torch.equal(built.module.w, torch.from_numpy(CONV["w"].astype(kind).astype(np.float32)))


def test_bfloat16(tmp_path: Path) -> None:
    half = model([node("Conv", "x w", "y")], IMAGE, {"w": CONV["w"]})
    half.graph.initializer[0].CopyFrom(
        helper.make_tensor("w", TensorProto.BFLOAT16, (4, 4, 3, 3), CONV["w"].astype(np.float32).ravel())
    )
    file, built = opened(half, tmp_path)
    assert file.notes == ("1 tensor of type bfloat16 became float32, in which Caffe computes",)
    assert built.module.w.dtype == torch.float32


def test_external_data(tmp_path: Path) -> None:
    whole = flattened_by_shape()
    onnx.save(whole, tmp_path / "net.onnx", save_as_external_data=True, location="net.bin", size_threshold=100)
    assert (tmp_path / "net.bin").stat().st_size >= 4 * (5 * 192 + 4 * 36)
    read = read_onnx(tmp_path / "net.onnx").initializers
    expected = {tensor.name: numpy_helper.to_array(tensor) for tensor in flattened_by_shape().graph.initializer}
    assert all(np.array_equal(read[name].numpy(), array) for name, array in expected.items())


def test_shapes_that_the_file_leaves_open(tmp_path: Path) -> None:
    nodes = [node("Conv", "x w b", "y")]
    open_axes = model(nodes, {"x": ("N", 4, "height", "width")}, CONV)
    file, built = opened(open_axes, tmp_path, x=(2, 4, 10, 12))
    assert file.shapes == {"x": (2, 4, 10, 12)}
    assert not file.notes
    assert_like_onnxruntime(file, built)
    file, _ = opened(open_axes, tmp_path, **{"": (1, 4, 5, 5)})
    assert file.shapes == {"x": (1, 4, 5, 5)}


def test_a_batch_that_the_exporter_fixed(tmp_path: Path) -> None:
    """A reshape to [1, -1] keeps the pictures apart; one that mixes them fixes the batch, which is told."""
    apart = [node("Relu", "x", "r"), node("Reshape", "r shape", "y")]
    file, built = opened(model(apart, IMAGE, {"shape": [1, 192]}), tmp_path)
    assert built.module.any_batch
    assert_like_onnxruntime(file, built, pictures=2)
    mixed = [node("Relu", "x", "r"), node("Reshape", "r shape", "f"), node("Reshape", "f back", "y")]
    file, built = opened(model(mixed, IMAGE, {"shape": [2, 96], "back": [1, 192]}), tmp_path)
    assert not built.module.any_batch
    assert_like_onnxruntime(file, built)
    with pytest.raises(ValueError, match="fixed to the batch"):
        built.module(torch.zeros(2, 4, 6, 8))


MIXING = {
    "a mean over the batch": [node("ReduceMean", "r", "m", axes=[0]), node("Sub", "r m", "y")],
    "a sum of all values": [node("ReduceSum", "r", "m"), node("Sub", "r m", "y")],
    "a softmax over the batch": [node("Softmax", "r", "y", axis=0)],
    "pictures behind each other": [node("Concat", "r x", "y", axis=0)],
    "a softmax over the moved batch": [
        node("Transpose", "r", "t", perm=[1, 0, 2, 3]),
        node("Softmax", "t", "s", axis=1),
        node("Transpose", "s", "y", perm=[1, 0, 2, 3]),
    ],
}


@pytest.mark.parametrize("nodes", MIXING.values(), ids=MIXING)
def test_a_net_that_mixes_the_pictures(nodes: list[onnx.NodeProto], tmp_path: Path) -> None:
    file, built = opened(model([node("Abs", "x", "r"), *nodes], IMAGE), tmp_path)
    assert not built.module.any_batch
    assert_like_onnxruntime(file, built)


def test_a_recurrent_net_whose_first_axis_is_time(tmp_path: Path) -> None:
    constants = {"w": noise(1, 16, 3), "r": noise(1, 16, 4, seed=1), "a": np.array([1])}
    nodes = [node("LSTM", "x w r", "h", hidden_size=4), node("Squeeze", "h a", "y")]
    file, built = opened(model(nodes, {"x": (5, 2, 3)}, constants), tmp_path)
    assert not built.module.any_batch
    assert_like_onnxruntime(file, built)


def test_a_recurrent_net_with_the_batch_first(tmp_path: Path) -> None:
    constants = {"w": noise(1, 16, 3), "r": noise(1, 16, 4, seed=1), "a": np.array([1]), "last": np.array(-1)}
    nodes = [
        node("Transpose", "x", "t", perm=[1, 0, 2]),
        node("LSTM", "t w r", "h", hidden_size=4),
        node("Squeeze", "h a", "s"),
        node("Gather", "s last", "y", axis=0),
    ]
    file, built = opened(model(nodes, {"x": (1, 5, 3)}, constants), tmp_path)
    assert built.module.any_batch
    assert_like_onnxruntime(file, built, pictures=2)


def test_several_inputs_and_outputs(tmp_path: Path) -> None:
    nodes = [
        node("Conv", "left w b", "l", pads=[1, 1, 1, 1], name="conv"),
        node("Identity", "l", "zebra"),
        node("Add", "l right", "apple", name="sum"),
        node("Identity", "b", "fixed"),
    ]
    two = model(nodes, {"left": (1, 4, 6, 8), "right": (1, 4, 6, 8)}, CONV, ["zebra", "apple", "fixed"])
    file, built = opened(two, tmp_path)
    assert_like_onnxruntime(file, built)
    conversion = convert_onnx(file.path)
    assert [layer.name for layer in conversion.net.layer][:2] == ["left", "right"]
    assert conversion.outputs == {"zebra": "conv", "apple": "sum", "fixed": None}
    assert any("'fixed' has no blob" in note for note in conversion.notes)


def test_an_input_of_bytes(tmp_path: Path) -> None:
    """A TensorFlow net that takes the pixels of a file, and casts them itself."""
    nodes = [node("Cast", "x", "f", to=TensorProto.FLOAT), node("Conv", "f w b", "y", name="conv")]
    file, built = opened(model(nodes, IMAGE, CONV, kind=TensorProto.UINT8), tmp_path)
    pixels = np.random.RandomState(0).randint(0, 255, (1, 4, 6, 8))
    assert torch.equal(built.module(torch.from_numpy(pixels)), built.module(torch.from_numpy(pixels).float()))
    assert [layer.type for layer in convert_onnx(file.path).net.layer] == ["Input", "Convolution"]


def test_functions_of_the_model(tmp_path: Path) -> None:
    """PyTorch 2.0 to 2.4 wrote every operation as a function of the model."""
    function = helper.make_function(
        "pkg", "twice", ["a"], ["b"], [node("Add", "a a", "b")], [helper.make_opsetid("", 17)]
    )
    whole = model([helper.make_node("twice", ["x"], ["y"], domain="pkg")], IMAGE)
    whole.functions.append(function)
    whole.opset_import.append(helper.make_opsetid("pkg", 1))
    file, built = opened(whole, tmp_path)
    assert operators(built) == ["Add"]
    assert_like_onnxruntime(file, built)
