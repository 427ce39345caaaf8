"""Write a ``scan.h5`` from the parts that its images were scanned in."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import h5py
import numpy as np

from deepvis.scan.derived import QUANTILES, add_classes, add_correlation, add_importance, add_quantiles, class_counts
from deepvis.scan.exact_sum import LIMBS
from deepvis.scan.head import Head, LayerHead, Wanted
from deepvis.scan.layout import IMPORTANCE, READ, UNREADABLE, group_name, position_axes
from deepvis.scan.parts import Listing, Part
from deepvis.scan.top_images import unpack
from deepvis.scan.totals import Totals, joined
from deepvis.sources import UNKNOWN
from deepvis.sources.images import hash_of
from deepvis.sources.names import below
from entropy.measuring.streaming import CELLS
from prototxt.common.progress import Progress

COPIED_ROWS = 1024
# Rows and columns of a piece of a table in the file: means are read by rows, maxima by columns.
CHUNKS = {"maxima": (1024, 16)}
ROW_CHUNK = 256


def write_scan(path: Path, head: Head, parts: Sequence[Part]) -> Iterator[Progress]:
    """Write a file that must not exist yet; whether it is complete is the caller's care (`prototxt.common.atomic`).

    Parameters
    ----------
    head : what is the same for all parts.
    parts : consecutive runs of images, at least one image in them that could be used.

    Yields
    ------
    Progress in images.
    """
    listing = join_listings([part.listing for part in parts])
    _make_sure_of_room(path, _size(head, listing))
    # The newest file version is the one whose attributes may be larger than 64 kB, as those with a mean image are.
    with h5py.File(path, "w", libver=("v110", "v110")) as file:
        _write_head(file, head, listing)
        groups = [_make_group(file, layer, head, len(listing)) for layer in head.layers]
        first = 0
        for part in parts:
            for rows in _copy_tables(part, head, groups, first):
                yield Progress(rows, len(listing), "scan: writing")
            first += len(part.listing)
        _write_images(file, parts)
        totals = joined([part.totals for part in parts], [len(part.listing) for part in parts])
        used = file["images/status"][()] == READ
        for group, (layer, columns) in zip(groups, head.columns(), strict=True):
            _write_totals(group, layer, totals.of_units(columns), int(used.sum()), head.wanted)
        yield from _write_derived(file, head, groups, used)


def _make_sure_of_room(path: Path, size: int) -> None:
    """Raise an `OSError` in the system's own words if the place cannot be written to, or has not so many bytes left.

    HDF5 kills the process when a disk is full.
    """
    with path.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, size)


def _size(head: Head, listing: Listing) -> int:
    """Bytes that a file will take at most."""
    names = sum(len(path.encode()) + 16 for path in listing.paths)
    images = len(listing) + COPIED_ROWS
    classes = int(listing.labels.max(initial=-1)) + 1
    of_a_unit = 4 * images * len(head.tables) + 72 * head.top + 4 * classes + 16 * LIMBS + 256
    of_a_unit += (4 * CELLS + 64) * len(head.wanted.histograms)
    correlation = sum(4 * layer.units**2 for layer in head.layers) if head.wanted.correlation else 0
    return int(1.1 * (names + 64 * images + head.units * of_a_unit + correlation)) + (1 << 20)


def join_listings(listings: Sequence[Listing]) -> Listing:
    """Join lists of images; where their folders differ, paths become absolute."""
    labels = np.concatenate([listing.labels for listing in listings]).astype(np.int32)
    root = listings[0].root
    if all(listing.root == root for listing in listings):
        return Listing(root, tuple(path for listing in listings for path in listing.paths), labels)
    return Listing(root, tuple(below(listing.root, name) for listing in listings for name in listing.paths), labels)


def _write_head(file: h5py.File, head: Head, listing: Listing) -> None:
    for name, value in head.attributes.items():
        file.attrs[name] = value
    file.attrs["images_hash"] = hash_of(listing.paths, listing.labels.tolist())
    group = file.create_group("images")
    group.attrs["root"] = str(listing.root.absolute())
    group.create_dataset("path", data=list(listing.paths), dtype=h5py.string_dtype())
    group["label"] = listing.labels
    if head.classes:
        file.create_dataset("classes", data=list(head.classes), dtype=h5py.string_dtype())
    layers = file.create_group("layers")
    layers.attrs.create("names", [layer.name for layer in head.layers], dtype=h5py.string_dtype())


def _make_group(file: h5py.File, layer: LayerHead, head: Head, images: int) -> h5py.Group:
    group = file.create_group(f"layers/{group_name(layer.name)}")
    for name, value in layer.attributes.items():
        group.attrs[name] = value
    for name, array in layer.arrays.items():
        group[name] = array
    for table in head.tables:
        group.create_dataset(
            table,
            (images, layer.units),
            np.float32,
            chunks=_chunk(table, images, layer.units),
            maxshape=(None, layer.units),
            fillvalue=np.nan,
        )
    return group


def _chunk(table: str, images: int, units: int) -> tuple[int, int]:
    rows, columns = CHUNKS.get(table, (ROW_CHUNK, units))
    return min(images, rows), min(units, columns)


def _copy_tables(part: Part, head: Head, groups: Sequence[h5py.Group], first: int) -> Iterator[int]:
    """Copy a part's rows to those from ``first`` on, whole pieces of the file at a time; yields the rows there are."""
    last = first + len(part.listing)
    start = first
    while start < last:
        stop = min(last, (start // COPIED_ROWS + 1) * COPIED_ROWS)
        for table in head.tables:
            for layer, group in enumerate(groups):
                group[table][start:stop] = part.rows(table, layer, start - first, stop - first)
        start = stop
        yield start


def _write_images(file: h5py.File, parts: Sequence[Part]) -> None:
    sizes = np.concatenate([part.sizes for part in parts])
    file["images/size"] = sizes[:, :2]
    if sizes.shape[1] > 2:
        file["images/second_size"] = sizes[:, 2:]
    file["images/status"] = np.where(sizes.any(1), READ, UNREADABLE).astype(np.uint8)
    starts = np.cumsum([0] + [len(part.listing) for part in parts])
    errors = [(index + start, text) for part, start in zip(parts, starts, strict=False) for index, text in part.errors]
    file["images/error_image"] = np.array([index for index, _ in errors], np.int32)
    file["images"].create_dataset("error", (len(errors),), h5py.string_dtype(), [text for _, text in errors])


def _write_totals(group: h5py.Group, layer: LayerHead, totals: Totals, used: int, wanted: Wanted) -> None:
    for which, sign in (("top", 1), ("bottom", -1))[: 1 + wanted.bottom]:
        values, images = unpack(getattr(totals, f"{which}_keys"))
        group[f"{which}_value"] = sign * values + np.float32(0)
        group[f"{which}_image"] = images
        positions = getattr(totals, f"{which}_positions")
        group[f"{which}_position"] = _positions(positions, images, layer.map_shape)
    group.create_dataset("exact_sums", data=np.stack([totals.sums, totals.squares]), compression="gzip", shuffle=True)
    group["zero_count"] = totals.zeros
    for kind, name in enumerate(wanted.histograms):
        counts = totals.mean_counts[:, kind]
        group.create_dataset(f"{name}_counts", data=counts, compression="gzip", compression_opts=1, shuffle=True)
        group[f"{name}_extremes"], group[f"{name}_zeros"] = totals.mean_extremes[:, kind], totals.mean_zeros[:, kind]
    counts = np.full(layer.units, used * layer.positions, np.int64)
    for name, array in totals.statistics(counts).items():
        group[name] = array


def _write_derived(file: h5py.File, head: Head, groups: Sequence[h5py.Group], used: np.ndarray) -> Iterator[Progress]:
    labels = np.where(used, file["images/label"][()], UNKNOWN)
    counts = class_counts(labels)
    if len(counts):
        file["class_count"] = counts
    if "maxima" in head.tables:
        file.attrs["quantiles"] = np.array(QUANTILES)
    for done, (group, layer) in enumerate(zip(groups, head.layers, strict=True)):
        yield Progress(done, len(groups), f"scan: {layer.name}")
        if "maxima" in head.tables:
            add_quantiles(group, used.nonzero()[0], head.top)
        if len(counts) and "means_post" in head.tables:
            add_classes(group, labels, counts)
        if head.wanted.correlation:
            add_correlation(group, used)
        for table in IMPORTANCE.intersection(head.tables):
            add_importance(group, table, used)


def _positions(flat: np.ndarray, images: np.ndarray, map_shape: tuple[int, ...]) -> np.ndarray:
    """(C, K, axes) int32 of flat indices; axes that the map has not are 0, entries without an image -1."""
    axes = position_axes(map_shape)
    positions = np.zeros((*flat.shape, axes), np.int32)
    if map_shape:
        positions[..., axes - len(map_shape) :] = np.stack(np.unravel_index(flat, map_shape), axis=-1)
    positions[images < 0] = -1
    return positions
