"""Regularised gradient ascent on the pixels of a picture, as Yosinski et al. (2015) make pictures of units."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from scipy.ndimage import gaussian_filter1d
from torch import Tensor

from deepvis.synthesis.canvas import Ascent, Canvas

NOISE = 10.0  # standard deviation of a start from noise, pixels 0-255


class Rate(Protocol):
    """How far a step goes: a factor on the gradient."""

    def of(self, values: Tensor, gradient: Tensor) -> Tensor:
        """(N,) factors by the units' values (N,) and their gradients (N, C, H, W)."""


@dataclass(frozen=True)
class Constant:
    """The same factor for every step."""

    rate: float

    def of(self, values: Tensor, gradient: Tensor) -> Tensor:
        """Give `Rate.of`."""
        return torch.full_like(values, self.rate)


@dataclass(frozen=True)
class LengthRate:
    """Steps that change the pixels by ``change`` on average (root of the mean square), whatever the net's scale."""

    change: float

    def of(self, values: Tensor, gradient: Tensor) -> Tensor:
        """Give `Rate.of`."""
        return self.change / gradient.square().mean((1, 2, 3)).sqrt().clamp(min=torch.finfo(gradient.dtype).tiny)


@dataclass(frozen=True)
class ProgressRate:
    """What raises the unit by ``progress`` if the net is linear, ``limit`` at most."""

    limit: float
    progress: float

    def of(self, values: Tensor, gradient: Tensor) -> Tensor:
        """Give `Rate.of`."""
        return (self.progress / _squared(gradient)).clamp(max=self.limit)


@dataclass(frozen=True)
class Progress01Rate:
    """For units between 0 and 1: ``early`` at first, ``late`` times what is left to 1 at the end."""

    limit: float
    early: float
    late: float

    def of(self, values: Tensor, gradient: Tensor) -> Tensor:
        """Give `Rate.of`."""
        return ((self.late * (1 - values)).clamp(max=self.early) / _squared(gradient)).clamp(max=self.limit)


@dataclass(frozen=True)
class PixelPrior:
    """Gradient ascent in the space of pixels; after every step the picture is made more like a natural one.

    All is measured in pixels 0-255 about the mean that the net takes off, whatever its scale: a net whose pixels are
    0-1, or divided by a standard deviation, gets the same picture from the same numbers.

    Parameters
    ----------
    steps : of the ascent.
    rate : how far each goes.
    decay : share of the picture that every step takes off, 0 to 1.
    blur, blur_every : standard deviation in pixels of a Gaussian blur, and every how many steps; 0 for none.
    small_value : percentile (0-100) of absolute values; smaller ones are set to the mean.
    small_norm : percentile of the pixels' lengths over the channels; shorter ones are set to the mean.
    small_benefit : percentile of what setting a pixel to the mean would bring the unit (to first order); where it
        is less, the pixel is set to the mean (so the old toolboxes compute it).
    small_contribution : the same of its absolute value: pixels that matter little are set to the mean.

    References
    ----------
    Yosinski et al. (2015), "Understanding neural networks through deep visualization", section 3 and table 1;
    ``gradient_optimizer.py`` of their toolbox.
    """

    steps: int
    rate: Rate
    decay: float = 0.0
    blur: float = 0.0
    blur_every: int = 0
    small_value: float = 0.0
    small_norm: float = 0.0
    small_benefit: float = 0.0
    small_contribution: float = 0.0

    def noise(self, random: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        """White noise about the mean, for a start."""
        return NOISE * random.standard_normal(shape)

    def begin(self, pixels: Tensor, canvas: Canvas, seeds: tuple[int, ...]) -> Ascent:
        """Start from pictures, (N, C, H, W) of 0-255."""
        return PixelAscent(self, pixels, canvas)


class PixelAscent:
    """An `Ascent` whose variable is the picture about the mean."""

    def __init__(self, prior: PixelPrior, pixels: Tensor, canvas: Canvas) -> None:
        self._prior, self._canvas = prior, canvas
        self.leaf = (pixels - canvas.mean).requires_grad_()
        blurs = prior.blur > 0 and prior.blur_every > 0
        self._blurs = tuple(_blur_matrix(side, prior.blur, self.leaf) for side in pixels.shape[2:]) if blurs else ()

    def pixels(self) -> Tensor:
        """(N, C, H, W) the pictures."""
        return self.leaf.detach() + self._canvas.mean

    def view(self, step: int) -> Tensor:
        """What the net is shown, about the mean: the pictures as they are."""
        return self.leaf

    def update(self, gradient: Tensor, values: Tensor, step: int) -> None:
        """Take a step."""
        prior = self._prior
        with torch.no_grad():
            moved = stepped(self.leaf, gradient, values, prior)
            if self._blurs and step % prior.blur_every == 0:
                down, across = self._blurs
                moved = down @ moved @ across.T
            moved = without_small(moved, gradient, prior)
            mean = self._canvas.mean
            self.leaf = moved.clamp(-mean, 255 - mean).requires_grad_()


def stepped(offsets: Tensor, gradient: Tensor, values: Tensor, prior: PixelPrior) -> Tensor:
    """Go up the gradient, then decay.

    Parameters
    ----------
    offsets, gradient : (N, C, H, W), pixels about the mean.
    values : (N,) of the units.
    """
    rate = prior.rate.of(values, gradient)
    return (offsets + rate[:, None, None, None] * gradient) * (1 - prior.decay)


def without_small(offsets: Tensor, gradient: Tensor, prior: PixelPrior) -> Tensor:
    """Set what is small to the mean, one rule after the other; (N, C, H, W) each."""
    if prior.small_value:
        offsets = _kept(offsets, offsets.abs(), prior.small_value)
    if prior.small_norm:
        offsets = _kept(offsets, offsets.norm(dim=1, keepdim=True), prior.small_norm)
    if prior.small_benefit:
        offsets = _kept(offsets, (-offsets * gradient).sum(1, keepdim=True), prior.small_benefit)
    if prior.small_contribution:
        offsets = _kept(offsets, (offsets * gradient).sum(1, keepdim=True).abs(), prior.small_contribution)
    return offsets


def _squared(gradient: Tensor) -> Tensor:
    """(N,) squared lengths, above 0 so that they can divide."""
    return gradient.square().sum((1, 2, 3)).clamp(min=torch.finfo(gradient.dtype).tiny)


def _kept(offsets: Tensor, measure: Tensor, percentile: float) -> Tensor:
    """Zero where ``measure`` is below its percentile over each picture."""
    least = torch.quantile(measure.flatten(1), percentile / 100, dim=1)
    return offsets * (measure >= least[:, None, None, None])


def _blur_matrix(side: int, sigma: float, like: Tensor) -> Tensor:
    """Matrix of a Gaussian blur along an axis; beyond the edges the picture is mirrored."""
    matrix = gaussian_filter1d(np.eye(side), sigma, axis=0, mode="reflect")
    return torch.from_numpy(matrix).to(like.device, like.dtype)
