"""python -m converters verify: any two programs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from converters import convert, write_conversion
from converters.__main__ import main
from prototxt.formats.weights import read_model, read_weights, write_weights

SHAPE = (1, 3, 12, 12)


def make() -> nn.Module:
    """A net with a normalisation of two layers in Caffe, in a file of its own."""
    torch.manual_seed(0)
    return nn.Sequential(
        *(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2), nn.Flatten()),
        nn.Linear(64, 3),
    ).eval()


@pytest.fixture(scope="module")
def conversion_folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("pairs")
    write_conversion(folder, "net", convert(make(), SHAPE), {"module": "test_pairs:make"})
    return folder


@pytest.fixture(autouse=True)
def _here(monkeypatch) -> None:
    monkeypatch.syspath_prepend(Path(__file__).parent)


@pytest.mark.caffe
@pytest.mark.parametrize("engine", ["torchcaffe", "caffe"])
def test_a_model_and_its_conversion(engine: str, conversion_folder: Path, tmp_path: Path, capsys) -> None:
    plot = tmp_path / "depth.png"
    main(["verify", "test_pairs:make", str(conversion_folder), "--engine", engine, "--plot", str(plot)])
    said = capsys.readouterr().out
    assert "6 values compared, largest relative difference" in said
    assert "diverges" not in said
    assert plot.read_bytes().startswith(b"\x89PNG")


def test_two_nets_of_which_one_is_wrong(conversion_folder: Path, tmp_path: Path, capsys) -> None:
    net, _ = read_model(conversion_folder / "net.caffemodel")
    weights = read_weights(conversion_folder / "net.caffemodel")
    weights["5"][1][2] += 0.5
    write_weights(tmp_path / "other.caffemodel", net, weights)
    prototxt = conversion_folder / "net.prototxt"
    with pytest.raises(SystemExit) as exit_:
        main(["verify", str(prototxt), f"{prototxt},{tmp_path / 'other.caffemodel'}"])
    assert exit_.value.code == 1
    assert "the first that diverges is 5" in capsys.readouterr().out


def test_own_inputs(conversion_folder: Path, tmp_path: Path, capsys) -> None:
    np.savez(tmp_path / "x.npz", images=np.ones((3, 3, 12, 12)))
    main(
        ["verify", str(conversion_folder), "test_pairs:make", "--inputs", str(tmp_path / "x.npz"), "--allowed", "1e-5"]
    )
    assert "6 values compared" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("test_pairs:make test_pairs:make", "neither program says the shape of its input; give --input-shape"),
        ("test_pairs:make nonsense", "nonsense: is none of: the folder of a conversion"),
        ("test_pairs:make a.prototxt", "a.prototxt: has no a.caffemodel beside it"),
        ("test_pairs:make resnet18", "resnet18: has no weights; give them as resnet18@weights.pth"),
        ("test_pairs:make test_pairs:make --inputs nowhere.npz", "--inputs nowhere.npz: is no .npz file"),
        ("test_pairs:make test_pairs:make --input-shape 1,x", "must be whole numbers"),
    ],
)
def test_bad_arguments(arguments: str, message: str, capsys) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(["verify", *arguments.split()])
    assert exit_.value.code == 2
    assert message in capsys.readouterr().err
