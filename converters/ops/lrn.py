"""Local response normalisation across channels."""

from __future__ import annotations

import numpy as np

from converters.call import Call
from converters.registry import converts


@converts("converters.local_response_norm.default")
def convert_local_response_norm(call: Call) -> str:
    """LRN; both divide alpha by the size. Caffe wants an odd size: an even one is a banded 1x1 convolution."""
    size, alpha, beta, k = int(call["size"]), float(call["alpha"]), float(call["beta"]), float(call["k"])
    bottom = call.blob("input", axes=4)
    if size % 2:
        return call.layer("LRN", bottom, lrn_param={"local_size": size, "alpha": alpha, "beta": beta, "k": k})
    channels = bottom.shape[1]
    offsets = np.arange(channels)[None, :] - np.arange(channels)[:, None]
    band = ((offsets >= -(size // 2)) & (offsets <= (size - 1) // 2)).astype(np.float32)
    squares = call.layer("Power", bottom, part="squares", power_param={"power": 2.0})
    sums = call.layer(
        "Convolution",
        squares,
        part="sums",
        blobs=[band[:, :, None, None]],
        frozen=True,
        convolution_param={"num_output": channels, "bias_term": False, "kernel_size": 1},
    )
    factor = call.layer("Power", sums, part="factor", power_param={"power": -beta, "scale": alpha / size, "shift": k})
    return call.layer("Eltwise", (bottom, factor), eltwise_param={"operation": "PROD"})
