"""HDF5Data: batches of rows from HDF5 files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import groupby
from operator import itemgetter
from pathlib import Path

import h5py
import numpy as np

from prototxt.common.errors import FormatError, NetError
from prototxt.formats.schema import HDF5DataParameter
from torchcaffe.data.batches import BatchLayer
from torchcaffe.data.order import WHOLE, batched, endless_order
from torchcaffe.data.prefetch import Prefetch
from torchcaffe.layer import Shape
from torchcaffe.registry import layer

Plan = list[tuple[Path, int]]


class RowBatches:
    """Endless batches of the rows of HDF5 files, one array for every top.

    As in Caffe a file is held in memory while its rows are used, ``shuffle`` mixes the files and the rows inside each
    file, and a batch may take rows of two files. Unlike in Caffe the next file is read in the background.

    Parameters
    ----------
    param : ``hdf5_data_param``; the source names files, relative to the working directory.
    tops : data set names.
    seed : of the order.
    where : the layer and its place in the prototxt, for errors.
    depth : batches that are read ahead.
    share : which rows are read.

    Attributes
    ----------
    shapes : of the tops: (batch_size, …) with the rest from the first file.

    Raises
    ------
    NetError : no source, no batch size, or rows whose shapes do not agree.
    FormatError : the source or one of its files is missing or is no HDF5, or lacks a data set.
    """

    def __init__(
        self,
        param: HDF5DataParameter,
        tops: Sequence[str],
        seed: int | None,
        where: str,
        depth: int = 4,
        share: slice = WHOLE,
    ) -> None:
        if not param.source or not param.batch_size:
            raise NetError(f"{where}: hdf5_data_param needs a source and a positive batch_size")
        self.where = where
        self._tops = list(tops)
        self._shuffle = np.random.default_rng(seed) if param.shuffle else None
        self._files = _read_source(Path(param.source))
        self._row_shapes = [shape[1:] for shape in read_shapes(self._files[0], self._tops)]
        self.shapes: list[Shape] = [(param.batch_size, *shape) for shape in self._row_shapes]
        self._read = lru_cache(maxsize=1)(read_arrays)
        self._prefetch = Prefetch(batched(self._order(), param.batch_size, share), self.load, depth, workers=1)

    def next_batch(self) -> tuple[np.ndarray, ...]:
        """One float32 array for every top, of `shapes`; errors as in the constructor, for later files."""
        return self._prefetch.next_batch()

    def close(self) -> None:
        """End the threads."""
        self._prefetch.close()

    def load(self, plan: Plan) -> tuple[np.ndarray, ...]:
        """Read the rows of one batch."""
        pieces = []
        for path, group in groupby(plan, key=itemgetter(0)):
            rows = [row for _, row in group]
            pieces.append([array[rows] for array in self._read(path, tuple(self._tops))])
        return tuple(np.concatenate(arrays) for arrays in zip(*pieces, strict=True))

    def _order(self) -> Iterator[tuple[Path, int]]:
        # The rows of a file are mixed from the generator of the files, one after the other, so one seed is enough.
        for index in endless_order(len(self._files), self._shuffle):
            path = self._files[index]
            rows = np.arange(self._count_rows(path))
            if self._shuffle is not None:
                self._shuffle.shuffle(rows)
            yield from ((path, row) for row in rows.tolist())

    def _count_rows(self, path: Path) -> int:
        shapes = read_shapes(path, self._tops)
        if [shape[1:] for shape in shapes] != self._row_shapes:
            raise NetError(
                f"{self.where}: the rows of {path} have shapes {[shape[1:] for shape in shapes]}, those of "
                f"{self._files[0]} {self._row_shapes}; all files of a source must agree"
            )
        return shapes[0][0]


@layer("HDF5Data")
class HDF5Data(BatchLayer):
    """One top for every data set of its name, of any shape; rows along the first axis."""

    def open(self) -> RowBatches:
        """Read the list and the shapes of its first file."""
        if self.param.HasField("transform_param"):
            raise NetError(f"{self.where}: does not transform data; remove transform_param and transform the file")
        return RowBatches(self.param.hdf5_data_param, self.param.top, self.data_seed, self.where, share=self.share)


def read_shapes(path: Path, names: Sequence[str]) -> list[tuple[int, ...]]:
    """Shapes of data sets of an HDF5 file.

    Raises
    ------
    FormatError : the file cannot be read, lacks a data set, holds no rows, or data sets of different numbers of rows.
    """
    with _open(path) as file:
        shapes = [_dataset(file, path, name).shape for name in names]
    if any(not shape for shape in shapes) or len({shape[0] for shape in shapes}) != 1 or not shapes[0][0]:
        listing = ", ".join(f"{name} {shape}" for name, shape in zip(names, shapes, strict=True))
        raise FormatError(f"{path}: data sets must have the same number of rows, at least one; got {listing}")
    return shapes


def read_arrays(path: Path, names: Sequence[str]) -> list[np.ndarray]:
    """Data sets of an HDF5 file as float32; errors as `read_shapes`."""
    with _open(path) as file:
        return [_dataset(file, path, name)[...].astype(np.float32, copy=False) for name in names]


def _open(path: Path) -> h5py.File:
    try:
        return h5py.File(path, "r")
    except OSError as error:
        reason = "it does not exist" if not path.exists() else f"it is no HDF5 file: {error}"
        raise FormatError(f"{path}: cannot be read ({reason}); mend the list or the file") from None


def _dataset(file: h5py.File, path: Path, name: str) -> h5py.Dataset:
    dataset = file.get(name)
    if not isinstance(dataset, h5py.Dataset):
        raise FormatError(f"{path}: has no data set '{name}'; it has {', '.join(sorted(file)) or 'none'}")
    if dataset.dtype.kind not in "fiu":
        raise FormatError(f"{path}: data set '{name}' holds {dataset.dtype}; only whole and real numbers can be read")
    return dataset


def _read_source(source: Path) -> list[Path]:
    try:
        files = [Path(word) for word in source.read_text().split()]
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not text"
        raise FormatError(f"{source}: the list of HDF5 files cannot be read ({reason}); check the source") from None
    if not files:
        raise FormatError(f"{source}: names no HDF5 file; write one path on every line")
    for path in files:
        if not path.exists():
            raise FormatError(f"{source}: names {path}, which does not exist; mend the list")
    return files
