"""The layers of a training net that read pictures: ImageData, and what the preprocessing needs behind it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from prototxt.formats.schema import LayerParameter
from prototxt.formats.weights import Weights
from prototxt.net.build import layer as make_layer
from prototxt.pixels.preprocess import Preprocessing
from prototxt.pixels.training_input import TrainingInput, training_input

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
    mean_image : (1, C, H, W) float32 for ``mean.binaryproto``; or None.
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

    Parameters
    ----------
    preprocessing : of the net; with resize "none" where the pictures on disk have been resized.
    top : name of the net's input blob.
    train, test : the lists; without ``test`` there is no data layer for the TEST phase.
    mirror : whether half of the training pictures are flipped.

    Raises
    ------
    PreprocessingError : for a preprocessing that ImageData has no means for.
    """
    raw, front_name = f"{top}_bgr", f"{top}_pixels"
    entry = training_input(preprocessing, raw, top, front_name, MEAN_FILE)
    data = raw if entry.front_layer is not None else top
    layers = [_image_data(data, "TRAIN", train, entry, mirror)]
    if test is not None:
        layers.append(_image_data(data, "TEST", test, entry, False))
    if entry.front_layer is not None:
        layers.append(entry.front_layer)
    weights = {front_name: list(entry.front_weights)} if entry.front_weights else {}
    mean_image = None if entry.mean_image is None else entry.mean_image[None]
    return PixelLayers(layers, weights, mean_image, _notes(preprocessing, entry))


def _image_data(data: str, phase: str, images: ImageList, entry: TrainingInput, mirror: bool) -> LayerParameter:
    fields: dict[str, Any] = {"source": images.source, "batch_size": images.batch, **entry.image_data_param}
    if entry.resize_before is not None:
        fields |= {"new_height": entry.resize_before, "new_width": entry.resize_before}
    if phase == "TRAIN":
        fields["shuffle"] = True
    if images.root_folder:
        fields["root_folder"] = images.root_folder
    return make_layer(
        "ImageData",
        data,
        tops=[data, "label"],
        include=[{"phase": phase}],
        transform_param=entry.transform_param | ({"mirror": True} if mirror else {}),
        image_data_param=fields,
    )


def _notes(preprocessing: Preprocessing, entry: TrainingInput) -> list[str]:
    notes = []
    if entry.resize_before is not None:
        notes.append(
            f"Caffe stretches every picture to {entry.resize_before} x {entry.resize_before}, where the preprocessing "
            "makes the shorter side that long: the same for square pictures only; --copy-pictures resizes them first"
        )
    if preprocessing.resize != "none" and preprocessing.interpolation != "bilinear":
        notes.append("Caffe resizes without antialiasing; --copy-pictures resizes as the preprocessing says")
    return notes
