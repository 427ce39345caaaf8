"""Normalisation: LRN, BatchNorm, MVN."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
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
        if self.across:
            top: Tensor = _AcrossChannels.apply(x, self.local_size, self.alpha / self.local_size, self.beta, self.k)
            return (top,)
        scale = F.avg_pool2d(x * x, self.local_size, 1, self.local_size // 2).mul_(self.alpha).add_(self.k)
        return (x * scale.pow(-self.beta),)


class _AcrossChannels(torch.autograd.Function):
    """``y = x · s ** -beta`` with ``s = k + alpha · Σ x²``; dx = dy · s ** -beta - 2 · alpha · beta · x · Σ dy · y / s.

    By hand, because autograd keeps and passes over every step of the sum again (``lrn_layer.cpp`` keeps s alone too).
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, size: int, alpha: float, beta: float, k: float) -> Tensor:
        scale = _sum_over_channels(x * x, size).mul_(alpha).add_(k)
        top = _negative_power(scale, beta).mul_(x)
        ctx.save_for_backward(x, scale, top)
        ctx.size, ctx.factor, ctx.beta = size, 2 * alpha * beta, beta
        return top

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        x, scale, top = ctx.saved_tensors
        shared = _sum_over_channels((gradient * top).div_(scale), ctx.size).mul_(x).mul_(ctx.factor)
        return _negative_power(scale, ctx.beta).mul_(gradient).sub_(shared), None, None, None, None


def _sum_over_channels(values: Tensor, size: int) -> Tensor:
    """Sum over a window of channels around each: (N, C, H, W) → the same.

    Shifted maps are added up, because torch's average pooling over channels takes several times as long.
    """
    total = values.clone()
    for shift in range(1, min(size // 2 + 1, values.shape[1])):
        total[:, shift:] += values[:, :-shift]
        total[:, :-shift] += values[:, shift:]
    return total


def _negative_power(x: Tensor, beta: float) -> Tensor:
    """``x ** -beta``, a new tensor; 0.75, which every net uses, by two roots, which is several times as fast."""
    if beta == 0.75:
        root = x.rsqrt()
        return root.mul_(root.sqrt())
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
        return (self.normalize(x),)

    def normalize(self, x: Tensor, factor: Tensor | None = None, summand: Tensor | None = None) -> Tensor:
        """(N, C, ...) → the same, times ``factor`` (C,) plus ``summand`` (C,) where a Scale layer follows."""
        rows = x if x.ndim > 1 else x.view(-1, 1)
        if self.global_stats:
            top = F.batch_norm(rows, *self.statistics(), factor, summand, eps=self.eps)
        else:
            top = self._by_batch(rows, factor, summand)
        return top.reshape(x.shape)

    def statistics(self) -> tuple[Tensor, Tensor]:
        """Mean and variance of every channel: the sums by their divisor, 0 where that is 0."""
        mean, variance, divisor = (self.blob(i).detach() for i in range(3))
        scale = torch.where(divisor == 0, 0.0, 1 / divisor)
        return mean * scale, variance * scale

    def _by_batch(self, x: Tensor, factor: Tensor | None, summand: Tensor | None) -> Tensor:
        count = x.numel() // x.shape[1]
        if count == 1:
            # torch refuses a batch of one value for every channel; its variance is 0.
            zeros = x.new_zeros(x.shape[1])
            self._remember(x.detach().reshape(-1), zeros)
            return F.batch_norm(x - x, zeros, zeros, factor, summand, eps=self.eps)
        mean, variance = x.new_zeros(x.shape[1]), x.new_zeros(x.shape[1])
        top = F.batch_norm(x, mean, variance, factor, summand, training=True, momentum=1.0, eps=self.eps)
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
        return (rows.reshape(x.shape + (1,) * (4 - x.ndim)),)
