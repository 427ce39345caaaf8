"""Initial values of parameters, after ``include/caffe/filler.hpp``.

The distributions are Caffe's; the numbers are torch's, so they cannot be bit-identical to Caffe's for the same seed.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from prototxt.common.names import unknown_name
from prototxt.formats.schema import FillerParameter

Fill = Callable[[Tensor, FillerParameter, torch.Generator], None]


def fill(tensor: Tensor, filler: FillerParameter, generator: torch.Generator) -> None:
    """Fill a parameter in place as its filler says.

    Parameters
    ----------
    tensor : (outputs, inputs, ...) as Caffe shapes parameters.
    filler : ``type`` is one of `FILLERS`.
    generator : of the random numbers, on the tensor's device.

    Raises
    ------
    ValueError : the type is unknown, or a value is not allowed for it.
    """
    if filler.type not in FILLERS:
        raise ValueError(unknown_name("filler type", filler.type, FILLERS))
    if filler.sparse != -1 and filler.type != "gaussian":
        raise ValueError(f"a filler of type {filler.type!r} cannot be sparse; only gaussian can")
    with torch.no_grad():
        FILLERS[filler.type](tensor, filler, generator)


def _constant(tensor: Tensor, filler: FillerParameter, generator: torch.Generator) -> None:
    tensor.fill_(filler.value)


def _uniform(tensor: Tensor, filler: FillerParameter, generator: torch.Generator) -> None:
    if filler.min > filler.max:
        raise ValueError(f"a uniform filler needs min <= max, got {filler.min:g} and {filler.max:g}")
    tensor.uniform_(filler.min, filler.max, generator=generator)


def _gaussian(tensor: Tensor, filler: FillerParameter, generator: torch.Generator) -> None:
    if filler.std < 0 or filler.sparse < -1:
        raise ValueError(f"a gaussian filler needs std >= 0 and sparse >= -1, got {filler.std:g} and {filler.sparse}")
    tensor.normal_(filler.mean, filler.std, generator=generator)
    if filler.sparse >= 0:
        # As many non-zero weights to every output as ``sparse`` says, on average. Caffe divides by the first axis.
        outputs = tensor.shape[0] if tensor.ndim else 1
        keep = min(1.0, filler.sparse / outputs)
        tensor.mul_(torch.empty_like(tensor).bernoulli_(keep, generator=generator))


def _positive_unitball(tensor: Tensor, filler: FillerParameter, generator: torch.Generator) -> None:
    tensor.uniform_(0, 1, generator=generator)
    rows = tensor.view(tensor.shape[0], -1)
    rows.div_(rows.sum(dim=1, keepdim=True))


def _fan(tensor: Tensor, filler: FillerParameter) -> float:
    """Number of inputs, outputs, or their average, of one unit (``variance_norm``)."""
    count = tensor.numel()
    fan_in = count / tensor.shape[0] if tensor.ndim else 1.0
    fan_out = count / tensor.shape[1] if tensor.ndim > 1 else count
    return {"FAN_IN": fan_in, "FAN_OUT": fan_out, "AVERAGE": (fan_in + fan_out) / 2}[
        FillerParameter.VarianceNorm.Name(filler.variance_norm)
    ]


def _xavier(tensor: Tensor, filler: FillerParameter, generator: torch.Generator) -> None:
    """Glorot and Bengio 2010, without the fan-out unless asked for."""
    scale = math.sqrt(3 / _fan(tensor, filler))
    tensor.uniform_(-scale, scale, generator=generator)


def _msra(tensor: Tensor, filler: FillerParameter, generator: torch.Generator) -> None:
    """He et al. 2015."""
    tensor.normal_(0, math.sqrt(2 / _fan(tensor, filler)), generator=generator)


def _bilinear(tensor: Tensor, filler: FillerParameter, generator: torch.Generator) -> None:
    """Kernels of a Deconvolution that enlarges by interpolation."""
    if tensor.ndim != 4 or tensor.shape[2] != tensor.shape[3]:
        raise ValueError(f"a bilinear filler needs square 2-D kernels, got a blob of shape {tuple(tensor.shape)}")
    side = tensor.shape[3]
    factor = math.ceil(side / 2)
    centre = (side - 1) / (2 * factor)
    ramp = 1 - (torch.arange(side, dtype=tensor.dtype) / factor - centre).abs()
    tensor.copy_((ramp[:, None] * ramp[None, :]).expand_as(tensor))


FILLERS: dict[str, Fill] = {
    "constant": _constant,
    "gaussian": _gaussian,
    "positive_unitball": _positive_unitball,
    "uniform": _uniform,
    "xavier": _xavier,
    "msra": _msra,
    "bilinear": _bilinear,
}
