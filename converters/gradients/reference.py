"""PyTorch's gradients, and which blobs of the net they belong to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from converters.capture import evaluating
from converters.conversion import Conversion
from converters.signature import arguments, leaves

Key = tuple[str, int]
"""A layer and the index of one of its blobs, or a name of an input and -1."""


@dataclass(frozen=True, eq=False)
class Loss:
    """The sum of one output, weighted with fixed numbers.

    Parameters
    ----------
    path : of the output in what the model returns.
    blob : of the net.
    weights : of its shape, float32.
    """

    path: str
    blob: str
    weights: np.ndarray


def reference_gradients(
    conversion: Conversion, model: nn.Module, feed: Mapping[str, np.ndarray], loss: Loss, dtype: torch.dtype
) -> dict[Key, np.ndarray]:
    """Gradients of the loss by blob of the net, computed by PyTorch's autograd in ``dtype``.

    Only blobs that hold a parameter as it is are among them: what was folded, padded or turned has none of its own.
    """
    copy = deepcopy(model).to(dtype)
    for parameter in copy.parameters():
        parameter.requires_grad_(True)
        parameter.grad = None
    assert conversion.captured is not None
    given = {
        each.parameter: torch.from_numpy(feed[each.name]).long()
        if each.integers
        else torch.from_numpy(feed[each.name]).to(dtype).requires_grad_(True)
        for each in conversion.captured.inputs
    }
    positional, named = arguments(copy, given)
    with evaluating(copy), torch.enable_grad():
        result = dict(leaves(copy(*positional, **named)))[loss.path]
        (result * torch.from_numpy(loss.weights).to(dtype)).sum().backward()
    gradients = {
        (each.name, -1): _array(given[each.parameter].grad)
        for each in conversion.captured.inputs
        if not each.integers and conversion.baked is None
    }
    parameters = dict(copy.named_parameters(remove_duplicate=False))
    return gradients | {
        key: _array(parameters[name].grad) for key, name in parameter_of_blob(conversion, model).items()
    }


def parameter_of_blob(conversion: Conversion, model: nn.Module) -> dict[Key, str]:
    """The parameter of the model that each blob of the net holds, in the same order of its values."""
    parameters = dict(model.named_parameters(remove_duplicate=False))
    return dict(_matches(conversion, parameters))


def _matches(conversion: Conversion, parameters: Mapping[str, Tensor]) -> Iterator[tuple[Key, str]]:
    statistics = {layer.name for layer in conversion.net.layer if layer.type == "BatchNorm"}
    for layer, arrays in conversion.weights.items():
        if layer in statistics:
            continue
        place = conversion.modules.get(layer, "")
        own = {name: value for name, value in parameters.items() if name.rpartition(".")[0] == place}
        for index, array in enumerate(arrays):
            fits = _fitting(own, array)
            if not fits and np.ptp(array) > 0:  # zeros or ones alone say nothing of where they come from
                fits = _fitting(parameters, array)
            if len(fits) == 1:
                yield (layer, index), fits[0]


def _fitting(parameters: Mapping[str, Tensor], blob: np.ndarray) -> list[str]:
    """Names of the parameters whose values a blob holds; more than one where they are alike, such as all zero."""
    return [name for name, value in parameters.items() if _same(value, blob)]


def _same(parameter: Tensor, blob: np.ndarray) -> bool:
    return parameter.numel() == blob.size and np.array_equal(parameter.detach().cpu().numpy().ravel(), blob.ravel())


def _array(gradient: Tensor | None) -> np.ndarray:
    return np.zeros(0) if gradient is None else gradient.detach().cpu().numpy().astype(np.float64).ravel()
