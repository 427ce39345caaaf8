"""Activations: one function on every element (PReLU: with a learned slope)."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from prototxt.formats.schema import FillerParameter
from torchcaffe.layer import Layer, Shape
from torchcaffe.registry import layer


@layer("ReLU")
class ReLU(Layer):
    """``max(x, 0) + negative_slope · min(x, 0)``; the gradient at 0 is ``negative_slope``, as in Caffe."""

    def setup(self, bottom_shapes: list[Shape]) -> None:
        """Read ``relu_param``."""
        self.negative_slope = self.param.relu_param.negative_slope

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Any shape → the same."""
        return (F.leaky_relu(x, self.negative_slope) if self.negative_slope else F.relu(x),)


@layer("PReLU")
class PReLU(Layer):
    """He et al. 2015: a learned negative slope for every channel, or one for all (``channel_shared``)."""

    def setup(self, bottom_shapes: list[Shape]) -> None:
        """Add the slope: (C,), or () when it is shared; 0.25 without a filler."""
        param = self.param.prelu_param
        (shape,) = bottom_shapes
        if len(shape) < 2:
            raise ValueError(f"needs a bottom with at least 2 axes, got shape {shape}")
        filler = param.filler if param.HasField("filler") else FillerParameter(type="constant", value=0.25)
        self.add_blob(() if param.channel_shared else (shape[1],), filler)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """(N, C, ...) → the same."""
        return (F.prelu(x, self.blob(0).reshape(-1)),)


@layer("ELU")
class ELU(Layer):
    """Clevert et al. 2015: ``x`` where positive, else ``alpha · (exp(x) - 1)``."""

    def setup(self, bottom_shapes: list[Shape]) -> None:
        """Read ``elu_param``."""
        self.alpha = self.param.elu_param.alpha

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Any shape → the same."""
        return (F.elu(x, self.alpha),)


@layer("Sigmoid")
class Sigmoid(Layer):
    """``1 / (1 + exp(-x))``."""

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Any shape → the same."""
        return (x.sigmoid(),)


@layer("TanH")
class TanH(Layer):
    """Hyperbolic tangent."""

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Any shape → the same."""
        return (x.tanh(),)


@layer("BNLL")
class BNLL(Layer):
    """Binomial normal log likelihood: ``log(1 + exp(x))``."""

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Any shape → the same."""
        return (F.softplus(x),)


@layer("Swish")
class Swish(Layer):
    """Ramachandran et al. 2017: ``x · sigmoid(beta · x)`` (Caffe after 1.0)."""

    def setup(self, bottom_shapes: list[Shape]) -> None:
        """Read ``swish_param``."""
        self.beta = self.param.swish_param.beta

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Any shape → the same."""
        return (x * (self.beta * x).sigmoid(),)


@layer("Clip")
class Clip(Layer):
    """Clamps to [``min``, ``max``] (Caffe after 1.0)."""

    def setup(self, bottom_shapes: list[Shape]) -> None:
        """Read ``clip_param``."""
        param = self.param.clip_param
        if param.min > param.max:
            raise ValueError(f"clip_param needs min <= max, got {param.min:g} and {param.max:g}")
        self.limits = param.min, param.max

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Any shape → the same."""
        return (x.clamp(*self.limits),)
