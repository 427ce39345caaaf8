"""The command, from its arguments to its files."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from converters import read_conversion
from converters.architectures import AlexNet64
from converters.convert_pytorch_to_caffe import main
from prototxt.common.errors import FormatError
from prototxt.formats.text import read_net
from prototxt.formats.weights import read_weights, weights_hash

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory) -> Path:
    """A folder like those of models/."""
    folder = tmp_path_factory.mktemp("bundle") / "small"
    folder.mkdir()
    torch.manual_seed(0)
    model = AlexNet64(num_classes=4, width=16)
    save_file({key: value.half() for key, value in model.state_dict().items()}, folder / "weights.safetensors")
    (folder / "classes.txt").write_text("attic\nbar\ncave\ndorm\n")
    description = {"arch": "alexnet64", "input_shape": [1, 3, 63, 63], "mean": [0.5, 0.4, 0.3], "std": [0.2, 0.2, 0.3]}
    (folder / "model.json").write_text(json.dumps(description))
    return folder


def refused(capsys, *arguments: str | Path) -> str:
    """Run the command, which must exit with 2 and one sentence."""
    with pytest.raises(SystemExit) as exit_:
        main([str(argument) for argument in arguments])
    assert exit_.value.code == 2
    sentence = capsys.readouterr().err.split("convert_pytorch_to_caffe: error: ")[-1].strip()
    assert "\n" not in sentence
    return sentence


@pytest.mark.caffe
def test_a_bundled_model(bundle: Path, tmp_path: Path, capsys) -> None:
    main(["--model", str(bundle), "--out", str(tmp_path / "out"), "--verify", "torchcaffe,caffe,opencv"])
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {"small.prototxt", "small.caffemodel", "conversion.json", "classes.txt"}
    record = read_conversion(tmp_path / "out")
    assert record.classes.read_text().split() == ["attic", "bar", "cave", "dorm"]
    assert read_net(record.prototxt).name == "small"
    assert record.content["weights_hash"] == weights_hash(read_weights(record.caffemodel))
    assert record.content["source"]["arch"] == "alexnet64"
    assert record.preprocessing.mean == (0.5, 0.4, 0.3)
    assert record.preprocessing.crop == (63, 63)
    assert record.preprocessing.resize_to == (64,)
    assert record.modules["conv2"] == "features.3"
    assert set(record.content["engines"]) == {"torchcaffe", "caffe", "opencv"}
    layers = {layer["name"]: layer for layer in record.content["layers"]}
    for engine, bar in {"torchcaffe": 1e-5, "caffe": 1e-4}.items():
        assert 0 < record.content["engines"][engine]["layers"] <= len(layers)
        assert layers["fc8"]["differences"][engine]["relative"] <= bar
    assert "largest relative difference" in capsys.readouterr().out


def test_weights_by_name_and_other_pixels(bundle: Path, tmp_path: Path) -> None:
    weights = bundle / "weights.safetensors"
    options = "--mean 0.1,0.2,0.3 --std 1,1,1 --input-shape 2,3,63,63 --resize 70 --name net --no-softmax --verify none"
    main(["--arch", "alexnet64", "--weights", str(weights), "--out", str(tmp_path), *options.split()])
    record = read_conversion(tmp_path / "conversion.json")
    assert record.input_shape == (2, 3, 63, 63)
    assert (record.preprocessing.mean, record.preprocessing.resize_to) == ((0.1, 0.2, 0.3), (70,))
    assert read_net(record.prototxt).layer[-1].name == "fc8"
    half = read_weights(record.caffemodel)["fc8"][0]
    assert np.array_equal(half, half.astype(np.float16))
    assert record.content["engines"] == {}


def test_a_factory(tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "factory_of_test.py").write_text(
        "from torch import nn\ndef make(): return nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU())\nnumber = 3\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    main(["--module", "factory_of_test:make", "--input-shape", "1,1,8,8", "--out", "out"])
    record = read_conversion(tmp_path / "out")
    assert record.prototxt.name == "make.prototxt"
    assert record.preprocessing.channel_order == "GRAY"


def test_a_folder_that_has_files_is_kept(tmp_path: Path, capsys) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    options = ["--arch", "alexnet64", "--random-weights", "--verify", "none", "--out", str(tmp_path)]
    with pytest.raises(SystemExit) as caught:
        main(options)
    assert caught.value.code == 2
    assert f"--out {tmp_path}: has files already; give another folder, or --force" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
    main([*options, "--force"])
    assert (tmp_path / "mine.txt").read_text() == "mine"
    assert read_conversion(tmp_path).prototxt.name == "alexnet64.prototxt"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("", "give exactly one of --arch, --module and --model; got none"),
        ("--arch alexnet --module a:b", "got --arch and --module"),
        ("--arch alexnet65", "'alexnet65' is unknown; did you mean 'alexnet64'"),
        ("--arch xyz", "'xyz' is unknown; choose one of alexnet, alexnet64, vgg11"),
        ("--arch alexnet", "has no weights; give --weights FILE, or --random-weights"),
        ("--arch alexnet --weights missing.pth", "missing.pth: there is no such file"),
        ("--arch alexnet --weights a.pth --random-weights", "not both"),
        ("--arch alexnet64 --random-weights --input-shape 1,3,63", "cannot process an input of shape (1, 3, 63)"),
        (
            "--arch alexnet64 --random-weights --input-shape 1,3,big,63",
            "--input-shape 1,3,big,63: must be whole numbers",
        ),
        ("--arch alexnet64 --random-weights --mean 0.5,half", "--mean 0.5,half: must be numbers"),
        ("--arch alexnet64 --random-weights --mean 0.5,0.4", "preprocessing"),
        (
            "--arch alexnet64 --random-weights --input-shape 1,3,20,20",
            "cannot process an input of shape (1, 3, 20, 20)",
        ),
        (
            "--arch alexnet64 --random-weights --verify caffe3",
            "--verify: unknown engine 'caffe3' (did you mean 'caffe'?); use one of caffe, opencv, rknn, torchcaffe",
        ),
        ("--module json:loads --input-shape 1,3,8,8", "gives no model"),
        ("--module json --input-shape 1,3,8,8", "must be package.module:name"),
        ("--module nowhere:make --input-shape 1,3,8,8", "No module named 'nowhere'"),
        ("--module torch.nn:Identity", "--module needs --input-shape"),
        ("--module builtins:dict --input-shape 1,3,8,8", "gives a dict, not a torch.nn.Module"),
        ("--arch alexnet64 --random-weights --name a/b", "--name a/b: must be a name without folders"),
        ("--model nowhere", "model.json: cannot be read"),
    ],
)
def test_bad_arguments_are_one_sentence_and_leave_nothing(arguments: str, message: str, tmp_path, capsys) -> None:
    assert message in refused(capsys, *arguments.split(), "--out", tmp_path / "out")
    assert not (tmp_path / "out").exists()


FACTORIES = """
import torch
from torch import nn

def lazy(): return nn.Sequential(nn.LazyConv2d(4, 3))

def without_values():
    with torch.device("meta"):
        return nn.Sequential(nn.Conv2d(3, 4, 3))

def quantised():
    import warnings
    warnings.simplefilter("ignore")
    return torch.ao.quantization.quantize_dynamic(nn.Sequential(nn.Flatten(), nn.Linear(192, 4)), {nn.Linear})

def fails(): raise ValueError("two\\nlines")
"""


@pytest.mark.parametrize(
    ("factory", "message"),
    [
        ("lazy", "0.weight of Sequential has no shape yet: run the model once"),
        ("without_values", "0.weight of Sequential has no values, since it is on the meta device"),
        ("quantised", "of Sequential is quantised: give the float model"),
        ("fails", "gives no model (ValueError: two lines)"),
    ],
)
def test_a_factory_whose_model_cannot_be_used(factory: str, message: str, tmp_path: Path, capsys, monkeypatch) -> None:
    (tmp_path / "bad_factories.py").write_text(FACTORIES)
    monkeypatch.syspath_prepend(tmp_path)
    options = f"--module bad_factories:{factory} --random-weights --input-shape 1,3,8,8 --out".split()
    assert message in refused(capsys, *options, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_weights_of_another_network(bundle: Path, tmp_path: Path, capsys) -> None:
    sentence = refused(
        capsys, "--arch", "alexnet", "--weights", bundle / "weights.safetensors", "--out", tmp_path / "o"
    )
    assert re.search(r"'classifier\.1\.(weight|bias)' has shape \(16,.*\), but AlexNet needs \(4096,.*\)", sentence)


def test_a_broken_bundle(bundle: Path, tmp_path: Path, capsys) -> None:
    (tmp_path / "model.json").write_text('{"arch": "alexnet64"}')
    assert "is no description of a model ('input_shape')" in refused(capsys, "--model", tmp_path)
    (tmp_path / "model.json").write_text((bundle / "model.json").read_text())
    assert "weights.safetensors: there is no such file" in refused(capsys, "--model", tmp_path)
    assert "brings its own weights" in refused(capsys, "--model", bundle, "--random-weights")


def test_a_net_that_diverges_leaves_nothing_behind(bundle: Path, tmp_path: Path, capsys, monkeypatch) -> None:
    monkeypatch.setattr("converters.engines.torch_caffe.TorchCaffe.bar", -1.0)
    monkeypatch.setattr("converters.verdict.LayerCheck.passes", lambda self, bar: self.difference.relative <= bar)
    sentence = refused(capsys, "--model", bundle, "--out", tmp_path / "out" / "deep")
    assert "torchcaffe diverges from PyTorch, first at layer 'conv1'" in sentence
    assert "The smallest part that diverges is in" in sentence
    assert not (tmp_path / "out" / "deep").exists()
    assert {path.name for path in (tmp_path / "out" / "deep-diverging").iterdir()} == {
        *("net.prototxt", "net.caffemodel", "inputs.npz", "expected.npz")
    }


def test_a_place_that_cannot_be_written(bundle: Path, tmp_path: Path, capsys) -> None:
    (tmp_path / "file").write_text("")
    assert "cannot be written to" in refused(capsys, "--model", bundle, "--out", tmp_path / "file" / "out")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is no record of a conversion"),
        ("{}", "is no record of a conversion"),
        ('{"format": "conversion", "version": 2}', "is conversion version 2; this program reads conversion version 1"),
    ],
)
def test_a_broken_record(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "conversion.json").write_text(text)
    with pytest.raises(FormatError, match=message):
        read_conversion(tmp_path)
    with pytest.raises(FormatError, match="cannot be read"):
        read_conversion(tmp_path / "nowhere")


def test_as_a_script(tmp_path: Path) -> None:
    """Started from its file, anywhere: modules of the package must not hide those of others."""
    script = REPOSITORY / "converters/convert_pytorch_to_caffe.py"
    done = subprocess.run(
        [sys.executable, script, "--arch", "nothing"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stderr.startswith("convert_pytorch_to_caffe: error: architecture 'nothing' is unknown")
