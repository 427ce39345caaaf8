"""Inputs that a conversion is verified with, the same in every version of every library."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def example_inputs(shape: Sequence[int]) -> list[np.ndarray]:
    """Four inputs of ``shape`` (batch, channels, height, width), float32: two of noise, a ramp, and edges.

    They are computed without a random-number generator of a library, so that they stay the same in all versions.
    """
    count = int(np.prod(shape))
    index = np.arange(count, dtype=np.uint64)
    noise = [_noise(index + np.uint64(offset)).reshape(shape) for offset in (0, count)]
    ramp = np.linspace(-2, 2, count).reshape(shape)
    edges = np.where(np.add.reduce(np.indices(shape) // 4) % 2, 1.5, -1.5)
    return [array.astype(np.float32) for array in (2 * noise[0], noise[1], ramp, edges + 0.1 * noise[0])]


def _noise(index: np.ndarray) -> np.ndarray:
    """Uniform in [-1, 1), by hashing the index (the finaliser of Steele et al. 2014, SplitMix)."""
    bits = (index + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return (bits ^ (bits >> np.uint64(31))) / 2.0**63 - 1
