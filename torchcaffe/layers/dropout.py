"""Dropout."""

from __future__ import annotations

import torch
from torch import Tensor

from torchcaffe.layer import Layer, Shape
from torchcaffe.registry import layer


@layer("Dropout")
class Dropout(Layer):
    """Srivastava et al. 2014: in TRAIN a value is 0 with ``dropout_ratio``, else it is scaled up; in TEST nothing."""

    def setup(self, bottom_shapes: list[Shape]) -> None:
        """Read ``dropout_param``."""
        self.ratio = self.param.dropout_param.dropout_ratio
        if not 0 <= self.ratio < 1:
            raise ValueError(f"dropout_ratio must lie in [0, 1), got {self.ratio:g}")

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Any shape → the same."""
        if not self.training_phase:
            return (x.view_as(x),)
        mask = torch.empty_like(x).bernoulli_(1 - self.ratio, generator=self.generator)
        return (x * mask.div_(1 - self.ratio),)
