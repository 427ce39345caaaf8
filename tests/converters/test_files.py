"""The files of a conversion."""

from __future__ import annotations

from pathlib import Path

import pytest
from torch import nn

from converters import convert, read_conversion, verify, write_conversion
from converters.files import staged
from prototxt.formats.text import read_net
from prototxt.formats.weights import read_weights, weights_hash
from prototxt.pixels.preprocess import Preprocessing

SHAPE = (1, 3, 8, 8)


def test_a_conversion_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.MaxPool2d(3, 2))
    preprocessing = Preprocessing.from_pytorch((0.5, 0.4, 0.3), (0.2, 0.3, 0.4), SHAPE)
    conversion = convert(model, SHAPE, preprocessing, {"0": "conv1"})
    (tmp_path / "names.txt").write_text("a\nb\n")
    record = write_conversion(
        tmp_path / "out", "net", conversion, {"module": "x:y"}, verify(conversion, model), tmp_path / "names.txt"
    )
    assert record == read_conversion(tmp_path / "out" / "conversion.json")
    assert record.preprocessing == preprocessing
    assert record.content["preprocessing_hash"] == preprocessing.hash
    assert record.content["weights_hash"] == weights_hash(read_weights(record.caffemodel))
    assert read_net(record.prototxt) == conversion.net
    assert record.modules == conversion.modules
    assert record.classes.read_text() == "a\nb\n"
    cut = next(layer for layer in record.content["layers"] if layer["name"] == "2/cut_columns")
    assert cut["module"] == "2"
    assert cut["differences"]["torchcaffe"]["relative"] <= 1e-5
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "classes.txt",
        "conversion.json",
        "net.caffemodel",
        "net.prototxt",
    ]


def test_an_interruption_leaves_the_earlier_files_and_no_folder(tmp_path: Path) -> None:
    (tmp_path / "net.prototxt").write_text("earlier")

    def interrupted(folder: Path) -> None:
        with staged(folder) as stage:
            (stage / "net.prototxt").write_text("later")
            raise KeyboardInterrupt

    for folder in (tmp_path, tmp_path / "new" / "deep"):
        with pytest.raises(KeyboardInterrupt):
            interrupted(folder)
    assert [path.name for path in tmp_path.iterdir()] == ["net.prototxt"]
    assert (tmp_path / "net.prototxt").read_text() == "earlier"
