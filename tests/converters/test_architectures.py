"""The networks that --arch knows, under the names that Caffe's users know."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn
from torchvision import models

from converters import convert, verify
from converters.architectures import (
    ARCHITECTURES,
    AlexNet64,
    architecture,
    architecture_names,
    published_weights,
)
from converters.example_inputs import example_inputs
from converters.names import classic_names
from tests.converters.parity import assert_parity, assert_parity_in

ALEXNET = (
    "data conv1 relu1 pool1 conv2 relu2 pool2 conv3 relu3 conv4 relu4 conv5 relu5 pool5 drop5 fc6 relu6 drop6 fc7 relu7"
    " fc8 prob"
)
VGG11 = (
    "data conv1_1 relu1_1 pool1 conv2_1 relu2_1 pool2 conv3_1 relu3_1 conv3_2 relu3_2 pool3 conv4_1 relu4_1 conv4_2"
    " relu4_2 pool4 conv5_1 relu5_1 conv5_2 relu5_2 pool5 fc6 relu6 drop6 fc7 relu7 drop7 fc8 prob"
)


def small_vgg(name: str) -> nn.Module:
    """A VGG whose fully connected layers are narrow, so that a test does not fill 400 MB of weights."""
    with torch.device("meta"):
        full = models.get_model(name)
    widths = {4096: 32, 1000: 10}
    full.classifier = nn.Sequential(
        *(
            nn.Linear(widths.get(layer.in_features, layer.in_features), widths[layer.out_features])
            if isinstance(layer, nn.Linear)
            else layer
            for layer in full.classifier
        )
    )
    full.features.to_empty(device="cpu")
    for layer in full.features:
        if hasattr(layer, "reset_parameters"):
            layer.reset_parameters()
    return full


def test_alexnet_under_its_classic_names() -> None:
    torch.manual_seed(0)
    model = models.alexnet(num_classes=10)
    conversion = convert(model, (1, 3, 224, 224), names=classic_names(model, by_stage=False))
    assert [layer.name for layer in conversion.net.layer] == ALEXNET.split()
    assert list(dict.fromkeys(top for layer in conversion.net.layer for top in layer.top)) == (
        ["data", "conv1", "pool1", "conv2", "pool2", "conv3", "conv4", "conv5", "pool5", "fc6", "fc7", "fc8", "prob"]
    )
    assert conversion.modules["conv5"] == "features.10"
    (verification,) = verify(conversion, model, ["torchcaffe"], example_inputs((1, 3, 224, 224))[:1])
    assert len(verification.layers) == 20
    assert verification.worst.difference.relative <= 1e-5


@pytest.mark.caffe
@pytest.mark.parametrize("size", [227, 256])
def test_alexnet_convolutions_at_sizes_that_need_a_cut_or_a_pool(size: int, tmp_path) -> None:
    """227: pool1 is 28 in Caffe, 27 in PyTorch; 256: the adaptive pool makes 6 of 7."""
    model = models.alexnet(num_classes=10)
    model.classifier = nn.Sequential(nn.Linear(9216, 5))
    conversion = convert(model, (1, 3, size, size))
    assert ("Crop" in {layer.type for layer in conversion.net.layer}) == (size == 227)
    assert ("avgpool" in conversion.modules) == (size == 256)
    assert_parity_in("caffe", {str(size): conversion}, tmp_path)


def test_alexnet64() -> None:
    model = AlexNet64(num_classes=10, width=64)
    conversion = convert(model, (2, 3, 63, 63), names=ARCHITECTURES["alexnet64"].names(model))
    assert [layer.name for layer in conversion.net.layer] == ALEXNET.split()
    assert_parity(model, conversion)


@pytest.mark.caffe
def test_vgg_small_in_both_engines(tmp_path) -> None:
    """At 32 pixels the adaptive pool enlarges maps of 1 to 7, which needs the matrix."""
    torch.manual_seed(0)
    plain, normed = small_vgg("vgg11"), small_vgg("vgg13_bn")
    conversions = {
        name: convert(model, (1, 3, 32, 32), names=classic_names(model, by_stage=True))
        for name, model in {"vgg11": plain, "vgg13_bn": normed}.items()
    }
    names = [layer.name for layer in conversions["vgg11"].net.layer if not layer.name.startswith("avgpool")]
    assert [name for name in names if name != "view"] == VGG11.split()
    assert_parity(plain, conversions["vgg11"])
    assert_parity(normed, conversions["vgg13_bn"])
    assert_parity_in("caffe", conversions, tmp_path)


@pytest.mark.long
@pytest.mark.caffe
@pytest.mark.opencv4
@pytest.mark.parametrize("name", ["alexnet", "vgg11", "vgg13_bn", "vgg16", "vgg19"])
def test_a_whole_network_in_every_engine(name: str) -> None:
    torch.manual_seed(0)
    architecture = ARCHITECTURES[name]
    model = architecture.build({})
    conversion = convert(model, architecture.input_shape, names=architecture.names(model))
    for verification in verify(conversion, model, ["torchcaffe", "caffe", "opencv"]):
        assert verification.layers
        assert verification.worst.difference.relative <= verification.bar


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_every_architecture_builds_to_the_size_of_its_weights(name: str) -> None:
    with torch.device("meta"):
        model = ARCHITECTURES[name].build({"classifier.6.weight": (7, 4096), "classifier.4.weight": (4096, 4096)})
    assert model.classifier[-1].out_features == 7
    names = ARCHITECTURES[name].names(model)
    assert len(set(names.values())) == len(names)
    assert {"conv1" if name.startswith("alex") else "conv1_1", "pool5", "fc6", "fc8"} <= set(names.values())


def test_a_cut_only_adds_layers_whose_place_is_the_pool() -> None:
    model = AlexNet64(num_classes=3, width=16)
    conversion = convert(model, (1, 3, 64, 64), names=ARCHITECTURES["alexnet64"].names(model), softmax=False)
    added = set(conversion.modules) - set(ALEXNET.split())
    assert {conversion.modules[name] for name in added if name != "silence"} <= {"features.2", "avgpool", ""}
    assert np.isfinite(conversion.weights["fc8"][0]).all()


@pytest.mark.parametrize("name", ["resnet18", "squeezenet1_1", "regnet_x_400mf"])
def test_every_classifier_of_torchvision_is_known_with_the_pixels_that_it_was_published_with(name):
    with torch.device("cpu" if name.startswith("regnet") else "meta"):
        published = models.get_model(name, num_classes=7)
    shapes = {key: tuple(value.shape) for key, value in sorted(published.state_dict().items())}
    found = architecture(name)
    assert found.without_memory == (not name.startswith("regnet"))
    with torch.device("meta" if found.without_memory else "cpu"):
        built = found.build(shapes)
    assert {key: tuple(value.shape) for key, value in built.state_dict().items()} == shapes
    assert (found.input_shape, found.resize, found.mean[0]) == ((1, 3, 224, 224), 256, 0.485)


def test_names_that_are_no_architecture():
    assert architecture("resnet19") is None
    assert architecture("fcn_resnet50") is None  # segments, and is no classifier
    assert published_weights("alexnet64") is None
    assert published_weights("alexnet").url.endswith(".pth")
    assert set(ARCHITECTURES) < set(architecture_names())
