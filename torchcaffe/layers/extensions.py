"""Layers of forks of Caffe that only move or normalise numbers (`prototxt.net.extension_types`)."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from prototxt.formats.schema import FillerParameter
from prototxt.net.graph import Node
from prototxt.net.shape_rules.extensions import permute_order, upsample_factors
from torchcaffe.layer import Layer, Shape
from torchcaffe.registry import layer


def node_of(made: Layer) -> Node:
    """The layer as the shape rules take it, alone."""
    return Node(0, made.name, made.type, made.param, (), ())


@layer("ReLU6")
class ReLU6(Layer):
    """``min(max(x, 0), 6)``."""

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Any shape → the same."""
        return (F.relu6(x),)


@layer("Permute")
class Permute(Layer):
    """The axes in another order."""

    def setup(self, bottom_shapes: list[Shape]) -> None:
        """Read ``permute_param``."""
        self.order = permute_order(node_of(self), bottom_shapes[0])

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Any shape → its axes in ``order``."""
        return (x.permute(self.order).contiguous(),)


@layer("Normalize")
class Normalize(Layer):
    """Liu et al. 2015 (ParseNet): ``scale · x / sqrt(Σ x² + eps)`` over the channels, or over a whole item."""

    def setup(self, bottom_shapes: list[Shape]) -> None:
        """Read ``norm_param``; add the factor: () or, for each channel, (C,); 1 without a filler."""
        param = self.param.norm_param
        unit = FillerParameter(type="constant", value=1)
        shape = () if param.channel_shared else (bottom_shapes[0][1],)
        self.axes = (1, 2, 3) if param.across_spatial else (1,)
        self.eps = param.eps
        self.add_blob(shape, param.scale_filler if param.HasField("scale_filler") else unit)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """(N, C, H, W) → the same."""
        norm = (x.square().sum(self.axes, keepdim=True) + self.eps).sqrt()
        return (x / norm * self.blob(0).view(-1, 1, 1),)


@layer("Interp")
class Interp(Layer):
    """Bilinear, corner pixels on corner pixels; negative pads cut before."""

    def setup(self, bottom_shapes: list[Shape]) -> None:
        """Read ``interp_param``."""
        param = self.param.interp_param
        self.begin, self.end = -param.pad_beg, -param.pad_end
        self.size = (param.height, param.width) if param.height else None
        self.zoom, self.shrink = param.zoom_factor, param.shrink_factor

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """(N, C, H, W) → (N, C, height, width)."""
        height, width = x.shape[2:]
        x = x[:, :, self.begin : height - self.end, self.begin : width - self.end]
        size = self.size or tuple(((n - 1) // self.shrink) * self.zoom + 1 for n in x.shape[2:])
        return (F.interpolate(x, size, mode="bilinear", align_corners=True),)


@layer("Upsample")
class Upsample(Layer):
    """Every pixel several times, times ``scale``."""

    def setup(self, bottom_shapes: list[Shape]) -> None:
        """Read ``upsample_param``."""
        self.factors = upsample_factors(node_of(self), bottom_shapes[0])
        self.scale = self.param.upsample_param.scale

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """(N, C, H, W) → (N, C, factor · H, factor · W)."""
        top = x.repeat_interleave(self.factors[0], 2).repeat_interleave(self.factors[1], 3)
        return (top if self.scale == 1 else top * self.scale,)


@layer("Reorg")
class Reorg(Layer):
    """Redmon and Farhadi 2017 (YOLO9000), in the order of Darknet's code, which reads the bottom in another shape."""

    def setup(self, bottom_shapes: list[Shape]) -> None:
        """Read ``reorg_param``."""
        self.stride, self.reverse = self.param.reorg_param.stride, self.param.reorg_param.reverse

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """(N, C, H, W) → (N, C · s², H / s, W / s), or with ``reverse`` (N, C / s², H · s, W · s)."""
        (batch, channels, height, width), s = x.shape, self.stride
        inner = channels // s**2
        if self.reverse:
            pixels = x.reshape(batch, s, s, inner, height, width).permute(0, 3, 4, 1, 5, 2)
            return (pixels.reshape(batch, inner, height * s, width * s),)
        pixels = x.reshape(batch, inner, height, s, width, s).permute(0, 3, 5, 1, 2, 4)
        return (pixels.reshape(batch, channels * s**2, height // s, width // s),)


@layer("ShuffleChannel")
class ShuffleChannel(Layer):
    """Zhang et al. 2018 (ShuffleNet): the channels of all groups in turn."""

    def setup(self, bottom_shapes: list[Shape]) -> None:
        """Read ``shuffle_channel_param``."""
        self.group = self.param.shuffle_channel_param.group

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """(N, C, ...) → the same."""
        return (x.unflatten(1, (self.group, -1)).transpose(1, 2).flatten(1, 2),)
