"""Preprocessing as the first layer of a net, so that it takes pixels 0-255 in BGR, as cameras and OpenCV give them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from converters.conversion import Conversion
from converters.errors import ConversionError
from converters.layer_spec import Reference
from prototxt.formats.schema import LayerParameter, NetParameter
from prototxt.net.build import layer
from prototxt.pixels.field_types import ChannelOrder
from prototxt.pixels.preprocess import Preprocessing

LAYER = "preprocessing"


def bake_preprocessing(conversion: Conversion) -> Conversion:
    """Put the preprocessing in front of the net, but for resizing and cropping: a frozen 1×1 Convolution.

    ``(raw · x - mean) / std`` is ``(raw / std) · x - mean / std``; the weights are computed in float64, and the
    Convolution also turns BGR into RGB. It has no padding, so what pads with zeros behind it still pads with the mean
    pixel, as in training.

    Raises
    ------
    ConversionError : if the net takes no pictures.
    """
    preprocessing = conversion.preprocessing
    if preprocessing is None or preprocessing.mean_image is not None or preprocessing.channel_order == "STORED":
        raise ConversionError("the net takes no pictures of 1 or 3 channels, so it has no preprocessing to bake in")
    net, data = NetParameter(), conversion.net.layer[0].top[0]
    net.CopyFrom(conversion.net)
    del net.layer[:]
    for old in conversion.net.layer:
        new = net.layer.add()
        new.CopyFrom(old)
        new.bottom[:] = [LAYER if bottom == data else bottom for bottom in old.bottom]
        if old.type == "Input" and data in old.top:
            net.layer.append(_front_layer(data, preprocessing.channels))
    node = conversion.captured.inputs[0].node if conversion.captured else ""
    return replace(
        conversion,
        net=net,
        weights={LAYER: _front_weights(preprocessing), **conversion.weights},
        preprocessing=_pixels_only(preprocessing),
        baked=preprocessing,
        modules={LAYER: "", **conversion.modules},
        references=(Reference(LAYER, 0, node), *conversion.references),
        notes=(*conversion.notes, f"the net takes pixels 0-255 in {_order(preprocessing)}; {LAYER} normalises them"),
    )


def pixel_feed(feed: Mapping[str, np.ndarray], name: str) -> dict[str, np.ndarray]:
    """A feed in which the input ``name``, of values about -2 to 2, is whole pixels 0-255."""
    pixels = np.clip(np.rint((feed[name] + 2) * (255 / 4)), 0, 255).astype(np.float32)
    return {**feed, name: pixels}


def graph_feed(feed: Mapping[str, np.ndarray], name: str, baked: Preprocessing) -> dict[str, np.ndarray]:
    """What the PyTorch graph takes when the net takes ``feed``: its pixels in the graph's channel order, normalised."""
    pixels = feed[name][:, ::-1] if baked.channel_order == "RGB" else feed[name]
    images = [baked.normalise(np.ascontiguousarray(picture)) for picture in pixels.copy()]
    return {**feed, name: np.stack(images)}


def _front_layer(bottom: str, channels: int) -> LayerParameter:
    return layer(
        "Convolution",
        LAYER,
        bottom,
        param=[{"lr_mult": 0, "decay_mult": 0}] * 2,
        convolution_param={"num_output": channels, "kernel_size": [1]},
    )


def _front_weights(preprocessing: Preprocessing) -> list[np.ndarray]:
    """Weights (C, C, 1, 1) and bias (C,), float32."""
    channels = preprocessing.channels
    std = np.array(preprocessing.std or (1.0,) * channels, np.float64)
    mean = np.array(preprocessing.mean or (0.0,) * channels, np.float64)
    weights = np.diag(preprocessing.raw_scale / std)
    if preprocessing.channel_order == "RGB":
        weights = weights[:, ::-1]
    return [np.ascontiguousarray(weights[:, :, None, None], np.float32), (-mean / std).astype(np.float32)]


def _pixels_only(preprocessing: Preprocessing) -> Preprocessing:
    """What is left to be done outside of the net: resizing, cropping, and BGR."""
    return replace(preprocessing, channel_order=_order(preprocessing), raw_scale=1.0, mean=(), std=())


def _order(preprocessing: Preprocessing) -> ChannelOrder:
    return "GRAY" if preprocessing.channel_order == "GRAY" else "BGR"
