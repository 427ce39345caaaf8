"""What a `deepvis.scan.reader.Scan` gives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from prototxt.pixels.geometry import Box


@dataclass(frozen=True, eq=False)
class ScannedLayer:
    """What a scan says about a layer itself.

    Parameters
    ----------
    name, type : of the layer in the prototxt.
    blob : the blob that units were read from, after the activation.
    units : number of units.
    map_shape : of a unit's map; () for a fully connected layer.
    rows, columns : (H, 2) and (W, 2) int32, what each row and column of the map sees of the input blob, half-open and
        with padding counted in; (1, 2) for a fully connected layer; None where the net has no receptive field.
    depths : (D, 2) int32, the same for the axis before the rows of volumes and clips; None without one.
    time_axis : axis of the map along which the steps of a sequence are; None without one.
    seen : which of the two inputs of a siamese net the units depend on.
    """

    name: str
    type: str
    blob: str
    units: int
    map_shape: tuple[int, ...]
    rows: np.ndarray | None
    columns: np.ndarray | None
    depths: np.ndarray | None = None
    time_axis: int | None = None
    seen: tuple[int, ...] = (0,)

    def box(self, position: Sequence[int], whole: Box | None = None) -> Box | None:
        """Receptive field of a position of the map in the input blob.

        Parameters
        ----------
        position : (row, column); more numbers for maps of more axes.
        whole : what it is where the net's geometry gives none.

        Returns
        -------
        Half-open (y0, x0, y1, x1); with a depth or time before, (d0, y0, x0, d1, y1, x1); None if unknown.
        """
        if self.rows is not None and self.columns is not None:
            (y0, y1), (x0, x1) = _at(self.rows, position[-2]), _at(self.columns, position[-1])
        elif whole is not None:
            y0, x0, y1, x1 = whole
        else:
            return None
        if self.time_axis is not None:
            step = position[len(position) - len(self.map_shape) + self.time_axis]
            return step, y0, x0, step + 1, y1, x1
        if self.depths is not None:
            d0, d1 = _at(self.depths, position[-3] if len(position) > 2 else 0)
            return d0, y0, x0, d1, y1, x1
        return y0, x0, y1, x1


def _at(table: np.ndarray, place: int) -> tuple[int, int]:
    """Stretch that a position sees; one for all where the layer has no positions."""
    start, stop = table[place if len(table) > 1 else 0].tolist()
    return start, stop


@dataclass(frozen=True)
class Top:
    """The images that drive a unit most, strongest first; K of them, or fewer if fewer were scanned.

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


@dataclass(frozen=True)
class QuantileSamples:
    """The images around quantiles of a unit's maxima: what drives it strongly, somewhat, hardly.

    Parameters
    ----------
    quantiles : Q of them, such as 0.999, 0.99, 0.9, 0.5.
    images : (Q, K) int32 numbers of the images, greatest maximum first; -1 where there are fewer than K.
    values : (Q, K) float32 maxima of the unit's map.
    """

    quantiles: tuple[float, ...]
    images: np.ndarray
    values: np.ndarray
