"""How a picture that has not the shape of the net's input is brought into it: as in training, cropped, or stretched."""

from __future__ import annotations

from dataclasses import replace

from deepvis.state.options import Fit
from prototxt.pixels.preprocess import Preprocessing


def fitted(preprocessing: Preprocessing, shape: tuple[int, ...], fit: Fit) -> Preprocessing:
    """Give a preprocessing another way to fit pictures.

    Parameters
    ----------
    preprocessing : the model's own.
    shape : channels, height and width of the input; inputs of other axes take no pictures, which are left as they are.
    fit : ``"as trained"`` leaves it; ``"crop"`` keeps the picture's shape and cuts the middle out, as
        large as fits; ``"stretch"`` shows the whole picture and does not keep its shape.
    """
    if fit == "as trained" or len(shape) != 3 or preprocessing.pair == "width":
        return preprocessing
    _, height, width = shape
    same = replace(preprocessing, crop=(height, width))
    if fit == "stretch":
        return replace(same, resize="stretch", resize_to=(height, width))
    return replace(same, resize="shorter side", resize_to=(max(height, width),))
