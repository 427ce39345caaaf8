"""Reads the means tables of a ``scan.h5`` by its documented layout (docs/scan-format.md)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Literal

import h5py
import numpy as np
from numpy.typing import NDArray

from entropy.errors import ScanError
from entropy.measuring import scan_layout as layout
from entropy.measuring.binning import Means
from entropy.measuring.streamed_means import StreamedMeans
from entropy.measuring.streaming import MeanHistograms
from entropy.measuring.table_means import TableMeans
from prototxt.net.layer_types import CONVOLUTION_TYPES

Kept = Literal["auto", "table", "histograms"]
ROWS = 2048  # of a table in the file, read at once; whole pieces of the file


@dataclass(frozen=True)
class ScanTables:
    """The means tables of some layers of a scan, and what the scan was made from.

    Parameters
    ----------
    means : layer name to what can be measured of its means, in net order: (N, units) arrays, tables in the file, or
        histograms (`entropy.measuring.binning.Means`); images that could not be used are left out.
    importance : measure (of `scan_layout.IMPORTANCE`) to layer name to (units,), those that the scan has of all these
        layers.
    model_hash, images_hash, preprocessing_hash : as in the scan's root attributes.
    """

    means: Mapping[str, NDArray[np.floating] | Means]
    model_hash: str = ""
    images_hash: str = ""
    preprocessing_hash: str = ""
    importance: dict[str, dict[str, NDArray[np.float64]]] = field(default_factory=dict)
    source: str = field(default="", compare=False)

    @property
    def title(self) -> str:
        """What messages call the scan."""
        return self.source or "the scan"


def read_means(
    path: Path | str, layers: Sequence[str] | None = None, after: bool = True, kept: Kept = "auto"
) -> ScanTables:
    """Read what a scan kept of the means; tables are read when they are measured, block by block.

    Parameters
    ----------
    path : a ``scan.h5``.
    layers : the names wanted; by default every Convolution and Deconvolution layer.
    after : the means after the activation, or before it (only when the scan stored them).
    kept : measure the ``table`` of means, their ``histograms``, or (auto) the table where it is there.

    Raises
    ------
    ScanError : no such file, no scan, an unknown layer (all known ones are named), or no table of that kind.
    """
    path = Path(path)
    with open_scan(path) as file:
        try:
            names = _chosen(file, layers)
            means = means_of(file, names, after, kept, partial(h5py.File, path.absolute(), "r"))
            hashes = {key: layout.text_of(file.attrs.get(key, "")) for key in layout.HASHES}
            return ScanTables(means, importance=_importance(file, names), source=str(path), **hashes)
        except OSError as error:
            raise _broken(path, error) from error


def open_scan(path: Path) -> h5py.File:
    """Open a scan for reading.

    Raises
    ------
    ScanError : no such file, cut off, no scan, or of a version that is not known.
    """
    if not path.is_file():
        raise ScanError(f"{path}: no such file; make one with: deepvis scan")
    try:
        file = h5py.File(path, "r")
    except OSError as error:
        raise _broken(path, error) from error
    try:
        _check_format(file, path)
    except ScanError:
        file.close()
        raise
    return file


def _broken(path: Path, error: OSError) -> ScanError:
    return ScanError(f"{path}: is not a whole HDF5 file ({error}); make it again with: deepvis scan")


def _check_format(file: h5py.File, path: Path) -> None:
    if layout.text_of(file.attrs.get(layout.FORMAT, "")) != layout.SCAN_FORMAT or layout.LAYERS not in file:
        raise ScanError(
            f"{path}: is an HDF5 file, but no scan (its attribute {layout.FORMAT} is not {layout.SCAN_FORMAT!r}); make "
            "one with: deepvis scan"
        )
    version = int(file.attrs.get(layout.FORMAT_VERSION, layout.VERSION))
    if version > layout.VERSION:
        raise ScanError(
            f"{path}: has format version {version}, this program knows up to {layout.VERSION}; update it, or scan again"
        )


def means_of(
    file: h5py.File,
    layers: Sequence[str],
    after: bool = True,
    kept: Kept = "auto",
    reopen: Callable[[], AbstractContextManager[h5py.File]] | None = None,
) -> dict[str, Means]:
    """Give what can be measured of the means of layers that an opened scan holds.

    Parameters
    ----------
    after, kept : as in `read_means`.
    reopen : gives the scan again, each time that a table is read; by default ``file`` has to stay open.

    Raises
    ------
    ScanError : a layer has no table, or histograms, of that kind.
    """
    dataset = layout.means_table(after)
    if kept != "histograms" and all(dataset in layout.group_of(file, name) for name in layers):
        return {name: _table(file, name, dataset, reopen or partial(nullcontext, file)) for name in layers}
    histograms = {name: read_histograms(file, name, dataset) for name in layers if kept != "table"}
    found = {name: StreamedMeans(each) for name, each in histograms.items() if each is not None and each.images}
    missing = [name for name in layers if name not in found]
    if missing:
        what = {"histograms": f"histograms of {dataset}", "auto": f"table {dataset} and no histograms of it"}
        raise ScanError(
            f"{file.filename}: layer {missing[0]!r} has no {what.get(kept, f'table {dataset}')}; scan again with it, "
            "or use the other one"
        )
    return dict(found)


def read_histograms(file: h5py.File, layer: str, table: str = layout.MEANS_POST) -> MeanHistograms | None:
    """Read the histograms of a layer's means from an opened scan; None where it kept none.

    Parameters
    ----------
    table : whose histograms, ``means_post`` or ``means_pre``.
    """
    group, names = layout.group_of(file, layer), layout.histograms_of(table)
    if names.counts not in group:
        return None
    extremes = group[names.extremes][()]
    return MeanHistograms(group[names.counts][()], extremes[:, 0], extremes[:, 1], group[names.zeros][()])


def _chosen(file: h5py.File, layers: Sequence[str] | None) -> list[str]:
    """The layers that are wanted, in the order of the net."""
    path, known = file.filename, layout.layer_names(file)
    if layers is None:
        types = {name: layout.text_of(layout.group_of(file, name).attrs[layout.TYPE]) for name in known}
        convolutions = [name for name in known if types[name] in CONVOLUTION_TYPES]
        if not convolutions:
            raise ScanError(f"{path}: holds no convolution layer; name layers with --layers, of: {', '.join(known)}")
        return convolutions
    strangers = [name for name in layers if name not in known]
    if strangers:
        raise ScanError(f"{path}: no layer {', '.join(map(repr, strangers))}; it holds {', '.join(known)}")
    return [name for name in known if name in layers]


def _table(
    file: h5py.File, layer: str, dataset: str, reopen: Callable[[], AbstractContextManager[h5py.File]]
) -> TableMeans:
    table, used = layout.group_of(file, layer)[dataset], _used_images(file)
    place, (images, units) = table.name, table.shape

    def blocks() -> Iterator[NDArray[np.floating]]:
        with reopen() as file:
            for start in range(0, images, ROWS):
                block = file[place][start : start + ROWS]
                yield block if used is None else block[used[start : start + ROWS]]

    return TableMeans(blocks, images if used is None else int(used.sum()), units, f"{file.filename}: layer {layer!r}")


def _importance(file: h5py.File, layers: Sequence[str]) -> dict[str, dict[str, NDArray[np.float64]]]:
    groups = {layer: layout.group_of(file, layer) for layer in layers}
    names = {measure: layout.mean_importance(measure) for measure in layout.IMPORTANCE}
    return {
        measure: {layer: group[name][()].astype(np.float64) for layer, group in groups.items()}
        for measure, name in names.items()
        if all(name in group for group in groups.values())
    }


def _used_images(file: h5py.File) -> NDArray[np.bool_] | None:
    """Which images are part of the scan; None for all (the others' rows of the tables are not numbers)."""
    if layout.IMAGES not in file or layout.STATUS not in file[layout.IMAGES]:
        return None
    used = file[layout.IMAGES][layout.STATUS][()] == layout.READ
    return None if used.all() else used
