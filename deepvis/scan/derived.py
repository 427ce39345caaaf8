"""What follows from the finished tables: quantile samples, classes, correlation, importance.

Everything is computed in the order of the images and in blocks of fixed size, so that it does not depend on how the
tables came about.
"""

from __future__ import annotations

from collections.abc import Iterator

import h5py
import numpy as np

from deepvis.scan.top_images import EMPTY, pack_arrays, unpack
from entropy.measuring import scan_layout as layout

QUANTILES = (0.999, 0.99, 0.9, 0.5)
TOP_CLASSES = 5
ROWS = 1024
MEMORY = 1 << 22  # bytes of keys that are sorted at once, if those of a single unit are not more


def add_quantiles(group: h5py.Group, used: np.ndarray, samples: int) -> None:
    """Write the images whose maxima lie around `QUANTILES`, from the table of maxima.

    Parameters
    ----------
    group : of a layer of C units; gets ``quantile_value`` and ``quantile_image``, each (C, quantiles, samples).
    used : (n,) numbers of the images that could be used, ascending.
    samples : images at each quantile.
    """
    table = group[layout.MAXIMA]
    units = table.shape[1]
    keys = np.full((units, len(QUANTILES), samples), EMPTY, np.int64)
    starts = [_first_rank(quantile, len(used), samples) for quantile in QUANTILES]
    sorted_at_once = max(1, MEMORY // (8 * len(used)))
    read_at_once = max(1, sorted_at_once // table.chunks[1]) * table.chunks[1]  # every piece of the file once
    for first in range(0, units, read_at_once):
        values = table[:, first : first + read_at_once]
        for column in range(0, values.shape[1], sorted_at_once):
            block = np.ascontiguousarray(values[used, column : column + sorted_at_once].T)
            ordered = pack_arrays(block, used.astype(np.int64))
            ordered.sort(axis=1)
            for place, start in enumerate(starts):
                part = ordered[:, ::-1][:, start : start + samples]
                keys[first + column : first + column + len(part), place, : part.shape[1]] = part
    group[layout.QUANTILE_VALUE], group[layout.QUANTILE_IMAGE] = unpack(keys)


def _first_rank(quantile: float, images: int, samples: int) -> int:
    """Rank (0 is the greatest) from which on ``samples`` images lie around a quantile of ``images`` values."""
    middle = round((1 - quantile) * (images - 1))
    return int(np.clip(middle - samples // 2, 0, max(0, images - samples)))


def class_counts(labels: np.ndarray) -> np.ndarray:
    """(classes,) int64 images of every class; empty if no label is known (0 or more)."""
    return np.bincount(labels[labels >= 0])


def add_classes(group: h5py.Group, labels: np.ndarray, counts: np.ndarray) -> None:
    """Write the mean of every class and the classes with the greatest means.

    Parameters
    ----------
    group : of a layer of C units; gets ``class_mean`` (classes, C) and ``top_class`` (C, at most `TOP_CLASSES`).
    labels : (N,) class of every image; -1 where it is not known or the image could not be used.
    counts : (classes,) images of every class among ``labels``.
    """
    table = group[layout.MEANS_POST]
    sums = np.zeros((len(counts), table.shape[1]))
    for start, rows in _blocks(table):
        own = labels[start : start + len(rows)]
        order = np.argsort(own, kind="stable")
        order = order[own[order] >= 0]
        if len(order):
            classes, firsts = np.unique(own[order], return_index=True)
            sums[classes] += np.add.reduceat(rows[order].astype(np.float64), firsts, axis=0)
    with np.errstate(invalid="ignore"):
        means = (sums / counts[:, None]).astype(np.float32)
    group[layout.CLASS_MEAN] = means
    ranked = np.argsort(np.where(counts[:, None] > 0, -means, np.inf), axis=0, kind="stable").T
    best = ranked[:, : min(TOP_CLASSES, int((counts > 0).sum()))]
    group[layout.TOP_CLASS] = best.astype(np.int32)


def add_correlation(group: h5py.Group, used: np.ndarray) -> None:
    """Write ``correlation`` (C, C) float32: Pearson's, of the units' means over images; NaN for constant units.

    Parameters
    ----------
    group : of a layer of C units.
    used : (N,) whether an image could be used.
    """
    table = group[layout.MEANS_POST]
    mean = np.zeros(table.shape[1])
    for start, rows in _blocks(table):
        mean += rows[used[start : start + len(rows)]].sum(0, dtype=np.float64)
    mean /= used.sum()
    products = np.zeros((len(mean), len(mean)))
    for start, rows in _blocks(table):
        away = rows[used[start : start + len(rows)]] - mean
        products += away.T @ away
    deviation = np.sqrt(products.diagonal())
    deviation[deviation <= 1e-12 * np.abs(mean)] = np.nan
    products /= deviation[:, None] * deviation
    group[layout.CORRELATION] = products.clip(-1, 1).astype(np.float32)


def add_importance(group: h5py.Group, table: str, used: np.ndarray) -> None:
    """Write ``importance_<table>`` (C,) float64: the mean of a table over the images that could be used."""
    total = np.zeros(group[table].shape[1])
    for start, rows in _blocks(group[table]):
        total += rows[used[start : start + len(rows)]].sum(0, dtype=np.float64)
    group[layout.mean_importance(table)] = total / used.sum()


def _blocks(table: h5py.Dataset) -> Iterator[tuple[int, np.ndarray]]:
    """Rows of a table, `ROWS` at a time, with the number of the first."""
    for start in range(0, len(table), ROWS):
        yield start, table[start : start + ROWS]
