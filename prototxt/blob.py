"""Single blobs: between NumPy and ``BlobProto``, and ``.binaryproto`` files (mean images)."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from prototxt import atomic
from prototxt.errors import FormatError
from prototxt.schema import BlobProto


def read_blob(path: Path | str) -> np.ndarray:
    """Array of a ``.binaryproto``, float32; mean images are (1, C, H, W)."""
    try:
        return to_array(BlobProto.FromString(Path(path).read_bytes()))
    except OSError as error:
        raise FormatError(f"{path}: cannot be read ({error.strerror})") from None


def write_blob(path: Path | str, array: np.ndarray) -> None:
    """Write an array as a ``.binaryproto``, whole or not at all."""
    atomic.write_bytes(path, to_proto(array).SerializeToString())


def to_array(blob: BlobProto) -> np.ndarray:
    """Values of a blob as float32, in its shape."""
    values = np.array(blob.double_data or blob.data, dtype=np.float32)
    return values.reshape(tuple(blob.shape.dim) if blob.HasField("shape") else legacy(blob))


def legacy(blob: BlobProto) -> tuple[int, ...]:
    """Four axes of a blob from before shapes."""
    return blob.num, blob.channels, blob.height, blob.width


def to_proto(array: np.ndarray) -> BlobProto:
    """Make a float32 blob of an array of any shape."""
    blob = BlobProto()
    blob.shape.dim.extend(array.shape)
    blob.data.extend(np.ascontiguousarray(array, np.float32).ravel().tolist())
    return blob
