"""Arrays on disk: NumPy's .npy, for nets whose input is no photograph."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from deepvis.errors import ImageError
from prototxt.pixels.samples import Planes

ARRAYS = frozenset({".npy"})


def read_array(path: Path) -> Planes:
    """Read a .npy file: (C, …), channels (or, for recurrent nets, time steps) first.

    Raises
    ------
    ImageError : if it cannot be read, is empty or a single number, or its values are no real numbers.
    """
    try:
        with path.open("rb") as file:
            values = np.lib.format.read_array(file, allow_pickle=False)
    except OSError as error:
        raise ImageError(f"{path}: cannot be read ({error.strerror}); give an array that exists") from error
    except (ValueError, EOFError) as error:
        raise ImageError(f"{path}: is no whole .npy file ({error}); write it with numpy.save") from error
    if not values.ndim or not values.size or values.dtype.kind not in "buif":
        raise ImageError(
            f"{path}: has shape {values.shape} of {values.dtype}; an array must be (channels, …) of real numbers"
        )
    return Planes(values)
