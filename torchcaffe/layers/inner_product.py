"""InnerProduct and Embed: matrices of weights."""

from __future__ import annotations

import math

from torch import Tensor
from torch.nn import functional as F

from torchcaffe import partial
from torchcaffe.layer import Layer, Shape
from torchcaffe.registry import layer


@layer("InnerProduct")
class InnerProduct(Layer):
    """Fully connected: everything from ``axis`` on is one vector of K numbers."""

    _free: Tensor | None = None

    def setup(self, bottom_shapes: list[Shape]) -> None:
        """Add weights (num_output, K), or (K, num_output) with ``transpose``, and a bias (num_output,)."""
        param = self.param.inner_product_param
        (shape,) = bottom_shapes
        if not param.num_output:
            raise ValueError("inner_product_param needs num_output > 0")
        self.axis = param.axis + len(shape) if param.axis < 0 else param.axis
        self.transpose = param.transpose
        inputs = math.prod(shape[self.axis :])
        size = (param.num_output, inputs)
        self.add_blob(size[::-1] if self.transpose else size, param.weight_filler)
        self.bias_term = param.bias_term
        if self.bias_term:
            self.add_blob((param.num_output,), param.bias_filler)

    def learn_only(self, units: Tensor | None) -> None:
        """Compute the gradient of the weights for these units only."""
        self._free = None if units is None else units.to(self.device)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """(..., K axes) → (..., num_output)."""
        weight = self.blob(0).t() if self.transpose else self.blob(0)
        bias = self.blob(1) if self.bias_term else None
        x = x.flatten(self.axis)
        return (F.linear(x, weight, bias) if self._free is None else partial.multiply(x, weight, bias, self._free),)


@layer("Embed")
class Embed(Layer):
    """A row of the weights for every index in the bottom; the indices get no gradient."""

    differentiable = ()

    def setup(self, bottom_shapes: list[Shape]) -> None:
        """Add weights (input_dim, num_output) and a bias (num_output,)."""
        param = self.param.embed_param
        if not param.num_output or not param.input_dim:
            raise ValueError("embed_param needs num_output > 0 and input_dim > 0")
        self.add_blob((param.input_dim, param.num_output), param.weight_filler)
        self.bias_term = param.bias_term
        if self.bias_term:
            self.add_blob((param.num_output,), param.bias_filler)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Indices of any shape → (..., num_output)."""
        rows = F.embedding(x.long(), self.blob(0))
        return (rows + self.blob(1) if self.bias_term else rows,)
