"""Inputs that a conversion is verified with, the same in every version of every library."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from converters.captured import Captured, NetInput
from converters.engines.engine import Feed, by_name


def example_inputs(shape: Sequence[int], number: int = 0) -> list[np.ndarray]:
    """Four inputs of ``shape`` (batch, channels, height, width), float32: two of noise, a ramp, and edges.

    They are computed without a random-number generator of a library, so that they stay the same in all versions.

    Parameters
    ----------
    number : of the input among those of a net; each gets values of its own.
    """
    count = int(np.prod(shape))
    index = np.arange(count, dtype=np.uint64)
    noise = [_noise(index + np.uint64(offset + 2 * number * count)).reshape(shape) for offset in (0, count)]
    ramp = np.linspace(-2, 2, count).reshape(shape) * (-1) ** number
    edges = np.where(np.add.reduce(np.indices(shape) // 4) % 2, 1.5, -1.5)
    return [array.astype(np.float32) for array in (2 * noise[0], noise[1], ramp, edges + 0.1 * noise[0])]


def example_feeds(captured: Captured) -> list[dict[str, np.ndarray]]:
    """Four runs' inputs of a captured graph, by name, of the shapes that were asked for."""
    arrays = {each.name: _examples(each, number) for number, each in enumerate(captured.inputs)}
    return [{name: found[run] for name, found in arrays.items()} for run in range(4)]


def in_batches(captured: Captured, feeds: Sequence[Feed]) -> list[dict[str, np.ndarray]]:
    """Feeds of the shapes that were asked for, joined to the batches that the graph was captured with.

    Where they do not come out even, the last is repeated.
    """
    named = [by_name(feed, [each.name for each in captured.inputs]) for feed in feeds]
    size = captured.pictures
    named += named[-1:] * (-len(named) % size)
    return [
        {name: np.concatenate([feed[name] for feed in named[start : start + size]]) for name in named[start]}
        for start in range(0, len(named), size)
    ]


def _examples(given: NetInput, number: int) -> list[np.ndarray]:
    """`example_inputs`, or for an input of whole numbers such ones."""
    examples = example_inputs(given.asked, number)
    if not given.integers:
        return examples
    return [np.floor((array - array.min()) * 997).astype(np.float32) % given.integers for array in examples]


def _noise(index: np.ndarray) -> np.ndarray:
    """Uniform in [-1, 1), by hashing the index (the finaliser of Steele et al. 2014, SplitMix)."""
    bits = (index + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return (bits ^ (bits >> np.uint64(31))) / 2.0**63 - 1
