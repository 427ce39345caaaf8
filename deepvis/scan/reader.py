"""Read a ``scan.h5`` (``docs/scan-format.md``) lazily."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from deepvis.model import Model


@dataclass(frozen=True)
class ScannedLayer:
    """What a scan says about a layer itself; ``units`` (C,), ``map_shape`` () if fully connected, field in pixels."""

    name: str
    type: str
    blob: str
    units: int
    map_shape: tuple[int, ...]


@dataclass(frozen=True)
class Top:
    """The images that drive a unit most, strongest first; at most K, fewer if fewer images were scanned.

    Parameters
    ----------
    images : (K,) int32 numbers of the images in the scan.
    values : (K,) float32 maxima of the unit's map.
    positions : (K, 2) int32 row and column of the maximum in the map; 0, 0 for a fully connected layer.
    """

    images: np.ndarray
    values: np.ndarray
    positions: np.ndarray

    def __len__(self) -> int:
        return len(self.images)


@dataclass(frozen=True)
class Statistics:
    """Over all images and positions, (C,) float64 each: mean, standard deviation, minimum, maximum, share of zeros."""

    mean: np.ndarray
    std: np.ndarray
    min: np.ndarray
    max: np.ndarray
    zeros: np.ndarray


class Scan:
    """An opened scan; nothing but its attributes is read before it is asked for. Close it or use it in ``with``.

    Parameters
    ----------
    path : the ``scan.h5``.

    Raises
    ------
    ScanError : if the file is missing or cut off, or is no scan, or of a version that is not known.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)

    def __enter__(self) -> Scan:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""

    @property
    def layers(self) -> Mapping[str, ScannedLayer]:
        """Scanned layers by name, in the order of the net."""
        raise NotImplementedError

    @property
    def paths(self) -> list[str]:
        """(N,) names of the images, relative to `root`."""
        raise NotImplementedError

    @property
    def root(self) -> Path:
        """Folder of the images."""
        raise NotImplementedError

    @property
    def labels(self) -> np.ndarray:
        """(N,) int32 classes, -1 where unknown."""
        raise NotImplementedError

    def top(self, layer: str, unit: int) -> Top:
        """Give the images that drive a unit most."""
        raise NotImplementedError

    def means(self, layer: str) -> np.ndarray:
        """(N, C) float32 mean activation after the activation function; NaN rows for images that were not read."""
        raise NotImplementedError

    def statistics(self, layer: str) -> Statistics:
        """Give the statistics of a layer's units."""
        raise NotImplementedError

    def patch(self, layer: str, unit: int, rank: int, constant_size: bool = True) -> np.ndarray:
        """Cut what the unit saw out of its ``rank``-th image: (H, W, 3) uint8 RGB, the picture's own pixels.

        What lies outside of the picture is grey (128) with ``constant_size``, so that all patches of a unit on pictures
        of one size are equally large; else it is left out.
        """
        raise NotImplementedError

    def stale_reason(self, model: Model) -> str | None:
        """Say in one sentence why the scan is not one of ``model`` as it is now; None if it is."""
        raise NotImplementedError
