"""PyTorch weights and torchvision's networks as models."""

import json
import sys
from pathlib import Path

import pytest
import torch
from torchvision import models

from converters.architectures import AlexNet64, published_weights
from deepvis.controllers.panes.parity import parity_of
from deepvis.errors import ModelError
from deepvis.model.files import Building
from deepvis.model.model import opening
from deepvis.model.pytorch import fitting_architecture, is_architecture
from prototxt.common.errors import FormatError
from prototxt.common.progress import with_bar


def open_with(path: Path, cache: Path, arch: str | None = None, shape: tuple[int, ...] = (), weights=None):
    return with_bar(opening(path, weights, cache=cache, building=Building(arch, shape)), quiet=True)


@pytest.fixture(scope="module")
def rooms(tmp_path_factory) -> Path:
    file = tmp_path_factory.mktemp("weights") / "rooms.pth"
    torch.save(AlexNet64(num_classes=3, width=8).state_dict(), file)
    return file


def test_weights_are_converted_once_and_verified(rooms: Path, tmp_path: Path, monkeypatch) -> None:
    model = open_with(rooms, tmp_path, "alexnet64")
    assert (model.name, model.input_shape) == ("rooms", (3, 63, 63))
    report = parity_of(model.path)
    assert report.engines == ("torchcaffe",)
    assert [layer.layer for layer in report.layers][:3] == ["conv1", "relu1", "pool1"]
    assert report.layers[0].module == "features.0"
    assert 0 <= report.largest <= 1e-5
    times = {file: file.stat().st_mtime_ns for file in model.path.parent.iterdir()}
    before = set(sys.modules)
    monkeypatch.delitem(sys.modules, "converters.converting")
    assert open_with(Path("alexnet64"), tmp_path, weights=rooms).hash == model.hash
    assert "converters.converting" not in sys.modules, "what is in the cache needs no converter"
    assert set(sys.modules) <= before
    assert {file: file.stat().st_mtime_ns for file in model.path.parent.iterdir()} == times
    assert len(list(tmp_path.iterdir())) == 1
    assert open_with(rooms, tmp_path, "alexnet64", (1, 3, 64, 64)).input_shape == (3, 64, 64)


def test_weights_alone_ask_for_their_architecture(rooms: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"rooms\.pth: holds weights alone; say of what, with --arch .*alexnet64 fits"):
        open_with(rooms, tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["squeezenet1_1", "vgg11_bn"])
def test_the_fitting_architecture_is_found_by_names_and_shapes(name: str, tmp_path: Path) -> None:
    with torch.device("meta"):
        shapes = {key: value.shape for key, value in models.get_model(name, num_classes=5).state_dict().items()}
    one = torch.zeros(())
    torch.save({key: one.expand(shape) for key, shape in shapes.items()}, tmp_path / f"my_{name}.pt")
    assert with_bar(fitting_architecture(tmp_path / f"my_{name}.pt"), quiet=True) == name


def test_what_is_no_file_of_weights(tmp_path: Path) -> None:
    torch.save([1, 2], tmp_path / "list.pt")
    with pytest.raises(FormatError, match="holds no weights by name"):
        with_bar(fitting_architecture(tmp_path / "list.pt"), quiet=True)
    with pytest.raises(ModelError, match=r"does not exist; give a folder of a conversion, .* network of torchvision"):
        open_with(tmp_path / "resnet", tmp_path)


def test_what_torchvision_publishes_with_its_classes(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))
    kept = tmp_path / "hub" / "checkpoints" / published_weights("squeezenet1_1").url.rpartition("/")[2]
    kept.parent.mkdir(parents=True)
    torch.manual_seed(0)
    torch.save(models.squeezenet1_1(weights=None).state_dict(), kept)
    work = opening(Path("squeezenet1_1"), cache=tmp_path / "cache")
    told = [next(work).what for _ in range(3)][1:]
    work.close()  # the conversion itself takes twenty seconds
    assert told == ["squeezenet1_1: load weights", "squeezenet1_1: convert"]
    classes = (tmp_path / "cache" / "squeezenet1_1.classes.txt").read_text().splitlines()
    assert (len(classes), classes[0]) == (1000, "tench")


def test_weights_that_cannot_be_downloaded(tmp_path: Path, monkeypatch) -> None:
    def refuse(*arguments, **named):
        raise OSError("no network")

    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))
    monkeypatch.setattr(torch.hub, "download_url_to_file", refuse)
    with pytest.raises(ModelError, match=r"alexnet: its weights cannot be downloaded .*no network.* --arch alexnet"):
        open_with(Path("alexnet"), tmp_path / "cache")
    with pytest.raises(ModelError, match="alexnet64: no weights are published"):
        open_with(Path("alexnet64"), tmp_path / "cache")


def test_names_that_look_like_a_network() -> None:
    assert is_architecture("resnet18")
    assert not is_architecture("resnet19")
    assert not is_architecture("folder/resnet18")


def test_a_report_of_what_was_not_converted_or_not_verified(tmp_path: Path, rooms: Path) -> None:
    assert "came as a Caffe net" in parity_of(tmp_path / "net.prototxt").missing
    net = open_with(rooms, tmp_path, "alexnet64").path
    record = net.with_name("conversion.json")
    content = json.loads(record.read_text())
    record.write_text(json.dumps({**content, "engines": {}}))
    assert "was not verified" in parity_of(net).missing
    content["layers"][0]["differences"]["torchcaffe"]["relative"] = None
    content["engines"]["torchcaffe"] |= {"largest_relative": None, "worst_layer": "conv1"}
    record.write_text(json.dumps(content))
    report = parity_of(net)
    assert report.layers[0].relative == {"torchcaffe": float("inf")}
    assert "largest relative difference infinite at conv1" in report.summary[1]
