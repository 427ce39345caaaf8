"""Layers of forks of Caffe as PyTorch and as ONNX."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from converters.back.describing import DESCRIPTIONS
from converters.back.source_net import source_net
from converters.errors import ConversionError
from prototxt.formats.text import parse_net
from prototxt.net.extension_types import EXTENSION_TYPES
from tests.converters.back.nets import assert_equal, in_onnx, in_pytorch, onnx
from tests.torchcaffe.layers.test_extensions import (
    DETECTIONS,
    PRIORS,
    SSD,
    detection_inputs,
    detection_net,
    one,
    prior_box_net,
)
from torchcaffe.network import Network

SETTINGS = {
    "ReLU6": ["", ""],
    "Permute": ["permute_param { order: 0 order: 2 order: 3 order: 1 }", "permute_param { order: 0 order: 3 }"],
    "Normalize": [
        "norm_param { across_spatial: false channel_shared: false eps: 0.01 }",
        "norm_param { across_spatial: true channel_shared: true }",
    ],
    "Interp": [
        "interp_param { height: 7 width: 9 }",
        "interp_param { zoom_factor: 2 }",
        "interp_param { shrink_factor: 2 pad_beg: -1 }",
        "interp_param { height: 4 width: 6 }",
    ],
    "Upsample": ["", "upsample_param { stride: 3 scale: 0.5 }", "upsample_param { stride_h: 1 stride_w: 2 }"],
    "Reorg": ["", "reorg_param { reverse: true }"],
    "ShuffleChannel": ["shuffle_channel_param { group: 4 }"],
}
WRITTEN = {"pytorch": in_pytorch, "onnx": in_onnx}


@pytest.mark.parametrize(("type", "settings"), [(type, each) for type, many in SETTINGS.items() for each in many])
@pytest.mark.parametrize("program", WRITTEN)
def test_layer(type: str, settings: str, program: str, tmp_path: Path) -> None:
    net = parse_net(one(type, settings))
    rng = np.random.default_rng(0)
    shapes = {"it": [()] if "channel_shared: true" in settings else [(8,)]} if type == "Normalize" else {}
    weights = {name: [rng.normal(size=shape).astype(np.float32) for shape in many] for name, many in shapes.items()}
    source = source_net(net, weights)
    assert source.batch_is_free
    assert_equal(WRITTEN[program](source, tmp_path))


@pytest.mark.parametrize("settings", PRIORS)
@pytest.mark.parametrize("program", WRITTEN)
def test_prior_box(settings: str, program: str, tmp_path: Path) -> None:
    assert_equal(WRITTEN[program](source_net(parse_net(prior_box_net(settings)), {}), tmp_path))


@pytest.mark.parametrize("settings", DETECTIONS)
@pytest.mark.parametrize("program", WRITTEN)
def test_detection_output(settings: str, program: str, tmp_path: Path) -> None:
    locations = 4 if "share_location" in settings else 1
    source = source_net(parse_net(detection_net(settings, 40, 4, locations)), {})
    inputs = dict(zip(source.inputs, detection_inputs(40, 4, locations), strict=True))
    if program == "onnx" and ("eta" in settings or locations > 1):
        with pytest.raises(ConversionError, match="ONNX has no suppression with eta below 1 or boxes of their own"):
            onnx(source, tmp_path)
        return
    assert_equal(WRITTEN[program](source, tmp_path, [inputs]))


def test_every_extension_is_described_and_tested() -> None:
    assert EXTENSION_TYPES.keys() <= DESCRIPTIONS.keys()
    assert SETTINGS.keys() | {"PriorBox", "DetectionOutput"} == EXTENSION_TYPES.keys()


@pytest.mark.parametrize("program", WRITTEN)
def test_an_ssd(program: str, tmp_path: Path) -> None:
    net = parse_net(SSD)
    assert_equal(WRITTEN[program](source_net(net, Network(net, seed=1).weights()), tmp_path))
