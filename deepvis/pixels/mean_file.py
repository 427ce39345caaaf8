"""Mean images on disk: Caffe's ``.binaryproto`` and NumPy's ``.npy``."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from deepvis.errors import SettingsError
from prototxt.formats.blob import read_blob

SUFFIXES = (".npy", ".binaryproto")


def read_mean(file: Path) -> NDArray[np.float32]:
    """Read a mean image, or one number per channel.

    Parameters
    ----------
    file : ``.binaryproto``, or ``.npy`` of shape (C, H, W), (N, C, H, W) or (C,); of several images the first, as Caffe
        takes it.

    Returns
    -------
    (C, H, W) or (C,) float32, as the file has it: `prototxt.pixels.change.OfPixels`.

    Raises
    ------
    SettingsError : if the file cannot be read or has another shape.
    FormatError : if a ``.binaryproto`` is none.
    """
    try:
        array = np.load(file, allow_pickle=False) if file.suffix == ".npy" else read_blob(file)
    except (OSError, ValueError) as error:
        raise SettingsError(f"{file}: cannot be read ({error}); give a .binaryproto or .npy") from error
    array = np.asarray(array, np.float32)
    array = array[0] if array.ndim == 4 and len(array) else array
    if array.ndim not in (1, 3):
        raise SettingsError(f"{file}: has shape {array.shape}; a mean must be (channels, height, width) or (channels,)")
    return array
