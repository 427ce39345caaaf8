"""The command, from its arguments to its files, and ONNX Runtime as the judge of what was read."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto

from converters import read_conversion
from converters.convert_onnx_to_caffe import main
from converters.convert_pytorch_to_caffe import main as main_of_pytorch
from converters.errors import ParityError
from converters.onnx.file import open_onnx
from converters.onnx.judge import judge
from converters.verdict import check
from prototxt.formats.text import read_net
from tests.converters.onnx.graphs import model, node
from tests.converters.onnx.one_node import noise

REPOSITORY = Path(__file__).resolve().parents[3]


def write_net(path: Path, shape: tuple[int | str, ...] = ("n", 3, 12, 10), kind: type = np.float32) -> Path:
    """A small classifier, its channels last as TensorFlow has them where the last axis is 3."""
    last = shape[-1] == 3
    nodes = [
        *([node("Transpose", "images", "t", perm=[0, 3, 1, 2])] if last else []),
        node("Conv", "t w" if last else "images w", "c", name="conv1", auto_pad="SAME_UPPER", strides=[2, 2]),
        node("Relu", "c", "r", name="relu1"),
        node("MaxPool", "r", "p", name="pool1", kernel_shape=[2, 2], strides=[2, 2], pads=[0, 0, 1, 1]),
        node("Flatten", "p", "f", name="flat"),
        node("Gemm", "f fc b", "scores", name="fc2", transB=1),
    ]
    weights = {"w": noise(4, 3, 3, 3), "fc": noise(5, 4 * 3 * 3, seed=1), "b": noise(5, seed=2)}
    arrays = {name: array.astype(kind) for name, array in weights.items()}
    element = {np.float32: TensorProto.FLOAT, np.float16: TensorProto.FLOAT16}[kind]
    path.write_bytes(model(nodes, {"images": shape}, arrays, ["scores"], kind=element).SerializeToString())
    return path


@pytest.mark.caffe
def test_a_model(tmp_path: Path, capsys) -> None:
    path = write_net(tmp_path / "small.onnx")
    out = tmp_path / "out"
    main(["--model", str(path), "--out", str(out), "--verify", "torchcaffe,caffe", "--mean", "0.5", "--std", "0.25"])
    assert {file.name for file in out.iterdir()} == {"small.prototxt", "small.caffemodel", "conversion.json"}
    record = read_conversion(out)
    assert record.input_shape == (1, 3, 12, 10)
    assert record.preprocessing.mean == (0.5, 0.5, 0.5)
    assert record.content["source"]["onnx"] == "small.onnx"
    assert record.content["source"]["opset"] == 17
    assert record.content["notes"] == ["the batch of input 'images', of any size, was taken as 1"]
    assert list(record.content["engines"]) == ["onnxruntime", "torchcaffe", "caffe"]
    assert record.content["engines"]["onnxruntime"]["largest_relative"] < 1e-5
    assert record.modules["conv1"] == "conv1"
    net = read_net(record.prototxt)
    assert [layer.type for layer in net.layer if layer.name in ("conv1", "pool1", "fc2", "prob")] == [
        "Convolution",
        "Pooling",
        "InnerProduct",
        "Softmax",
    ]
    printed = capsys.readouterr().out
    assert re.search(r"^onnxruntime \(.*\): 1 layers, 2 inputs, largest relative difference .*at scores", printed, re.M)
    assert "note: the batch of input 'images', of any size, was taken as 1\n" in printed


def test_by_the_other_command(tmp_path: Path) -> None:
    path = write_net(tmp_path / "small.onnx")
    options = "--name net --no-softmax --verify none --resize 20 --input-shape images=2,3,12,10"
    main_of_pytorch(["--model", str(path), "--out", str(tmp_path / "out"), *options.split()])
    record = read_conversion(tmp_path / "out")
    assert record.prototxt.name == "net.prototxt"
    assert record.input_shape == (2, 3, 12, 10)
    assert record.preprocessing.resize_to == (20,)
    assert record.content["engines"] == {}
    assert record.content["notes"] == []


def test_channels_last(tmp_path: Path) -> None:
    path = write_net(tmp_path / "small.onnx", ("n", "h", "w", 3))
    main(["--model", str(path), "--out", str(tmp_path / "out"), "--input-shape", "1,12,10,3"])
    record = read_conversion(tmp_path / "out")
    assert record.input_shape == (1, 3, 12, 10)
    assert record.content["engines"]["onnxruntime"]["largest_relative"] < 1e-5
    assert any("has its channels last in the file" in note for note in record.content["notes"])


def test_half_precision_is_judged_by_its_own_bar(tmp_path: Path) -> None:
    path = write_net(tmp_path / "half.onnx", kind=np.float16)
    main(["--model", str(path), "--out", str(tmp_path / "out")])
    verdict = read_conversion(tmp_path / "out").content["engines"]["onnxruntime"]
    assert 0 < verdict["largest_relative"] < verdict["allowed_relative"] == 0.05


def test_a_wrong_reading_is_found(tmp_path: Path, monkeypatch, capsys) -> None:
    path = write_net(tmp_path / "small.onnx")
    monkeypatch.setattr("torch.relu", lambda x: x.abs())
    monkeypatch.setattr("converters.onnx.ops.activation.SAME_IN_TORCH", {"Relu": lambda x: x.abs()})
    with pytest.raises(SystemExit) as exit_:
        main(["--model", str(path), "--out", str(tmp_path / "out")])
    assert exit_.value.code == 2
    assert "onnxruntime diverges from PyTorch, first at layer 'scores'" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_pictures_that_get_mixed_are_found(tmp_path: Path) -> None:
    """A module that is thought to take any batch, but does not, differs from ONNX Runtime, which gets one at a time."""
    nodes = [node("Relu", "x", "r"), node("ReduceMean", "r", "m", axes=[0]), node("Sub", "r m", "y")]
    path = tmp_path / "net.onnx"
    path.write_bytes(model(nodes, {"x": (1, 3, 4, 4)}).SerializeToString())
    file = open_onnx(path)
    module = file.build().module
    assert not module.any_batch
    check(judge(file, module))
    module.any_batch = True
    with pytest.raises(ParityError, match="onnxruntime diverges"):
        check(judge(file, module))


def test_without_onnxruntime_and_with_a_model_that_it_does_not_run(tmp_path: Path, monkeypatch) -> None:
    nodes = [node("GlobalLpPool", "x", "y", name="pool")]
    path = tmp_path / "net.onnx"
    path.write_bytes(model(nodes, {"x": (1, 3, 4, 4)}, opset=23).SerializeToString())
    file = open_onnx(path)
    module = file.build().module
    (verdict,) = judge(file, module)
    assert verdict.note.startswith("does not run the model: ")
    assert not verdict.layers
    check([verdict])
    known = importlib.util.find_spec
    monkeypatch.setattr("converters.onnx.judge.find_spec", lambda name: None if name == "onnxruntime" else known(name))
    assert judge(file, module) == []


def test_as_a_script(tmp_path: Path) -> None:
    script = REPOSITORY / "converters/convert_onnx_to_caffe.py"
    done = subprocess.run(
        [sys.executable, script, "--model", "nothing.onnx"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stderr.startswith("convert_onnx_to_caffe: error: nothing.onnx: no such file")
