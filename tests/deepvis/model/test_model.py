"""Opening models, whatever they are given as."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from deepvis.errors import ModelError
from deepvis.model.model import Model, open_model, pick_device
from prototxt.common.errors import FormatError, NetError
from prototxt.formats.text import write_message
from prototxt.formats.weights import write_weights
from prototxt.pixels.preprocess import Preprocessing


@pytest.fixture
def folder(make_model, tmp_path: Path) -> Path:
    """A folder with small.prototxt and small.caffemodel."""
    write(make_model(), tmp_path)
    return tmp_path


def write(model: Model, folder: Path) -> None:
    write_message(folder / "small.prototxt", model.net)
    write_weights(folder / "small.caffemodel", model.net, model.weights)


@pytest.mark.parametrize("given", ["", "small.prototxt"])
def test_a_net_and_the_weights_beside_it(given: str, folder: Path, make_model) -> None:
    model = open_model(folder / given)
    assert model.hash == make_model().hash
    assert model.name == "small"
    assert model.assumed
    assert list(model.unit_layers) == ["conv1", "branch/left", "100% right", "up", "fc", "fc8"]
    assert model.input_shape == (3, 9, 11)
    assert str(model.output) == "fc8"


def test_unit_layers_say_where_units_are(make_model) -> None:
    model = make_model()
    left = model.layer("branch/left")
    assert (str(left.value), str(left.before), left.units, left.map_shape) == ("left@1", "left", 4, (5, 6))
    assert left.field is not None
    assert left.field.size == (8, 8)
    assert model.layer("fc").map_shape == ()
    right = model.layer("100% right")
    assert right.value == right.before


def test_the_assumed_preprocessing_is_that_of_caffes_own_nets(folder: Path, make_model) -> None:
    colour = open_model(folder).preprocessing
    assert (colour.channel_order, colour.raw_scale, colour.crop, colour.resize_to) == ("BGR", 1.0, (9, 11), (10, 12))
    write(make_model("GRAY"), folder)
    grey = open_model(folder).preprocessing
    assert (grey.channel_order, grey.raw_scale, grey.crop, grey.mean) == ("GRAY", 1 / 256, (9, 11), ())


def test_preprocessing_and_classes_from_files(folder: Path, make_model) -> None:
    wanted = make_model().preprocessing
    (folder / "pixels.json").write_text(wanted.to_json())
    (folder / "classes.txt").write_text("one\ntwo\nthree\n")
    (folder / "names.txt").write_text("a\nb\nc\n")
    model = open_model(folder, preprocessing=folder / "pixels.json")
    assert model.preprocessing == wanted
    assert not model.assumed
    assert model.classes == ("one", "two", "three")
    assert open_model(folder, classes=folder / "names.txt").classes == ("a", "b", "c")


def test_which_weights(folder: Path) -> None:
    (folder / "small.caffemodel").rename(folder / "other.caffemodel")
    assert open_model(folder).weights
    (folder / "third.caffemodel").write_bytes((folder / "other.caffemodel").read_bytes())
    with pytest.raises(ModelError, match=r"which weights\? there are several beside it; give --weights"):
        open_model(folder)
    assert open_model(folder, folder / "third.caffemodel").weights
    for file in folder.glob("*.caffemodel"):
        file.unlink()
    with pytest.raises(ModelError, match=r"which weights\? there are none beside it"):
        open_model(folder)


def test_a_folder_with_several_nets(folder: Path) -> None:
    (folder / "train_val.prototxt").write_text((folder / "small.prototxt").read_text())
    with pytest.raises(ModelError, match=r"several nets \(small\.prototxt, train_val\.prototxt\); name one"):
        open_model(folder)
    (folder / "small.prototxt").rename(folder / "deploy.prototxt")
    assert open_model(folder).name == "small"
    text = (folder / "deploy.prototxt").read_text()
    (folder / "deploy.prototxt").write_text("\n".join(line for line in text.splitlines() if line != 'name: "small"'))
    assert open_model(folder).name == folder.name  # not "deploy", as half of all nets would be called


def test_what_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="does not exist"):
        open_model(tmp_path / "missing")
    with pytest.raises(ModelError, match=r"neither conversion\.json nor model\.json, and no prototxt in it"):
        open_model(tmp_path)
    (tmp_path / "x.txt").write_text("")
    with pytest.raises(ModelError, match=r"x\.txt: is no model; give"):
        open_model(tmp_path / "x.txt")


def test_broken_files_are_named(folder: Path) -> None:
    caffemodel, prototxt = folder / "small.caffemodel", folder / "small.prototxt"
    whole = caffemodel.read_bytes()
    caffemodel.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(FormatError, match=r"small\.caffemodel"):
        open_model(folder)
    caffemodel.write_bytes(whole)
    prototxt.write_text(prototxt.read_text().replace("num_output: 5", "num_output: 5 nmu_output: 6"))
    with pytest.raises(FormatError, match=r"small\.prototxt:\d+.*nmu_output"):
        open_model(folder)


def test_weights_of_another_net(folder: Path, make_model) -> None:
    model = make_model()
    model.weights["conv1"][0] = np.zeros((5, 3, 2, 2), np.float32)
    write_weights(folder / "small.caffemodel", model.net, model.weights)
    with pytest.raises(NetError, match=r"small\.caffemodel: layer 'conv1' .*3.3.*"):
        open_model(folder)
    del model.weights["conv1"]
    write_weights(folder / "small.caffemodel", model.net, model.weights)
    with pytest.raises(ModelError, match="has no weights for layer 'conv1' of the net"):
        open_model(folder)


def test_a_training_net_has_no_place_for_pictures(folder: Path) -> None:
    text = (folder / "small.prototxt").read_text()
    start, end = text.index("layer {"), text.index("layer {", text.index("layer {") + 1)
    data = 'layer { name: "data" type: "Data" top: "data" data_param { source: "x" batch_size: 1 } }\n'
    (folder / "small.prototxt").write_text(text[:start] + data + text[end:])
    with pytest.raises(ModelError, match=r"must have one Input layer .* found none; .* give the deploy\.prototxt"):
        open_model(folder)


def test_unknown_devices() -> None:
    assert pick_device("cpu").type == "cpu"
    assert pick_device("auto").type in ("cpu", "cuda")
    with pytest.raises(ModelError, match=r"device 'tpu' is not there .*; allowed are auto, cpu"):
        pick_device("tpu")


@pytest.fixture(scope="module")
def baseline(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A PyTorch baseline as tools/train_baselines.py writes it, untrained."""
    from safetensors.torch import save_file

    from converters.architectures import AlexNet64

    folder = tmp_path_factory.mktemp("models") / "rooms"
    folder.mkdir()
    state = AlexNet64(num_classes=3, width=8).state_dict()
    save_file({key: value.half() for key, value in state.items()}, folder / "weights.safetensors")
    (folder / "classes.txt").write_text("attic\nbar\ncave\n")
    description = {"arch": "alexnet64", "input_shape": [1, 3, 63, 63], "mean": [0.5, 0.4, 0.3], "std": [0.2, 0.2, 0.25]}
    (folder / "model.json").write_text(json.dumps(description))
    return folder


def test_a_baseline_is_converted_once(baseline: Path, tmp_path: Path) -> None:
    model = open_model(baseline, cache=tmp_path / "cache")
    assert not model.assumed
    assert (model.preprocessing.channel_order, model.preprocessing.mean) == ("RGB", (0.5, 0.4, 0.3))
    assert model.preprocessing.raw_scale == 1 / 255
    assert model.classes == ("attic", "bar", "cave")
    assert list(model.unit_layers)[:2] == ["conv1", "conv2"]
    (made,) = (tmp_path / "cache").iterdir()
    times = {file.name: file.stat().st_mtime_ns for file in made.iterdir()}
    again = open_model(baseline, cache=tmp_path / "cache")
    assert again.hash == model.hash
    assert {file.name: file.stat().st_mtime_ns for file in made.iterdir()} == times
    assert open_model(made / "conversion.json").hash == model.hash
    assert open_model(next(made.glob("*.prototxt"))).preprocessing == model.preprocessing


def test_a_cache_that_cannot_be_written(baseline: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ModelError, match="cannot be written to; set cache to another folder in the settings"):
        open_model(baseline, cache=tmp_path / "file")


def test_changed_preprocessing_is_another(make_model) -> None:
    model = make_model().with_preprocessing(std=(2.0, 2.0, 2.0))
    assert model.preprocessing == Preprocessing("BGR", crop=(9, 11), mean=(3.0,) * 3, std=(2.0,) * 3)
