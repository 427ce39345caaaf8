"""The same preprocessing inside a Caffe training net: a data layer's fields and, where they do not suffice, a layer."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from prototxt.formats.schema import LayerParameter
from prototxt.net.build import layer
from prototxt.pixels.field_types import PreprocessingError
from prototxt.pixels.preprocess import Preprocessing


@dataclass(frozen=True)
class TrainingInput:
    """What an ImageData layer and the layer behind it must say so that a training net sees what `apply` makes.

    ImageData delivers BGR (or grey) pixels 0-255, takes off a mean and multiplies by one scale (data_transformer.cpp).

    Attributes
    ----------
    transform_param : fields of ``transform_param``: mean_value or mean_file, scale, crop_size. (Training crops at
        random, testing from the centre.)
    image_data_param : fields of ``image_data_param``: is_color, new_height, new_width.
    front_layer : a frozen 1x1 Convolution that changes the channel order and divides by the standard deviation, to be
        put right behind the data; None where the fields suffice. It has no padding, so that later padding stays zero.
    front_weights : (C, C, 1, 1) float32, the weights of ``front_layer`` for the caffemodel; empty without it.
    mean_image : (C, H, W) float32 in BGR, 0-255, to be written to the ``mean_file``; None without one.
    resize_before : the pictures must be resized on disk first (ImageData cannot keep a picture's shape); None if not.
    """

    transform_param: dict[str, Any]
    image_data_param: dict[str, Any]
    front_layer: LayerParameter | None = None
    front_weights: list[np.ndarray] = field(default_factory=list)
    mean_image: np.ndarray | None = None
    resize_before: int | None = None


def training_input(
    preprocessing: Preprocessing,
    bottom: str = "pixels",
    top: str = "data",
    name: str = "preprocessing",
    mean_file: str | None = None,
) -> TrainingInput:
    """Say how a preprocessing enters a training net.

    The arithmetic is ``(x * raw - mean) / std = (x - mean / raw) * (raw / std)``.

    Parameters
    ----------
    preprocessing : what the net was made for.
    bottom, top, name : the data layer's top, the blob that the net reads, and the name of the layer between them.
    mean_file : where the mean image will be; needed when there is one.

    Raises
    ------
    PreprocessingError : for a crop that is not square, a mean image without ``mean_file``, or a net that takes pairs or
        arrays, which ImageData does not deliver.
    """
    if preprocessing.pair != "none" or preprocessing.channel_order == "STORED":
        raise PreprocessingError(
            "preprocessing: Caffe's ImageData delivers single pictures, but this net takes pairs or arrays; train it"
            " from an LMDB or HDF5 of finished inputs"
        )
    transform, mean_image = _mean(preprocessing, mean_file)
    transform |= _crop(preprocessing)
    factors = preprocessing.raw_scale / np.array(preprocessing.std or (1.0,) * preprocessing.channels)
    image_data = {"is_color": preprocessing.channels == 3, **_stretch(preprocessing)}
    resize_before = preprocessing.resize_to[0] if preprocessing.resize == "shorter side" else None
    if preprocessing.channel_order == "RGB" or len(set(factors)) > 1:
        weights = np.diag(factors)[:, _order(preprocessing)].astype(np.float32)[:, :, None, None]
        front = _front_layer(name, bottom, top, len(factors))
        return TrainingInput(transform, image_data, front, [weights], mean_image, resize_before)
    if factors[0] != 1:
        transform["scale"] = float(factors[0])
    return TrainingInput(transform, image_data, mean_image=mean_image, resize_before=resize_before)


def _mean(preprocessing: Preprocessing, mean_file: str | None) -> tuple[dict[str, Any], np.ndarray | None]:
    order = _order(preprocessing)
    if preprocessing.mean_image is None:
        values = [
            float(preprocessing.mean[channel] / preprocessing.raw_scale) for channel in order[: len(preprocessing.mean)]
        ]
        return ({"mean_value": values} if values else {}), None
    if mean_file is None:
        raise PreprocessingError("preprocessing: has a mean image; say where it will be written (mean_file)")
    image = preprocessing.mean_image[order] / np.float32(preprocessing.raw_scale)
    return {"mean_file": mean_file}, image


def _order(preprocessing: Preprocessing) -> list[int]:
    """Return for each channel of ImageData (BGR) the channel of the input blob that shows it."""
    return [2, 1, 0] if preprocessing.channel_order == "RGB" else list(range(preprocessing.channels))


def _stretch(preprocessing: Preprocessing) -> dict[str, Any]:
    if preprocessing.resize != "stretch":
        return {}
    height, width = preprocessing.resize_to
    return {"new_height": height, "new_width": width}


def _crop(preprocessing: Preprocessing) -> dict[str, Any]:
    if not preprocessing.crop or preprocessing.crop == preprocessing.resize_to:
        return {}
    height, width = preprocessing.crop
    if height != width:
        raise PreprocessingError(
            f"preprocessing: Caffe's data layers crop squares only; got {height}x{width}; resize to that size instead"
        )
    return {"crop_size": height}


def _front_layer(name: str, bottom: str, top: str, channels: int) -> LayerParameter:
    return layer(
        "Convolution",
        name,
        bottom,
        top,
        param=[{"lr_mult": 0, "decay_mult": 0}],
        convolution_param={"num_output": channels, "kernel_size": [1], "bias_term": False},
    )
