"""Pooling by Caffe's rules for sizes, borders and divisors (``pooling_layer.cpp``)."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from prototxt.formats.schema import PoolingParameter, SPPParameter
from torchcaffe.layer import Layer, Shape
from torchcaffe.registry import layer

log = logging.getLogger(__name__)

Pair = tuple[int, int]
LOWEST = float(torch.finfo(torch.float32).min)


class Windows(NamedTuple):
    """Windows on a map, and how many of them there are; all pairs are (height, width)."""

    kernel: Pair
    stride: Pair
    pad: Pair
    size: Pair
    ceil: bool

    @property
    def native(self) -> bool:
        """Whether torch accepts this padding: at most half the kernel."""
        return all(2 * pad <= kernel for pad, kernel in zip(self.pad, self.kernel, strict=True))


def pooled_size(n: int, kernel: int, stride: int, pad: int, padded: bool, ceil: bool = True) -> int:
    """Number of windows on ``n`` pixels: rounded up; where any axis is padded, none begins behind the last pixel."""
    rounded = math.ceil if ceil else math.floor
    size = rounded((n + 2 * pad - kernel) / stride) + 1
    return size - 1 if padded and (size - 1) * stride >= n + pad else size


@layer("Pooling")
class Pooling(Layer):
    """MAX, AVE or STOCHASTIC over windows; a second top of MAX has the place of the maximum in the map (h · W + w).

    Among equal values the first in reading order is the maximum, and it alone gets the gradient. AVE divides by the
    part of the window that lies in the padded picture: zeros of the padding count, what hangs over beyond it does not.
    """

    tops = (1, 2)

    def setup(self, bottom_shapes: list[Shape]) -> None:
        """Read and check ``pooling_param``."""
        param = self.param.pooling_param
        (shape,) = bottom_shapes
        if len(shape) != 4:
            raise ValueError(f"needs a bottom with 4 axes (N, C, H, W), got shape {shape}")
        self.method = PoolingParameter.PoolMethod.Name(param.pool)
        self.kernel = self._pair("kernel_size", "kernel")
        self.stride = self._pair("stride", "stride") or (1, 1)
        self.pad = self._pair("pad", "pad") or (0, 0)
        self.ceil = param.round_mode == PoolingParameter.CEIL
        if not self.ceil:
            log.info("Layer %s rounds its size down (round_mode or ceil_mode), which stock Caffe cannot", self.name)
        if param.global_pooling and self.kernel:
            raise ValueError("global_pooling takes the whole map; remove kernel_size")
        if param.global_pooling and (self.pad != (0, 0) or self.stride != (1, 1)):
            raise ValueError("global_pooling has no pad and stride 1; remove pad and stride")
        if not param.global_pooling and (not self.kernel or min(self.kernel) < 1):
            raise ValueError("needs kernel_size, or both kernel_h and kernel_w, above 0, or global_pooling: true")
        if self.kernel and any(pad >= kernel for pad, kernel in zip(self.pad, self.kernel, strict=True)):
            raise ValueError(f"pad {self.pad} must be smaller than the kernel {self.kernel}")
        if self.method == "STOCHASTIC" and self.pad != (0, 0):
            raise ValueError("pool: STOCHASTIC has no padding; remove pad, or use MAX or AVE")
        if len(self.param.top) > 1 and self.method != "MAX":
            raise ValueError("only pool: MAX has a second top")

    def _pair(self, field: str, short: str) -> Pair | None:
        param = self.param.pooling_param
        height, width = f"{short}_h", f"{short}_w"
        given = [name for name in (field, height, width) if param.HasField(name)]
        if given not in ([], [field], [height, width]):
            raise ValueError(f"needs {field}, or both {height} and {width}; got {' and '.join(given)}")
        if not given:
            return None
        return getattr(param, given[0]), getattr(param, given[-1])

    def windows(self, height: int, width: int) -> Windows:
        """The windows on a map of a size."""
        kernel = self.kernel or (height, width)
        size = tuple(
            pooled_size(n, k, s, p, any(self.pad), self.ceil)
            for n, k, s, p in zip((height, width), kernel, self.stride, self.pad, strict=True)
        )
        if min(size) < 1:
            raise ValueError(f"kernel {kernel} does not fit into the padded map")
        return Windows(kernel, self.stride, self.pad, size, self.ceil)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """(N, C, H, W) → (N, C, pooled H, pooled W), of MAX perhaps twice."""
        windows = self.windows(x.shape[2], x.shape[3])
        if len(self.param.top) > 1:
            return _maximum_with_place(x, windows)
        if self.method == "STOCHASTIC":
            return (self._stochastic(x, windows),)
        return (_POOL[self.method](x, windows),)

    def _stochastic(self, x: Tensor, windows: Windows) -> Tensor:
        """Zeiler and Fergus 2013: in TRAIN a value drawn in proportion to itself, in TEST its expectation.

        Caffe has it on the GPU only. Values are taken to be non-negative, as after a ReLU.
        """
        patches = _patches(x, windows)
        total = patches.sum(dim=2, keepdim=True)
        if not self.training_phase:
            mean = (patches.square().sum(dim=2) / total.squeeze(2)).nan_to_num(0.0)
            return mean.view(*x.shape[:2], *windows.size)
        draw = torch.rand(total.shape, generator=self.generator, device=x.device) * total
        place = (patches.cumsum(dim=2) < draw).sum(dim=2, keepdim=True).clamp(max=patches.shape[2] - 1)
        return patches.gather(2, place).view(*x.shape[:2], *windows.size)


def _maximum(x: Tensor, windows: Windows) -> Tensor:
    if windows.native:
        top = F.max_pool2d(x, windows.kernel, windows.stride, windows.pad, 1, windows.ceil)
    else:
        top = F.max_pool2d(_padded(x, windows, -math.inf), windows.kernel, windows.stride, 0, 1, windows.ceil)
    return _fit(top, windows.size, LOWEST)


def _average(x: Tensor, windows: Windows) -> Tensor:
    if windows.native:
        top = F.avg_pool2d(x, windows.kernel, windows.stride, windows.pad, windows.ceil)
    else:
        top = F.avg_pool2d(_padded(x, windows, 0.0), windows.kernel, windows.stride, 0, windows.ceil)
    return _without_mean(_fit(top, windows.size, 0.0), windows, x)


def _without_mean(top: Tensor, windows: Windows, x: Tensor) -> Tensor:
    """Put NaN into windows that begin just behind the map: Caffe divides 0 by 0 there, farther away by less than 0."""
    for axis, stride in zip((2, 3), windows.stride, strict=True):
        place, rest = divmod(x.shape[axis], stride)
        if rest == 0 and place < top.shape[axis] and windows.pad == (0, 0):
            top = top.index_fill(axis, torch.tensor(place, device=top.device), math.nan)
    return top


def _maximum_with_place(x: Tensor, windows: Windows) -> tuple[Tensor, Tensor]:
    pad = windows.pad
    padded = _padded(x, windows, -math.inf)
    top, place = F.max_pool2d(padded, windows.kernel, windows.stride, 0, 1, windows.ceil, return_indices=True)
    row = place // padded.shape[3] - pad[0]
    column = place % padded.shape[3] - pad[1]
    where = (row * x.shape[3] + column).to(x.dtype)
    return _fit(top, windows.size, LOWEST), _fit(where, windows.size, -1)


def _padded(x: Tensor, windows: Windows, value: float) -> Tensor:
    (height, width) = windows.pad
    return F.pad(x, (width, width, height, height), value=value) if height or width else x


def _fit(top: Tensor, size: Pair, nothing: float) -> Tensor:
    """Cut what torch's rule has too many, and add the empty windows that Caffe has when stride exceeds the kernel."""
    if top.shape[2:] == size:
        return top
    top = top[:, :, : size[0], : size[1]]
    return F.pad(top, (0, size[1] - top.shape[3], 0, size[0] - top.shape[2]), value=nothing)


def _patches(x: Tensor, windows: Windows) -> Tensor:
    """Values of every window, zeros where it hangs over: (N, C, kernel positions, windows)."""
    reach = [(n - 1) * s + k for n, s, k in zip(windows.size, windows.stride, windows.kernel, strict=True)]
    bottom, right = (max(0, r - n) for r, n in zip(reach, x.shape[2:], strict=True))
    columns = F.unfold(
        F.pad(x, (0, right, 0, bottom))[:, :, : reach[0], : reach[1]], windows.kernel, 1, 0, windows.stride
    )
    return columns.view(*x.shape[:2], -1, columns.shape[-1])


_POOL: dict[str, Callable[[Tensor, Windows], Tensor]] = {"MAX": _maximum, "AVE": _average}


@layer("SPP")
class SpatialPyramidPooling(Layer):
    """He et al. 2014: pools into 1, 2 x 2, 4 x 4 ... windows, one row of numbers as long for every size of map."""

    def setup(self, bottom_shapes: list[Shape]) -> None:
        """Read ``spp_param``."""
        param = self.param.spp_param
        (shape,) = bottom_shapes
        self.levels, self.method = param.pyramid_height, SPPParameter.PoolMethod.Name(param.pool)
        if len(shape) != 4:
            raise ValueError(f"needs a bottom with 4 axes (N, C, H, W), got shape {shape}")
        if self.levels < 1:
            raise ValueError("spp_param needs pyramid_height > 0")
        if self.method not in _POOL:
            raise ValueError(f"pool must be one of {', '.join(_POOL)}, got {self.method}")

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """(N, C, H, W) → (N, C · windows), of one level (N, C, 1, 1)."""
        tops = [_POOL[self.method](x, _bins(x.shape[2], x.shape[3], 2**level)) for level in range(self.levels)]
        return (tops[0] if self.levels == 1 else torch.cat([top.flatten(1) for top in tops], 1),)


def _bins(height: int, width: int, n_bins: int) -> Windows:
    """Windows that cut a map into ``n_bins`` squared, padded to a multiple of them."""
    kernel = math.ceil(height / n_bins), math.ceil(width / n_bins)
    pad = (kernel[0] * n_bins - height + 1) // 2, (kernel[1] * n_bins - width + 1) // 2
    if pad[0] >= kernel[0] or pad[1] >= kernel[1]:
        raise ValueError(f"a map of {height} x {width} is too small for {n_bins} x {n_bins} windows")
    size = tuple(pooled_size(n, k, k, p, any(pad)) for n, k, p in zip((height, width), kernel, pad, strict=True))
    return Windows(kernel, kernel, pad, size, ceil=True)  # type: ignore[arg-type]
