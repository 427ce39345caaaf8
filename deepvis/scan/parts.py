"""Consecutive runs of images of which a scan is put together: those of this run, or those of a finished file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Protocol

import h5py
import numpy as np

from deepvis.errors import ScanError
from deepvis.scan.head import Head, LayerHead
from deepvis.scan.layout import MEANS, group_name
from deepvis.scan.top_images import EMPTY, pack_arrays
from deepvis.scan.totals import LIMBED, Totals


@dataclass(frozen=True)
class Listing:
    """Names and labels of n images, as `deepvis.sources.decode.ImageSource` has them."""

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
        self.groups = [file["layers"][group_name(layer.name)] for layer in head.layers]
        if any("exact_sums" not in group for group in self.groups):
            raise ScanError(f"{file.filename}: was made by an older version that kept no exact sums; scan again")
        images = file["images"]
        self.listing = Listing(Path(images.attrs["root"]), tuple(images["path"].asstr()[()]), images["label"][()])
        self.sizes = np.concatenate([images[name][()] for name in ("size", "second_size") if name in images], 1)
        messages = images["error"].asstr()[()] if "error" in images else []
        self.errors = list(zip(images["error_image"][()].tolist() if len(messages) else [], messages, strict=True))
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
    sums, squares = group["exact_sums"][()]
    return (
        *_entries(group, "top", 1, layer.map_shape),
        *_entries(group, "bottom", -1, layer.map_shape),
        sums,
        squares,
        group["zero_count"][()],
        group["min"][()].astype(np.float32),
        group["max"][()].astype(np.float32),
        *_histograms(group),
    )


def _histograms(group: h5py.Group) -> Iterator[np.ndarray]:
    """The histograms of means of a layer, as `Totals` has them."""
    kept = [name for name in MEANS if f"{name}_counts" in group]
    nothing = Totals.nothing(int(group.attrs["units"]), 1)
    for name in ("counts", "extremes", "zeros"):
        arrays = [group[f"{kind}_{name}"][()] for kind in kept]
        yield np.stack(arrays, axis=1) if arrays else getattr(nothing, f"mean_{name}")


def _entries(group: h5py.Group, which: str, sign: int, map_shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Keys and flat positions of the ``top`` or ``bottom`` tables of a layer; empty ones if they were not kept."""
    if f"{which}_image" not in group:
        return np.full(group["top_image"].shape, EMPTY, np.int64), np.zeros(group["top_image"].shape, np.int64)
    values, images = group[f"{which}_value"][()], group[f"{which}_image"][()].astype(np.int64)
    places = group[f"{which}_position"][()].clip(0).astype(np.int64)
    empty = images < 0
    keys = np.where(empty, EMPTY, pack_arrays(np.where(empty, 0, sign * values), images.clip(0)))
    flat = np.zeros(images.shape, np.int64)
    if map_shape:
        flat = np.ravel_multi_index(tuple(np.moveaxis(places[..., -len(map_shape) :], -1, 0)), map_shape)
    return keys, flat
