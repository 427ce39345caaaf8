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
from deepvis.scan.parts import Listing, Part
from deepvis.scan.top_images import unpack
from deepvis.scan.totals import Totals, joined
from deepvis.sources import UNKNOWN
from deepvis.sources.images import hash_of
from deepvis.sources.names import below
from entropy.measuring import scan_layout as layout
from entropy.measuring.streaming import CELLS
from prototxt.common.progress import Progress

COPIED_ROWS = 1024
# Rows and columns of a piece of a table in the file: means are read by rows, maxima by columns.
CHUNKS = {layout.MAXIMA: (1024, 16)}
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
        used = file[layout.IMAGES][layout.STATUS][()] == layout.READ
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
    file.attrs[layout.IMAGES_HASH] = hash_of(listing.paths, listing.labels.tolist())
    group = file.create_group(layout.IMAGES)
    group.attrs[layout.ROOT] = str(listing.root.absolute())
    group.create_dataset(layout.PATH, data=list(listing.paths), dtype=h5py.string_dtype())
    group[layout.LABEL] = listing.labels
    if head.classes:
        file.create_dataset(layout.CLASSES, data=list(head.classes), dtype=h5py.string_dtype())
    layers = file.create_group(layout.LAYERS)
    layers.attrs.create(layout.NAMES, [layer.name for layer in head.layers], dtype=h5py.string_dtype())


def _make_group(file: h5py.File, layer: LayerHead, head: Head, images: int) -> h5py.Group:
    group = file[layout.LAYERS].create_group(layout.group_name(layer.name))
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
    group = file[layout.IMAGES]
    group[layout.SIZE] = sizes[:, :2]
    if sizes.shape[1] > 2:
        group[layout.SECOND_SIZE] = sizes[:, 2:]
    group[layout.STATUS] = np.where(sizes.any(1), layout.READ, layout.UNREADABLE).astype(np.uint8)
    starts = np.cumsum([0] + [len(part.listing) for part in parts])
    errors = [(index + start, text) for part, start in zip(parts, starts, strict=False) for index, text in part.errors]
    group[layout.ERROR_IMAGE] = np.array([index for index, _ in errors], np.int32)
    group.create_dataset(layout.ERROR, (len(errors),), h5py.string_dtype(), [text for _, text in errors])


def _write_totals(group: h5py.Group, layer: LayerHead, totals: Totals, used: int, wanted: Wanted) -> None:
    ranked = [(layout.GREATEST, 1, totals.top_keys, totals.top_positions)]
    if wanted.bottom:
        ranked.append((layout.LEAST, -1, totals.bottom_keys, totals.bottom_positions))
    for names, sign, keys, positions in ranked:
        values, images = unpack(keys)
        group[names.value] = sign * values + np.float32(0)
        group[names.image] = images
        group[names.position] = _positions(positions, images, layer.map_shape)
    sums = np.stack([totals.sums, totals.squares])
    group.create_dataset(layout.EXACT_SUMS, data=sums, compression="gzip", shuffle=True)
    group[layout.ZERO_COUNT] = totals.zeros
    for kind, table in enumerate(wanted.histograms):
        own, counts = layout.histograms_of(table), totals.mean_counts[:, kind]
        group.create_dataset(own.counts, data=counts, compression="gzip", compression_opts=1, shuffle=True)
        group[own.extremes], group[own.zeros] = totals.mean_extremes[:, kind], totals.mean_zeros[:, kind]
    counts = np.full(layer.units, used * layer.positions, np.int64)
    for name, array in totals.statistics(counts).items():
        group[name] = array


def _write_derived(file: h5py.File, head: Head, groups: Sequence[h5py.Group], used: np.ndarray) -> Iterator[Progress]:
    labels = np.where(used, file[layout.IMAGES][layout.LABEL][()], UNKNOWN)
    counts = class_counts(labels)
    if len(counts):
        file[layout.CLASS_COUNT] = counts
    if layout.MAXIMA in head.tables:
        file.attrs[layout.QUANTILES] = np.array(QUANTILES)
    for done, (group, layer) in enumerate(zip(groups, head.layers, strict=True)):
        yield Progress(done, len(groups), f"scan: {layer.name}")
        if layout.MAXIMA in head.tables:
            add_quantiles(group, used.nonzero()[0], head.top)
        if len(counts) and layout.MEANS_POST in head.tables:
            add_classes(group, labels, counts)
        if head.wanted.correlation:
            add_correlation(group, used)
        for table in layout.IMPORTANCE:
            if table in head.tables:
                add_importance(group, table, used)


def _positions(flat: np.ndarray, images: np.ndarray, map_shape: tuple[int, ...]) -> np.ndarray:
    """(C, K, axes) int32 of flat indices; axes that the map has not are 0, entries without an image -1."""
    axes = layout.position_axes(map_shape)
    positions = np.zeros((*flat.shape, axes), np.int32)
    if map_shape:
        positions[..., axes - len(map_shape) :] = np.stack(np.unravel_index(flat, map_shape), axis=-1)
    positions[images < 0] = -1
    return positions
