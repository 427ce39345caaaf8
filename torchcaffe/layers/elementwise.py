"""Arithmetic on every element: AbsVal, Power, Exp, Log, Threshold."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from torchcaffe.layer import Layer, Shape
from torchcaffe.registry import layer


def _log_base(base: float) -> float:
    """Natural logarithm of ``base``; -1 stands for e, as in Caffe's ``exp_param`` and ``log_param``."""
    if base == -1:
        return 1.0
    if base <= 0:
        raise ValueError(f"base must be positive, or -1 for e; got {base:g}")
    return math.log(base)


@layer("AbsVal")
class AbsVal(Layer):
    """``|x|``; the gradient at 0 is 0."""

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Any shape → the same."""
        return (x.abs(),)


@layer("Power")
class Power(Layer):
    """``(shift + scale · x) ** power``."""

    def setup(self, bottom_shapes: list[Shape]) -> None:
        """Read ``power_param``."""
        param = self.param.power_param
        self.power, self.scale, self.shift = param.power, param.scale, param.shift

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Any shape → the same."""
        if self.power * self.scale == 0:
            # A constant in Caffe, with no gradient, even where the power of 0 is undefined.
            return (torch.full_like(x, 1.0 if self.power == 0 else self.shift**self.power),)
        if self.scale != 1:
            x = x * self.scale
        if self.shift != 0:
            x = x + self.shift
        return (x.pow(self.power),) if self.power != 1 else (x.view_as(x),)


@layer("Exp")
class Exp(Layer):
    """``base ** (shift + scale · x)``; base -1 is e."""

    def setup(self, bottom_shapes: list[Shape]) -> None:
        """Read ``exp_param``."""
        param = self.param.exp_param
        log_base = _log_base(param.base)
        self.scale, self.shift = param.scale * log_base, param.shift * log_base

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Any shape → the same."""
        return ((x * self.scale + self.shift).exp(),)


@layer("Log")
class Log(Layer):
    """``log_base(shift + scale · x)``; base -1 is e."""

    def setup(self, bottom_shapes: list[Shape]) -> None:
        """Read ``log_param``."""
        param = self.param.log_param
        self.scale, self.shift = param.scale, param.shift
        log_base = _log_base(param.base)
        if log_base == 0:
            raise ValueError("log_param's base must not be 1")
        self.factor = 1 / log_base

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Any shape → the same."""
        return ((x * self.scale + self.shift).log() * self.factor,)


@layer("Threshold")
class Threshold(Layer):
    """1 where ``x`` is above the threshold, else 0; no gradient."""

    differentiable = ()

    def setup(self, bottom_shapes: list[Shape]) -> None:
        """Read ``threshold_param``."""
        self.threshold = self.param.threshold_param.threshold

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Any shape → the same."""
        return ((x > self.threshold).to(x.dtype),)
