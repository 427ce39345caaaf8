"""``torchcaffe convert_mnist_data``: MNIST's files into a database (examples/mnist/convert_mnist_data.cpp)."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
from tqdm import tqdm

from prototxt.common.errors import FormatError
from prototxt.formats.file_kinds import read_bytes
from prototxt.formats.schema import Datum
from torchcaffe.commands.flags import Call
from torchcaffe.data.records import new_database

log = logging.getLogger(__name__)

_IMAGES, _LABELS = 2051, 2049  # the first numbers of the two kinds of files


def convert_mnist_data(call: Call) -> None:
    """Store every picture with its label under the key ``00000012``.

    Raises
    ------
    InputError : a file is missing or none of MNIST's, or the place of the database is taken.
    """
    image_file, label_file, target = call.arguments
    images = _read(Path(image_file), _IMAGES, 3)
    labels = _read(Path(label_file), _LABELS, 1)
    if len(images) != len(labels):
        raise FormatError(f"{label_file}: has {len(labels)} labels for {len(images)} pictures of {image_file}")
    count, rows, columns = images.shape
    log.info("A total of %d items.", count)
    log.info("Rows: %d Cols: %d", rows, columns)
    with new_database(Path(target), call.text("backend")) as put:
        for place, (image, label) in enumerate(zip(tqdm(images, unit="image", disable=None), labels, strict=True)):
            datum = Datum(channels=1, height=rows, width=columns, data=image.tobytes(), label=int(label))
            put(f"{place:08d}".encode(), datum.SerializeToString())
    log.info("Processed %d files.", count)


def _read(path: Path, kind: int, axes: int) -> np.ndarray:
    """The array of an IDX file: a number for its kind, the lengths of its axes, big-endian, then bytes."""
    data = read_bytes(path, "an MNIST")
    header = np.frombuffer(data[: 4 + 4 * axes], ">u4")
    if data[:2] == b"\x1f\x8b":
        raise FormatError(f"{path}: is a gzip file; unpack it first (gunzip)")
    if len(header) != 1 + axes or header[0] != kind:
        found = header[0] if len(header) else "nothing"
        raise FormatError(f"{path}: is no MNIST file of this kind: it should begin with {kind} and has {found}")
    shape = tuple(int(length) for length in header[1:])
    values = np.frombuffer(data, np.uint8, offset=4 + 4 * axes)
    if values.size < np.prod(shape):
        raise FormatError(f"{path}: should hold {' x '.join(map(str, shape))} bytes and has {values.size}")
    return values[: int(np.prod(shape))].reshape(shape)
