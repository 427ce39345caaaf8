"""Preprocessing as a part of the net, and what transforms say of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torchvision.transforms import v2

from converters import Conversion, ConversionError, check, convert, read_conversion, verify, write_conversion
from converters.baking import bake_preprocessing
from converters.transforms import Pixels, read_transforms
from prototxt.lint import lint_net
from prototxt.pixels.preprocess import Preprocessing
from torchcaffe.network import Network

SHAPE = (1, 3, 12, 12)
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@pytest.fixture
def model() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(576, 3)).eval()


@pytest.mark.caffe
def test_a_baked_net_takes_pixels(model: nn.Module, tmp_path: Path) -> None:
    preprocessing = Preprocessing.from_pytorch(MEAN, STD, SHAPE, resize=12)
    plain = convert(model, SHAPE, preprocessing)
    baked = bake_preprocessing(plain)
    assert lint_net(baked.net) == []
    assert [layer.name for layer in baked.net.layer[:2]] == ["data", "preprocessing"]
    assert [spec.lr_mult for spec in baked.net.layer[1].param] == [0, 0]
    verifications = verify(baked, model, ["torchcaffe", "caffe"])
    check(verifications)
    for verification in verifications:
        assert verification.layers[0].layer == "preprocessing"
        assert all(each.difference.relative <= verification.bar for each in verification.layers)
    record = read_conversion(write_conversion(tmp_path, "net", baked, {}).path)
    picture = np.random.default_rng(0).integers(0, 256, (12, 12, 3), dtype=np.uint8)
    pixels = record.preprocessing.apply(picture)
    assert np.array_equal(pixels, picture[:, :, ::-1].transpose(2, 0, 1))
    expected = result(plain, preprocessing.apply(picture))
    assert torch.allclose(result(baked, pixels), expected, atol=1e-6)


def result(conversion: Conversion, image: np.ndarray) -> torch.Tensor:
    network = Network(conversion.net, weights=conversion.weights, seed=0)
    (value,) = network.run({network.graph.inputs[0]: image[None]}).values()
    return value


def test_grey_pictures_and_no_pictures(model: nn.Module) -> None:
    grey = nn.Sequential(nn.Conv2d(1, 2, 3))
    baked = bake_preprocessing(convert(grey, (1, 1, 8, 8), Preprocessing.from_pytorch((0.5,), (0.25,), (1, 1, 8, 8))))
    check(verify(baked, grey))
    assert baked.preprocessing.channel_order == "GRAY"
    with pytest.raises(ConversionError, match="the net takes no pictures of 1 or 3 channels"):
        bake_preprocessing(convert(model, SHAPE))


compose = v2.Compose([v2.Resize(70), v2.CenterCrop(64), v2.ToImage(), v2.Normalize(MEAN, STD)])


def own_transforms():
    return v2.Compose([v2.RandomRotation(3)])


def test_transforms(monkeypatch) -> None:
    monkeypatch.syspath_prepend(Path(__file__).parent)
    assert read_transforms("torchvision.models:ResNet50_Weights.IMAGENET1K_V2") == Pixels(MEAN, STD, 232, (224, 224))
    assert read_transforms("test_baking:compose") == Pixels(MEAN, STD, 70, (64, 64))
    with pytest.raises(ConversionError, match=r"RandomRotation is no part of a Caffe net's preprocessing; known: Norm"):
        read_transforms("test_baking:own_transforms")
    with pytest.raises(ConversionError, match="--transforms json:loads: fails "):
        read_transforms("json:loads")
    with pytest.raises(ConversionError, match=r"must be package\.module:name"):
        read_transforms("json")
