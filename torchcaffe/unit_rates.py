"""A learning rate for every unit (filter) of a layer, as a tensor that broadcasts to the blob."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from prototxt.common.errors import NetError
from prototxt.split import from_rows
from prototxt.split.layouts import group_count, layouts_of
from torchcaffe.layer import Layer
from torchcaffe.network import Network
from torchcaffe.solvers import Rate
from torchcaffe.update import Updater

UnitRates = Sequence[float] | np.ndarray


def give_rate(network: Network, updater: Updater, layer: str, index: int, rate: Rate) -> None:
    """Give a parameter another ``lr_mult``; as `torchcaffe.solver.Solver.set_lr_mult`, before `narrow`."""
    updater.set_lr_mult(layer, index, rate)
    if index == 0:
        network.layer(layer).learn_only(None)


def give_unit_rates(network: Network, updater: Updater, layer: str, index: int, lr_mults: UnitRates) -> None:
    """Give every unit a ``lr_mult``; as `torchcaffe.solver.Solver.set_unit_lr_mults`, before `narrow`."""
    found = network.layer(layer)
    rate = blob_rate(found, index, lr_mults)
    values = torch.as_tensor(np.asarray(lr_mults, np.float32))
    if len(values.unique()) == 1:
        give_rate(network, updater, layer, index, float(values[0]))
        return
    updater.set_lr_mult(layer, index, rate)
    if index == 0:
        free = values.nonzero().flatten()
        found.learn_only(free if len(free) < len(values) else None)


def blob_rate(layer: Layer, index: int, lr_mults: UnitRates) -> Tensor:
    """Spread a multiplier of every unit over a blob.

    Parameters
    ----------
    layer : Convolution, Deconvolution, InnerProduct, BatchNorm, Scale, Bias or PReLU.
    index : place of the blob in the layer.
    lr_mults : (units,) at least 0.

    Returns
    -------
    Float32, as many axes as the blob, of size 1 along all that the multipliers do not depend on.

    Raises
    ------
    NetError : the blob does not hold units, or another number of them; a multiplier is negative or no number.
    """
    layouts = layouts_of(layer.param)
    if index >= len(layouts) or layouts[index] == "whole":
        raise NetError(f"layer '{layer.name}' ({layer.type}): has no blob {index} with a row for every unit")
    shape, groups, layout = layer.blob_shapes[index], group_count(layer.param), layouts[index]
    units = {"rows": shape[0], "transposed": shape[-1], "deconvolution": shape[min(1, len(shape) - 1)] * groups}[layout]
    values = np.asarray(lr_mults, np.float32)
    if values.shape != (units,):
        raise NetError(
            f"layer '{layer.name}' ({layer.type}): has {units} units in blob {index}, but multipliers of shape "
            f"{values.shape} are given; give one for every unit"
        )
    if not (np.isfinite(values) & (values >= 0)).all():
        raise NetError(f"layer '{layer.name}': a learning-rate multiplier must be a number of at least 0")
    rows = values.reshape(-1, *[1] * (len(shape) - 1))
    if layout == "deconvolution" and groups > 1:
        rows = np.repeat(rows, shape[0] // groups, axis=1)
    return torch.from_numpy(from_rows(rows, layout, groups))
