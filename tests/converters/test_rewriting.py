"""Nets in another form: the same values, verified against the same PyTorch graph."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_weights

from converters import ConversionError, check, convert, verify
from converters.rewriting import Form, named, rewritten
from converters.verdict import Verification
from prototxt.lint import lint_net
from prototxt.net.build import layer
from prototxt.rewrite import fold, shorten
from prototxt.rewrite.fold import Affine, folded_weights
from prototxt.targets import target_names
from tests.converters.parity import assert_parity_in

SHAPE = (2, 3, 16, 16)


def normalised(model: nn.Module) -> nn.Module:
    """The model with statistics and factors that are not those of a new net."""
    torch.manual_seed(1)
    for module in model.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2)
            if module.affine:
                module.weight.data.normal_(1, 0.3)
                module.bias.data.normal_()
    return model.eval()


class Block(nn.Module):
    """A residual block, and a normalisation that no convolution comes right before."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.BatchNorm2d(3)
        self.conv = nn.Conv2d(3, 6, 3, padding=1, bias=False, groups=3)
        self.bn = nn.BatchNorm2d(6)
        self.up = nn.Conv2d(3, 6, 1)
        self.up_bn = nn.BatchNorm2d(6, affine=False)
        self.drop = nn.Dropout(0.3)
        self.fc = nn.Linear(6, 4)
        self.last = nn.BatchNorm1d(4)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        images = self.first(images)
        x = torch.relu(self.bn(self.conv(images)) + self.up_bn(self.up(images)))
        x = nn.functional.adaptive_avg_pool2d(x, 1)
        return self.last(self.fc(self.drop(torch.flatten(x, 1))))


def types(conversion) -> list[str]:
    return [layer.type for layer in conversion.net.layer]


def assert_verified(conversion, model: nn.Module, engines=("torchcaffe",)) -> list[Verification]:
    assert lint_net(conversion.net) == []
    verifications = verify(conversion, model, list(engines))
    check(verifications)
    for verification in verifications:
        assert all(found.difference.relative <= verification.bar for found in verification.layers)
    return verifications


@pytest.mark.caffe
def test_batch_norm_is_folded_and_verified_in_every_engine() -> None:
    model = normalised(Block())
    conversion = rewritten(convert(model, SHAPE), fold)
    assert types(conversion).count("BatchNorm") == 1
    assert types(conversion).count("Scale") == 1
    assert conversion.notes == ("not folded, since no convolution comes right before: first",)
    assert conversion.weights["conv"][0].shape == (6, 1, 3, 3)
    assert [len(conversion.weights[name]) for name in ("conv", "up", "fc")] == [2, 2, 2]
    (ours, _) = assert_verified(conversion, model, ["torchcaffe", "caffe"])
    assert {"conv", "up", "fc"} <= {found.layer for found in ours.layers}


def test_folding_is_pytorch_s_in_float64() -> None:
    bn = normalised(nn.Sequential(nn.BatchNorm2d(4))).double()[0]
    scale = bn.weight / torch.sqrt(bn.running_var + bn.eps)
    affine = Affine(scale.detach().numpy(), (bn.bias - bn.running_mean * scale).detach().numpy())
    for transposed in (False, True):
        kind = nn.ConvTranspose2d if transposed else nn.Conv2d
        conv = kind(6, 4, 3, bias=not transposed).double()
        expected = fuse_conv_bn_weights(
            conv.weight, conv.bias, bn.running_mean, bn.running_var, bn.eps, bn.weight, bn.bias, transposed
        )
        blobs = [each.detach().numpy() for each in (conv.weight, conv.bias) if each is not None]
        type = "Deconvolution" if transposed else "Convolution"
        found = folded_weights(layer(type, "conv", convolution_param={"num_output": 4}), blobs, affine)
        for ours, theirs in zip(found, expected, strict=True):
            assert np.abs(ours - theirs.detach().numpy()).max() <= 1e-15 * 10


def test_groups_of_a_deconvolution() -> None:
    conv, weight = nn.ConvTranspose2d(4, 6, 3, groups=2).double(), torch.rand(6).double()
    made = layer("Deconvolution", "up", convolution_param={"num_output": 6, "group": 2})
    blobs = [conv.weight.detach().numpy(), conv.bias.detach().numpy()]
    new = folded_weights(made, blobs, Affine(weight.numpy(), np.ones(6)))
    images = torch.rand(1, 4, 5, 5).double()
    expected = conv(images) * weight.view(-1, 1, 1) + 1
    found = nn.functional.conv_transpose2d(images, torch.from_numpy(new[0]), torch.from_numpy(new[1]), groups=2)
    assert torch.allclose(found, expected, rtol=1e-13)


class Shared(nn.Module):
    """One convolution used twice, and one whose result is read twice."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.own = nn.Conv2d(3, 3, 1), nn.Conv2d(3, 3, 1)
        self.a, self.b, self.c = (nn.BatchNorm2d(3) for _ in range(3))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        x = self.b(self.conv(self.a(self.conv(images))))
        y = self.own(x)
        return self.c(y) + y


def test_shared_weights_and_results_that_others_read_are_left_alone() -> None:
    model = normalised(Shared())
    conversion = convert(model, SHAPE)
    folded = rewritten(conversion, fold)
    assert types(folded) == types(conversion)
    assert folded.notes == ("not folded, since no convolution comes right before: a, b, c",)


def test_a_net_is_simplified() -> None:
    model = normalised(nn.Sequential(nn.Conv2d(3, 4, 3), nn.Dropout(0.5), nn.ReLU(), nn.Flatten(), nn.Linear(784, 3)))
    simple = rewritten(convert(model, SHAPE), shorten)
    assert types(simple) == ["Input", "Convolution", "ReLU", "InnerProduct", "Softmax"]
    assert_verified(simple, model)


class Factors(nn.Module):
    """A convolution with a factor for every channel behind it, and a number added."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.register_buffer("factors", torch.rand(4, 1, 1))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.conv(images) * self.factors + 2.0


def test_factors_and_shifts_are_folded() -> None:
    model = Factors()
    simple = rewritten(convert(model, SHAPE), shorten)
    assert types(simple) == ["Input", "Convolution"]
    assert_verified(simple, model)


def plain() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        *(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(3, 2), nn.Conv2d(4, 6, 3), nn.LeakyReLU()),
        *(nn.Flatten(), nn.Linear(96, 5), nn.Dropout(), nn.Linear(5, 3)),
    )


def test_names_as_caffe_s_users_know_them() -> None:
    model = plain()
    conversion = named(convert(model, SHAPE), "caffe")
    names = [layer.name for layer in conversion.net.layer if layer.type != "Silence"]
    assert [name for name in names if "/" not in name] == [
        *("data", "conv1", "bn1", "relu1", "pool1", "conv2", "relu2", "fc3", "drop3", "fc4", "prob")
    ]
    assert conversion.modules["conv2"] == "4"
    assert {"conv1", "bn1", "bn1/scale", "conv2", "fc3", "fc4"} <= conversion.weights.keys()
    assert_verified(conversion, model)


def test_names_that_every_program_takes() -> None:
    nested = nn.Sequential(nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU()), nn.BatchNorm2d(4))
    conversion = named(convert(nested, SHAPE), "modules")
    assert [layer.name for layer in conversion.net.layer] == ["data", "conv0.0", "relu0.1", "bn1", "bn1/scale"]
    assert_verified(conversion, nested)


def test_a_net_with_branches_is_called_after_its_modules() -> None:
    model = normalised(Block())
    conversion = Form(names="caffe", fold_batch_norm=True, simplify=True).of(convert(model, SHAPE))
    assert "the net has branches, so its layers are called after the modules" in conversion.notes
    assert "conv" in conversion.weights
    assert "Dropout" not in types(conversion)
    assert_verified(conversion, model)


@pytest.mark.caffe
def test_every_target_s_net_is_verified(tmp_path: Path) -> None:
    model = normalised(
        nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(3, 2), nn.Dropout(), nn.Flatten())
    )
    conversion = convert(model, SHAPE)
    forms = {name: Form(target=name).of(conversion) for name in target_names()}
    silenced = {name for name, form in forms.items() if "Silence" in types(form)}
    assert not silenced & {"caffe-master", "rknn", "atc"}
    assert "Dropout" not in types(forms["atc"])
    assert_parity_in("caffe", forms, tmp_path)
    assert_verified(forms["tpu-mlir"], model)
    check(verify(forms["rknn"], model))


def test_a_net_that_a_target_does_not_take_is_refused() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ELU())
    with pytest.raises(ConversionError, match=r"Sophgo tpu-mlir would not take the net: layer 'elu1' \(ELU\)"):
        Form(target="tpu-mlir").of(convert(model, SHAPE))
