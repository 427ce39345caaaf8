"""Writes into a net how fast its layers learn."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from entropy.surgery.extended import Rates
from prototxt.formats.parameter_blobs import parameter_count
from prototxt.formats.schema import NetParameter
from prototxt.split import fill_param_specs
from prototxt.split.param_specs import BIAS_DECAY, BIAS_LR


def with_rates(
    net: NetParameter, rates: Mapping[str, Rates], *, bias_lr: float = BIAS_LR, bias_decay: float = BIAS_DECAY
) -> NetParameter:
    """Multiply the ``lr_mult`` of every parameter by its layer's rate.

    Parameters
    ----------
    net : left as it is.
    rates : layer name to its multiplier. Layers with a rate for every filter are left to
        `prototxt.split.split_net`, and layers that are not named keep what they say.
    bias_lr, bias_decay : for biases about which the net says nothing.

    Returns
    -------
    A new net, with a ``param`` message for every parameter. BatchNorm's statistics, which have no gradient, keep a rate
    of 0.
    """
    result = fill_param_specs(net, bias_lr=bias_lr, bias_decay=bias_decay)
    for layer in result.layer:
        rate = rates.get(layer.name)
        if rate is None or isinstance(rate, np.ndarray) or layer.type == "BatchNorm":
            continue
        while len(layer.param) < (parameter_count(layer) or 0):
            layer.param.add()
        for spec in layer.param:
            spec.lr_mult = spec.lr_mult * rate
    return result
