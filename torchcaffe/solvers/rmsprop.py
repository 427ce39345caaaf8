"""RMSProp (Tieleman and Hinton 2012)."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from prototxt.formats.schema import SolverParameter
from torchcaffe.solvers.registry import Rate, rule


@rule("RMSProp")
def rmsprop(gradient: Tensor, history: Sequence[Tensor], rate: Rate, solver: SolverParameter, iteration: int) -> Tensor:
    """``S ← rS + (1 - r)g²``, subtract ``rate · g / (√S + δ)`` with ``r = rms_decay`` (rmsprop_solver.cpp)."""
    squares = history[0].mul_(solver.rms_decay).addcmul_(gradient, gradient, value=1 - solver.rms_decay)
    return gradient / squares.sqrt().add_(solver.delta) * rate
