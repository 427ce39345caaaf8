"""What layer views and panes are made from: the values of a layer, and all that is known at one moment."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deepvis.engines.engine import Activations, BackResult
from deepvis.session.session import Session

Array = NDArray[np.float32]
Range = tuple[float, float]


@dataclass(frozen=True, eq=False)
class LayerValues:
    """The values of a layer that the grid and the unit's pane draw.

    Parameters
    ----------
    maps : (C, H, W) or (C,).
    fixed : range that holds for all frames, in the layer's own unit; None for gradients, which have none.
    """

    maps: Array
    fixed: Range | None

    @property
    def frame(self) -> Range:
        """Least and greatest value in this frame."""
        return float(self.maps.min()), float(self.maps.max())


@dataclass(frozen=True, eq=False)
class Sources:
    """What layer views and panes are made from, as it is at one moment.

    Parameters
    ----------
    session : what is looked at.
    values : of the layer that is shown; None while they are not there.
    activations : of the newest frame; None while there is none.
    back : the newest result of back-propagation; None while there is none.
    """

    session: Session
    values: LayerValues | None = None
    activations: Activations | None = None
    back: BackResult | None = None
