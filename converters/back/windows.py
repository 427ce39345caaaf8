"""Windows of convolution and pooling with all numbers worked out, as Caffe places them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from converters.back.source_layer import SourceLayer
from converters.errors import ConversionError
from prototxt.formats.schema import PoolingParameter
from prototxt.net.windows import convolution_windows, pooling_windows

Pair = tuple[int, int]
LOWEST = float(np.finfo(np.float32).min)


@dataclass(frozen=True)
class Filters:
    """A convolution, transposed or not; all tuples have one number for every spatial axis."""

    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    pad: tuple[int, ...]
    dilation: tuple[int, ...]
    groups: int
    channels: int
    outputs: int
    transposed: bool
    weight: np.ndarray | None = None
    bias: np.ndarray | None = None

    @classmethod
    def of(cls, layer: SourceLayer) -> Filters:
        """Those of a Convolution, Deconvolution or Im2col layer."""
        param = layer.param.convolution_param
        axis = layer.axis(param.axis)
        axes = len(layer.shape) - axis - 1
        possible = (2,) if layer.type == "Im2col" else (1, 2, 3)
        if axes not in possible:
            allowed = ", ".join(map(str, possible))
            raise ConversionError(f"{layer.node}: has {axes} spatial axes; what can be converted has {allowed}")
        windows = convolution_windows(layer.param, axes)
        kernel, stride, pad, dilation = zip(*windows, strict=True)
        blobs = (*layer.blobs, None, None)
        return cls(
            kernel, stride, pad, dilation, param.group, layer.shape[axis], param.num_output,
            layer.type == "Deconvolution", blobs[0], blobs[1],
        )  # fmt: skip


@dataclass(frozen=True)
class Pool:
    """Pooling of a map; all pairs are (height, width).

    Attributes
    ----------
    source, size : of the map before and after.
    ceil : sizes are rounded up, which Caffe 1.0 always does.
    """

    kernel: Pair
    stride: Pair
    pad: Pair
    source: Pair
    size: Pair
    ceil: bool = True

    @classmethod
    def of(cls, layer: SourceLayer) -> Pool:
        """That of a Pooling layer."""
        param = layer.param.pooling_param
        height, width = layer.shape[2:]
        vertical, horizontal = pooling_windows(layer.param, height, width)
        return cls(
            (vertical.kernel, horizontal.kernel),
            (vertical.stride, horizontal.stride),
            (vertical.pad, horizontal.pad),
            (height, width),
            layer.top_shapes[0][2:],  # type: ignore[arg-type]
            param.round_mode == PoolingParameter.CEIL,
        )

    @classmethod
    def of_bins(cls, height: int, width: int, n_bins: int) -> Pool:
        """One level of SPP: windows that cut a map into ``n_bins`` squared (spp_layer.cpp)."""
        kernel = -(-height // n_bins), -(-width // n_bins)
        pad = (kernel[0] * n_bins - height + 1) // 2, (kernel[1] * n_bins - width + 1) // 2
        if pad[0] >= kernel[0] or pad[1] >= kernel[1]:
            raise ConversionError(f"SPP: a map of {height} x {width} is too small for {n_bins} x {n_bins} windows")
        return cls(kernel, kernel, pad, (height, width), (n_bins, n_bins))

    @property
    def pads_half(self) -> bool:
        """Whether the padding is at most half the kernel, which is what PyTorch takes."""
        return all(2 * p <= k for p, k in zip(self.pad, self.kernel, strict=True))

    @property
    def overhang(self) -> Pair:
        """How far the last window reaches beyond the unpadded map; negative where it ends before."""
        reach = (
            (n - 1) * s - p + k - length
            for n, s, p, k, length in zip(self.size, self.stride, self.pad, self.kernel, self.source, strict=True)
        )
        return tuple(reach)  # type: ignore[return-value]

    @property
    def full(self) -> Pair:
        """How many windows lie over the map or its padding at all: Caffe has empty ones where stride > kernel."""
        counts = (
            sum(i * s < length + p for i in range(n))
            for n, s, p, length in zip(self.size, self.stride, self.pad, self.source, strict=True)
        )
        return tuple(counts)  # type: ignore[return-value]

    @property
    def empty(self) -> list[tuple[Pair, float, float]]:
        """What is added behind the windows that are not empty, in an order in which later ones win.

        Returns
        -------
        ((rows, columns), value of a maximum, value of a mean): Caffe begins a maximum with the largest negative number,
        and divides the mean of nothing by the (negative or zero) part of the window that lies in the map.
        """
        added = []
        for axis in (0, 1):
            count = self.size[axis] - self.full[axis]
            begins_at_the_end = (self.size[axis] - 1) * self.stride[axis] == self.source[axis] + self.pad[axis]
            mean = float("nan") if begins_at_the_end else 0.0
            if count:
                added.append(((count, 0) if axis == 0 else (0, count), LOWEST, mean))
        return sorted(added, key=lambda each: each[2] != 0)

    def divisors(self, axis: int) -> np.ndarray:
        """How many positions of each (not empty) window along an axis count: those in the padded map."""
        starts = np.arange(self.full[axis]) * self.stride[axis] - self.pad[axis]
        ends = np.minimum(starts + self.kernel[axis], self.source[axis] + self.pad[axis])
        return ends - starts
