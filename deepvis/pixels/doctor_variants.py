"""The usual ways to normalise pixels, which the doctor tries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
from numpy.typing import NDArray

from deepvis.errors import ModelError
from deepvis.model.model import Model
from deepvis.pixels.dataset_mean import PixelSums
from prototxt.pixels.change import OfPixels, change_preprocessing
from prototxt.pixels.field_types import ChannelOrder
from prototxt.pixels.preprocess import CAFFE_IMAGENET_MEAN, Preprocessing

MIDDLE = 127.5
IMAGENET = "ImageNet"
DATA = "data set"
FILE = "mean file"
OWN = "as the model says"
# Means of red, green and blue for pixels 0-255. BVLC's nets and PyTorch's differ by less than one grey level.
MEANS: dict[str, tuple[float, ...]] = {
    "none": (0.0, 0.0, 0.0),
    IMAGENET: tuple(reversed(CAFFE_IMAGENET_MEAN)),
    "ImageNet (PyTorch)": (123.675, 116.28, 103.53),
    "127.5": (MIDDLE,) * 3,
}
# Raw scale, and standard deviations of red, green and blue for pixels 0-255 or None.
SPREADS: dict[str, tuple[float, tuple[float, ...] | None]] = {
    "0-255": (1.0, None),
    "0-1": (1 / 255, None),
    "/127.5": (1 / MIDDLE, None),
    "ImageNet std": (1 / 255, (58.395, 57.12, 57.375)),
}
GREY_MEANS: dict[str, tuple[float, ...]] = {"none": (0.0,), "127.5": (MIDDLE,)}
GREY_SPREADS: dict[str, tuple[float, tuple[float, ...] | None]] = {
    "1/256": (1 / 256, None),
    "0-1": (1 / 255, None),
    "0-255": (1.0, None),
    "/127.5": (1 / MIDDLE, None),
}
# What people do, the commonest first: of variants that cannot be told apart, the first of these is named.
CONVENTIONS = (
    ("BGR", IMAGENET, "0-255"),
    ("RGB", "ImageNet (PyTorch)", "ImageNet std"),
    ("RGB", FILE, "0-255"),
    ("BGR", FILE, "0-255"),
    ("RGB", "127.5", "/127.5"),
    ("RGB", "none", "0-1"),
    ("BGR", DATA, "0-255"),
    ("RGB", DATA, "0-255"),
    ("GRAY", "none", "1/256"),
    ("GRAY", "none", "0-1"),
    ("GRAY", FILE, "0-255"),
)


@dataclass(frozen=True)
class Variant:
    """A way to normalise pixels; the three names are what tables show, ``preprocessing`` is what it means."""

    order: str
    mean: str
    spread: str
    preprocessing: Preprocessing


def variants(model: Model, sums: PixelSums, mean_image: NDArray[np.float32] | None = None) -> list[Variant]:
    """All variants for a model's input, without resize and crop; no two of them say the same.

    Parameters
    ----------
    model : one or three input channels; a `ModelError` for others.
    sums : of the data set that is tried, for its own mean and standard deviation.
    mean_image : as in `diagnose`.
    """
    channels = model.input_shape[0]
    if channels not in (1, 3):
        raise ModelError(f"{model.path}: takes {channels} channels; the doctor knows nets of one and of three")
    grey = channels == 1
    means = dict(GREY_MEANS if grey else MEANS) | {DATA: tuple(sums.mean("GRAY" if grey else "RGB"))}
    spreads = dict(GREY_SPREADS if grey else SPREADS)
    deviations = tuple(sums.std("GRAY" if grey else "RGB"))
    if min(deviations) > 0:
        spreads["data set std"] = (1 / 255, deviations)
    found = [] if model.assumed else [_own(model)]
    orders: tuple[ChannelOrder, ...] = ("GRAY",) if grey else ("RGB", "BGR")
    for order in orders:
        found += [
            Variant(order, mean, spread, _plain(order, values, *scale))
            for (mean, values), (spread, scale) in product(means.items(), spreads.items())
        ]
        if mean_image is not None:
            for spread, scale in spreads.items():
                base = _plain(order, (0.0,) * channels, *scale)
                found.append(Variant(order, FILE, spread, change_preprocessing(base, mean=OfPixels(mean_image))))
    return list({variant.preprocessing: variant for variant in reversed(found)}.values())[::-1]


def _plain(order: ChannelOrder, mean: Sequence[float], scale: float, std: Sequence[float] | None) -> Preprocessing:
    """Preprocessing of pixels that are cut already; mean and std for R, G, B (or grey) in 0-255."""
    step = -1 if order == "BGR" else 1
    return change_preprocessing(
        Preprocessing(order, scale),
        mean=OfPixels(mean[::step]) if any(mean) else (),
        std=() if std is None else OfPixels(std[::step]),
    )


def _own(model: Model) -> Variant:
    own = replace(model.preprocessing, resize="none", resize_to=(), crop=())
    return Variant(own.channel_order, OWN, OWN, own)


def commonness(variant: Variant) -> int:
    """Place among `CONVENTIONS`; what the model says comes first, what is unusual last."""
    if variant.mean == OWN:
        return -1
    names = (variant.order, variant.mean, variant.spread)
    return CONVENTIONS.index(names) if names in CONVENTIONS else len(CONVENTIONS)
