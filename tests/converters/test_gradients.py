"""The backward pass: PyTorch's gradients in both engines, and what is wrong is found."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from converters import ConversionError, ParityError, convert
from converters.gradients import check_gradients, verify_gradients
from converters.gradients.engines import GRADIENTS, GradientJob, torchcaffe_gradients
from converters.gradients.reference import Key, parameter_of_blob
from converters.rewriting import Form

SHAPE = (1, 3, 12, 12)


class Net(nn.Module):
    """A residual net with a normalisation, a pooling that is cut, and two outputs."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.bn = nn.Conv2d(3, 6, 3, padding=1, bias=False), nn.BatchNorm2d(6)
        self.inner, self.fc = nn.Conv2d(6, 6, 3, padding=1), nn.Linear(216, 4)

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        x = functional.max_pool2d(torch.relu(self.bn(self.stem(images))), 3, 2, 1)
        x = torch.tanh(x + self.inner(x))
        return self.fc(torch.flatten(x, 1)), x


@pytest.fixture
def model() -> nn.Module:
    torch.manual_seed(0)
    net = Net().eval()
    net.bn.running_mean.normal_()
    net.bn.running_var.uniform_(0.5, 2)
    nn.init.normal_(net.bn.weight)
    net.stem.weight.requires_grad = False
    return net


@pytest.mark.caffe
def test_gradients_of_input_and_parameters(model: nn.Module) -> None:
    conversion = convert(model, SHAPE)
    verifications = verify_gradients(conversion, model, ["torchcaffe", "caffe"])
    check_gradients(verifications)
    for verification in verifications:
        assert [check.name for check in verification.checks] == [
            *("data", "stem.weight", "bn.weight", "bn.bias", "inner.weight", "inner.bias", "fc.weight", "fc.bias")
        ]
        assert verification.parameters == 7
        assert all(check.cosine > 1 - 1e-6 and check.relative <= 1e-5 for check in verification.checks)
        assert "gradients of the input and 7 of 7 parameters, least cosine 1.0000000 at" in verification.sentence()


def test_a_wrong_backward_pass_is_found(model: nn.Module, monkeypatch) -> None:
    def half(job: GradientJob) -> dict[Key, np.ndarray]:
        found = torchcaffe_gradients(job)
        found["inner", 0][::2] *= 0.5
        return found

    monkeypatch.setitem(GRADIENTS, "torchcaffe", half)
    verifications = verify_gradients(convert(model, SHAPE), model)
    with pytest.raises(
        ParityError, match=r"torchcaffe computes 1 of 8 gradients otherwise than PyTorch, worst that of inner\.w"
    ):
        check_gradients(verifications)


def test_what_is_folded_has_no_gradient_of_its_own(model: nn.Module) -> None:
    conversion = Form(fold_batch_norm=True).of(convert(model, SHAPE))
    assert set(parameter_of_blob(conversion, model).values()) == {"inner.weight", "inner.bias", "fc.weight", "fc.bias"}
    (verification,) = verify_gradients(conversion, model)
    check_gradients([verification])
    assert len(verification.checks) == 5


def test_engines_without_a_backward_pass(model: nn.Module) -> None:
    with pytest.raises(ConversionError, match="opencv computes no gradients; torchcaffe and caffe do"):
        verify_gradients(convert(model, SHAPE), model, ["opencv"])
