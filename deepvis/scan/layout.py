"""The names and forms in a ``scan.h5``, shared by writer and reader; ``docs/scan-format.md`` says what they mean."""

from __future__ import annotations

FORMAT = "deepvis-scan"
VERSION = 1

READ, UNREADABLE = 0, 1

# What each position along an axis of the map sees of the input, for the last axes of the input; depth only for volumes.
FIELD_TABLES = ("rf_depths", "rf_rows", "rf_columns")

# Tables with a row for every image and a column for every unit, float32.
IMPORTANCE = frozenset({"taylor", "mas"})
MEANS = ("means_post", "means_pre")
TABLES = ("means_post", "means_pre", "maxima", "taylor", "mas")


def group_name(layer: str) -> str:
    """Group of a layer below ``/layers``: its name, percent-encoded where HDF5 would see a path."""
    return layer.replace("%", "%25").replace("/", "%2F")


def position_axes(map_shape: tuple[int, ...]) -> int:
    """Axes of ``top_position``: those of the map, at least row and column."""
    return max(2, len(map_shape))
