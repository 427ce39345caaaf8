"""The layout of a ``scan.h5``, for what writes and reads it: all names; docs/scan-format.md says what they mean."""

from __future__ import annotations

from typing import Literal, NamedTuple, get_args

import h5py

SCAN_FORMAT = "deepvis-scan"
VERSION = 1  # files of a greater one are refused

# Attributes of the root.
FORMAT, FORMAT_VERSION, VERSIONS = "format", "format_version", "versions"
NET, NET_HASH = "net", "net_hash"
MODEL_HASH, IMAGES_HASH, PREPROCESSING_HASH = HASHES = ("model_hash", "images_hash", "preprocessing_hash")
PREPROCESSING = "preprocessing"
TOP, QUANTILES = "top", "quantiles"
# Datasets of the root.
CLASSES, CLASS_COUNT = "classes", "class_count"

IMAGES = "images"
# Its attribute, and its datasets.
ROOT = "root"
PATH, LABEL, STATUS = "path", "label", "status"
SIZE, SECOND_SIZE = SIZES = ("size", "second_size")
ERROR, ERROR_IMAGE = "error", "error_image"
READ, UNREADABLE = 0, 1  # values of the status

LAYERS = "layers"
# Its attribute, and the attributes of the group of a layer.
NAMES = "names"
NAME, TYPE, BLOB, UNITS, MAP_SHAPE = "name", "type", "blob", "units", "map_shape"
TIME_AXIS, INPUTS_SEEN = "time_axis", "inputs_seen"
RF_SIZE, RF_STRIDE, RF_START = "rf_size", "rf_stride", "rf_start"
# What each position along an axis of the map sees of the input, for the last axes of the input; depth only for volumes.
FIELD_TABLES = ("rf_depths", "rf_rows", "rf_columns")

Importance = Literal["taylor", "mas"]
IMPORTANCE: tuple[Importance, ...] = get_args(Importance)
TAYLOR, MAS = IMPORTANCE
MEANS_POST, MEANS_PRE = MEANS = ("means_post", "means_pre")
MAXIMA = "maxima"
# Tables with a row for every image and a column for every unit, float32.
TABLES = (*MEANS, MAXIMA, *IMPORTANCE)

# What else there is of the units of a layer.
MEAN, STD, MIN, MAX, ZEROS = STATISTICS = ("mean", "std", "min", "max", "zeros")
ZERO_COUNT, EXACT_SUMS = "zero_count", "exact_sums"
QUANTILE_VALUE, QUANTILE_IMAGE = "quantile_value", "quantile_image"
CLASS_MEAN, TOP_CLASS = "class_mean", "top_class"
CORRELATION = "correlation"


class Ranked(NamedTuple):
    """Datasets with the K images that are the first for a unit: the values there, the images, the places in the map."""

    value: str
    image: str
    position: str


GREATEST = Ranked("top_value", "top_image", "top_position")
LEAST = Ranked("bottom_value", "bottom_image", "bottom_position")


class Histograms(NamedTuple):
    """Datasets with the histograms of a table of means."""

    counts: str
    extremes: str
    zeros: str


def histograms_of(table: str) -> Histograms:
    """Names of the histograms of one of the tables `MEANS`."""
    return Histograms(f"{table}_counts", f"{table}_extremes", f"{table}_zeros")


def mean_importance(table: str) -> str:
    """Name of the mean over the images of one of the tables `IMPORTANCE`."""
    return f"importance_{table}"


def means_table(after: bool) -> str:
    """Name of the table of means after the activation, or before it."""
    return MEANS_POST if after else MEANS_PRE


def group_name(layer: str) -> str:
    """Group of a layer below ``/layers``: its name, percent-encoded where HDF5 would see a path."""
    return layer.replace("%", "%25").replace("/", "%2F")


def group_of(file: h5py.File, layer: str) -> h5py.Group:
    """Group of a layer that the file holds."""
    return file[LAYERS][group_name(layer)]


def layer_names(file: h5py.File) -> tuple[str, ...]:
    """Layers that the file holds, in the order of the net."""
    return tuple(text_of(name) for name in file[LAYERS].attrs[NAMES])


def text_of(value: object) -> str:
    """Text of an attribute, which other writers than h5py may have stored as bytes."""
    return value.decode() if isinstance(value, bytes) else str(value)


def position_axes(map_shape: tuple[int, ...]) -> int:
    """Axes of the positions in `Ranked`: those of the map, at least row and column."""
    return max(2, len(map_shape))
