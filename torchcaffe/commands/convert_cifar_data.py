"""``torchcaffe convert_cifar_data``: CIFAR-10's files into databases (examples/cifar10/convert_cifar_data.cpp)."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

from tqdm import tqdm

from prototxt.common.errors import FormatError, InputError
from prototxt.formats.file_kinds import read_bytes
from prototxt.formats.schema import Datum
from torchcaffe.commands.flags import Call
from torchcaffe.data.records import WRITERS, new_database

log = logging.getLogger(__name__)

_SIDE, _PIXELS = 32, 3 * 32 * 32
_TRAIN = [f"data_batch_{number}.bin" for number in range(1, 6)]


def convert_cifar_data(call: Call) -> None:
    """Store the training pictures in ``cifar10_train_lmdb`` and those to test in ``cifar10_test_lmdb``.

    Raises
    ------
    InputError : a file is missing or no batch of CIFAR-10, or the place of a database is taken.
    """
    source, target, backend = Path(call.arguments[0]), Path(call.arguments[1]), call.arguments[2]
    if backend not in WRITERS:
        raise InputError(f"a database must be {' or '.join(WRITERS)}; got '{backend}'")
    for name, files in (("train", _TRAIN), ("test", ["test_batch.bin"])):
        log.info("Writing %s data", {"train": "Training", "test": "Testing"}[name])
        records = (record for file in files for record in _records(source / file))
        with new_database(target / f"cifar10_{name}_{backend}", backend) as put:
            for place, (label, pixels) in enumerate(tqdm(records, unit="image", disable=None)):
                datum = Datum(channels=3, height=_SIDE, width=_SIDE, data=pixels, label=label)
                put(f"{place:05d}".encode(), datum.SerializeToString())


def _records(file: Path) -> Iterator[tuple[int, bytes]]:
    """Label and pixels (3, 32, 32) of every picture of a batch."""
    log.info("Reading %s", file.name)
    data = read_bytes(file, "a CIFAR-10 batch")
    if not data or len(data) % (1 + _PIXELS):
        raise FormatError(f"{file}: has {len(data)} bytes, which is no number of pictures of {1 + _PIXELS} bytes")
    for start in range(0, len(data), 1 + _PIXELS):
        yield data[start], data[start + 1 : start + 1 + _PIXELS]
