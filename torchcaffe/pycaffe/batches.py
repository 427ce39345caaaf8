"""Any number of items through a net of a fixed batch: cut into batches, the last one filled up with zeros."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from torchcaffe.pycaffe.named import Results

Arrays = dict[str, np.ndarray]


def batches(arrays: Mapping[str, np.ndarray], size: int) -> Iterator[Arrays]:
    """Cut arrays of as many rows into batches of ``size`` rows; nothing where there are no arrays."""
    if not arrays:
        return
    count = len(next(iter(arrays.values())))
    for begin in range(0, count, size):
        batch = {name: np.asarray(array[begin : begin + size]) for name, array in arrays.items()}
        missing = size - min(size, count - begin)
        yield {
            name: np.concatenate([array, np.zeros((missing, *array.shape[1:]), array.dtype)]) if missing else array
            for name, array in batch.items()
        }


class Collected:
    """The rows that batch after batch gave, by blob."""

    def __init__(self) -> None:
        self._rows: dict[str, list[np.ndarray]] = {}

    def add(self, batch: Mapping[str, np.ndarray]) -> None:
        """Take copies of a batch's arrays."""
        for name, array in batch.items():
            self._rows.setdefault(name, []).extend(array.copy())

    def arrays(self, given: Mapping[str, np.ndarray]) -> Arrays:
        """All rows as arrays, without those that only filled up the last batch of what was given."""
        count = len(next(iter(given.values()))) if given else None
        return Results((name, np.asarray(rows)[:count]) for name, rows in self._rows.items())
