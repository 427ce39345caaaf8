"""AdaGrad (Duchi, Hazan and Singer 2011)."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from prototxt.formats.schema import SolverParameter
from torchcaffe.solvers.registry import Rate, rule


@rule("AdaGrad")
def adagrad(gradient: Tensor, history: Sequence[Tensor], rate: Rate, solver: SolverParameter, iteration: int) -> Tensor:
    """``S ← S + g²``, subtract ``rate · g / (√S + δ)`` (adagrad_solver.cpp)."""
    squares = history[0].addcmul_(gradient, gradient)
    return gradient / squares.sqrt().add_(solver.delta) * rate
