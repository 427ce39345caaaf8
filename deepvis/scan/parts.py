"""Consecutive runs of images of which a scan is put together: those of this run, or those of a finished file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Protocol

import h5py
import numpy as np

from deepvis.scan.head import Head, LayerHead
from deepvis.scan.top_images import EMPTY, pack_arrays
from deepvis.scan.totals import LIMBED, Totals
from entropy.errors import ScanError
from entropy.measuring import scan_layout as layout


@dataclass(frozen=True)
class Listing:
    """Names and labels of n images, as `deepvis.sources.images.ImageSource` has them."""

    root: Path
    paths: tuple[str, ...]
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.paths)


class Part(Protocol):
    """A run of n images, all done.

    Attributes
    ----------
    listing : of the n images.
    totals : of those that could be used; image numbers count from the first of this part.
    errors : number and message of those that could not.
    """

    listing: Listing
    totals: Totals
    errors: list[tuple[int, str]]

    @property
    def sizes(self) -> np.ndarray:
        """(n, 2) int32 height and width, (n, 4) those of both of a pair; 0 for images that could not be used."""

    def rows(self, table: str, layer: int, start: int, stop: int) -> np.ndarray:
        """(stop - start, units) float32 rows of a table for one layer, NaN for images that could not be used."""


class FilePart:
    """The part that a finished ``scan.h5`` is.

    Parameters
    ----------
    file : opened for reading.
    head : of this file.

    Raises
    ------
    ScanError : if the file was written by a version that did not keep what joining needs.
    """

    def __init__(self, file: h5py.File, head: Head) -> None:
        self.groups = [layout.group_of(file, layer.name) for layer in head.layers]
        if any(layout.EXACT_SUMS not in group for group in self.groups):
            raise ScanError(f"{file.filename}: was made by an older version that kept no exact sums; scan again")
        images = file[layout.IMAGES]
        root, paths = Path(images.attrs[layout.ROOT]), tuple(images[layout.PATH].asstr()[()])
        self.listing = Listing(root, paths, images[layout.LABEL][()])
        self.sizes = np.concatenate([images[name][()] for name in layout.SIZES if name in images], 1)
        messages = images[layout.ERROR].asstr()[()] if layout.ERROR in images else []
        self.errors = list(zip(images[layout.ERROR_IMAGE][()].tolist() if len(messages) else [], messages, strict=True))
        self.totals = self._totals(head)

    def rows(self, table: str, layer: int, start: int, stop: int) -> np.ndarray:
        """See `Part`."""
        return self.groups[layer][table][start:stop]

    def _totals(self, head: Head) -> Totals:
        per_layer = [_layer_totals(group, layer) for group, layer in zip(self.groups, head.layers, strict=True)]
        axis = {name: 1 if name in LIMBED else 0 for name in (field.name for field in fields(Totals))}
        columns = zip(*per_layer, strict=True)
        return Totals(*(np.concatenate(arrays, axis[name]) for name, arrays in zip(axis, columns, strict=True)))


def _layer_totals(group: h5py.Group, layer: LayerHead) -> tuple[np.ndarray, ...]:
    """What `Totals` has of a layer, in its order."""
    sums, squares = group[layout.EXACT_SUMS][()]
    return (
        *_entries(group, layout.GREATEST, 1, layer.map_shape),
        *_entries(group, layout.LEAST, -1, layer.map_shape),
        sums,
        squares,
        group[layout.ZERO_COUNT][()],
        group[layout.MIN][()].astype(np.float32),
        group[layout.MAX][()].astype(np.float32),
        *_histograms(group),
    )


def _histograms(group: h5py.Group) -> Iterator[np.ndarray]:
    """The histograms of means of a layer, as `Totals` has them."""
    kept = [names for names in map(layout.histograms_of, layout.MEANS) if names.counts in group]
    if not kept:
        nothing = Totals.nothing(int(group.attrs[layout.UNITS]), 1)
        yield from (nothing.mean_counts, nothing.mean_extremes, nothing.mean_zeros)
    for names in zip(*kept, strict=True):
        yield np.stack([group[name][()] for name in names], axis=1)


def _entries(
    group: h5py.Group, names: layout.Ranked, sign: int, map_shape: tuple[int, ...]
) -> tuple[np.ndarray, np.ndarray]:
    """Keys and flat positions of the greatest or least values of a layer; empty ones if they were not kept."""
    if names.image not in group:
        shape = group[layout.GREATEST.image].shape
        return np.full(shape, EMPTY, np.int64), np.zeros(shape, np.int64)
    values, images = group[names.value][()], group[names.image][()].astype(np.int64)
    places = group[names.position][()].clip(0).astype(np.int64)
    empty = images < 0
    keys = np.where(empty, EMPTY, pack_arrays(np.where(empty, 0, sign * values), images.clip(0)))
    flat = np.zeros(images.shape, np.int64)
    if map_shape:
        flat = np.ravel_multi_index(tuple(np.moveaxis(places[..., -len(map_shape) :], -1, 0)), map_shape)
    return keys, flat
