"""A layer of a Caffe net with all that is known of it before it is written down elsewhere."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from prototxt.formats.schema import LayerParameter
from prototxt.net.graph import Node

Shape = tuple[int, ...]


@dataclass(frozen=True, eq=False)
class SourceLayer:
    """One layer.

    Attributes
    ----------
    node : its place in the net.
    bottom_shapes, top_shapes : by the prototxt.
    blobs : its parameters, float32, in Caffe's order.
    wanted : which of the tops somebody reads; the others need not be computed.
    owners : for every parameter that an earlier layer shares, (that layer's name, the place among its parameters).
    scale : the Scale layer that is computed together with this BatchNorm; None for all others.
    """

    node: Node
    bottom_shapes: tuple[Shape, ...]
    top_shapes: tuple[Shape, ...]
    blobs: tuple[np.ndarray, ...] = ()
    wanted: tuple[bool, ...] = ()
    owners: tuple[tuple[str, int] | None, ...] = ()
    scale: SourceLayer | None = None

    @property
    def name(self) -> str:
        """Name in the prototxt."""
        return self.node.name

    @property
    def type(self) -> str:
        """Caffe's type string."""
        return self.node.type

    @property
    def param(self) -> LayerParameter:
        """The layer's fields."""
        return self.node.layer

    @property
    def shape(self) -> Shape:
        """Shape of the first bottom."""
        return self.bottom_shapes[0]

    def axis(self, axis: int) -> int:
        """An axis of the first bottom counted from the front."""
        return axis % len(self.shape)
