"""Layers of forks of Caffe in text and in binary files of any fork."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from prototxt.formats import wire
from prototxt.formats.blob import to_proto
from prototxt.formats.extensions import FORK_NUMBERS, with_our_numbers
from prototxt.formats.schema import EXTENSION_FIELDS, LayerParameter, NetParameter, PoolingParameter
from prototxt.formats.text import parse_net, to_text
from prototxt.formats.weights import read_model, write_weights
from prototxt.lint import lint_net
from prototxt.net.extension_types import EXTENSION_TYPES, STOCK_FORM

NET = """
layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 1 dim: 4 dim: 2 dim: 2 } } }
layer { name: "p" type: "Permute" bottom: "data" top: "p" permute_param { order: 0 order: 2 order: 3 order: 1 } }
"""


def test_text_keeps_its_names() -> None:
    assert parse_net(to_text(parse_net(NET))) == parse_net(NET)
    assert list(parse_net(NET).layer[1].permute_param.order) == [0, 2, 3, 1]


@pytest.mark.parametrize(
    ("type", "number"), [(type, number) for type, (_, numbers) in FORK_NUMBERS.items() for number in sorted(numbers)]
)
def test_settings_of_every_fork_are_read(type: str, number: int, tmp_path: Path) -> None:
    """The settings lie under the fork's number, the weights where they always do."""
    field, _ = FORK_NUMBERS[type]
    body = {
        "DetectionOutput": b"\x08\x15",  # num_classes: 21
        "Interp": b"\x18\x08",  # zoom_factor: 8
        "Normalize": b"\x18\x00",  # channel_shared: false
        "Permute": b"\x08\x00\x08\x02",  # order: 0 order: 2
        "PriorBox": b"\x0d\x00\x00\xf0\x41",  # min_size: 30
        "ShuffleChannel": b"\x08\x04",  # group: 4
    }[type]
    layer = LayerParameter(name="it", type=type, bottom=["data"], top=["it"], blobs=[to_proto(np.ones(3))])
    data = layer.SerializeToString() + wire.delimited(number, body)
    (tmp_path / "net.caffemodel").write_bytes(wire.delimited(NetParameter.LAYER_FIELD_NUMBER, data))
    net, weights = read_model(tmp_path / "net.caffemodel")
    found = getattr(net.layer[0], field)
    assert found.SerializeToString() == body
    assert found.ListFields()
    np.testing.assert_array_equal(weights["it"], [np.ones(3)])


@pytest.mark.parametrize(("given", "rounded"), [("true", PoolingParameter.CEIL), ("false", PoolingParameter.FLOOR)])
def test_ceil_mode_is_read_as_round_mode(given: str, rounded: int) -> None:
    net = parse_net(f'layer {{ name: "p" type: "Pooling" pooling_param {{ kernel_size: 2 ceil_mode: {given} }} }}')
    assert net.layer[0].pooling_param.round_mode == rounded
    assert "ceil_mode" not in to_text(net)
    assert any("round_mode" in finding for finding in lint_net(net)) == (given == "false")


def test_layers_of_stock_caffe_are_read_as_they_are() -> None:
    swish = LayerParameter(name="s", type="Swish", swish_param={"beta": 2.0}).SerializeToString()
    assert with_our_numbers(swish) == swish


def test_files_of_ours_are_read_again(tmp_path: Path) -> None:
    write_weights(tmp_path / "net.caffemodel", parse_net(NET), {})
    assert read_model(tmp_path / "net.caffemodel")[0] == parse_net(NET)


def test_the_linter_of_stock_caffe_names_them_unless_they_are_wanted() -> None:
    (finding,) = lint_net(parse_net(NET), phases=["TEST"])
    assert finding == (
        "layer 'p' (Permute): stock Caffe has no layer type 'Permute', which forks have; "
        "write it with Slice, Reshape and Concat, or Reshape where no number moves"
    )
    assert lint_net(parse_net(NET), phases=["TEST"], extensions=True) == []
    two = NET.replace('bottom: "data" top: "p"', 'bottom: "data" bottom: "data" top: "p"')
    (finding,) = lint_net(parse_net(two), phases=["TEST"], extensions=True)
    assert "has 2 bottoms; Permute takes 1" in finding


def test_every_extension_has_a_form_in_stock_caffe_and_its_settings() -> None:
    assert STOCK_FORM.keys() == EXTENSION_TYPES.keys()
    assert {known.param for known in EXTENSION_TYPES.values()} - {""} == EXTENSION_FIELDS
