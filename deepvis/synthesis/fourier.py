"""Gradient ascent on the decorrelated spectrum of a picture that has to hold under small movements."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from deepvis.synthesis.canvas import Ascent, Canvas

# Square root of the covariance of the colours (RGB) of ImageNet's pixels, its longest column of length 1: Olah et al.
# (2017), lucid's ``optvis/param/color.py``.
_COLOURS = np.array([[0.26, 0.09, 0.02], [0.27, 0.00, -0.05], [0.27, -0.09, 0.03]])
COLOURS = _COLOURS / np.linalg.norm(_COLOURS, axis=0).max()
NOISE = 4.0  # standard deviation of a start from noise, pixels 0-255
_EDGE = 0.25  # pixels; black and white stay this far from the ends that the sigmoid never reaches
_SPECTRUM = 0.25  # of the spectrum's amplitude, as in lucid: how far a step of the rate goes


@dataclass(frozen=True)
class FourierPrior:
    """Adam on the amplitudes of the picture's spectrum, divided by frequency, in colours that natural pictures have.

    The net sees the picture turned, enlarged and moved a little, otherwise in every step: what only holds for one
    grid of pixels is not worth painting.

    Parameters
    ----------
    steps : of the ascent.
    rate : learning rate of Adam.
    shift : greatest movement, as a share of what the unit sees.
    turn : greatest turn in degrees.
    scale : greatest enlargement or reduction, as a share.
    decay : share of the spectrum that every step takes off, 0 to 1: amplitudes that bring little stay small.

    References
    ----------
    Olah, Mordvintsev and Schubert (2017), "Feature visualization", Distill: preconditioning and transformation
    robustness.
    """

    steps: int = 192
    rate: float = 0.05
    shift: float = 0.07
    turn: float = 8.0
    scale: float = 0.08
    decay: float = 0.01

    def noise(self, random: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        """Noise about the mean whose amplitude falls with frequency as that of natural pictures does."""
        spectrum = np.fft.rfft2(random.standard_normal(shape)) / _frequencies(shape[-2], shape[-1])
        noise = np.fft.irfft2(spectrum, shape[-2:])
        return NOISE * (noise - noise.mean()) / noise.std()

    def begin(self, pixels: Tensor, canvas: Canvas, seeds: tuple[int, ...]) -> Ascent:
        """Start from pictures, (N, C, H, W) of 0-255."""
        return FourierAscent(self, pixels, canvas, seeds)


class FourierAscent:
    """An `Ascent` whose variable is the spectrum."""

    def __init__(self, prior: FourierPrior, pixels: Tensor, canvas: Canvas, seeds: tuple[int, ...]) -> None:
        self._prior, self._canvas, self._seeds = prior, canvas, seeds
        self._size = pixels.shape[-2:]
        scale = torch.from_numpy(_SPECTRUM / _frequencies(*self._size)).to(pixels.device, pixels.dtype)
        self._scale = scale[..., None]
        self._colours = torch.from_numpy(_colours(canvas.order)).to(pixels.device, pixels.dtype)
        logits = torch.logit(pixels.clamp(_EDGE, 255 - _EDGE) / 255)
        plain = torch.einsum("dc,nchw->ndhw", torch.linalg.inv(self._colours), logits)
        self.leaf = (torch.view_as_real(torch.fft.rfft2(plain, norm="ortho")) / self._scale).requires_grad_()
        self._adam = torch.optim.Adam([self.leaf], prior.rate)

    def pixels(self) -> Tensor:
        """(N, C, H, W) the pictures."""
        with torch.no_grad():
            return self._painted()

    def view(self, step: int) -> Tensor:
        """What the net is shown, about the mean: the pictures moved a little."""
        offsets = self._painted() - self._canvas.mean
        moves = [_move(self._prior, self._canvas, np.random.default_rng([seed, step])) for seed in self._seeds]
        theta = torch.from_numpy(np.stack(moves)).to(offsets.device, offsets.dtype)
        grid = functional.affine_grid(theta, list(offsets.shape), align_corners=False)
        return functional.grid_sample(offsets, grid, align_corners=False)

    def update(self, gradient: Tensor, values: Tensor, step: int) -> None:
        """Take a step."""
        self.leaf.grad = -gradient
        self._adam.step()
        with torch.no_grad():
            self.leaf *= 1 - self._prior.decay

    def _painted(self) -> Tensor:
        spectrum = torch.view_as_complex(self.leaf * self._scale)
        plain = torch.fft.irfft2(spectrum, s=self._size, norm="ortho")
        return 255 * torch.sigmoid(torch.einsum("cd,ndhw->nchw", self._colours, plain))


def _frequencies(height: int, width: int) -> np.ndarray:
    """(H, W // 2 + 1) frequency of every amplitude of ``rfft2``; the mean has that of the longer side."""
    found = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None])
    return np.maximum(found, 1 / max(height, width))


def _colours(order: str) -> np.ndarray:
    """(C, C): rows are the input's channels."""
    return {"RGB": COLOURS, "BGR": COLOURS[::-1].copy(), "GRAY": np.ones((1, 1))}[order]


def _move(prior: FourierPrior, canvas: Canvas, random: np.random.Generator) -> np.ndarray:
    """(2, 3) affine map about the middle, as torch's ``affine_grid`` takes it (x first, the half side is 1)."""
    turn, scale, down, across = random.uniform(-1, 1, 4)
    angle, factor = np.radians(prior.turn * turn), 1 + prior.scale * scale
    height, width = canvas.shape[1:]
    shift = 2 * prior.shift * np.array([across * canvas.field[1] / width, down * canvas.field[0] / height])
    cos, sin = factor * np.cos(angle), factor * np.sin(angle)
    return np.array([[cos, -sin * height / width, shift[0]], [sin * width / height, cos, shift[1]]])
