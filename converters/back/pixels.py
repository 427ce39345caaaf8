"""How pictures become the input of a Caffe net, as far as its files tell."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from converters.errors import ConversionError
from prototxt.formats.blob import read_blob
from prototxt.formats.schema import LayerParameter, NetParameter
from prototxt.net.phases import filter_net
from prototxt.pixels.preprocess import Preprocessing

_PICTURES = ("Data", "ImageData")


def preprocessing_of(net: NetParameter, channels: int, folder: Path) -> Preprocessing | None:
    """Read the preprocessing from the data layer of TEST, else of TRAIN.

    Parameters
    ----------
    channels : of the net's input.
    folder : where relative mean files lie; where they are missing, looked for by their name in it.

    Returns
    -------
    None where the net has no layer that reads pictures.

    Raises
    ------
    ConversionError : the mean file is missing.
    """
    for phase in ("TEST", "TRAIN"):
        for layer in filter_net(net, phase).layer:
            if layer.type in _PICTURES and channels in (1, 3):
                return _of_layer(layer, channels, folder)
    return None


def _of_layer(layer: LayerParameter, channels: int, folder: Path) -> Preprocessing:
    transform, images = layer.transform_param, layer.image_data_param
    scale = transform.scale
    mean = tuple(value * scale for value in transform.mean_value)
    image = _mean_image(layer, folder) if transform.mean_file else None
    size = (images.new_height, images.new_width) if images.new_height else ()
    return Preprocessing(
        channel_order="BGR" if channels == 3 else "GRAY",
        raw_scale=scale,
        mean=mean * channels if len(mean) == 1 else mean,
        mean_image=None if image is None else image * np.float32(scale),
        resize="stretch" if size else "none",
        resize_to=size,
        crop=(transform.crop_size, transform.crop_size) if transform.crop_size else (),
    )


def _mean_image(layer: LayerParameter, folder: Path) -> np.ndarray:
    named = Path(layer.transform_param.mean_file)
    for path in (folder / named, folder / named.name, named):
        if path.is_file():
            array = read_blob(path)
            return array.reshape(array.shape[-3:])
    raise ConversionError(
        f"layer {layer.name!r}: its mean_file {str(named)!r} is not there; put it beside the prototxt, or say the mean "
        "with --preprocessing FILE"
    )
