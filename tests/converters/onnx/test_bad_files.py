"""Files that cannot be converted: one sentence that says what, where and what to do, and nothing is written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import ModelProto, TensorProto, helper, numpy_helper

from converters.convert_onnx_to_caffe import main
from converters.convert_pytorch_to_caffe import main as main_of_pytorch
from converters.onnx.file import open_onnx
from prototxt.common.errors import InputError
from tests.converters.onnx.one_node import noise

WEIGHT = noise(4, 3, 3, 3)


def net(
    *nodes: onnx.NodeProto,
    shape: tuple[int | str, ...] = (1, 3, 8, 8),
    weights: dict[str, np.ndarray] | None = None,
    kind: int = TensorProto.FLOAT,
    opset: int = 17,
) -> ModelProto:
    """A model of one input x and one output y; by default one convolution."""
    nodes = nodes or (helper.make_node("Conv", ["x", "w"], ["y"], name="first"),)
    arrays = {"w": WEIGHT} if weights is None else weights
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("x", kind, shape)],
        [helper.make_empty_tensor_value_info("y")],
        [numpy_helper.from_array(array, name) for name, array in arrays.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def refused(path: Path, capsys, *more: str, command: Callable[[list[str]], None] = main) -> str:
    """Run the command, which must exit with 2 and one sentence and write nothing."""
    out = path.parent / "out"
    with pytest.raises(SystemExit) as exit_:
        command(["--model", str(path), "--out", str(out), *more])
    assert exit_.value.code == 2
    sentence = capsys.readouterr().err.split(": error: ", 1)[-1].strip()
    assert "\n" not in sentence
    assert "Traceback" not in sentence
    assert len(sentence) < 700
    assert not out.exists()
    return sentence


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "net.onnx"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"name: 'net'\nlayer { }\n", "is text (a prototxt?), no ONNX model"),
        (b"PK\x03\x04" + bytes(200), "is a PyTorch or zip file, no ONNX model"),
        (b"\x89PNG\r\n\x1a\n" + bytes(200), "is a picture, no ONNX model"),
        (b"\x80\x02" + bytes(200), "is a Python pickle, no ONNX model"),
        (bytes(range(256)) * 4, "is no whole ONNX model"),
        (net().SerializeToString()[:-30], "is no whole ONNX model"),
        (b"\x08\x08", "it has no version or no graph"),
        (b"version https://git-lfs.github.com/spec/v1\n", "is a Git LFS pointer"),
    ],
)
def test_not_an_onnx_file(content: bytes, message: str, path: Path, capsys) -> None:
    path.write_bytes(content)
    assert message in refused(path, capsys)


def test_no_file_and_a_folder(path: Path, capsys) -> None:
    assert "no such file" in refused(path, capsys)
    path.mkdir()
    assert "is a folder" in refused(path, capsys)


def test_given_to_the_other_command(path: Path, capsys) -> None:
    path.write_bytes(b"no model")
    assert "no ONNX model" in refused(path, capsys, command=main_of_pytorch)


def unknown_domain() -> ModelProto:
    model = net(*(helper.make_node("Fused", ["x"], [name], name=f"n{name}", domain="my.own") for name in "yabcde"))
    model.opset_import.append(helper.make_opsetid("my.own", 1))
    return model


def loop() -> ModelProto:
    body = helper.make_graph([], "body", [], [])
    return net(helper.make_node("Loop", ["", ""], ["y"], name="loop", body=body))


def branch() -> ModelProto:
    graph = helper.make_graph(
        [helper.make_node("Relu", ["x"], ["r"])], "branch", [], [helper.make_empty_tensor_value_info("r")]
    )
    nodes = [
        helper.make_node("ReduceMax", ["x"], ["largest"], keepdims=0),
        helper.make_node("Greater", ["largest", "zero"], ["condition"]),
        helper.make_node("If", ["condition"], ["y"], name="if", then_branch=graph, else_branch=graph),
    ]
    return net(*nodes, weights={"zero": np.array(0, np.float32)})


def quantised() -> ModelProto:
    scale, zero = np.array(0.1, np.float32), np.array(0, np.uint8)
    return net(
        helper.make_node("QuantizeLinear", ["x", "scale", "zero"], ["q"], name="quantize"),
        helper.make_node("DequantizeLinear", ["q", "scale", "zero"], ["y"], name="dequantize"),
        weights={"scale": scale, "zero": zero},
    )


def broken(change: Callable[[ModelProto], object]) -> ModelProto:
    model = net()
    change(model)
    return model


def tensor(model: ModelProto) -> TensorProto:
    return model.graph.initializer[0]


MODELS: dict[str, tuple[ModelProto, str]] = {
    "old opset": (net(opset=8), "is of opset 8; 9 to 23 can be read: export it with another opset_version"),
    "new opset": (net(opset=99), "is of opset 99; 9 to 23 can be read"),
    "no opset of ONNX": (
        broken(lambda model: model.opset_import[0].CopyFrom(helper.make_opsetid("ai.onnx.ml", 3))),
        "uses no operators of ONNX itself, but of 'ai.onnx.ml'",
    ),
    "no nodes": (broken(lambda model: model.graph.ClearField("node")), "its output 'y' is computed by no node"),
    "a custom operator": (
        unknown_domain(),
        "6 nodes cannot be converted: my.own::Fused at 'ny', 'na', 'nb' and 3 more: a custom operator",
    ),
    "an operator that does not exist": (
        net(helper.make_node("Convolve", ["x"], ["y"], name="c")),
        "Convolve at 'c': no operator of ONNX in the opset of the model",
    ),
    "an operator of a later opset": (
        net(
            helper.make_node("GroupNormalization", ["x", "s", "s"], ["y"], num_groups=1),
            opset=12,
            weights={"s": noise(1)},
        ),
        "GroupNormalization at 'y': no operator",
    ),
    "a loop": (loop(), "Loop at 'loop': control flow"),
    "a branch by values": (branch(), "If at 'if': control flow"),
    "quantised": (quantised(), "QuantizeLinear at 'quantize': the model is quantised; export the float model"),
    "quantised by ONNX Runtime": (
        net(helper.make_node("QLinearAdd", ["x"], ["y"], domain="com.microsoft", name="q")),
        "com.microsoft::QLinearAdd at 'q': the model is quantised",
    ),
    "boxes": (
        net(helper.make_node("MaxRoiPool", ["x", "w"], ["y"], pooled_shape=[1, 1])),
        "MaxRoiPool at 'y': boxes that depend on the values",
    ),
    "complex numbers": (net(kind=TensorProto.COMPLEX64), "input 'x' has elements of type COMPLEX64"),
    "texts": (net(kind=TensorProto.STRING), "input 'x' has elements of type STRING"),
    "four-bit weights": (
        broken(lambda model: setattr(tensor(model), "data_type", TensorProto.INT4)),
        "initializer 'w' has elements of type INT4; Caffe computes in float32: export the model before",
    ),
    "an unknown type": (
        broken(lambda model: setattr(tensor(model), "data_type", 999)),
        "initializer 'w' has elements of type number 999",
    ),
    "not a number": (
        net(weights={"w": np.full((4, 3, 3, 3), np.nan, np.float32)}),
        "initializer 'w' has 108 of 108 values that are NaN or infinite",
    ),
    "infinite weights": (
        net(weights={"w": WEIGHT.astype(np.float64) * 1e300}),
        "initializer 'w' has 108 of 108 values that are NaN or infinite",
    ),
    "a shape that lies": (
        broken(lambda model: tensor(model).dims.__setitem__(0, 2**40)),
        "initializer 'w' of shape (1099511627776, 3, 3, 3) does not hold what it says (432 bytes instead of",
    ),
    "a negative shape": (
        broken(lambda model: tensor(model).dims.__setitem__(0, -4)),
        "initializer 'w' has the shape (-4, 3, 3, 3); the file is damaged",
    ),
    "a huge constant": (
        net(
            helper.make_node("ConstantOfShape", ["shape"], ["zeros"], name="zeros"),
            helper.make_node("Add", ["x", "zeros"], ["y"]),
            weights={"shape": np.array([2**20, 2**20])},
        ),
        "ConstantOfShape at 'zeros': its result would be a constant of 1099511627776 values",
    ),
    "a huge result": (
        net(
            helper.make_node("Conv", ["x", "w"], ["y"], name="wide", pads=[0, 0, 2**20, 2**20]),
        ),
        "Conv at 'wide': its result would have",
    ),
    "a huge input": (net(shape=(1, 3, 2**40, 2**40)), "has more values than a blob of Caffe can have"),
    "an order of axes that does not exist": (
        net(helper.make_node("Transpose", ["x"], ["y"], perm=[0, 9, 1, 2], name="t")),
        "Transpose at 't': it cannot be computed from shapes (1, 3, 8, 8)",
    ),
    "a value from nowhere": (
        net(helper.make_node("Relu", ["gone"], ["y"], name="relu")),
        "node 'relu' (Relu) reads 'gone', which nothing before it computes",
    ),
    "a value twice": (
        net(helper.make_node("Relu", ["x"], ["y"]), helper.make_node("Abs", ["x"], ["y"], name="again")),
        "node 'again' (Abs) computes 'y', which is computed already",
    ),
    "a lack of attributes": (
        net(helper.make_node("MaxPool", ["x"], ["y"], name="pool")),
        "MaxPool at 'pool': it has no attribute 'kernel_shape', which MaxPool needs",
    ),
    "a lack of inputs": (
        net(helper.make_node("Add", ["x"], ["y"], name="add")),
        "node 'add' (Add) has 1 input instead of 2; the file is damaged",
    ),
    "too many inputs": (
        net(helper.make_node("Relu", ["x", "w"], ["y"], name="relu")),
        "node 'relu' (Relu) has 2 inputs instead of 1",
    ),
    "an input that is left out": (
        net(helper.make_node("Add", ["x", ""], ["y"], name="add")),
        "Add at 'add': its input 1 is left out, which Add needs",
    ),
    "an attribute of another type": (
        net(helper.make_node("Transpose", ["x"], ["y"], perm="0123", name="t")),
        "node 't' (Transpose) has an attribute 'perm' of another type than opset 17 defines",
    ),
    "shapes that do not fit": (
        net(shape=(1, 5, 8, 8)),
        "Conv at 'first': it cannot be computed from shapes (1, 5, 8, 8), (4, 3, 3, 3)",
    ),
    "training": (
        net(
            helper.make_node("BatchNormalization", ["x", "s", "s", "s", "s"], ["y"], name="bn", training_mode=1),
            weights={"s": np.ones(3, np.float32)},
        ),
        "BatchNormalization at 'bn': it is in training mode; export the model in evaluation mode",
    ),
    "indices of maxima": (
        net(helper.make_node("MaxPool", ["x"], ["y", "indices"], kernel_shape=[2, 2], name="pool")),
        "MaxPool at 'pool': its second output",
    ),
    "columns first": (
        net(helper.make_node("MaxPool", ["x"], ["y"], kernel_shape=[2, 2], storage_order=1)),
        "storage_order 1; only 0 can be converted",
    ),
    "crop and resize": (
        net(
            helper.make_node("Resize", ["x", "", "s"], ["y"], coordinate_transformation_mode="tf_crop_and_resize"),
            weights={"s": np.array([1, 1, 2, 2], np.float32)},
        ),
        "coordinates 'tf_crop_and_resize'; only half_pixel",
    ),
    "an axis without a size": (
        net(shape=("N", 3, "height", "width")),
        "its input 'x' has the shape (N, 3, height, width), and a Caffe net fixed sizes; say it, as in "
        "--input-shape x=1,3,224,224",
    ),
    "no input": (
        net(
            helper.make_node("Constant", [], ["c"], value_floats=[1.0, 2.0]),
            helper.make_node("Relu", ["c"], ["y"]),
            weights={"x": noise(1)},
        ),
        "takes no input",
    ),
    "what Caffe has not": (
        net(helper.make_node("Sin", ["x"], ["y"], name="sine")),
        "Sin at 'sine': aten.sin: it cannot be converted",
    ),
}


@pytest.mark.parametrize(("model", "message"), MODELS.values(), ids=MODELS)
def test_a_model_that_cannot_be_converted(model: ModelProto, message: str, path: Path, capsys) -> None:
    path.write_bytes(model.SerializeToString())
    assert message in refused(path, capsys)


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("1,3,9,9", "its input 'x' has the shape (1, 3, 8, 8), which (1, 3, 9, 9) does not fit"),
        ("1,3,8", "which (1, 3, 8) does not fit"),
        ("z=1,3,8,8", "has no input 'z', whose shape is given; it takes: x"),
        ("1,3,0,8", "must be whole numbers from 1"),
        ("x=", "must be whole numbers from 1"),
    ],
)
def test_a_shape_that_does_not_fit(option: str, message: str, path: Path, capsys) -> None:
    path.write_bytes(net().SerializeToString())
    assert message in refused(path, capsys, "--input-shape", option)


def external(path: Path, **told: str) -> None:
    """The model with its weights in a file beside it, of which other things are said."""
    onnx.save(
        net(), path, save_as_external_data=True, all_tensors_to_one_file=True, location="weights.bin", size_threshold=0
    )
    model = onnx.load(path, load_external_data=False)
    for entry in tensor(model).external_data:
        entry.value = told.get(entry.key, entry.value)
    path.write_bytes(model.SerializeToString())


@pytest.mark.parametrize(
    "location", ["/etc/passwd", "../weights.bin", "a/../../weights.bin", "..\\weights.bin", "C:\\weights.bin", ""]
)
def test_external_data_outside_the_folder(location: str, tmp_path: Path, capsys) -> None:
    (tmp_path / "weights.bin").write_bytes(WEIGHT.tobytes())
    (tmp_path / "folder").mkdir()
    path = tmp_path / "folder" / "net.onnx"
    external(path, location=location)
    assert f"is said to lie in {location!r}, outside the folder of the model" in refused(path, capsys)


def test_external_data_by_a_link_to_outside(tmp_path: Path, capsys) -> None:
    (tmp_path / "secret").write_bytes(WEIGHT.tobytes())
    (tmp_path / "folder").mkdir()
    path = tmp_path / "folder" / "net.onnx"
    external(path, location="link")
    path.with_name("link").symlink_to(tmp_path / "secret")
    assert "outside the folder of the model" in refused(path, capsys)


def test_external_data_that_is_missing_or_short(path: Path, capsys) -> None:
    external(path)
    path.with_name("weights.bin").rename(path.with_name("elsewhere"))
    assert "weights.bin: there is no such file, which holds initializer 'w' of net.onnx" in refused(path, capsys)
    path.with_name("weights.bin").write_bytes(bytes(100))
    assert "does not hold initializer 'w' of shape (4, 3, 3, 3) (432 bytes from byte 0; 100 are there)" in refused(
        path, capsys
    )


@pytest.mark.parametrize("told", [{"offset": "-5"}, {"length": "9"}, {"offset": "999999999999"}, {"offset": "x"}])
def test_external_data_that_lies(told: dict[str, str], path: Path, capsys) -> None:
    external(path, **told)
    assert "does not hold initializer 'w'" in refused(path, capsys)


def rich() -> ModelProto:
    """A net in which transpositions move and nodes are put together."""
    return net(
        helper.make_node("Transpose", ["x"], ["t"], perm=[0, 2, 3, 1]),
        helper.make_node("Pad", ["t", "pads"], ["p"]),
        helper.make_node("Add", ["p", "bias"], ["a"]),
        helper.make_node("Transpose", ["a"], ["u"], perm=[0, 3, 1, 2]),
        helper.make_node("Conv", ["u", "w"], ["c"], pads=[1, 1, 1, 1]),
        helper.make_node("Sigmoid", ["c"], ["s"]),
        helper.make_node("Mul", ["c", "s"], ["m"]),
        helper.make_node("Resize", ["m", "", "scales"], ["r"], mode="linear"),
        helper.make_node("ReduceMean", ["r"], ["g"], axes=[2, 3], keepdims=0),
        helper.make_node("Slice", ["g", "zero", "two", "one"], ["f"]),
        helper.make_node("Softmax", ["f"], ["y"]),
        weights={
            "w": WEIGHT,
            "bias": noise(3),
            "pads": np.array([0, 1, 1, 0, 0, 0, 0, 0]),
            "scales": np.array([1, 1, 2, 2], np.float32),
            **{name: np.array([number]) for number, name in enumerate(("zero", "one", "two"))},
        },
    )


def test_damage_anywhere_is_a_sentence(path: Path) -> None:
    """Any byte of a model may be wrong; the reader raises what a command turns into a sentence, or reads it."""
    whole = rich().SerializeToString()
    weights = whole.index(WEIGHT.tobytes())  # whose bytes may be any
    read, sentences = 0, []
    for place in [*range(weights), *range(weights + WEIGHT.nbytes, len(whole))]:
        byte = (0, 0xFF, whole[place] ^ 1, whole[place] ^ 0x10)[place % 4]
        path.write_bytes(whole[:place] + bytes([byte]) + whole[place + 1 :])
        try:
            open_onnx(path).build()
            read += 1
        except InputError as error:
            sentences.append(str(error))
    assert read
    assert sentences
    assert not [sentence for sentence in sentences if "\n" in sentence]
