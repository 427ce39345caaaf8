"""Normalisation: LRN, BatchNorm, MVN."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from prototxt.formats.schema import LRNParameter
from torchcaffe.layer import Layer, Shape
from torchcaffe.registry import layer


@layer("LRN")
class LRN(Layer):
    """Krizhevsky et al. 2012, section 3.3: ``x / (k + alpha / n · Σ x²) ** beta`` over n neighbours.

    The neighbours are ``local_size`` channels, or (WITHIN_CHANNEL, where k is always 1) as many pixels squared.
    """

    def setup(self, bottom_shapes: list[Shape]) -> None:
        """Read ``lrn_param``."""
        param = self.param.lrn_param
        (shape,) = bottom_shapes
        if len(shape) != 4:
            raise ValueError(f"needs a bottom with 4 axes (N, C, H, W), got shape {shape}")
        if param.local_size % 2 == 0:
            raise ValueError(f"local_size must be odd, got {param.local_size}")
        self.local_size, self.alpha, self.beta = param.local_size, param.alpha, param.beta
        self.across = param.norm_region == LRNParameter.ACROSS_CHANNELS
        self.k = param.k if self.across else 1.0

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """(N, C, H, W) → the same."""
        squares, size = x * x, self.local_size
        if self.across:
            scale = _sum_over_channels(squares, size).mul_(self.alpha / size).add_(self.k)
        else:
            scale = F.avg_pool2d(squares, size, 1, size // 2).mul_(self.alpha).add_(self.k)
        return (x * _negative_power(scale, self.beta),)


def _sum_over_channels(squares: Tensor, size: int) -> Tensor:
    """Sum over a window of channels around each: (N, C, H, W) → the same.

    Shifted maps are added up, because torch's average pooling over channels takes several times as long.
    """
    total = squares.clone()
    for shift in range(1, size // 2 + 1):
        total[:, shift:] += squares[:, :-shift]
        total[:, :-shift] += squares[:, shift:]
    return total


def _negative_power(x: Tensor, beta: float) -> Tensor:
    """``x ** -beta``; 0.75, which every net uses, by two roots, which is several times as fast."""
    if beta == 0.75:
        root = x.rsqrt()
        return root * root.sqrt()
    return x.pow(-beta)


@layer("BatchNorm")
class BatchNorm(Layer):
    """Ioffe and Szegedy 2015, without scale and shift: ``(x - mean) / sqrt(variance + eps)`` for every channel.

    The blobs hold running *sums* of mean and variance, and their common divisor. In TRAIN (or with
    ``use_global_stats: false``) the batch's own statistics are used and added to the sums, which fade by
    ``moving_average_fraction``; the batch's variance enters them as m / (m - 1) times itself.
    """

    default_lr_mult = 0.0

    def setup(self, bottom_shapes: list[Shape]) -> None:
        """Add mean (C,), variance (C,) and divisor (1,), zeros."""
        param = self.param.batch_norm_param
        (shape,) = bottom_shapes
        self.eps, self.fraction = param.eps, param.moving_average_fraction
        self.global_stats = param.use_global_stats if param.HasField("use_global_stats") else self.phase == "TEST"
        channels = shape[1] if len(shape) > 1 else 1
        for size in (channels, channels, 1):
            self.add_blob((size,))
        if any(spec.lr_mult for spec in self.specs):
            raise ValueError("its statistics are not learned: give its param messages lr_mult: 0, or remove them")

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """(N, C, ...) → the same; (C,) counts as one channel."""
        rows = x if x.ndim > 1 else x.view(-1, 1)
        top = self._by_global_stats(rows) if self.global_stats else self._by_batch(rows)
        return (top.view(x.shape),)

    def _by_global_stats(self, x: Tensor) -> Tensor:
        mean, variance, divisor = (self.blob(i).detach() for i in range(3))
        scale = torch.where(divisor == 0, 0.0, 1 / divisor)
        return F.batch_norm(x, mean * scale, variance * scale, eps=self.eps)

    def _by_batch(self, x: Tensor) -> Tensor:
        count = x.numel() // x.shape[1]
        if count == 1:
            # torch refuses a batch of one value for every channel; its variance is 0.
            self._remember(x.detach().view(-1), torch.zeros_like(x).view(-1))
            return (x - x) / math.sqrt(self.eps)
        mean, variance = x.new_zeros(x.shape[1]), x.new_zeros(x.shape[1])
        top = F.batch_norm(x, mean, variance, training=True, momentum=1.0, eps=self.eps)
        self._remember(mean, variance)
        return top

    def _remember(self, mean: Tensor, unbiased_variance: Tensor) -> None:
        with torch.no_grad():
            for blob, now in zip(self.blobs, (mean, unbiased_variance, 1.0), strict=True):
                blob.mul_(self.fraction).add_(now)


@layer("MVN")
class MVN(Layer):
    """Every map (or with ``across_channels`` every item) to mean 0 and, unless switched off, deviation 1."""

    def setup(self, bottom_shapes: list[Shape]) -> None:
        """Read ``mvn_param``."""
        param = self.param.mvn_param
        (shape,) = bottom_shapes
        if len(shape) > 4:
            raise ValueError(f"needs a bottom with at most 4 axes, got shape {shape}")
        self.first_axis = 1 if param.across_channels else 2
        self.normalize_variance, self.eps = param.normalize_variance, param.eps

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """(N, C, H, W) → the same; axes that are missing are 1 in the top."""
        rows = x.reshape(*x.shape[: self.first_axis], -1)
        rows = rows - rows.mean(dim=-1, keepdim=True)
        if self.normalize_variance:
            rows = rows / (rows.square().mean(dim=-1, keepdim=True).sqrt() + self.eps)
        return (rows.view(x.shape + (1,) * (4 - x.ndim)),)
