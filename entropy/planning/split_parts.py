"""A written plan has its multipliers twice, filter by filter and part by part: whether the two lists agree."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from prototxt.net.layer_types import UNIT_TYPES
from prototxt.split import SplitLayer

Rates = Mapping[str, NDArray[np.float64]]


def disagreement(rates: Rates, split: Sequence[SplitLayer]) -> str:
    """Say in what the parts of split layers are not what the multipliers of their filters make of them.

    Parameters
    ----------
    rates : layer name to the multiplier of each filter (``layers`` of the plan).
    split : the layers that were split: all that have several multipliers, and the BatchNorm, Scale, Bias and PReLU
        layers that follow their filters and have the same parts.

    Returns
    -------
    The first difference, with layer, filter and both numbers; empty where there is none.
    """
    return next(_differences(rates, split), "")


def _differences(rates: Rates, split: Sequence[SplitLayer]) -> Iterator[str]:
    described = {layer.layer for layer in split}
    for name, of_filters in rates.items():
        different = len(np.unique(of_filters))
        if different > 1 and name not in described:
            yield f"layer {name!r} has {different} different multipliers in layers, but no parts in split"
    for name, times in Counter(part.name for layer in split for part in layer.parts).items():
        if times > 1:
            yield f"the part {name!r} is in split {times} times"
    for layer in split:
        owner = _owner(layer, rates, split)
        if owner is None:
            yield f"layer {layer.layer!r} has parts in split, but no multipliers in layers"
        else:
            where = "layers" if owner == layer.layer else f"layers ({owner!r}, whose filters it follows)"
            yield from _of_parts(layer, rates[owner], where)


def _owner(layer: SplitLayer, rates: Rates, split: Sequence[SplitLayer]) -> str | None:
    """Whose multipliers a layer has: its own, or those of the split layer that it is most like, as it follows one."""
    if layer.layer in rates:
        return layer.layer
    if layer.type in UNIT_TYPES:
        return None
    split_layers = [other.layer for other in split if other.layer in rates]
    return min(split_layers, key=lambda name: sum(1 for _ in _of_parts(layer, rates[name], name)), default=None)


def _of_parts(layer: SplitLayer, rates: NDArray[np.float64], where: str) -> Iterator[str]:
    """What is wrong with the parts of a layer whose filters' multipliers are in ``where``."""
    what, last = f"layer {layer.layer!r}", len(rates) - 1
    found: dict[int, str] = {}
    for part in layer.parts:
        for before, filter in zip((-1, *part.filters), part.filters, strict=False):
            if not 0 <= filter <= last:
                yield f"{what}: part {part.name!r} in split holds filter {filter}, but {where} has 0 to {last}"
            elif filter in found:
                yield f"{what}: filter {filter} is twice in split, in {found[filter]!r} and in {part.name!r}"
            elif filter < before:
                yield f"{what}: part {part.name!r} in split has filter {filter} behind {before}; they must ascend"
            elif part.lr_mult != rates[filter]:
                yield (
                    f"{what}: filter {filter} has the multiplier {rates[filter]} in {where}, but {part.lr_mult} in "
                    f"split (part {part.name!r})"
                )
            found.setdefault(filter, part.name)
    for filter in (number for number in range(len(rates)) if number not in found):
        yield f"{what}: filter {filter} has the multiplier {rates[filter]} in {where}, but is in no part in split"
