"""What data layers share: tops from batches that are read in the background."""

from __future__ import annotations

import zlib
from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar, Protocol

import numpy as np
import torch
from torch import Tensor

from torchcaffe.data.order import WHOLE
from torchcaffe.data.transform import Transform
from torchcaffe.layer import Arity, Layer, Shape
from torchcaffe.mode import solver_count, solver_rank


class Batches(Protocol):
    """Endless batches of arrays."""

    @property
    def shapes(self) -> Sequence[Shape]:
        """Shapes of the arrays of the first batch."""
        ...

    def next_batch(self) -> tuple[np.ndarray, ...]:
        """One float32 array for every top."""
        ...

    def close(self) -> None:
        """End the threads that read ahead."""
        ...


class BatchLayer(Layer):
    """A layer without bottoms whose tops are the next batch.

    Every layer has its own place in its data; the nets of a solver's phases so have one each.
    """

    bottoms: ClassVar[Arity] = (0, 0)
    tops: ClassVar[Arity] = (1, None)

    def setup(self, bottom_shapes: list[Shape]) -> None:
        """Open the source; its first item gives the shapes."""
        self.batches = self.open()
        self.top_shapes = list(self.batches.shapes[: len(self.param.top)])

    @abstractmethod
    def open(self) -> Batches:
        """Open what the layer reads; errors as `InputError`."""

    def forward(self, *bottoms: Tensor) -> tuple[Tensor, ...]:
        """The next batch, on the layer's device."""
        batch = self.batches.next_batch()[: len(self.param.top)]
        return tuple(torch.from_numpy(array).to(self.device) for array in batch)

    def close(self) -> None:
        """End the threads that read ahead; the next `forward` starts them again."""
        self.batches.close()

    @property
    def where(self) -> str:
        """The layer, for errors."""
        return f"layer '{self.name}' ({self.type})"

    @property
    def data_seed(self) -> int | None:
        """Seed of the order, crops and mirrors: of the net's seed, the layer's name and its phase."""
        if self.seed is None:
            return None
        return zlib.crc32(f"{self.name}\n{self.phase}".encode()) + (self.seed << 32)

    @property
    def share(self) -> slice:
        """The items of this solver, where several train one net together: every so many-th (``DataLayer::Skip``)."""
        return slice(solver_rank(), None, solver_count()) if self.training_phase else WHOLE

    def transform(self) -> Transform:
        """The layer's ``transform_param`` for its phase."""
        return Transform.from_param(self.param.transform_param, self.phase, self.where)
