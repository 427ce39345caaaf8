"""Whether a model keeps the pictures of a batch apart, so that its net can take any number of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod

import numpy as np
import torch
from torch import Tensor

from converters.onnx.module import OnnxModule, Operation, meta
from converters.verdict import difference

BAR = 1e-4

_MIXING = frozenset({"LSTM", "GRU", "RNN", "Einsum", "CumSum", "GatherND", "ScatterND", "MeanVarianceNormalization"})
_USUAL_AXIS = {"Softmax": -1, "LogSoftmax": -1, "Hardmax": -1, "LpNormalization": -1, "TopK": -1, "Flatten": 1}
_WITH_AXIS = frozenset({*_USUAL_AXIS, "Concat", "Split", "ArgMax", "ArgMin", "Gather", "GatherElements"})


def takes_any_batch(
    module: OnnxModule, values: Mapping[str, Tensor], inputs: Sequence[str], outputs: Sequence[str]
) -> bool:
    """Whether two pictures go through as one does, each by itself.

    Told by the shapes of all values and, where an operation works along the first axis, by numbers too.

    Parameters
    ----------
    values : without numbers (on the device "meta"), as the module was built: all that depend on the input.
    inputs, outputs : names among them.
    """
    if not all(values[name].dim() for name in inputs) or not _doubles(module, values, inputs, outputs):
        return False
    return not any(map(_may_mix, module.operations())) or _agrees(module, values, inputs, outputs)


def _doubles(module: OnnxModule, values: Mapping[str, Tensor], inputs: Sequence[str], outputs: Sequence[str]) -> bool:
    """Whether every value gets twice as large, or stays, and an output has the second picture behind the first."""
    before = {name: tuple(value.shape) for name, value in values.items()}
    twice = {name: values[name].new_empty(2 * before[name][0], *before[name][1:]) for name in inputs}
    constants = {name: meta(value) for name, value in module.constants().items()}
    try:
        found = module.compute(twice, constants)
    except Exception:  # torch refuses what does not fit with errors of many classes
        return False
    after = {name: tuple(found[name].shape) for name in before if name in found}
    larger = all(prod(shape) in (prod(before[name]), 2 * prod(before[name])) for name, shape in after.items())
    return larger and all(
        after[name] == (2 * before[name][0], *before[name][1:]) for name in outputs if before.get(name)
    )


def _may_mix(operation: Operation) -> bool:
    """Whether an operation works along the first axis, or moves it to where another may."""
    op, attributes = operation.spec.op, operation.spec.attributes
    if op.startswith("Reduce"):
        axes = attributes.get("axes", operation.constants[1] if len(operation.constants) > 1 else None)
        return axes is None or _is_first(operation, np.atleast_1d(axes).tolist())
    if op == "Transpose":
        return attributes.get("perm", [1])[0] != 0
    if op in _WITH_AXIS:
        return _is_first(operation, [attributes.get("axis", _USUAL_AXIS.get(op, 0))])
    return op in _MIXING


def _is_first(operation: Operation, axes: Sequence[int]) -> bool:
    rank = max(len(operation.shapes[0]), 1)
    return any(int(axis) % rank == 0 for axis in axes)


def _agrees(module: OnnxModule, values: Mapping[str, Tensor], inputs: Sequence[str], outputs: Sequence[str]) -> bool:
    """Whether two pictures at once give what they give one after the other."""
    feeds = [{name: _numbers(values[name], 1 + run) for name in inputs} for run in range(2)]
    together = module.compute({name: torch.cat([feed[name] for feed in feeds]) for name in inputs})
    apart = [module.compute(feed) for feed in feeds]
    for name in outputs:
        if name in values:
            one_by_one = torch.cat([run[name] for run in apart])
            if not difference(together[name].numpy(), one_by_one.numpy()).relative <= BAR:
                return False
    return True


def _numbers(like: Tensor, run: int) -> Tensor:
    """Numbers without a pattern that two pictures share; 0 and 1 where whole ones are wanted."""
    numbers = torch.sin(torch.arange(like.numel(), dtype=torch.float64) * (0.7 * run) + run)
    return (
        numbers.reshape(like.shape).to(like.dtype)
        if like.is_floating_point()
        else (numbers > 0).reshape(like.shape).to(like.dtype)
    )
