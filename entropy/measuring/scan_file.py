"""Reads the means tables of a ``scan.h5`` by its documented layout (docs/scan-format.md)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import h5py
import numpy as np
from numpy.typing import NDArray

from entropy.errors import ScanError
from entropy.measuring.binning import Means
from entropy.measuring.streamed_means import StreamedMeans
from entropy.measuring.streaming import MeanHistograms
from entropy.measuring.table_means import TableMeans

FORMAT_VERSION = 1
IMPORTANCE = ("taylor", "mas")
Kept = Literal["auto", "table", "histograms"]
ROWS = 2048  # of a table in the file, read at once; whole pieces of the file
CONVOLUTIONS = ("Convolution", "Deconvolution")


@dataclass(frozen=True)
class ScanTables:
    """The means tables of some layers of a scan, and what the scan was made from.

    Parameters
    ----------
    means : layer name to what can be measured of its means, in net order: (N, units) arrays, tables in the file, or
        histograms (`entropy.measuring.binning.Means`); images that could not be used are left out.
    importance : measure (of `IMPORTANCE`) to layer name to (units,), those that the scan has of all these layers.
    model_hash, images_hash, preprocessing_hash : as in the scan's root attributes.
    """

    means: Mapping[str, NDArray[np.floating] | Means]
    model_hash: str = ""
    images_hash: str = ""
    preprocessing_hash: str = ""
    importance: dict[str, dict[str, NDArray[np.float64]]] = field(default_factory=dict)
    source: str = field(default="", compare=False)


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
    if not path.is_file():
        raise ScanError(f"{path}: no such file; make one with: deepvis scan")
    try:
        with h5py.File(path, "r") as file:
            return _read_tables(file, str(path), layers, "means_post" if after else "means_pre", kept)
    except OSError as error:
        raise ScanError(f"{path}: not a readable HDF5 file ({error}); make it again with: deepvis scan") from error


def read_histograms(file: h5py.File, layer: str, table: str = "means_post") -> MeanHistograms | None:
    """Read the histograms of a layer's means from an opened scan; None where it kept none.

    Parameters
    ----------
    table : whose histograms, ``means_post`` or ``means_pre``.
    """
    group = file["layers"][_encode(layer)]
    if f"{table}_counts" not in group:
        return None
    extremes = group[f"{table}_extremes"][()]
    return MeanHistograms(group[f"{table}_counts"][()], extremes[:, 0], extremes[:, 1], group[f"{table}_zeros"][()])


def _read_tables(file: h5py.File, path: str, layers: Sequence[str] | None, dataset: str, kept: Kept) -> ScanTables:
    if _text(file.attrs.get("format", "")) != "deepvis-scan" or "layers" not in file:
        raise ScanError(f"{path}: an HDF5 file, but no scan (its attribute format is not 'deepvis-scan')")
    if int(file.attrs.get("format_version", 1)) > FORMAT_VERSION:
        raise ScanError(
            f"{path}: has format version {file.attrs['format_version']}; this program knows {FORMAT_VERSION}: update it"
        )
    known = [_text(name) for name in file["layers"].attrs["names"]]
    groups = {name: file["layers"][_encode(name)] for name in known}
    if layers is None:
        wanted = [name for name in known if _text(groups[name].attrs["type"]) in CONVOLUTIONS]
        if not wanted:
            raise ScanError(f"{path}: holds no convolution layer; name layers with --layers, of: {', '.join(known)}")
    else:
        strangers = [name for name in layers if name not in groups]
        if strangers:
            raise ScanError(f"{path}: no layer {', '.join(map(repr, strangers))}; it holds {', '.join(known)}")
        wanted = [name for name in known if name in layers]
    means = _means(file, path, {name: groups[name] for name in wanted}, dataset, kept)
    hashes = {key: _text(file.attrs.get(key, "")) for key in ("model_hash", "images_hash", "preprocessing_hash")}
    return ScanTables(means, importance=_importance({name: groups[name] for name in wanted}), source=path, **hashes)


def _means(file: h5py.File, path: str, groups: Mapping[str, h5py.Group], dataset: str, kept: Kept) -> dict[str, Means]:
    tables = all(dataset in group for group in groups.values())
    if tables and kept != "histograms":
        used = _used_images(file)
        return {name: _table(path, group, dataset, used, name) for name, group in groups.items()}
    histograms = {name: read_histograms(file, name, dataset) for name in groups if kept != "table"}
    found = {name: StreamedMeans(each) for name, each in histograms.items() if each is not None and each.images}
    missing = [name for name in groups if name not in found]
    if missing:
        what = {"histograms": f"histograms of {dataset}", "auto": f"table {dataset} and no histograms of it"}
        raise ScanError(
            f"{path}: layer {missing[0]!r} has no {what.get(kept, f'table {dataset}')}; scan again with it, or use the "
            "other one"
        )
    return dict(found)


def _table(path: str, group: h5py.Group, dataset: str, used: NDArray[np.bool_] | None, name: str) -> TableMeans:
    file_path, place, (images, units) = Path(path).absolute(), f"{group.name}/{dataset}", group[dataset].shape

    def blocks() -> Iterator[NDArray[np.floating]]:
        with h5py.File(file_path, "r") as file:
            table = file[place]
            for start in range(0, images, ROWS):
                block = table[start : start + ROWS]
                yield block if used is None else block[used[start : start + ROWS]]

    return TableMeans(blocks, images if used is None else int(used.sum()), units, f"{path}: layer {name!r}")


def _importance(groups: dict[str, h5py.Group]) -> dict[str, dict[str, NDArray[np.float64]]]:
    return {
        measure: {name: group[f"importance_{measure}"][()].astype(np.float64) for name, group in groups.items()}
        for measure in IMPORTANCE
        if all(f"importance_{measure}" in group for group in groups.values())
    }


def _used_images(file: h5py.File) -> NDArray[np.bool_] | None:
    """Which images are part of the scan; None for all (the others' rows of the tables are not numbers)."""
    if "images" not in file or "status" not in file["images"]:
        return None
    used = file["images"]["status"][()] == 0
    return None if used.all() else used


def _encode(name: str) -> str:
    return name.replace("%", "%25").replace("/", "%2F")


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
