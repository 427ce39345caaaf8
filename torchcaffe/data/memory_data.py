"""MemoryData: batches of arrays that the program hands in (pycaffe's ``set_input_arrays``)."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from prototxt.common.errors import NetError
from torchcaffe.layer import Arity, Layer, Shape
from torchcaffe.registry import layer


@layer("MemoryData")
class MemoryData(Layer):
    """Pictures (N, C, H, W) and labels (N,) from arrays, batch after batch, over and over.

    As in Caffe, arrays are taken as they are: ``transform_param`` is not applied to them.
    """

    bottoms: ClassVar[Arity] = (0, 0)
    tops: ClassVar[Arity] = (2, 2)

    def setup(self, bottom_shapes: list[Shape]) -> None:
        """Read the batch's shape."""
        param = self.param.memory_data_param
        shape = (param.batch_size, param.channels, param.height, param.width)
        if not all(shape):
            raise NetError(f"layer '{self.name}' (MemoryData): batch_size, channels, height and width must be positive")
        self.top_shapes = [shape, (param.batch_size,)]
        self._data: Tensor | None = None

    def reset(self, data: np.ndarray, labels: np.ndarray) -> None:
        """Take arrays to read from, and start at their first row.

        Parameters
        ----------
        data : (K, C, H, W), K a multiple of the batch size.
        labels : K numbers, of any shape.

        Raises
        ------
        NetError : another shape.
        """
        assert self.top_shapes is not None  # set in setup
        (size, *picture), _ = self.top_shapes
        data, labels = np.asarray(data, np.float32), np.asarray(labels, np.float32).reshape(-1)
        if list(data.shape[1:]) != picture or len(data) % size or not len(data) or len(labels) != len(data):
            raise NetError(
                f"layer '{self.name}' (MemoryData): needs pictures of shape (a multiple of {size}, "
                f"{', '.join(map(str, picture))}) and as many labels; got {data.shape} and {len(labels)} labels"
            )
        self._data, self._labels = torch.from_numpy(data), torch.from_numpy(labels)
        self._place = 0

    def forward(self, *bottoms: Tensor) -> tuple[Tensor, ...]:
        """The next batch."""
        if self._data is None:
            raise NetError(f"layer '{self.name}' (MemoryData): has no data yet; call set_input_arrays (reset) first")
        rows = slice(self._place, self._place + self.param.memory_data_param.batch_size)
        self._place = rows.stop % len(self._data)
        return self._data[rows].to(self.device), self._labels[rows].to(self.device)
