"""The order in which a data layer goes through what it has, epoch after epoch."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import TypeVar

import numpy as np

Item = TypeVar("Item")
WHOLE = slice(None)


def endless_order(count: int, shuffle: np.random.Generator | None = None, start: int = 0) -> Iterator[int]:
    """Indices 0 … count - 1 over and over.

    Parameters
    ----------
    count : at least 1.
    shuffle : gives every epoch an order of its own; None keeps the order of the list.
    start : place in the first epoch to start at (``rand_skip``).
    """
    order = np.arange(count)
    while True:
        if shuffle is not None:
            shuffle.shuffle(order)
        yield from order[start:].tolist()
        start = 0


def batched(items: Iterator[Item], size: int, share: slice = WHOLE) -> Iterator[list[Item]]:
    """Lists of ``size`` from an endless iterator; the end of an epoch may lie inside a batch, as in Caffe.

    ``share`` picks the items of one of several solvers.
    """
    own = islice(items, share.start, None, share.step)
    while True:
        yield list(islice(own, size))
