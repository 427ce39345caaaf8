"""The proof of what was written: every blob against torchcaffe, in float32 and, as the truth, in float64."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from converters.back.examples import Inputs
from converters.back.source_net import SourceNet
from converters.errors import ParityError
from converters.verdict import LayerCheck, Verification, difference
from prototxt.net.graph import Value
from torchcaffe.network import Network

BAR = 1e-5
"""Largest relative difference at which a blob counts as equal."""

Run = Callable[[Inputs], Mapping[Value, np.ndarray]]
"""What was written, as a function from inputs to all blobs."""


@dataclass(frozen=True)
class Program:
    """What runs what was written: its name, its version, and the function."""

    name: str
    version: str
    run: Run


def reference_values(source: SourceNet, inputs: Inputs, dtype: torch.dtype = torch.float32) -> dict[Value, np.ndarray]:
    """What torchcaffe computes: every value of the net, in ``dtype``."""
    network = Network(source.net, weights=source.weights, seed=0).to(dtype)
    given: dict[str | Value, Tensor | np.ndarray] = {
        value: torch.from_numpy(array).to(dtype) for value, array in inputs.items()
    }
    with torch.inference_mode():
        values = network.run(given, keep=source.values)
    return {value: tensor.detach().numpy() for value, tensor in values.items()}


def verify(source: SourceNet, program: Program, batches: Iterable[Inputs]) -> Verification:
    """Compare what was written with the net, blob by blob.

    Raises
    ------
    ParityError : if a blob has another shape.
    """
    checks: dict[Value, LayerCheck] = {}
    count = 0
    for inputs in batches:
        single, double = (reference_values(source, inputs, dtype) for dtype in (torch.float32, torch.float64))
        for value, result in program.run(inputs).items():
            found = _check(value, result, single[value], double[value])
            checks[value] = checks[value] | found if value in checks else found
        count += 1
    ordered = tuple(checks[value] for value in source.values if value in checks)
    missing = [str(value) for value in source.values if value not in checks]
    note = f"not compared: {', '.join(missing)}" if missing else ""
    return Verification(program.name, program.version, BAR, count, ordered, note)


def _check(value: Value, result: np.ndarray, single: np.ndarray, double: np.ndarray) -> LayerCheck:
    if result.shape != single.shape:
        raise ParityError(f"blob {str(value)!r} has shape {result.shape} where Caffe has {single.shape}")
    return LayerCheck(str(value), difference(result, single), difference(result, double), difference(single, double))


def refuse_divergence(verification: Verification) -> None:
    """Refuse what computes something else than the net.

    Raises
    ------
    ParityError : naming the first blob that diverges.
    """
    check = verification.diverging
    if check:
        raise ParityError(
            f"{verification.engine} diverges from torchcaffe, first at blob {check.layer!r}: relative difference "
            f"{check.difference.relative:.2e} (absolute {check.difference.absolute:.2e}), allowed "
            f"{verification.bar:.0e}; no files were written. Please report the net"
        )
