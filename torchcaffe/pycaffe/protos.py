"""Arrays, blobs and datums: between NumPy and the messages of caffe.proto, as ``caffe.io`` names it."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from prototxt.formats.schema import BlobProto, BlobProtoVector, Datum

LEGACY_AXES = ("num", "channels", "height", "width")


def blobproto_to_array(blob: BlobProto, return_diff: bool = False) -> np.ndarray:
    """The values of a blob, float64, in its shape.

    Parameters
    ----------
    blob : legacy axes win over ``shape``; ``double_data`` is read where there is no ``data`` (pycaffe finds nothing).
    return_diff : the gradient instead.

    Raises
    ------
    ValueError : there are more or fewer values than the shape says.
    """
    floats, doubles = (blob.diff, blob.double_diff) if return_diff else (blob.data, blob.double_data)
    values = np.array(doubles if doubles and not floats else floats, np.float64)
    if any(blob.HasField(axis) for axis in LEGACY_AXES):
        return values.reshape([getattr(blob, axis) for axis in LEGACY_AXES])
    return values.reshape(tuple(blob.shape.dim))


def array_to_blobproto(arr: np.ndarray, diff: np.ndarray | None = None) -> BlobProto:
    """A blob of an array of any shape, and of a gradient of the same shape."""
    blob = BlobProto()
    blob.shape.dim.extend(arr.shape)
    blob.data.extend(arr.astype(np.float64).flat)
    if diff is not None:
        blob.diff.extend(diff.astype(np.float64).flat)
    return blob


def arraylist_to_blobprotovector_str(arraylist: Iterable[np.ndarray]) -> bytes:
    """Arrays as the bytes of a ``BlobProtoVector``."""
    return BlobProtoVector(blobs=[array_to_blobproto(array) for array in arraylist]).SerializeToString()


def blobprotovector_str_to_arraylist(str: bytes) -> list[np.ndarray]:
    """Arrays of the bytes of a ``BlobProtoVector``, float64."""
    return [blobproto_to_array(blob) for blob in BlobProtoVector.FromString(str).blobs]


def array_to_datum(arr: np.ndarray, label: int | None = None) -> Datum:
    """A datum of a picture.

    Parameters
    ----------
    arr : (C, H, W); uint8 is stored as bytes, all else as floats.
    label : left out where it is None.

    Raises
    ------
    ValueError : it has not three axes.
    """
    if arr.ndim != 3:
        raise ValueError(f"Incorrect array shape: a datum has 3 axes (channels, height, width); got {arr.shape}")
    channels, height, width = arr.shape
    datum = Datum(channels=channels, height=height, width=width, label=label)
    if arr.dtype == np.uint8:
        datum.data = arr.tobytes()
    else:
        datum.float_data.extend(arr.astype(np.float64).flat)
    return datum


def datum_to_array(datum: Datum) -> np.ndarray:
    """The picture of a datum, (C, H, W): uint8, or float64 where it is stored as floats.

    Raises
    ------
    ValueError : there are more or fewer values than the shape says, as in an encoded picture.
    """
    shape = datum.channels, datum.height, datum.width
    if datum.data:
        return np.frombuffer(datum.data, np.uint8).reshape(shape).copy()
    return np.array(datum.float_data, np.float64).reshape(shape)
