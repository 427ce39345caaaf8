"""Batch normalisation with running statistics."""

from __future__ import annotations

import numpy as np

from converters.call import Call
from converters.registry import converts


@converts("aten._native_batch_norm_legit_no_training.default")
def convert_batch_norm(call: Call) -> str:
    """BatchNorm (mean, variance, and the factor that both are divided by), then Scale if the layer is affine.

    In the phase TRAIN Caffe uses the batch's statistics and updates the running ones, as PyTorch does in training.
    """
    mean, variance = call.constant("running_mean"), call.constant("running_var")
    assert mean is not None
    assert variance is not None
    scale, shift = call.constant("weight"), call.constant("bias")
    normalised = call.layer(
        "BatchNorm",
        call.blob("input"),
        blobs=[mean, variance, np.ones(1, np.float32)],
        batch_norm_param={"eps": float(call["eps"]), "moving_average_fraction": 1.0 - float(call["momentum"])},
    )
    if scale is None:
        return normalised
    assert shift is not None
    return call.layer("Scale", normalised, part="scale", blobs=[scale, shift], scale_param={"bias_term": True})
