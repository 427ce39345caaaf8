"""``torchcaffe compute_image_mean``: the mean picture of a database (tools/compute_image_mean.cpp)."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
from tqdm import tqdm

from prototxt.common.errors import FormatError
from prototxt.formats.blob import write_blob
from torchcaffe.commands.flags import Call
from torchcaffe.data.database import Database, decode_datum, open_database

log = logging.getLogger(__name__)


def compute_image_mean(call: Call) -> None:
    """Add all pictures up in single precision, as Caffe does, and write their mean as a ``.binaryproto``.

    Raises
    ------
    FormatError : the database cannot be read, or its pictures differ in size.
    """
    source, *target = call.arguments
    mean = mean_picture(open_database(Path(source), call.text("backend")))
    if target:
        log.info("Write to %s", target[0])
        write_blob(target[0], mean)
    log.info("Number of channels: %d", len(mean))
    for channel, values in enumerate(mean):
        total = np.cumsum(values.ravel(), dtype=np.float32)[-1]  # one after the other, as Caffe adds
        log.info("mean_value channel [%d]: %g", channel, total / np.float32(values.size))


def mean_picture(database: Database) -> np.ndarray:
    """The mean (C, H, W) of all pictures of a database, float32.

    Raises
    ------
    FormatError : a record is no picture, or one of another size than the first.
    """
    log.info("Starting iteration")
    total, count = None, 0
    for record in tqdm(database.records(), total=len(database), unit="image", disable=None):
        picture, _ = decode_datum(record)
        if total is None:
            total = np.zeros(picture.shape, np.float32)
        if picture.shape != total.shape:
            raise FormatError(f"{record[0]}: has the shape {picture.shape}, the first picture {total.shape}")
        total += picture
        count += 1
        if count % 10000 == 0:
            log.info("Processed %d files.", count)
    assert total is not None  # a database that is opened is not empty
    if count % 10000:
        log.info("Processed %d files.", count)
    mean: np.ndarray = total / np.float32(count)
    return mean
