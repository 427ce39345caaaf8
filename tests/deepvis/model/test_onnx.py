"""ONNX models as models."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from converters.errors import ConversionError
from deepvis.controllers.panes.parity import parity_of
from deepvis.errors import ModelError
from deepvis.model.files import Building
from deepvis.model.model import opening
from deepvis.model.pytorch import open_axes
from prototxt.common.progress import with_bar


def write_onnx(path: Path, size: int | str = 8, external: bool = False) -> Path:
    """A net of a convolution and a ReLU, of 8 by 8 pixels or any size."""
    weight = np.random.RandomState(0).standard_normal((4, 3, 3, 3)).astype(np.float32)
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"], name="conv1"),
        helper.make_node("Relu", ["c"], ["y"], name="r1"),
    ]
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, size, size])]
    outputs = [helper.make_empty_tensor_value_info("y")]
    graph = helper.make_graph(nodes, "net", inputs, outputs, [numpy_helper.from_array(weight, "w")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, path, save_as_external_data=external, location=f"{path.name}.data", size_threshold=0)
    return path


def open_with(path: Path, cache: Path, shape: tuple[int, ...] = ()):
    return with_bar(opening(path, None, cache=cache, building=Building(None, shape)), quiet=True)


def test_a_model_is_converted_once_and_judged(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    model = open_with(write_onnx(tmp_path / "small.onnx"), cache)
    assert (model.name, model.input_shape) == ("small", (3, 8, 8))
    report = parity_of(model.path)
    assert report.engines == ("onnxruntime", "torchcaffe")
    assert [layer.layer for layer in report.layers] == ["conv1", "r1"]
    assert report.summary[0] == "an ONNX model with small.onnx"
    assert 0 <= report.largest <= 1e-5
    assert open_with(tmp_path / "small.onnx", cache).hash == model.hash
    assert len(list(cache.iterdir())) == 1


def test_other_data_beside_the_file_is_another_model(tmp_path: Path) -> None:
    path, cache = write_onnx(tmp_path / "small.onnx", external=True), tmp_path / "cache"
    first = open_with(path, cache).hash
    data = tmp_path / "small.onnx.data"
    data.write_bytes(np.ones(108, np.float32).tobytes())
    assert open_with(path, cache).hash != first


def test_a_size_that_the_file_leaves_open(tmp_path: Path) -> None:
    path, cache = write_onnx(tmp_path / "any.onnx", "size"), tmp_path / "cache"
    with pytest.raises(ConversionError, match="--input-shape x=1,3,224,224"):
        open_with(path, cache)
    assert with_bar(open_axes(path), quiet=True) == "n,3,size,size"
    assert open_with(path, cache, (1, 3, 10, 12)).input_shape == (3, 10, 12)


def test_what_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="does not exist"):
        open_with(tmp_path / "none.onnx", tmp_path / "cache")
    (tmp_path / "bad.onnx").write_bytes(b"no model")
    with pytest.raises(ConversionError, match="no ONNX model"):
        open_with(tmp_path / "bad.onnx", tmp_path / "cache")
    assert not list((tmp_path / "cache").glob("*"))
