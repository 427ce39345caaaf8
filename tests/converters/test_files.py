"""The files of a conversion."""

from __future__ import annotations

from pathlib import Path

import pytest
from torch import nn

from converters import convert, read_conversion, verify, write_conversion
from converters.files import staged
from prototxt.formats.text import read_net
from prototxt.formats.weights import read_model, read_weights, weights_hash
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
    cut = next(layer for layer in record.content["layers"] if layer["name"] == "2")
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


@pytest.mark.caffe
def test_weights_beyond_the_limit_of_a_caffemodel_are_hdf5(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("prototxt.formats.file_kinds.FILE_LIMIT", 500)
    shared = nn.Conv2d(3, 3, 3)
    conversion = convert(nn.Sequential(shared, shared), SHAPE)
    record = write_conversion(tmp_path, "net", conversion, {"module": "x:y"})
    assert record.caffemodel.name == "net.caffemodel.h5"
    verifications = verify(conversion, nn.Sequential(shared, shared).eval(), ["torchcaffe", "caffe", "opencv"])
    assert [bool(each.layers) for each in verifications] == [True, True, False]
    assert verifications[2].note == "not supported by this engine: OpenCV reads no weights from HDF5"


def test_a_caffemodel_holds_names_types_and_blobs_alone(tmp_path: Path) -> None:
    conversion = convert(nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(3, 2)), SHAPE)
    record = write_conversion(tmp_path, "net", conversion, {"module": "x:y"})
    net, weights = read_model(record.caffemodel)
    assert {field.name for layer in net.layer for field, _ in layer.ListFields()} == {"name", "type"}
    assert [(each.name, each.type) for each in net.layer] == [(each.name, each.type) for each in conversion.net.layer]
    assert weights_hash(weights) == weights_hash(conversion.weights)
