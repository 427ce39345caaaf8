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
    round_, sine = Model(torch.round), Model(torch.sin)
    stem = nn.Sequential(nn.Conv2d(3, 4, 3), round_, Model(lambda x: x.prod(0, keepdim=True) + x), round_)
    model = nn.Sequential(stem, sine, Model(lambda x: x.bernoulli() + x.erfinv()), *[sine] * 4)
    with pytest.raises(UnsupportedOpsError) as caught:
        convert(model, SHAPE)
    message = str(caught.value)
    assert message.startswith("11 operations of the model cannot be converted to stock Caffe: ")
    for part in (
        "aten.round at 0.1, 0.3 (no layer of stock Caffe computes it)",
        "aten.prod.dim_int at 0.2 (over the batch)",
        "aten.sin at 1, 3, 4 and 2 more (",
        "aten.bernoulli at 2 (the net must compute the same every time)",
        "aten.erfinv at 2. What can be is listed in docs/converter-operations.md",
    ):
        assert part in message, message
    assert len(caught.value.problems) == 11


def test_a_message_for_many_operations_stays_short() -> None:
    model = nn.Sequential(*(Model(lambda x, n=n: (x + n).sin() + (x + n).prod(0, keepdim=True)) for n in range(40)))
    with pytest.raises(UnsupportedOpsError, match=r"aten\.sin at 0, 1, 2 and 37 more") as caught:
        convert(model, SHAPE)
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_of_a_training_that_diverged(value: float) -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
    model[1].running_var[2] = value
    with pytest.raises(ConversionError, match=r"1\.running_var .* 1 values of 4 that are NaN or infinite"):
        convert(model, SHAPE)


@pytest.mark.parametrize(
    "function", [lambda x: x * 1e39, lambda x: x / torch.zeros(3, 1, 1), lambda x: x + float("inf")]
)
def test_numbers_that_float32_does_not_hold(function) -> None:
    with pytest.raises(UnsupportedOpsError, match=r"that float32 does not hold|infinite or no number"):
        convert(Model(function), SHAPE)


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        (lambda x: torch.cat([x, torch.ones(2, 3, 8, 8)]), "constant"),
        (lambda x: x * torch.arange(2.0).view(2, 1, 1, 1), "every picture of the batch"),
        (lambda x: x.flatten(1) @ x.flatten(1).t(), "attention has no counterpart"),
    ],
)
def test_a_form_that_caffe_lacks_is_refused_with_the_reason(function, reason: str) -> None:
    with pytest.raises(UnsupportedOpsError, match=reason):
        convert(Model(function), SHAPE)


def test_a_constant_per_picture_is_refused() -> None:
    with pytest.raises(UnsupportedOpsError, match="every picture of the batch"):
        convert(Model(lambda x: x * torch.arange(2.0).view(2, 1, 1, 1)), (2, 3, 8, 8))


def test_control_flow_that_depends_on_values(capfd) -> None:
    with pytest.raises(ConversionError, match=r"cannot be captured by torch\.export.*decide by the values of tensors"):
        convert(Model(lambda x: x if x.sum() > 0 else -x), SHAPE)
    assert capfd.readouterr() == ("", "")  # torch would print its graph


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
