"""Small models that the tests of operations are made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn


class Function(nn.Module):
    """A function of the input and of constants, as a model: ``function(x, net)``.

    ``constant`` (C, 1, 1), ``plane`` (5, 6), ``token`` (1, C, 1, 1) and ``scalar`` () are buffers; ``scales`` (C, 1, 1)
    and ``factor`` () are parameters, which learn.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__()
        self.function = function
        generator = torch.Generator().manual_seed(5)
        self.register_buffer("constant", torch.tensor([[[0.5]], [[-1.5]], [[2.0]], [[1.0]]]))
        self.register_buffer("scalar", torch.tensor(1.75))
        self.register_buffer("plane", torch.rand(5, 6, generator=generator) + 0.1)
        self.register_buffer("token", torch.rand(1, 4, 1, 1, generator=generator))
        self.scales = nn.Parameter(torch.rand(4, 1, 1, generator=generator) + 0.5)
        self.factor = nn.Parameter(torch.tensor(1.5))

    def forward(self, images: Tensor) -> Any:
        return self.function(images, self)


class Taught(nn.Module):
    """A layer with weights that no initialisation leaves at zero or one."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer
        generator = torch.Generator().manual_seed(3)
        for name, value in layer.state_dict().items():
            if value.is_floating_point():
                positive = name.endswith("running_var")
                value.copy_(torch.rand(value.shape, generator=generator) + (0.5 if positive else -0.5))

    def forward(self, images: Tensor) -> Tensor:
        return self.layer(images)


def positive(x: Tensor) -> Tensor:
    """Values away from 0."""
    return x.abs() + 0.5


Cases = dict[str, tuple[nn.Module, tuple[int, ...]]]


def functions(shape: tuple[int, ...], given: Mapping[str, Callable[..., Any]]) -> Cases:
    """A case for each function, with an input of ``shape``."""
    return {name: (Function(function), shape) for name, function in given.items()}


def layers(given: Mapping[str, tuple[nn.Module, tuple[int, ...]]]) -> Cases:
    """A case for each layer, with taught weights."""
    return {name: (Taught(layer), shape) for name, (layer, shape) in given.items()}
