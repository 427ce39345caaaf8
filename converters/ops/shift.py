"""A convolution that only moves: it pads, cuts and strides, at every size of the map."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from converters.call import Call
from converters.errors import RefusedError
from converters.layer_spec import Blob
from converters.ops.geometry import window

Margins = Mapping[int, tuple[int, int]]
"""Places to add (below zero: to take away) before and after, by axis."""


def shift_window(call: Call, blob: Blob, margins: Margins, strides: Mapping[int, int] | None = None) -> Blob:
    """Append a convolution per channel that pads by ``margins``, cuts by them, and keeps every n-th place.

    Its kernel is zero but for a one, and as much longer than 1 as the margins differ, or as they cut. For margins
    (before, after) both sides are padded by ``p = max(before, after, 0)``, and of a kernel of ``2 p - before - after +
    1`` places the one stands at ``p - before``. That is right at every size of the map.

    Parameters
    ----------
    margins : of axes from 2 on.
    strides : by axis, 1 where it is not given.
    """
    strides = strides or {}
    spatial_axes = range(2, len(blob.shape))
    both = [margins.get(axis, (0, 0)) for axis in spatial_axes]
    stride = [strides.get(axis, 1) for axis in spatial_axes]
    if not any(map(any, both)) and set(stride) <= {1}:
        return blob
    if len(blob.shape) > 5:
        raise RefusedError(f"of a value with {len(blob.shape)} axes; of up to 5, batch and channels included, it can")
    pad = [max(before, after, 0) for before, after in both]
    kernel = [2 * p - before - after + 1 for p, (before, after) in zip(pad, both, strict=True)]
    weight = np.zeros((blob.shape[1], 1, *kernel))
    place = tuple(p - before for p, (before, _) in zip(pad, both, strict=True))
    weight.reshape(len(weight), -1)[:, np.ravel_multi_index(place, tuple(kernel))] = 1
    sizes = [
        (blob.shape[axis] + before + after - 1) // step + 1
        for axis, (before, after), step in zip(spatial_axes, both, stride, strict=True)
    ]
    if min(sizes) < 1:
        raise RefusedError(f"down to nothing: shape {blob.shape} and margins {dict(margins)}")
    return call.step(
        "Convolution",
        blob,
        "window",
        (*blob.shape[:2], *sizes),
        [weight],
        convolution_param={
            "num_output": blob.shape[1],
            "bias_term": False,
            **window("kernel", kernel),
            **window("stride", stride, default=1),
            **window("pad", pad, default=0),
            **({} if blob.shape[1] == 1 else {"group": blob.shape[1]}),
        },
    )
