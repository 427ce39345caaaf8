"""Write a ``scan.h5``: tables row by row while the pass runs, the rest at its end."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

import h5py
import numpy as np

from deepvis.images import ImageSource
from deepvis.model import Model, UnitLayer
from deepvis.scan.layout import FORMAT, READ, UNREADABLE, VERSION, group_name, position_axes
from deepvis.scan.top_images import unpack

TABLE_ROWS = 256
PACKAGES = ("deepvis-caffe", "torch", "numpy", "opencv-python", "h5py")


class ScanWriter:
    """Writes a scan into a file that must not exist yet; use it in ``with``.

    Parameters
    ----------
    path : the new file; whether it is complete is the caller's care (`prototxt.atomic.atomic_path`).
    model, images, layers, top : what is scanned.
    before : whether there are tables of the means before the activation.
    """

    def __init__(
        self, path: Path, model: Model, images: ImageSource, layers: Sequence[UnitLayer], top: int, before: bool
    ) -> None:
        path.touch()  # tells in the system's own words if the place cannot be written to
        self.layers = layers
        # The newest file version is the one whose attributes may be larger than 64 kB, as those with a mean image are.
        self.file = h5py.File(path, "w", libver=("v110", "v110"))
        self.sizes = np.zeros((len(images), 2), np.int32)
        self.status = np.full(len(images), UNREADABLE, np.uint8)
        self._write_head(model, images, top)
        self.groups = {layer.name: self._make_group(layer, len(images), before) for layer in layers}

    def __enter__(self) -> ScanWriter:
        return self

    def __exit__(self, *exception: object) -> None:
        self.file.close()

    def add(self, indices: Sequence[int], sizes: Sequence[tuple[int, int]], tables: Mapping[str, np.ndarray]) -> None:
        """Write the rows of a batch.

        Parameters
        ----------
        indices : numbers of the B images, ascending.
        sizes : height and width of each.
        tables : for ``"means_post"`` (and ``"means_pre"``) the (B, units of all layers) float32 means.
        """
        self.status[indices] = READ
        self.sizes[indices] = sizes
        consecutive = indices[-1] - indices[0] + 1 == len(indices)
        rows = slice(indices[0], indices[-1] + 1) if consecutive else list(indices)
        for table, values in tables.items():
            first = 0
            for layer in self.layers:
                self.groups[layer.name][table][rows] = values[:, first : first + layer.units]
                first += layer.units

    def finish(
        self, keys: np.ndarray, positions: np.ndarray, statistics: Mapping[str, Mapping[str, np.ndarray]]
    ) -> None:
        """Write what is known at the end of the pass.

        Parameters
        ----------
        keys, positions : (units of all layers, K) of `deepvis.scan.top_images.TopImages`.
        statistics : for every layer name the (C,) arrays by dataset name.
        """
        values, images = unpack(keys)
        first = 0
        for layer in self.layers:
            rows = slice(first, first + layer.units)
            first += layer.units
            group = self.groups[layer.name]
            group["top_value"] = values[rows]
            group["top_image"] = images[rows]
            group["top_position"] = _positions(positions[rows], images[rows], layer.map_shape)
            for name, array in statistics[layer.name].items():
                group[name] = np.asarray(array)
        self.file["images/size"] = self.sizes
        self.file["images/status"] = self.status

    def _write_head(self, model: Model, images: ImageSource, top: int) -> None:
        attributes = self.file.attrs
        attributes["format"] = FORMAT
        attributes["format_version"] = VERSION
        attributes["net"] = model.name
        attributes["model_hash"] = model.hash
        attributes["preprocessing"] = model.preprocessing.to_json()
        attributes["preprocessing_hash"] = model.preprocessing.hash
        attributes["images_hash"] = images.hash
        attributes["top"] = top
        attributes["versions"] = json.dumps({package: version(package) for package in PACKAGES})
        group = self.file.create_group("images")
        group.attrs["root"] = str(images.root.absolute())
        group.create_dataset("path", data=list(images.paths), dtype=h5py.string_dtype())
        group["label"] = images.labels
        if model.classes:
            self.file.create_dataset("classes", data=list(model.classes), dtype=h5py.string_dtype())
        layers = self.file.create_group("layers")
        layers.attrs.create("names", [layer.name for layer in self.layers], dtype=h5py.string_dtype())

    def _make_group(self, layer: UnitLayer, images: int, before: bool) -> h5py.Group:
        group = self.file.create_group(f"layers/{group_name(layer.name)}")
        group.attrs["name"] = layer.name
        group.attrs["type"] = layer.type
        group.attrs["blob"] = str(layer.value)
        group.attrs["units"] = layer.units
        group.attrs["map_shape"] = np.array(layer.map_shape, np.int64)
        _write_field(group, layer)
        for table in ("means_post", "means_pre") if before else ("means_post",):
            group.create_dataset(
                table,
                (images, layer.units),
                np.float32,
                chunks=(min(images, TABLE_ROWS), layer.units),
                maxshape=(None, layer.units),
                fillvalue=np.nan,
            )
        return group


def _write_field(group: h5py.Group, layer: UnitLayer) -> None:
    """Receptive field: summed up in attributes, and what every row and column of the map sees as two tables."""
    if layer.field is None or len(layer.map_shape) not in (0, 2):
        return
    group.attrs["rf_size"] = np.array(layer.field.size, np.float64)
    group.attrs["rf_stride"] = np.array(layer.field.stride, np.float64)
    group.attrs["rf_start"] = np.array(layer.field.start, np.float64)
    if not layer.map_shape:
        boxes = [layer.field.box()]
        rows, columns = boxes, boxes
    else:
        rows = [layer.field.box((row, 0)) for row in range(layer.map_shape[0])]
        columns = [layer.field.box((0, column)) for column in range(layer.map_shape[1])]
    group["rf_rows"] = np.array([(box[0], box[2]) for box in rows], np.int32)
    group["rf_columns"] = np.array([(box[1], box[3]) for box in columns], np.int32)


def _positions(flat: np.ndarray, images: np.ndarray, map_shape: tuple[int, ...]) -> np.ndarray:
    """(C, K, axes) int32 of flat indices; axes that the map has not are 0, entries without an image -1."""
    axes = position_axes(map_shape)
    positions = np.zeros((*flat.shape, axes), np.int32)
    if map_shape:
        positions[..., axes - len(map_shape) :] = np.stack(np.unravel_index(flat, map_shape), axis=-1)
    positions[images < 0] = -1
    return positions
