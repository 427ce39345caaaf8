"""The two commands, from their arguments to their files."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import onnx
import pytest

from converters import convert_caffe_to_onnx, convert_caffe_to_pytorch
from converters.back.onnx.model import to_onnx, write_onnx
from converters.back.onnx.running import program
from converters.back.source_net import SourceNet
from prototxt.formats.blob import write_blob
from prototxt.formats.text import to_text, write_message
from prototxt.formats.weights import write_weights
from prototxt.pixels.preprocess import Preprocessing
from tests.converters.back.test_nets import TRAINED, with_random_weights

COMMANDS = {"pytorch": convert_caffe_to_pytorch, "onnx": convert_caffe_to_onnx}
FILES = {"pytorch": {"net.py", "net.safetensors"}, "onnx": {"net.onnx"}}
DEPLOY = """
name: "tiny" input: "data" input_dim: 2 input_dim: 3 input_dim: 8 input_dim: 8
layer { name: "conv" type: "Convolution" bottom: "data" top: "conv" convolution_param { num_output: 4 kernel_size: 3 } }
layer { name: "prob" type: "Softmax" bottom: "conv" top: "prob" }
"""


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A folder with ``net.prototxt`` and ``net.caffemodel``."""
    source = with_random_weights(DEPLOY)
    (tmp_path / "net.prototxt").write_text(DEPLOY)
    write_weights(tmp_path / "net.caffemodel", source.net, source.weights)
    return tmp_path


def arguments(folder: Path, *more: str) -> list[str]:
    given = ["--prototxt", folder / "net.prototxt", "--caffemodel", folder / "net.caffemodel", "--out", folder / "out"]
    return [*map(str, given), *more]


def refused(command: ModuleType, capsys: pytest.CaptureFixture[str], *given: str) -> str:
    """Run the command, which must exit with 2 and one sentence."""
    with pytest.raises(SystemExit) as exit_:
        command.main(list(given))
    assert exit_.value.code == 2
    sentence = capsys.readouterr().err.split(": error: ")[-1].strip()
    assert "\n" not in sentence
    return sentence


@pytest.mark.parametrize("target", COMMANDS)
def test_it_writes_verified_files(target: str, files: Path, capsys) -> None:
    (files / "names.txt").write_text("cat\ndog\nfox\nowl\n")
    (files / "pixels.json").write_text(Preprocessing(mean=(104, 117, 123)).to_json())
    given = ["--classes", str(files / "names.txt"), "--preprocessing", str(files / "pixels.json")]
    COMMANDS[target].main(arguments(files, *given))
    said = capsys.readouterr().out
    assert "2 blobs, 2 inputs, largest relative difference from torchcaffe" in said
    assert {path.name for path in (files / "out").iterdir()} == FILES[target] | {"conversion.json", "classes.txt"}
    record = json.loads((files / "out/conversion.json").read_text())
    assert record["inputs"] == [{"name": "data", "shape": [None, 3, 8, 8]}]
    assert record["preprocessing"]["mean"] == [104, 117, 123]
    assert set(record["verification"]["blobs"]) == {"conv", "prob"}
    text = (files / "out/net.py").read_text() if target == "pytorch" else onnx.load(files / "out/net.onnx").doc_string
    for part in ("data (N, 3, 8, 8)", "minus (104, 117, 123)", "4, in classes.txt (cat, dog, fox, owl)"):
        assert part in text


def test_initializers_are_called_like_the_layers(files: Path) -> None:
    convert_caffe_to_onnx.main(arguments(files))
    model = onnx.load(files / "out/net.onnx")
    assert {tensor.name for tensor in model.graph.initializer} == {"conv.weight", "conv.bias"}
    assert [node.output[0] for node in model.graph.node] == ["conv", "prob"]
    assert model.opset_import[0].version >= 17


def test_an_existing_folder_is_kept(files: Path, capsys) -> None:
    (files / "out").mkdir()
    (files / "out/mine.txt").write_text("mine")
    sentence = refused(convert_caffe_to_pytorch, capsys, *arguments(files))
    assert "has files already" in sentence
    assert "--force" in sentence
    assert [path.name for path in (files / "out").iterdir()] == ["mine.txt"]
    convert_caffe_to_pytorch.main(arguments(files, "--force", "--no-verify"))
    assert (files / "out/mine.txt").read_text() == "mine"
    assert (files / "out/net.py").exists()


def broken(part: str, other: str) -> Callable[[Path], None]:
    return lambda folder: (folder / "net.prototxt").write_text(DEPLOY.replace(part, other)) and None


@pytest.mark.parametrize(
    ("spoil", "more", "part"),
    [
        (lambda folder: (folder / "net.prototxt").unlink(), [], "no such file"),
        (lambda folder: (folder / "net.caffemodel").write_bytes(b"nothing"), [], "no caffemodel"),
        (broken('"Softmax"', '"Softmacks"'), [], "Softmacks"),
        (broken('"Softmax"', '"Python"'), [], "Python layers"),
        (broken("num_output: 4", "num_output: 5"), [], "layer 'conv'"),
        (broken('name: "conv"', 'name: "other"'), [], "has no weights for other"),
        (lambda folder: None, ["--input-shape", "data"], "data=1,3,227,227"),
        (lambda folder: None, ["--input-shape", "conv=1,3,8,8"], "no input of the net"),
        (lambda folder: None, ["--input-shape", "dat=1,3,8,8"], "no blob 'dat'"),
        (lambda folder: None, ["--input-shape", "data=1,4,8,8"], "layer 'conv'"),
        (lambda folder: None, ["--name", "a/b"], "without folders"),
        (lambda folder: None, ["--classes", "nowhere.txt"], "no such file"),
        (lambda folder: None, ["--preprocessing", "nowhere.json"], "cannot be read"),
    ],
)
def test_bad_input_is_one_sentence(spoil, more: list[str], part: str, files: Path, capsys) -> None:
    spoil(files)
    assert part in refused(convert_caffe_to_onnx, capsys, *arguments(files, *more))
    assert not (files / "out").exists()


def test_weights_that_are_no_numbers(files: Path, capsys) -> None:
    source = with_random_weights(DEPLOY)
    source.weights["conv"][0].flat[0] = np.nan
    write_weights(files / "net.caffemodel", source.net, source.weights)
    assert "layer 'conv' has weights that are infinite or not a number" in (
        refused(convert_caffe_to_pytorch, capsys, *arguments(files))
    )


def test_a_data_layer_without_a_shape_asks_for_it(files: Path, capsys) -> None:
    text = TRAINED.replace("crop_size: 8 force_color: true ", "")
    source = with_random_weights(text, {"data": (1, 3, 8, 8), "label": (2,)})
    (files / "net.prototxt").write_text(text)
    write_weights(files / "net.caffemodel", source.net, source.weights)
    assert "--input-shape data=1,3,224,224" in refused(convert_caffe_to_pytorch, capsys, *arguments(files))
    convert_caffe_to_pytorch.main(arguments(files, "--input-shape", "data=1,3,8,8"))
    said = capsys.readouterr().out
    assert "layer 'loss' (SoftmaxWithLoss): became Softmax" in said
    record = json.loads((files / "out/conversion.json").read_text())
    assert record["preprocessing"]["mean"] == [5, 5, 5]  # 10 of the data layer, times its scale
    assert record["preprocessing"]["raw_scale"] == 0.5


def test_a_mean_file_that_is_gone_is_said(files: Path, capsys) -> None:
    text = TRAINED.replace("mean_value: 10", 'mean_file: "gone/mean.binaryproto"')
    source = with_random_weights(text, {"label": (2,)})
    (files / "net.prototxt").write_text(text)
    write_weights(files / "net.caffemodel", source.net, source.weights)
    convert_caffe_to_onnx.main(arguments(files))
    assert "note: the preprocessing is not known: layer 'test': its mean_file 'gone/mean.binaryproto' is not there" in (
        capsys.readouterr().out
    )
    assert json.loads((files / "out/conversion.json").read_text())["preprocessing"] is None
    write_blob(files / "mean.binaryproto", np.full((3, 8, 8), 4, np.float32))
    convert_caffe_to_onnx.main(arguments(files, "--force"))
    assert json.loads((files / "out/conversion.json").read_text())["preprocessing"]["mean_image"] is not None


def test_what_a_converted_net_says_of_itself_goes_along(files: Path) -> None:
    convert_caffe_to_onnx.main(arguments(files))
    record = {
        "format": "conversion",
        "version": 1,
        "prototxt": "net.prototxt",
        "caffemodel": "net.caffemodel",
        "classes": "names.txt",
        "input_shape": [1, 3, 8, 8],
        "preprocessing": Preprocessing(channel_order="RGB", mean=(1, 2, 3)).to_dict(),
        "layers": [],
    }
    (files / "conversion.json").write_text(json.dumps(record))
    (files / "names.txt").write_text("one\n")
    convert_caffe_to_onnx.main(arguments(files, "--force"))
    written = json.loads((files / "out/conversion.json").read_text())
    assert written["preprocessing"]["mean"] == [1, 2, 3]
    assert (files / "out/classes.txt").read_text() == "one\n"


def large(source: SourceNet, folder: Path) -> Path:
    path = folder / "large.onnx"
    write_onnx(to_onnx(source), path, limit=100)
    return path


def test_large_models_keep_their_arrays_beside_them(tmp_path: Path) -> None:
    source = with_random_weights(DEPLOY.replace("num_output: 4", "num_output: 400"))
    path = large(source, tmp_path)
    assert (tmp_path / "large.onnx.data").stat().st_size >= source.weights["conv"][0].nbytes
    assert path.stat().st_size < 10_000
    assert program(source, path).version


def test_the_text_of_the_net_is_left_alone(files: Path) -> None:
    before = (files / "net.prototxt").read_text()
    convert_caffe_to_pytorch.main(arguments(files, "--no-verify"))
    assert (files / "net.prototxt").read_text() == before
    write_message(files / "again.prototxt", with_random_weights(DEPLOY).net)
    assert to_text(with_random_weights(DEPLOY).net) == (files / "again.prototxt").read_text()
