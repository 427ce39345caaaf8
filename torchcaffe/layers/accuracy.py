"""Accuracy."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from torchcaffe.layer import Layer, Shape
from torchcaffe.layers.loss import Normalizer
from torchcaffe.layers.shape import canonical_axis
from torchcaffe.registry import layer


@layer("Accuracy")
class Accuracy(Layer):
    """Share of labels among the ``top_k`` largest scores; a second top has it for every class. No gradient.

    A label whose score is equalled by others counts as right only if, all of those going first, it is still among the
    ``top_k``: a net that says the same for all classes is not right by chance.
    """

    bottoms = (2, 2)
    tops = (1, 2)
    differentiable = ()

    def setup(self, bottom_shapes: list[Shape]) -> None:
        """Read ``accuracy_param``."""
        param = self.param.accuracy_param
        scores, labels = bottom_shapes
        self.axis = canonical_axis(param.axis, scores)
        self.top_k = param.top_k
        self.normalizer = Normalizer("VALID", param.ignore_label if param.HasField("ignore_label") else None)
        positions = math.prod(scores) // max(1, scores[self.axis])
        if math.prod(labels) != positions:
            raise ValueError(f"needs one label for each of {positions} predictions, got labels of shape {labels}")
        if self.top_k > scores[self.axis]:
            raise ValueError(f"top_k must be at most the number of classes, {scores[self.axis]}; got {self.top_k}")

    def forward(self, scores: Tensor, labels: Tensor) -> tuple[Tensor, ...]:
        """(..., classes, ...) and one label for each position → (), and (classes,)."""
        outer, classes = math.prod(scores.shape[: self.axis]), scores.shape[self.axis]
        rows, truth = scores.reshape(outer, classes, -1), labels.reshape(outer, -1).long()
        index = self.normalizer.indices(truth, classes)
        own = rows.gather(1, index.unsqueeze(1))
        better = (rows >= own).sum(1) - 1
        ignored = self.normalizer.ignore_label
        valid = torch.ones_like(truth, dtype=torch.bool) if ignored is None else truth != ignored
        right = (better < self.top_k) & valid
        accuracy = right.sum() / valid.sum().clamp(min=1)
        if len(self.param.top) < 2:
            return (accuracy.to(scores.dtype),)
        found, seen = (
            torch.zeros(classes, dtype=scores.dtype, device=scores.device).index_add_(
                0, index.reshape(-1), mask.reshape(-1).to(scores.dtype)
            )
            for mask in (right, valid)
        )
        return accuracy.to(scores.dtype), found / seen.clamp(min=1)
