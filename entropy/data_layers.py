"""A preprocessing as layers of stock Caffe: ImageData, and a frozen 1x1 convolution for what ImageData cannot do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from entropy.errors import PlanError
from prototxt.build import layer as make_layer
from prototxt.preprocess import Preprocessing
from prototxt.schema import LayerParameter
from prototxt.weights import Weights

MEAN_FILE = "mean.binaryproto"


@dataclass(frozen=True)
class ImageList:
    """A list of pictures for an ImageData layer, as the training net names it.

    Parameters
    ----------
    source : path of the list ("path label" lines), seen from where Caffe runs.
    root_folder : what Caffe puts before every path; ends in "/" or is empty.
    batch : pictures per batch.
    """

    source: str
    root_folder: str
    batch: int


@dataclass(frozen=True)
class PixelLayers:
    """What turns pictures into the input blob.

    Parameters
    ----------
    layers : data layers of both phases, then the front convolution if there is one.
    weights : of the front convolution.
    mean_image : (1, C, H, W) float32 for ``mean.binaryproto``, in the pixels of ImageData; or None.
    notes : what ImageData does differently from the preprocessing; sentences for the user.
    """

    layers: list[LayerParameter]
    weights: Weights
    mean_image: np.ndarray | None
    notes: list[str]


def pixel_layers(
    preprocessing: Preprocessing, top: str, train: ImageList, test: ImageList | None, mirror: bool
) -> PixelLayers:
    """Make the layers that read pictures as the net expects them.

    ImageData gives BGR pixels, 0-255, minus one mean per channel (or a mean image), times one scale. Another order of
    channels or a standard deviation per channel needs a 1x1 convolution behind it; its learning rate is 0. The mean is
    taken off before it, so that zeros padded to the input mean the same as in the net that was trained.

    Parameters
    ----------
    preprocessing : of the net.
    top : name of the net's input blob.
    train, test : the lists; without ``test`` there is no data layer for the TEST phase.
    mirror : whether half of the training pictures are flipped.

    Raises
    ------
    PlanError : a preprocessing that ImageData has no means for (a crop that is not square, a mean image of the size of
        the crop).

    References
    ----------
    Caffe's ``image_data_layer.cpp`` and ``data_transformer.cpp``.
    """
    order = slice(None, None, -1) if preprocessing.channel_order == "RGB" else slice(None)
    factors = preprocessing.raw_scale / np.array(preprocessing.std or [1.0] * preprocessing.channels)
    plain = preprocessing.channel_order != "RGB" and len(set(factors.tolist())) == 1
    transform: dict[str, Any] = {"scale": float(factors[0])} if plain and factors[0] != 1 else {}
    mean_image = None
    if preprocessing.mean_image is not None:
        mean_image = _mean_image(preprocessing)[:, order]
        transform["mean_file"] = MEAN_FILE
    elif preprocessing.mean:
        transform["mean_value"] = (np.array(preprocessing.mean)[order] / preprocessing.raw_scale).tolist()
    geometry, crop, notes = _geometry(preprocessing)
    data = top if plain else f"{top}_bgr"
    fields = {"transform": transform | crop, "image": geometry, "color": preprocessing.channels == 3}
    layers = [_image_data(data, "TRAIN", train, fields, mirror)]
    if test is not None:
        layers.append(_image_data(data, "TEST", test, fields, False))
    if plain:
        return PixelLayers(layers, {}, mean_image, notes)
    name = f"{top}_pixels"
    layers.append(_front_convolution(name, data, top, preprocessing.channels))
    kernel = np.diag(factors)[:, order].astype(np.float32)[:, :, None, None]
    return PixelLayers(layers, {name: [np.ascontiguousarray(kernel)]}, mean_image, notes)


def _image_data(top: str, phase: str, images: ImageList, fields: dict[str, Any], mirror: bool) -> LayerParameter:
    image = {"source": images.source, "batch_size": images.batch, **fields["image"]}
    if phase == "TRAIN":
        image["shuffle"] = True
    if images.root_folder:
        image["root_folder"] = images.root_folder
    if not fields["color"]:
        image["is_color"] = False
    transform = fields["transform"] | ({"mirror": True} if mirror else {})
    return make_layer(
        "ImageData",
        top,
        tops=[top, "label"],
        include=[{"phase": phase}],
        transform_param=transform,
        image_data_param=image,
    )


def _front_convolution(name: str, bottom: str, top: str, channels: int) -> LayerParameter:
    return make_layer(
        "Convolution",
        name,
        bottom,
        top,
        param=[{"lr_mult": 0, "decay_mult": 0}],
        convolution_param={"num_output": channels, "kernel_size": [1], "bias_term": False},
    )


def _geometry(preprocessing: Preprocessing) -> tuple[dict[str, int], dict[str, int], list[str]]:
    resize_to, crop, notes = preprocessing.resize_to, preprocessing.crop, []
    geometry: dict[str, int] = {}
    if preprocessing.resize != "none":
        geometry = {"new_height": resize_to[0], "new_width": resize_to[-1]}
    if preprocessing.resize == "shorter side":
        notes.append(
            f"ImageData stretches every picture to {resize_to[0]} x {resize_to[0]} where the preprocessing makes the "
            "shorter side that long: the same for square pictures only"
        )
    if preprocessing.resize != "none" and preprocessing.interpolation != "bilinear":
        notes.append(
            "ImageData resizes bilinearly without antialiasing; store the pictures in the right size to avoid it"
        )
    if not crop or crop == (geometry.get("new_height"), geometry.get("new_width")):
        return geometry, {}, notes
    if crop[0] != crop[1]:
        raise PlanError(
            f"the preprocessing crops {crop[0]} x {crop[1]} pixels; ImageData can only cut squares: use a net with a "
            "square input, or write the train_val net yourself and pass it instead of the deploy net"
        )
    return geometry, {"crop_size": crop[0]}, notes


def _mean_image(preprocessing: Preprocessing) -> np.ndarray:
    mean = np.asarray(preprocessing.mean_image, np.float32)
    size = preprocessing.resize_to if preprocessing.resize == "stretch" else ()
    if size and mean.shape[1:] != tuple(size):
        raise PlanError(
            f"the preprocessing has a mean image of {mean.shape[1]} x {mean.shape[2]} pixels, but ImageData needs one "
            f"of the resized picture, {size[0]} x {size[1]}: use a mean per channel"
        )
    return (mean / np.float32(preprocessing.raw_scale))[None]
