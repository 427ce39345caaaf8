"""Models that cannot be converted: one sentence that says what and where."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional

from converters import ConversionError, UnsupportedOpsError, convert
from converters.call import Call
from converters.registry import CONVERTERS, converts

SHAPE = (1, 3, 8, 8)


class Model(nn.Module):
    """A module made of a function."""

    def __init__(self, function) -> None:
        super().__init__()
        self.function = function

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.function(images)


def test_all_unsupported_operations_are_in_one_error() -> None:
    stem = nn.Sequential(nn.Conv2d(3, 4, 3), nn.GELU(), nn.MaxPool2d(2, dilation=2), nn.GELU())
    model = nn.Sequential(stem, nn.Upsample(scale_factor=2), Model(lambda x: x.roll(1, 1) + x.flip(1)))
    with pytest.raises(UnsupportedOpsError) as caught:
        convert(model, SHAPE)
    message = str(caught.value)
    assert message.startswith("6 operations of the model cannot be converted to stock Caffe: ")
    for part in (
        "aten.gelu at 0.1, 0.3",
        "aten.max_pool2d at 0.2 (dilation [2, 2])",
        "aten.upsample_nearest2d.vec at 1",
        "aten.roll at 2",
        "aten.flip at 2",
        "Supported: abs, adaptive_avg_pool2d, ",
    ):
        assert part in message
    assert len(caught.value.problems) == 6


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        (lambda x: x + x[:, :1], "slice"),
        (lambda x: x * functional.adaptive_avg_pool2d(x, 1), r"different shapes \(2, 3, 8, 8\) and \(2, 3, 1, 1\)"),
        (lambda x: functional.pad(x, (1, 1, 1, 1), mode="reflect"), "reflect"),
        (lambda x: functional.pad(x, (-1, 1)), r"amounts \[-1, 1\]"),
        (lambda x: functional.selu(x), "selu"),
        (lambda x: functional.adaptive_max_pool2d(x, 5), "windows differ"),
        (lambda x: x.mean((2, 3)), "mean"),
        (lambda x: torch.cat([x, torch.ones(1, 3, 8, 8)]), "constant"),
        (lambda x: torch.ones(8, 8) / x, "constant array"),
        (lambda x: x.amax() + torch.ones(2), "amax"),
        (lambda x: x * torch.arange(2.0).view(2, 1, 1, 1), "every picture of the batch"),
    ],
)
def test_a_form_that_caffe_lacks_is_refused_with_the_reason(function, reason: str) -> None:
    with pytest.raises(UnsupportedOpsError, match=reason):
        convert(Model(function), SHAPE)


def test_a_constant_per_picture_is_refused() -> None:
    with pytest.raises(UnsupportedOpsError, match="every picture of the batch"):
        convert(Model(lambda x: x * torch.arange(2.0).view(2, 1, 1, 1)), (2, 3, 8, 8))


def test_control_flow_that_depends_on_values() -> None:
    with pytest.raises(ConversionError, match=r"cannot be captured by torch\.export.*decide by the values of tensors"):
        convert(Model(lambda x: x if x.sum() > 0 else -x), SHAPE)


def test_an_input_that_the_model_does_not_take() -> None:
    with pytest.raises(ConversionError, match=r"cannot process an input of shape \(1, 4, 8, 8\)"):
        convert(nn.Conv2d(3, 4, 3), (1, 4, 8, 8))


def test_half_precision() -> None:
    with pytest.raises(ConversionError, match=r"weight of the model is torch\.float16"):
        convert(nn.Conv2d(3, 4, 3).half(), SHAPE)


def test_a_model_without_operations() -> None:
    with pytest.raises(ConversionError, match="nothing to convert"):
        convert(nn.Identity(), SHAPE)


def test_a_model_that_returns_constants_alone() -> None:
    with pytest.raises(ConversionError, match="nothing that depends on its input"):
        convert(Model(lambda x: (None, torch.ones(2))), SHAPE)


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        (lambda x: x.long(), "_to_copy .*from float32 to int64, which changes the values"),
        (lambda x: x.half() + 1, "_to_copy .*from float32 to float16"),
        (lambda x: functional.max_unpool2d(*functional.max_pool2d(x, 2, return_indices=True), 2), "max_unpool2d"),
    ],
)
def test_what_ended_in_a_traceback_is_one_sentence(function, reason: str) -> None:
    with pytest.raises(UnsupportedOpsError, match=reason):
        convert(Model(lambda x: function(x * 2)), SHAPE)


def test_a_fault_of_a_converter_is_told_among_the_rest(monkeypatch) -> None:
    def fail(call: Call) -> str:
        raise IndexError("list index out of range")

    monkeypatch.setitem(CONVERTERS, "aten.relu.default", fail)
    with pytest.raises(UnsupportedOpsError, match=r"aten.relu at .*a fault of this program.*IndexError.*aten.roll"):
        convert(Model(lambda x: functional.relu(x).roll(1)), SHAPE)


def test_the_model_stays_as_it_was() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4).eval(), nn.Dropout())
    before = {name: value.clone() for name, value in model.state_dict().items()}
    conversion = convert(model.train(), SHAPE)
    model[1].eval()
    assert [module.training for module in model] == [True, False, True]
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    with torch.no_grad():
        model[0].weight.zero_()
    assert conversion.weights["0"][0].any()


def test_two_converters_for_one_operation() -> None:
    with pytest.raises(ValueError, match=r"'aten\.relu\.default' is registered twice: .*convert_same"):

        @converts("aten.relu.default")
        def convert_again(call: Call) -> str:
            raise NotImplementedError

    assert CONVERTERS["aten.relu.default"].__name__ == "convert_same"
