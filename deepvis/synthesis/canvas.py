"""What an ascent paints on: pixels 0-255 in the order of the input's channels, and how they enter the net."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from deepvis.errors import ModelError
from deepvis.model.feed import by
from deepvis.model.model import Model


@dataclass(frozen=True, eq=False)
class Canvas:
    """The input of a net that takes single pictures.

    Parameters
    ----------
    shape : (C, H, W).
    mean : (C, 1, 1) or (C, H, W), the pixels 0-255 that the net takes for zero.
    factor : (C, 1, 1), what a pixel counts in the blob.
    order : RGB, BGR or GRAY.
    field : (height, width) of what a unit sees, the whole input at most.
    """

    shape: tuple[int, ...]
    mean: Tensor
    factor: Tensor
    order: str
    field: tuple[int, int]

    @classmethod
    def of(cls, model: Model, layer: str, device: torch.device | str) -> Canvas:
        """Make that of a model for a layer; a `ModelError` if it takes no single pictures."""
        shape, preprocessing, feed = model.input_shape, model.preprocessing, model.feed
        if preprocessing.pair != "none" or preprocessing.channel_order == "STORED" or len(shape) != 3 or feed.steps:
            raise ModelError(
                f"{model.path}: takes no single pictures (input {by(shape)}, channel order"
                f" {preprocessing.channel_order}, pair {preprocessing.pair}); pictures can be made for nets that do"
            )
        if shape[0] != preprocessing.channels:
            raise ModelError(
                f"{model.path}: takes {shape[0]} channels, but the channel order {preprocessing.channel_order} gives"
                f" {preprocessing.channels}; set the channel order of the preprocessing"
            )
        zero = preprocessing.normalise(np.zeros(shape, np.float32)).astype(np.float64)
        full = preprocessing.normalise(np.full(shape, 255, np.float32)).astype(np.float64)
        factor = ((full - zero) / 255).mean((1, 2), keepdims=True)
        mean = -zero / factor
        field = model.layer(layer).field
        height, width = shape[1:]
        seen = (height, width) if field is None else (min(field.size[0], height), min(field.size[1], width))
        offset, scale = (torch.from_numpy(array.astype(np.float32)).to(device) for array in (mean, factor))
        return cls(shape, offset, scale, preprocessing.channel_order, seen)

    def blob(self, offsets: Tensor) -> Tensor:
        """Give the input of the net for pixels about the mean, (N, C, H, W)."""
        return offsets * self.factor


class Ascent(Protocol):
    """A batch of pictures on its way up.

    Attributes
    ----------
    leaf : the variable; what gradients are taken with respect to.
    """

    leaf: Tensor

    def pixels(self) -> Tensor:
        """(N, C, H, W) the pictures, 0-255, without a gradient."""

    def view(self, step: int) -> Tensor:
        """(N, C, H, W) what the net is shown, pixels about the mean; a function of `leaf`."""

    def update(self, gradient: Tensor, values: Tensor, step: int) -> None:
        """Go up: by the gradient with respect to `leaf`, and the units' values (N,)."""


class Prior(Protocol):
    """What is known of natural pictures, as a way to climb; its fields are its settings."""

    @property
    def steps(self) -> int:
        """How many steps an ascent has."""

    def noise(self, random: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        """Give noise about the mean for a start, pixels 0-255."""

    def begin(self, pixels: Tensor, canvas: Canvas, seeds: tuple[int, ...]) -> Ascent:
        """Start from pictures, (N, C, H, W) of 0-255; the seeds are those of what is random on the way."""
