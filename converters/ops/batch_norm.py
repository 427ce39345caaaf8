"""Batch normalisation."""

from __future__ import annotations

import numpy as np

from converters.call import Call, Result
from converters.compose.normalising import affine
from converters.errors import RefusedError
from converters.layer_spec import Blob
from converters.registry import converts


@converts("aten._native_batch_norm_legit_no_training.default")
def convert_batch_norm(call: Call) -> Result:
    """BatchNorm (mean, variance, and the factor that both are divided by), then Scale if the layer is affine."""
    return (by_statistics(call),)


@converts("aten._native_batch_norm_legit.no_stats")
def convert_batch_norm_without_statistics(call: Call) -> Result:
    """BatchNorm by the statistics of the batch in every phase (``use_global_stats: false``), then Scale."""
    x = call.blob("input")
    zeros, ones = np.zeros(x.shape[1]), np.ones(x.shape[1])
    return (_batch_norm(call, zeros, ones, 1.0, use_global_stats=False),)


def by_statistics(call: Call) -> Blob:
    """BatchNorm with the running statistics of the call, then Scale.

    In the phase TRAIN Caffe uses the batch's statistics and updates the running ones:
    ``blob = fraction * blob + statistic``, ``factor = fraction * factor + 1``, used as ``blob / factor``. PyTorch's
    ``running = fraction * running + (1 - fraction) * statistic`` is the same where the factor is
    ``1 / (1 - fraction)``, which that update leaves as it is, and the blobs are multiplied by it. For a cumulative
    average (momentum None) the factor is the number of batches so far.
    """
    mean, variance = call.constant("running_mean"), call.constant("running_var")
    if mean is None or variance is None:
        raise RefusedError("without running statistics")
    momentum = float(call["momentum"])
    factor = 1 / momentum if momentum else max(call.beside("num_batches_tracked") or 1.0, 1.0)
    return _batch_norm(call, mean, variance, factor)


def _batch_norm(
    call: Call, mean: np.ndarray, variance: np.ndarray, factor: float, use_global_stats: bool | None = None
) -> Blob:
    x = call.blob("input")
    statistics = (np.asarray(mean, np.float64) * factor, np.asarray(variance, np.float64) * factor, np.full(1, factor))
    param: dict[str, float | bool] = {
        "eps": float(call["eps"]),
        "moving_average_fraction": 1.0 - float(call["momentum"]),
    }
    if use_global_stats is not None:
        param["use_global_stats"] = use_global_stats
    normalised = Blob(call.layer("BatchNorm", x, blobs=statistics, batch_norm_param=param), x.shape)
    return affine(call, normalised, call.constant("weight"), call.constant("bias"), axis=1)
