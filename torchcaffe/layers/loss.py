"""Losses: scalars with a loss weight of 1 unless the prototxt says otherwise."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from prototxt.formats.blob import read_blob
from prototxt.formats.schema import HingeLossParameter, LossParameter
from torchcaffe.layer import Arity, Layer, Shape
from torchcaffe.layers.shape import canonical_axis
from torchcaffe.registry import layer

SMALLEST_FLOAT = float(torch.finfo(torch.float32).tiny)
LOG_THRESHOLD = 1e-20
"""The smallest probability whose logarithm MultinomialLogisticLoss and InfogainLoss take."""


def with_value(gradient: Tensor, value: Tensor) -> Tensor:
    """The value of one tensor with the gradient of another, where Caffe's gradient is not the derivative."""
    return gradient + (value - gradient).detach()


@dataclass(frozen=True)
class Normalizer:
    """What a sum of losses is divided by (``LossParameter.NormalizationMode``), and which labels do not count."""

    mode: str
    ignore_label: int | None

    @classmethod
    def from_param(cls, param: LossParameter, default: str) -> Normalizer:
        """Read ``loss_param``; its old field ``normalize`` means VALID or BATCH_SIZE."""
        mode = default
        if param.HasField("normalization"):
            mode = LossParameter.NormalizationMode.Name(param.normalization)
        elif param.HasField("normalize"):
            mode = "VALID" if param.normalize else "BATCH_SIZE"
        return cls(mode, param.ignore_label if param.HasField("ignore_label") else None)

    def mean(self, losses: Tensor, labels: Tensor) -> Tensor:
        """Sum of losses by the mode; ``labels`` (outer, inner) like the losses. At least 1 divides, as in Caffe."""
        counts = {"FULL": labels.numel(), "VALID": labels.numel(), "BATCH_SIZE": labels.shape[0], "NONE": 1}
        if self.ignore_label is None:
            return losses.sum() / max(1, counts[self.mode])
        valid = labels != self.ignore_label
        total = torch.where(valid, losses, 0.0).sum()
        return total / (valid.sum().clamp(min=1) if self.mode == "VALID" else max(1, counts[self.mode]))

    def indices(self, labels: Tensor, n_classes: int) -> Tensor:
        """Labels as indices, 0 in place of the ignored ones.

        Raises
        ------
        ValueError : a label is no class. (On a GPU nobody looks: that would wait for it in every iteration.)
        """
        index = labels.long()
        if self.ignore_label is not None:
            index = torch.where(index == self.ignore_label, 0, index)
        check_labels(index, n_classes)
        return index


def check_labels(index: Tensor, n_classes: int) -> None:
    """Refuse labels outside of [0, ``n_classes``), where they are on the CPU."""
    if index.device.type != "cpu" or not index.numel():
        return
    low, high = (int(extreme) for extreme in index.aminmax())
    if low < 0 or high >= n_classes:
        raise ValueError(
            f"labels must lie between 0 and {n_classes - 1}, got {low if low < 0 else high}; "
            "check num_output and the labels, or set loss_param's ignore_label"
        )


class Loss(Layer):
    """What losses share: two bottoms, a scalar top that the net adds up, no gradient for the labels."""

    bottoms: ClassVar[Arity] = (2, 2)
    tops: ClassVar[Arity] = (0, 1)
    default_loss_weight = 1.0
    differentiable: ClassVar[tuple[int, ...] | None] = (0,)

    def setup(self, bottom_shapes: list[Shape]) -> None:
        """Check that all bottoms have the same first axis, and read the fields."""
        first, second = bottom_shapes[:2]
        if first[:1] != second[:1]:
            raise ValueError(f"needs predictions and labels of equal first axes, got shapes {first} and {second}")
        self.read(bottom_shapes)

    def read(self, bottom_shapes: list[Shape]) -> None:
        """Read the layer's fields."""


@layer("SoftmaxWithLoss")
class SoftmaxWithLoss(Loss):
    """``-log softmax(x)[label]`` along ``softmax_param.axis``, summed and normalised; a second top has the softmax.

    Probabilities below the smallest float32 count as that in the value; the gradient is ``softmax - 1`` all the same.
    """

    tops = (0, 2)

    def read(self, bottom_shapes: list[Shape]) -> None:
        """Read ``softmax_param`` and ``loss_param``."""
        self.axis = canonical_axis(self.param.softmax_param.axis, bottom_shapes[0])
        self.normalizer = Normalizer.from_param(self.param.loss_param, "VALID")
        _check_label_count(bottom_shapes, self.axis)

    def forward(self, x: Tensor, labels: Tensor) -> tuple[Tensor, ...]:
        """(..., classes, ...) and one label for each position → (), and (..., classes, ...)."""
        log_p, rows = _log_softmax(x, self.axis, labels)
        index = self.normalizer.indices(rows, log_p.shape[1])
        exact = -log_p.gather(1, index.unsqueeze(1)).squeeze(1)
        losses = with_value(exact, exact.clamp(max=-math.log(SMALLEST_FLOAT)))
        loss = self.normalizer.mean(losses, rows.long())
        if len(self.param.top) < 2:
            return (loss,)
        return loss, log_p.detach().exp().reshape(x.shape)


@layer("InfogainLoss")
class InfogainLoss(Loss):
    """``-Σ H[label, c] · log softmax(x)[c]``; H comes from ``source`` (a binaryproto) or as a third bottom."""

    bottoms = (2, 3)
    tops = (0, 2)

    def read(self, bottom_shapes: list[Shape]) -> None:
        """Read ``infogain_loss_param`` and ``loss_param``; load H."""
        param = self.param.infogain_loss_param
        self.axis = canonical_axis(param.axis, bottom_shapes[0])
        self.normalizer = Normalizer.from_param(self.param.loss_param, "VALID")
        _check_label_count(bottom_shapes, self.axis)
        self.n_classes = bottom_shapes[0][self.axis]
        self.infogain: Tensor | None = None
        if len(bottom_shapes) < 3:
            if not param.source:
                raise ValueError('needs the matrix H: infogain_loss_param { source: "file.binaryproto" }')
            matrix = torch.from_numpy(read_blob(param.source)).float()
            if matrix.numel() != self.n_classes**2:
                raise ValueError(
                    f"{param.source}: H must be {self.n_classes} x {self.n_classes}, got {matrix.numel()} numbers"
                )
            self.register_buffer("infogain", matrix.view(self.n_classes, self.n_classes), persistent=False)

    def forward(self, x: Tensor, labels: Tensor, *matrix: Tensor) -> tuple[Tensor, ...]:
        """(..., classes, ...), one label for each position, perhaps H → (), and (..., classes, ...)."""
        infogain = (matrix[0] if matrix else self.infogain).view(self.n_classes, self.n_classes)  # type: ignore[union-attr]
        log_p, rows = _log_softmax(x, self.axis, labels)
        log_p = with_value(log_p, log_p.clamp(min=math.log(LOG_THRESHOLD)))
        gains = infogain[self.normalizer.indices(rows, self.n_classes)].movedim(-1, 1)
        loss = self.normalizer.mean(-(gains * log_p).sum(1), rows.long())
        return (loss,) if len(self.param.top) < 2 else (loss, x.detach().softmax(self.axis))


def _log_softmax(x: Tensor, axis: int, labels: Tensor) -> tuple[Tensor, Tensor]:
    """The logarithm of the softmax as (outer, classes, inner), and the labels as (outer, inner)."""
    outer, classes, inner = math.prod(x.shape[:axis]), x.shape[axis], math.prod(x.shape[axis + 1 :])
    return x.reshape(outer, classes, inner).log_softmax(1), labels.reshape(outer, inner)


def _check_label_count(bottom_shapes: list[Shape], axis: int) -> None:
    scores, labels = bottom_shapes[:2]
    positions = math.prod(scores) // max(1, scores[axis])
    if math.prod(labels) != positions:
        raise ValueError(
            f"needs one label for each of {positions} predictions (scores {scores}, classes along axis {axis}), "
            f"got labels of shape {labels}"
        )


@layer("MultinomialLogisticLoss")
class MultinomialLogisticLoss(Loss):
    """``-log p[label]`` of probabilities, mean over the batch."""

    def forward(self, p: Tensor, labels: Tensor) -> tuple[Tensor, ...]:
        """(N, classes) and N labels → ()."""
        rows, index = p.reshape(p.shape[0], -1), labels.reshape(-1).long()
        check_labels(index, rows.shape[1])
        picked = rows.gather(1, index.unsqueeze(1))
        return (-with_value(picked, picked.clamp(min=LOG_THRESHOLD)).log().sum() / p.shape[0],)


@layer("EuclideanLoss")
class EuclideanLoss(Loss):
    """``Σ (a - b)² / 2N``; both bottoms get a gradient."""

    differentiable = None

    def forward(self, a: Tensor, b: Tensor) -> tuple[Tensor, ...]:
        """(N, ...) and as many numbers → ()."""
        return ((a - b.reshape(a.shape)).square().sum() / (2 * a.shape[0]),)


@layer("SigmoidCrossEntropyLoss")
class SigmoidCrossEntropyLoss(Loss):
    """Cross entropy of sigmoid(x) and targets in [0, 1]; by default the sum over everything, divided by the batch."""

    def read(self, bottom_shapes: list[Shape]) -> None:
        """Read ``loss_param``."""
        self.normalizer = Normalizer.from_param(self.param.loss_param, "BATCH_SIZE")
        if math.prod(bottom_shapes[0]) != math.prod(bottom_shapes[1]):
            raise ValueError(f"needs as many targets as scores, got shapes {bottom_shapes[1]} and {bottom_shapes[0]}")

    def forward(self, x: Tensor, targets: Tensor) -> tuple[Tensor, ...]:
        """(N, ...) and as many targets → ()."""
        targets = targets.reshape(x.shape)
        losses = F.binary_cross_entropy_with_logits(x, targets, reduction="none")
        return (self.normalizer.mean(losses, targets if self.normalizer.ignore_label is None else targets.trunc()),)


@layer("HingeLoss")
class HingeLoss(Loss):
    """``max(0, 1 - t x)`` with t = 1 for the label's class and -1 for all others, L1 or L2, mean over the batch."""

    def read(self, bottom_shapes: list[Shape]) -> None:
        """Read ``hinge_loss_param``."""
        self.squared = self.param.hinge_loss_param.norm == HingeLossParameter.L2

    def forward(self, x: Tensor, labels: Tensor) -> tuple[Tensor, ...]:
        """(N, classes) and N labels → ()."""
        rows, index = x.reshape(x.shape[0], -1), labels.reshape(-1).long()
        check_labels(index, rows.shape[1])
        sign = torch.ones_like(rows).scatter_(1, index.unsqueeze(1), -1.0)
        margins = F.relu(1 + sign * rows)
        return ((margins.square() if self.squared else margins).sum() / x.shape[0],)


@layer("ContrastiveLoss")
class ContrastiveLoss(Loss):
    """Hadsell et al. 2006: ``Σ y d² + (1 - y) max(0, margin - d)²  / 2N`` over pairs, y = 1 for similar ones.

    ``legacy_version`` has ``max(0, margin - d²)`` for dissimilar pairs. Caffe's gradient divides by d + 1e-4.
    """

    bottoms = (3, 3)
    differentiable = (0, 1)

    def read(self, bottom_shapes: list[Shape]) -> None:
        """Read ``contrastive_loss_param``."""
        param = self.param.contrastive_loss_param
        self.margin, self.legacy = param.margin, param.legacy_version

    def forward(self, a: Tensor, b: Tensor, similar: Tensor) -> tuple[Tensor, ...]:
        """(N, C), (N, C) and N flags → ()."""
        squares = (a - b).reshape(a.shape[0], -1).square().sum(1)
        apart = F.relu(self.margin - squares) if self.legacy else self._apart(squares)
        losses = torch.where(similar.reshape(-1).trunc() != 0, squares, apart)
        return (losses.sum() / (2 * a.shape[0]),)

    def _apart(self, squares: Tensor) -> Tensor:
        distance = squares.detach().sqrt()
        gap = F.relu(self.margin - distance)
        return with_value(-squares * gap / (distance + 1e-4), gap.square())
