"""Pictures of an image list, seen as a scan sees them."""

from __future__ import annotations

import numpy as np

from prototxt.common.errors import ImageError
from prototxt.pixels.decode import read_image
from torchcaffe.data.image_list import Entry


def read_listed(entry: Entry) -> np.ndarray:
    """Decode a picture as `deepvis scan` does, which is not as Caffe does: ``docs/settings.md`` tells the difference.

    Returns
    -------
    (H, W, 3) uint8 RGB.

    Raises
    ------
    ImageError : the file is missing, cut off or no picture; names the list and the line.
    """
    try:
        return read_image(entry.path)
    except ImageError as error:
        raise ImageError(f"{entry.where}: {error}") from error
