"""In place only where it is safe, Flatten only where it is needed."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional

from converters import convert
from converters.layer_spec import LayerSpec
from converters.names import Namer
from converters.simplify import drop_flattens, keep_gradients, merge_reshapes, silence_unused, work_in_place
from prototxt.lint import warn_net
from tests.converters.parity import assert_close, assert_parity, gradients_in_caffe, true_gradient


def spec(type: str, name: str, bottoms: str, tops: str = "", **fields) -> LayerSpec:
    return LayerSpec(name, type, tuple(bottoms.split()), tuple((tops or name).split()), fields)


def tops(layers: list[LayerSpec]) -> list[str]:
    return [layer.tops[0] for layer in layers]


def test_a_chain_shares_the_blob_of_its_first_layer() -> None:
    layers = [
        spec("Convolution", "conv", "data"),
        spec("BatchNorm", "bn", "conv"),
        spec("Scale", "scale", "bn"),
        spec("ReLU", "relu", "scale"),
        spec("Dropout", "drop", "relu"),
        spec("Pooling", "pool", "drop"),
    ]
    assert tops(work_in_place(layers, {"pool"})) == ["conv", "bn", "bn", "bn", "bn", "pool"]
    assert work_in_place(layers, {"pool"})[-1].bottoms == ("bn",)


@pytest.mark.parametrize(
    "layers",
    [
        [spec("Convolution", "a", "data"), spec("ReLU", "b", "a"), spec("Eltwise", "c", "a b")],  # another reader
        [spec("ReLU", "b", "data"), spec("Pooling", "c", "b")],  # the input
        [spec("LRN", "a", "data"), spec("ReLU", "b", "a"), spec("Pooling", "c", "b")],  # LRN's backward reads its top
        [spec("Flatten", "a", "data"), spec("ReLU", "b", "a"), spec("Pooling", "c", "b")],  # shares memory
        [spec("Sigmoid", "a", "data"), spec("ReLU", "b", "a"), spec("Pooling", "c", "b")],
        [
            spec("Eltwise", "a", "data data", eltwise_param={"operation": "PROD"}),
            spec("ReLU", "b", "a"),
            spec("Pooling", "c", "b"),
        ],
        [
            spec("Convolution", "a", "data"),
            spec("ReLU", "b", "a", relu_param={"negative_slope": -0.1}),
            spec("Pooling", "c", "b"),
        ],
    ],
)
def test_not_in_place(layers: list[LayerSpec]) -> None:
    assert work_in_place(layers, {"c"}) == layers


def test_an_output_is_not_overwritten() -> None:
    layers = [spec("Convolution", "a", "data"), spec("ReLU", "b", "a")]
    assert work_in_place(layers, {"a", "b"}) == layers


def test_flatten_goes_only_before_inner_products() -> None:
    ip = {"inner_product_param": {"num_output": 3}}
    layers = [
        spec("Flatten", "flat", "data"),
        spec("Dropout", "drop", "flat"),
        spec("InnerProduct", "fc", "drop", **ip),
    ]
    assert [layer.bottoms for layer in drop_flattens(layers, {"fc"})] == [("data",), ("drop",)]
    assert drop_flattens([*layers, spec("Softmax", "other", "flat")], {"fc", "other"})[0].type == "Flatten"
    assert drop_flattens(layers, {"fc", "flat"})[0].type == "Flatten"
    over_last = {"inner_product_param": {"num_output": 3, "axis": 2}}
    layers = [spec("Flatten", "flat", "data"), spec("InnerProduct", "fc", "flat", **over_last)]
    assert len(drop_flattens(layers, {"fc"})) == 2


def test_unused_tops_are_silenced_by_one_layer() -> None:
    layers = [spec("Slice", "silence", "data", "a b"), spec("Slice", "s", "a", "c d")]
    (*_, last) = silence_unused(layers, {"c"})
    assert (last.name, last.type, last.bottoms) == ("silence_2", "Silence", ("b", "d"))


class Hazard(nn.Module):
    """In-place operations on values that are read again."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.relu, self.data = nn.Conv2d(3, 3, 1), nn.ReLU(inplace=True), nn.Conv2d(3, 3, 1)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        a = self.conv(images)
        b = a + 1
        a = self.relu(a)
        b += a
        c = self.relu(self.data(b))
        return functional.relu_(c - 0.5) + c


def test_in_place_operations_of_pytorch_keep_their_meaning() -> None:
    model = Hazard()
    assert_parity(model, convert(model, (1, 3, 5, 5)))


def test_a_module_that_is_called_data_or_twice_gets_a_name_of_its_own() -> None:
    names = [layer.name for layer in convert(Hazard(), (1, 3, 5, 5)).net.layer]
    assert len(set(names)) == len(names)
    assert {"data", "data_2", "relu", "relu_2", "conv"} <= set(names)


def test_names() -> None:
    model = nn.Sequential(nn.Sequential(nn.ReLU()))
    namer = Namer(model, {"0": "block"}, reserved=("data",))
    assert namer.name("0.0", "aten.relu.default") == "0.0"
    assert namer.name("0", "aten.add.Tensor") == "block"
    assert namer.name("", "aten.add.Tensor") == "add"
    assert namer.name("", "aten.add.Tensor") == "add_2"
    assert namer.unique("data") == "data_2"


class Flattened(nn.Module):
    """Views that PyTorch flattens next: as Reshape and Flatten they would have no gradient in stock Caffe."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.out = nn.Conv2d(3, 8, 3), nn.Conv2d(3, 8, 3), nn.Linear(576, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        a = functional.relu(self.first(x))
        a = a.view(a.shape[0], 2, 144).softmax(1).flatten(1)
        b = functional.relu(self.second(x)).view(a.shape[0], 4, 2, 6, 6).flatten(1)
        return self.out(torch.cat([a, b], 1))


@pytest.mark.caffe
def test_no_flatten_takes_the_gradient_from_what_is_below(tmp_path) -> None:
    model = Flattened()
    conversion = convert(model, (2, 3, 8, 8), softmax=False)
    assert not any("#6769" in warning for warning in warn_net(conversion.net))
    ((found,),) = gradients_in_caffe([(conversion, list(conversion.outputs.values()))], tmp_path)
    assert_close(found, true_gradient(model, conversion))


def test_a_flatten_of_shared_memory_is_a_reshape() -> None:
    shared = spec("Concat", "alone", "data")
    (_, flatten) = keep_gradients([shared, spec("Flatten", "flat", "alone")])
    assert flatten.type == "Reshape"
    assert flatten.fields == {"reshape_param": {"shape": {"dim": [0, -1]}}}
    several = [spec("Concat", "both", "data data"), spec("Flatten", "flat", "both")]
    assert keep_gradients(several) == several


def test_reshapes_in_a_row_become_one() -> None:
    shape = {"reshape_param": {"shape": {"dim": [0, 2, -1]}}}
    layers = [spec("Reshape", "a", "data", **shape), spec("Flatten", "b", "a"), spec("Reshape", "c", "b", **shape)]
    (only,) = merge_reshapes(layers, {"c"})
    assert (only.name, only.bottoms) == ("c", ("data",))
    assert [layer.name for layer in merge_reshapes(layers, {"a", "c"})] == ["a", "c"]
    copying = spec("Reshape", "d", "a", reshape_param={"shape": {"dim": [0, 0, 3, -1]}})
    assert merge_reshapes([layers[0], copying], {"d"}) == [layers[0], copying]
    both = spec("Reshape", "a", "data", reshape_param={"shape": {"dim": [0, 0, -1]}})
    assert [layer.bottoms for layer in merge_reshapes([both, copying], {"d"})] == [("data",)]
