"""What a data set gives for one image, before any preprocessing: a picture, a clip, an array, or a pair of these.

A picture is a plain array, (H, W, 3) uint8 with channels R, G, B; everything else says what it is by its type.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Union

import numpy as np


@dataclass(frozen=True, eq=False)
class Planes:
    """Numbers that are no photograph: multi-spectral data, signals, volumes, sequences, features.

    Parameters
    ----------
    values : (C, …), channels first, as Caffe's ``Datum`` has them: (C, H, W), (C, L), (C, D, H, W) or (C,); for a
        recurrent net (T, …), time steps first. Any number type.
    """

    values: np.ndarray


@dataclass(frozen=True, eq=False)
class Clip:
    """Consecutive frames of a video, (T, H, W, 3) uint8 RGB."""

    frames: np.ndarray


@dataclass(frozen=True, eq=False)
class Pair:
    """Two things that a siamese net compares."""

    first: np.ndarray | Planes | Clip
    second: np.ndarray | Planes | Clip


Single = Union[np.ndarray, Planes, Clip]  # noqa: UP007 - isinstance and annotations alike
Sample = Union[np.ndarray, Planes, Clip, Pair]  # noqa: UP007


def size_of(sample: Sample) -> tuple[int, ...]:
    """Height and width of a sample, 1 for an axis that it has not; of a pair those of both, one behind the other."""
    if isinstance(sample, Pair):
        return *size_of(sample.first), *size_of(sample.second)
    if isinstance(sample, Planes):
        height, width = (1, 1, *sample.values.shape[1:])[-2:]
        return height, width
    height, width = (sample.frames if isinstance(sample, Clip) else sample).shape[-3:-1]
    return height, width
