"""Data: batches of ``Datum`` records from an LMDB or a LevelDB."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar
from weakref import WeakValueDictionary

import cv2
import numpy as np
from google.protobuf.message import DecodeError

from prototxt.common.errors import FormatError, NetError
from prototxt.formats.schema import DataParameter, Datum
from torchcaffe.data.batches import BatchLayer
from torchcaffe.data.image_list import to_planes
from torchcaffe.data.order import WHOLE, batched
from torchcaffe.data.prefetch import Prefetch
from torchcaffe.data.records import READERS
from torchcaffe.data.transform import Draw, Transform
from torchcaffe.layer import Arity, Shape
from torchcaffe.registry import layer

Record = tuple[str, bytes]
"""Where it is (``folder, key '00000007'``) and its bytes."""

Plan = list[tuple[Record, Draw]]

DECODE = {(True, False): cv2.IMREAD_COLOR, (False, True): cv2.IMREAD_GRAYSCALE, (False, False): cv2.IMREAD_UNCHANGED}
"""How encoded pictures are decoded, by (force_color, force_gray)."""
BACKENDS = {DataParameter.LMDB: "lmdb", DataParameter.LEVELDB: "leveldb"}
MDB = "data.mdb"
"""The file that an LMDB's folder has."""


class DatumBatches:
    """Endless batches (pictures, labels) of the records of a database, in the order of their keys.

    Parameters
    ----------
    param : ``data_param``.
    transform : crop, mirror, mean, scale.
    color, gray : ``force_color`` and ``force_gray`` of encoded pictures; without them they are decoded as they are.
    seed : of crops and mirrors.
    where : the layer and its place in the prototxt, for errors.
    share : which records are read.

    Attributes
    ----------
    shapes : of the two tops, (N, C, H, W) and (N,).

    Raises
    ------
    NetError : no source or batch size, an LMDB without ``backend: LMDB``, or a first record that the transform does not
        fit.
    FormatError : the database cannot be opened, is empty, or its first record is no ``Datum``.
    """

    def __init__(
        self,
        param: DataParameter,
        transform: Transform,
        color: bool,
        gray: bool,
        seed: int | None,
        where: str,
        share: slice = WHOLE,
    ) -> None:
        _check(param, where)
        self.where = where
        self._decode = DECODE[color, gray]
        self._transform = transform
        self._random = np.random.default_rng(seed)
        self._database = open_database(Path(param.source), BACKENDS[param.backend])
        first, _ = decode_datum(next(self._database.records()), self._decode)
        self.shapes: list[Shape] = [(param.batch_size, *transform.output_shape(first.shape)), (param.batch_size,)]
        self._prefetch = Prefetch(self._plans(param.batch_size, share), self.load, param.prefetch)

    def next_batch(self) -> tuple[np.ndarray, np.ndarray]:
        """Pictures (N, C, H, W) float32 and labels (N,) float32.

        Raises
        ------
        FormatError : a record is no ``Datum`` or its picture cannot be decoded; names the key.
        NetError : records of one batch differ in size, or one is too small for the crop.
        """
        return self._prefetch.next_batch()

    def close(self) -> None:
        """End the threads."""
        self._prefetch.close()

    def load(self, plan: Plan) -> tuple[np.ndarray, np.ndarray]:
        """Decode the records of one batch; errors as `next_batch`."""
        pictures, labels = [], []
        for record, draw in plan:
            picture, label = decode_datum(record, self._decode)
            pictures.append(self._transform(picture, draw))
            labels.append(label)
            if pictures[-1].shape != pictures[0].shape:
                raise NetError(
                    f"{self.where}: {record[0]} is of another size, {pictures[-1].shape}, than the first of its batch, "
                    f"{pictures[0].shape}; set crop_size"
                )
        return np.stack(pictures), np.array(labels, dtype=np.float32)

    def _plans(self, size: int, share: slice) -> Iterator[Plan]:
        def endless() -> Iterator[Record]:
            while True:
                yield from self._database.records()

        for batch in batched(endless(), size, share):
            yield [(record, self._transform.draw(self._random)) for record in batch]


@layer("Data")
class Data(BatchLayer):
    """Pictures (N, C, H, W) and, with a second top, their labels (N,)."""

    tops: ClassVar[Arity] = (1, 2)

    def open(self) -> DatumBatches:
        """Open the database and decode its first record."""
        param = self.param.transform_param
        return DatumBatches(
            self.param.data_param,
            self.transform(),
            param.force_color,
            param.force_gray,
            self.data_seed,
            self.where,
            self.share,
        )


def decode_datum(record: Record, flag: int = cv2.IMREAD_UNCHANGED) -> tuple[np.ndarray, int]:
    """The picture of a record, (C, H, W) uint8 or float32, and its label.

    Raises
    ------
    FormatError : the bytes are no ``Datum``, hold no decodable picture, or not as much data as the sizes say.
    """
    where, value = record
    try:
        datum = Datum.FromString(value)
    except DecodeError:
        raise FormatError(f"{where}: is not a Datum; make the database with convert_imageset") from None
    if datum.encoded:
        picture = cv2.imdecode(np.frombuffer(datum.data, np.uint8), flag) if datum.data else None
        if picture is None or picture.dtype != np.uint8:
            raise FormatError(f"{where}: its encoded picture cannot be decoded to 8 bits a channel")
        return to_planes(picture), datum.label
    array = np.frombuffer(datum.data, np.uint8) if datum.data else np.array(datum.float_data, np.float32)
    shape = (datum.channels, datum.height, datum.width)
    if array.size != np.prod(shape) or not array.size:
        raise FormatError(f"{where}: holds {array.size} numbers for a picture of {shape} (channels, height, width)")
    return array.reshape(shape), datum.label


class Database:
    """A database that is read.

    LMDB and LevelDB allow a database to be opened once in a process; the nets of a solver's phases may read the same
    one, so `open_database` hands out what is open already.
    """

    open_ones: ClassVar[WeakValueDictionary[tuple[Path, str], Database]] = WeakValueDictionary()

    def __init__(self, path: Path, backend: str = "lmdb") -> None:
        self.path = path
        self._records = READERS[backend](path)

    def __len__(self) -> int:
        return len(self._records)

    def records(self) -> Iterator[Record]:
        """All records in the order of their keys."""
        for key, value in self._records.items():
            yield f"{self.path}, key {key.decode(errors='replace')!r}", bytes(value)

    def items(self) -> Iterator[tuple[bytes, bytes | memoryview]]:
        """Keys and records in the order of the keys; a record's memory is good until the next one is asked for."""
        return self._records.items()

    def get(self, key: bytes) -> bytes | None:
        """A copy of one record; None if there is no such key. May be called from any thread."""
        return self._records.get(key)


def open_database(source: Path, backend: str = "lmdb") -> Database:
    """Open a database; an LMDB may be a folder or a file.

    Parameters
    ----------
    backend : "lmdb" or "leveldb".

    Raises
    ------
    FormatError : it is none, or empty.
    InputError : a LevelDB is to be read without plyvel.
    """
    path = source.resolve()
    database = Database.open_ones.get((path, backend)) or Database(path, backend)
    if not len(database):
        raise FormatError(f"{source}: the database holds no record; fill it with convert_imageset")
    return Database.open_ones.setdefault((path, backend), database)


def _check(param: DataParameter, where: str) -> None:
    if not param.source or not param.batch_size:
        raise NetError(f"{where}: data_param needs a source and a positive batch_size")
    if param.backend == DataParameter.LEVELDB and not param.HasField("backend") and (Path(param.source) / MDB).exists():
        raise NetError(f"{where}: {param.source} is an LMDB, and Caffe's default is LevelDB; set backend: LMDB")
