"""Several inputs, nested outputs, a batch that no operation may eat, and what has no value."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from converters import Conversion, ConversionError, check, convert, read_conversion, verify
from converters.convert_pytorch_to_caffe import main
from converters.engines import ENGINES, Job
from converters.example_inputs import example_inputs
from converters.verification import write_files
from prototxt.formats.text import read_net
from tests.converters.parity import assert_parity, assert_parity_in

SHAPE = (1, 3, 8, 8)


class Siamese(nn.Module):
    """Two pictures through one convolution."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)

    def forward(self, left: Tensor, right: Tensor, factor: float = 2.0) -> dict[str, object]:
        first, second = self.conv(left), self.conv(right)
        return {"maps": [first, second], "difference": first - factor * second, "left": left, "nothing": (None, 3)}


class Net(nn.Module):
    """A convolution, then a function of its result."""

    def __init__(self, function, kernel: int = 3) -> None:
        super().__init__()
        self.conv, self.function = nn.Conv2d(3, 5, kernel), function
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, x: Tensor):
        return self.function(self, self.conv(x))


def inputs_of(conversion: Conversion) -> dict[str, list[int]]:
    layers = (layer for layer in conversion.net.layer if layer.type == "Input")
    return {layer.name: list(layer.input_param.shape[0].dim) for layer in layers}


@pytest.mark.caffe
@pytest.mark.opencv4
def test_two_inputs_and_a_nest_of_outputs(tmp_path) -> None:
    model = Siamese()
    conversion = convert(model, {"right": (1, 3, 6, 6), "left": (1, 3, 6, 6)})
    assert inputs_of(conversion) == {"left": [1, 3, 6, 6], "right": [1, 3, 6, 6]}
    assert conversion.outputs == {
        "maps.0": "conv",
        "maps.1": "conv_2",
        "difference": "sub",
        "left": "left",
        "nothing.0": None,
        "nothing.1": None,
    }
    assert conversion.notes == (
        "output 'nothing.0' has no blob: it is None",
        "output 'nothing.1' has no blob: it is 3",
    )
    assert_parity(model, conversion)
    assert_parity_in("caffe", {"siamese": conversion}, tmp_path)
    assert_parity_in("opencv", {"siamese": conversion}, tmp_path)


def test_inputs_by_name_in_the_command(tmp_path, capsys) -> None:
    arguments = ["--module", f"{__name__}:Siamese", "--random-weights", "--force", "--out", str(tmp_path / "out")]
    main([*arguments, "--input-shape", "left=1,3,6,6", "--input-shape", "right=1,3,6,6"])
    assert "note: output 'nothing.0' has no blob: it is None" in capsys.readouterr().out
    record = read_conversion(tmp_path / "out")
    assert record.outputs["difference"] == "sub"
    assert json.loads(record.path.read_text())["inputs"] == {"left": [1, 3, 6, 6], "right": [1, 3, 6, 6]}
    for shapes, reason in (
        (["1,3,6,6"], "needs right as well; give a shape for each"),
        (["left=1,3,6,6", "rihgt=1,3,6,6"], "has no input 'rihgt'; it takes: left, right, factor"),
        (["left=1,3,6,6", "left=1,3,6,6"], "the shape of input 'left' is given twice"),
        (["left=1,3,6,6", "1,3,6,6"], "give every shape a name"),
        (["left="], "must be whole numbers from 1"),
    ):
        with pytest.raises(SystemExit):
            main([*arguments, *(word for shape in shapes for word in ("--input-shape", shape))])
        assert reason in " ".join(capsys.readouterr().err.split())


def test_an_only_input_is_called_data_whatever_its_name() -> None:
    assert list(inputs_of(convert(nn.ReLU(), {"input": (1, 3)}))) == ["data"]


@pytest.mark.parametrize("squeeze", [torch.squeeze, lambda x: x.view(x.size(0), -1)])
def test_squeeze_leaves_the_batch(squeeze, tmp_path) -> None:
    model = Net(lambda net, x: squeeze(x), kernel=8)
    conversion = convert(model, SHAPE, softmax=False)
    files = write_files(conversion, tmp_path)
    images = example_inputs((3, 3, 8, 8))[0]
    top = (conversion.net.layer[-1].name, 0)
    (result,) = ENGINES["torchcaffe"].run([Job(files.prototxt, files.caffemodel, (images,), (top,))])
    with torch.no_grad():
        np.testing.assert_allclose(result[top], model(torch.from_numpy(images)), rtol=1e-4, atol=1e-6)


def test_a_model_of_one_picture_is_captured_as_it_is_and_says_so() -> None:
    model = Net(lambda net, x: x.view(5, 36) + 1)
    conversion = convert(model, SHAPE)
    assert conversion.notes[0].startswith("the batch is fixed to 1, since with more Net cannot process an input")
    (verification,) = verify(conversion, model)
    check([verification])


def test_several_inputs_are_verified_in_batches() -> None:
    model = Net(lambda net, x: x + 1)
    conversion = convert(model, SHAPE)
    assert conversion.captured.pictures == 2
    (verification,) = verify(conversion, model, inputs=example_inputs(SHAPE)[:3])
    assert verification.inputs == 3


@pytest.mark.parametrize(
    "function",
    [
        lambda net, x: x.view(1, -1, 2) * 2,
        lambda net, x: x.flip(0) * 2,
        lambda net, x: x[0] * 2,
        lambda net, x: x[0:1] * 2,
    ],
)
def test_a_model_of_one_picture_says_so(function) -> None:
    model = Net(function)
    conversion = convert(model, SHAPE, softmax=False)
    assert conversion.captured.pictures == 1
    assert any(note.startswith("the batch is fixed to 1, since with more layer") for note in conversion.notes)
    assert_parity(model, conversion)


class ByName(nn.Module):
    """Takes its input by name alone."""

    def forward(self, *, images: Tensor) -> Tensor:
        return images * 2


def test_an_input_that_is_taken_by_name_alone() -> None:
    model = ByName()
    assert_parity(model, convert(model, SHAPE))


def write_a_buffer(net: Net, x: Tensor) -> Tensor:
    net.calls += 1
    return x + 1


def without_gradients(net: Net, x: Tensor) -> Tensor:
    with torch.no_grad():
        y = x * 2
    return y + 1


def write_over_the_input(net: Net, x: Tensor) -> Tensor:
    return x.mul_(2) + x


@pytest.mark.parametrize(
    "function",
    [
        lambda net, x: x.float() / 255,
        lambda net, x: x.to(net.conv.weight.device) + 1,
        lambda net, x: x.contiguous().clone().detach() + 1,
        lambda net, x: (x + 1, None),
        lambda net, x: [x + 1, torch.ones(3)],
        lambda net, x: (x.roll(1), x + 1)[1],  # a result that nobody reads is not converted
        write_a_buffer,
        without_gradients,
        write_over_the_input,
    ],
)
def test_what_changes_no_value_converts(function) -> None:
    model = Net(function)
    assert_parity(model, convert(model, SHAPE))


def test_what_is_left_out_is_said() -> None:
    (note,) = convert(Net(write_a_buffer), SHAPE).notes
    assert note == "the model writes to calls in its forward; the net does not"
    (note,) = convert(Net(lambda net, x: (x, torch.ones(3))), SHAPE).notes
    assert note == "output '1' has no blob: it is a constant of shape (3,), whatever the input"
    (note,) = convert(Net(lambda net, x: nn.functional.max_pool2d(x, 2, return_indices=True)), SHAPE).notes
    assert note.startswith("output '1' has no blob: it is a second result of aten.max_pool2d_with_indices")


def test_a_result_that_cannot_be_looked_into() -> None:
    with pytest.raises(ConversionError, match=r"cannot be captured|cannot be looked into"):
        convert(Net(lambda net, x: {1: x, "set": {x}}), SHAPE)


def test_a_shape_with_nothing_in_it() -> None:
    for shape in ((), (0, 3), (1, -3)):
        with pytest.raises(ConversionError, match="must be numbers from 1 on"):
            convert(nn.ReLU(), shape)


def test_learning_follows_pytorch(tmp_path) -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.PReLU(4), nn.Conv2d(4, 4, 1, bias=False))
    model[0].weight.requires_grad_(False)
    model[2].requires_grad_(False)
    files = write_files(convert(model, SHAPE), tmp_path)
    layers = {layer.name: layer for layer in read_net(files.prototxt).layer}
    assert [param.lr_mult for param in layers["0"].param] == [0.0, 1.0]
    assert not layers["1"].param
    assert [(param.lr_mult, param.decay_mult) for param in layers["2"].param] == [(0.0, 0.0)]
