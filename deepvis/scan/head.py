"""What a scan was made of: net, preprocessing, layers and settings; written into the file, compared on resuming."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import h5py
import numpy as np

from deepvis.model.model import Model, UnitLayer
from entropy.measuring import scan_layout as layout
from prototxt.formats.schema import NetParameter
from prototxt.formats.text import to_text

PACKAGES = ("deepvis-caffe", "torch", "numpy", "opencv-python", "h5py")
# What must be the same for images to be part of one scan, and what users call it.
COMPARED = {
    layout.NET: "net",
    layout.NET_HASH: "layers of the net",
    layout.MODEL_HASH: "weights",
    "layers": "layers scanned",
    "top": "top",
    "tables": "tables kept",
    "histograms": "histograms kept",
    "bottom": "whether the least values are kept",
    "correlation": "whether correlations are kept",
    "classes": "classes",
    "batch": "batch",
    "share": "share of the images",
    "extends": "scan that is extended",
}
SHOWN = 3


@dataclass(frozen=True)
class Wanted:
    """What a scan is to keep.

    Parameters
    ----------
    layers : names; None for all.
    top : K, images for every unit.
    tables : of `entropy.measuring.scan_layout.TABLES`, in that order.
    bottom : the images with the least values.
    correlation : of every two units of a layer.
    histograms : which of `entropy.measuring.scan_layout.MEANS` are kept as histograms.
    """

    layers: tuple[str, ...] | None = None
    top: int = 9
    tables: tuple[str, ...] = (layout.MEANS_POST, layout.MAXIMA)
    bottom: bool = True
    correlation: bool = False
    histograms: tuple[str, ...] = ()


@dataclass(frozen=True)
class LayerHead:
    """A layer as the file describes it: attributes and receptive field tables as they are written."""

    name: str
    units: int
    map_shape: tuple[int, ...]
    attributes: Mapping[str, Any]
    arrays: Mapping[str, np.ndarray]

    @property
    def positions(self) -> int:
        """Positions of a unit's map."""
        return int(np.prod(self.map_shape, dtype=np.int64))


@dataclass(frozen=True)
class Head:
    """Everything that a scan says of itself besides images and results.

    Parameters
    ----------
    attributes : of the root of the file.
    layers : in the order of the net.
    classes : their names; empty if they are not known.
    wanted : what it keeps.
    """

    attributes: Mapping[str, Any]
    layers: tuple[LayerHead, ...]
    classes: tuple[str, ...]
    wanted: Wanted

    @property
    def top(self) -> int:
        """K, images kept for every unit."""
        return self.wanted.top

    @property
    def tables(self) -> tuple[str, ...]:
        """Names of the tables with a row for every image."""
        return self.wanted.tables

    @property
    def pictures(self) -> int:
        """How many pictures make one image: 2 for pairs, else 1."""
        return 1 if json.loads(self.attributes[layout.PREPROCESSING]).get("pair", "none") == "none" else 2

    @property
    def units(self) -> int:
        """Of all layers."""
        return sum(layer.units for layer in self.layers)

    def columns(self) -> Iterator[tuple[LayerHead, slice]]:
        """Give every layer with its place among the units of all layers."""
        first = 0
        for layer in self.layers:
            yield layer, slice(first, first + layer.units)
            first += layer.units

    def identity(self, **more: Any) -> dict[str, Any]:
        """What must be equal for images to become part of one scan, as JSON can hold it."""
        of_net = (layout.NET, layout.NET_HASH, layout.MODEL_HASH)
        known = {key: str(self.attributes[key]) for key in of_net if key in self.attributes}
        preprocessing = json.loads(self.attributes[layout.PREPROCESSING])
        return {
            **known,
            **{f"preprocessing {name}": value for name, value in preprocessing.items()},
            "layers": [layer.name for layer in self.layers],
            "top": self.top,
            "tables": list(self.tables),
            "histograms": list(self.wanted.histograms),
            "bottom": self.wanted.bottom,
            "correlation": self.wanted.correlation,
            "classes": list(self.classes),
            **more,
        }


def net_hash(net: NetParameter) -> str:
    """SHA-256 (hex) over the text of a net of one phase."""
    return hashlib.sha256(to_text(net).encode()).hexdigest()


def head_of_model(model: Model, layers: Sequence[UnitLayer], wanted: Wanted, classes: Sequence[str]) -> Head:
    """Describe a scan that is about to be made of some layers, in the order of the net, of images of ``classes``."""
    attributes = {
        layout.FORMAT: layout.SCAN_FORMAT,
        layout.FORMAT_VERSION: layout.VERSION,
        layout.NET: model.name,
        layout.NET_HASH: net_hash(model.test_net),
        layout.MODEL_HASH: model.hash,
        layout.PREPROCESSING: model.preprocessing.to_json(),
        layout.PREPROCESSING_HASH: model.preprocessing.hash,
        layout.TOP: wanted.top,
        layout.VERSIONS: json.dumps({package: version(package) for package in PACKAGES}),
    }
    return Head(attributes, tuple(map(_layer_head, layers)), tuple(classes), wanted)


def head_of_file(file: h5py.File) -> Head:
    """Describe the scan that a file holds."""
    of_images = (layout.IMAGES_HASH, layout.QUANTILES)
    attributes = {name: value for name, value in file.attrs.items() if name not in of_images}
    names = layout.layer_names(file)
    layers = []
    for name in names:
        group = layout.group_of(file, name)
        own = dict(group.attrs)
        arrays = {key: group[key][()] for key in layout.FIELD_TABLES if key in group}
        shape = tuple(int(length) for length in own[layout.MAP_SHAPE])
        layers.append(LayerHead(name, int(own[layout.UNITS]), shape, own, arrays))
    classes = tuple(file[layout.CLASSES].asstr()[()]) if layout.CLASSES in file else ()
    first = layout.group_of(file, names[0])
    wanted = Wanted(
        names,
        int(attributes[layout.TOP]),
        tuple(table for table in layout.TABLES if table in first),
        layout.LEAST.image in first,
        layout.CORRELATION in first,
        tuple(table for table in layout.MEANS if layout.histograms_of(table).counts in first),
    )
    return Head(attributes, tuple(layers), classes, wanted)


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Say what of two identities differs: ``"batch (32 instead of 16)"``; what only one of them has does not count."""
    changed = [key for key in new if key in old and old[key] != new[key]]
    return [f"{COMPARED.get(key, key)} ({_change(old[key], new[key])})" for key in changed]


def _change(before: Any, now: Any) -> str:
    """Say what changed; of long lists what they do not have in common."""
    if not isinstance(before, list) or not isinstance(now, list) or max(len(before), len(now)) <= SHOWN:
        return f"{_short(now)} instead of {_short(before)}"
    gone = [item for item in before if item not in now]
    come = [item for item in now if item not in before]
    parts = [f"{word} {_short(items)}" for word, items in (("without", gone), ("with", come)) if items]
    return "; ".join(parts) or "in another order"


def _short(value: Any) -> str:
    if isinstance(value, list):
        shown = ", ".join(map(str, value[:SHOWN])) + (" …" if len(value) > SHOWN else "")
        return shown or "none"
    text = str(value)
    return text if len(text) <= 40 else f"{text[:12]}…"


def _layer_head(layer: UnitLayer) -> LayerHead:
    attributes = {
        layout.NAME: layer.name,
        layout.TYPE: layer.type,
        layout.BLOB: str(layer.value),
        layout.UNITS: layer.units,
        layout.MAP_SHAPE: np.array(layer.map_shape, np.int64),
    }
    if layer.layout.time_axis is not None:
        attributes[layout.TIME_AXIS] = layer.layout.time_axis
    if layer.seen != (0,):
        attributes[layout.INPUTS_SEEN] = np.array(layer.seen, np.int64)
    arrays = _field_tables(layer)
    if arrays and layer.field is not None:
        attributes[layout.RF_SIZE] = np.array(layer.field.size, np.float64)
        attributes[layout.RF_STRIDE] = np.array(layer.field.stride, np.float64)
        attributes[layout.RF_START] = np.array(layer.field.start, np.float64)
    return LayerHead(layer.name, layer.units, layer.map_shape, attributes, arrays)


def _field_tables(layer: UnitLayer) -> dict[str, np.ndarray]:
    """What every position along each axis of the map sees, half-open, by `layout.FIELD_TABLES`; empty if unknown.

    A layer without positions sees one stretch of each axis of the input.
    """
    lengths = layer.map_shape[1:] if layer.layout.time_axis is not None else layer.map_shape
    if layer.field is None or len(lengths) not in (0, len(layer.field.parts)):
        return {}
    axes = len(layer.field.parts)
    found = {name: np.array([[0, 1]], np.int32) for name in layout.FIELD_TABLES[-2:]}  # an axis that the input has not
    for axis, name in enumerate(layout.FIELD_TABLES[-axes:]):
        places = (
            [(0,) * axis + (place,) + (0,) * (axes - axis - 1) for place in range(lengths[axis])] if lengths else [()]
        )
        boxes = [layer.field.box(place) for place in places]
        found[name] = np.array([(box[axis], box[axis + axes]) for box in boxes], np.int32)
    return found
