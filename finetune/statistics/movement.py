"""How far training moved a network: its filters, and what its old head says about old pictures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from prototxt.formats.weights import Weights


@dataclass(frozen=True)
class Movement:
    """What training did to the filters of one layer.

    Parameters
    ----------
    layer : name of the layer.
    frozen, frozen_changed : filters with multiplier 0, and how many of them changed in any bit (weights or bias).
    free, free_moved : filters with a positive multiplier, and how many of them changed.
    relative_change : Frobenius norm of the change of the layer's weights over that of the weights before.
    """

    layer: str
    frozen: int
    frozen_changed: int
    free: int
    free_moved: int
    relative_change: float


def movements(before: Weights, after: Weights, multipliers: Mapping[str, np.ndarray]) -> list[Movement]:
    """Compare the filters of every layer that has multipliers.

    Parameters
    ----------
    before, after : weights of the same net; axis 0 of every blob of a layer is its filters.
    multipliers : (filters,) learning-rate multipliers by layer name.
    """
    return [_movement(name, before[name], after[name], np.asarray(rates)) for name, rates in multipliers.items()]


def _movement(layer: str, before: list[np.ndarray], after: list[np.ndarray], rates: np.ndarray) -> Movement:
    changed = np.zeros(len(rates), bool)
    for old, new in zip(before, after, strict=True):
        # Bits, not values: a frozen filter must not even turn 0.0 into -0.0.
        old_bits, new_bits = (np.ascontiguousarray(a, np.float32).view(np.uint32) for a in (old, new))
        changed |= (old_bits != new_bits).reshape(len(rates), -1).any(1)
    frozen = rates == 0
    difference = np.linalg.norm(after[0].astype(np.float64) - before[0])
    return Movement(
        layer,
        int(frozen.sum()),
        int((changed & frozen).sum()),
        int((~frozen).sum()),
        int((changed & ~frozen).sum()),
        float(difference / np.linalg.norm(before[0].astype(np.float64))),
    )


@dataclass(frozen=True)
class OutputChange:
    """How much the class probabilities of the same pictures changed.

    Parameters
    ----------
    total_variation : mean over pictures of half the summed absolute change of the probabilities, between 0 and 1.
    kept_top1 : share of the pictures whose best class is still the same.
    """

    total_variation: float
    kept_top1: float


def output_change(before: np.ndarray, after: np.ndarray) -> OutputChange:
    """Compare probabilities (pictures, classes) of the same pictures, each row summing to 1."""
    variation = 0.5 * np.abs(after.astype(np.float64) - before).sum(1)
    return OutputChange(float(variation.mean()), float((before.argmax(1) == after.argmax(1)).mean()))
