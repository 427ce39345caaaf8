"""The smallest part of a net that an engine computes otherwise than PyTorch, with its inputs, as files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from converters.conversion import Conversion
from converters.engines import ENGINES, Job
from converters.engines.engine import Top
from converters.subnets import from_values, given_values
from converters.verdict import difference
from prototxt.formats.schema import NetParameter
from prototxt.formats.text import write_message
from prototxt.formats.weights import Weights, write_weights
from prototxt.net.graph import NetGraph, Value

NET, WEIGHTS, INPUTS, EXPECTED = "net.prototxt", "net.caffemodel", "inputs.npz", "expected.npz"


def write_smallest_failing(
    folder: Path, conversion: Conversion, engine: str, top: Top, values: Mapping[Top, np.ndarray]
) -> bool:
    """Write the smallest sub-net whose last layer diverges when it is given PyTorch's values.

    ``net.prototxt`` and ``net.caffemodel`` compute the blob in ``expected.npz`` from those in ``inputs.npz``. The part
    begins right before the layer, and grows until it diverges: an error may have gathered over many layers.

    Parameters
    ----------
    engine : name in `ENGINES` of what diverges.
    top : that diverges.
    values : what PyTorch has at every top for one input; the net's inputs as (layer, 0).

    Returns
    -------
    whether the part that was written diverges for this input.
    """
    graph = NetGraph(conversion.net)
    known = {graph.node(layer).tops[index]: array for (layer, index), array in values.items()}
    wanted = graph.node(top[0]).tops[top[1]]
    bar = ENGINES[engine].bar
    for steps in (1, 2, 4, 8, 16, 64, 10**6):
        given = {value: known[value] for value in given_values(graph, known, wanted, min(steps, len(known)))}
        if len({value.blob for value in given}) < len(given):
            continue  # two states of one blob cannot both be inputs
        part = from_values(graph, given, wanted)
        _write(folder, part, conversion.weights, given, wanted, known[wanted])
        job = Job(folder / NET, folder / WEIGHTS, (_feed(given, part),), (top,))
        result = next(ENGINES[engine].run([job]))[top]
        if difference(result.reshape(known[wanted].shape), known[wanted]).relative > bar:
            return True
    return False


def _feed(given: Mapping[Value, np.ndarray], part: NetParameter) -> dict[str, np.ndarray]:
    inputs = {layer.top[0] for layer in part.layer if layer.type == "Input"}
    return {value.blob: array for value, array in given.items() if value.blob in inputs}


def _write(
    folder: Path,
    part: NetParameter,
    weights: Weights,
    given: Mapping[Value, np.ndarray],
    wanted: Value,
    expected: np.ndarray,
) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    names = {layer.name for layer in part.layer}
    write_message(folder / NET, part)
    write_weights(folder / WEIGHTS, part, {name: arrays for name, arrays in weights.items() if name in names})
    np.savez(folder / INPUTS, **_feed(given, part))  # type: ignore[arg-type]
    np.savez(folder / EXPECTED, **{wanted.blob: expected})  # type: ignore[arg-type]
