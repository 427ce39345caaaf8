"""Weights put into a net by Caffe's rules: by layer name, blob counts and shapes equal.

Source: Net::CopyTrainedLayersFrom in ``net.cpp``, Blob::ShapeEquals in ``blob.cpp``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from prototxt.common.errors import NetError
from prototxt.formats.weights import Weights

Shape = Sequence[int]


class Fit(NamedTuple):
    """Weights that fit a net, in its shapes; layers without weights, which keep their fillers; layers not used."""

    weights: Weights
    missing: list[str]
    extra: list[str]


def fit_weights(shapes: Mapping[str, Sequence[Shape]], weights: Weights, source: str = "the weights") -> Fit:
    """Match weights to a net's parameters.

    Parameters
    ----------
    shapes : parameter shapes by layer name, as ``infer_shapes(net).params`` gives them. A layer that learns nothing
        can be there with ``[]``; then weights for it are refused, as Caffe does, rather than counted as extra.
    weights : arrays by layer name. Four axes fit fewer if the leading ones are 1: so old files store a bias.
    source : the weights' file, for errors.

    Returns
    -------
    Fit : ``weights`` in the net's order and shapes (views where possible).

    Raises
    ------
    NetError : naming layer and both shapes, where Caffe would refuse the weights.
    """
    fitted: Weights = {}
    for layer, wanted in shapes.items():
        if layer in weights and (wanted or weights[layer]):
            fitted[layer] = _fit_layer(layer, wanted, weights[layer], source)
    missing = [layer for layer, wanted in shapes.items() if wanted and layer not in weights]
    return Fit(fitted, missing, [layer for layer in weights if layer not in shapes])


def _fit_layer(layer: str, wanted: Sequence[Shape], found: Sequence[np.ndarray], source: str) -> list[np.ndarray]:
    if len(wanted) != len(found):
        raise NetError(
            f"{source}: layer '{layer}' has {_shapes([array.shape for array in found])}, but the net's '{layer}' needs "
            f"{_shapes(wanted)}; use weights of this net, or rename the layer to train it anew"
        )
    for index, (shape, array) in enumerate(zip(wanted, found, strict=True)):
        if not _fits(shape, array.shape):
            raise NetError(
                f"{source}: layer '{layer}' blob {index} has shape {_text(array.shape)}, but the net's '{layer}' needs "
                f"{_text(shape)}; use weights of this net, or rename the layer to train it anew"
            )
    return [array.reshape(tuple(shape)) for shape, array in zip(wanted, found, strict=True)]


def _fits(wanted: Shape, found: Shape) -> bool:
    if len(found) == 4 and len(wanted) < 4:
        wanted = (1,) * (4 - len(wanted)) + tuple(wanted)
    return tuple(wanted) == tuple(found)


def _shapes(shapes: Sequence[Shape]) -> str:
    count = f"{len(shapes)} blob{'' if len(shapes) == 1 else 's'}"
    return f"{count} ({', '.join(map(_text, shapes))})" if shapes else count


def _text(shape: Shape) -> str:
    return "×".join(map(str, shape)) or "() (one number, no axes)"
