"""Nesterov's accelerated gradient (Sutskever et al. 2013)."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from prototxt.formats.schema import SolverParameter
from torchcaffe.solvers.registry import Rate, rule
from torchcaffe.solvers.sgd import advance_velocity


@rule("Nesterov", rate_in_history=True)
def nesterov(
    gradient: Tensor, history: Sequence[Tensor], rate: Rate, solver: SolverParameter, iteration: int
) -> Tensor:
    """``V' = μV + rate·g``, subtract ``(1 + μ)V' - μV`` (nesterov_solver.cpp)."""
    step_back = history[0] * solver.momentum
    velocity = advance_velocity(history[0], gradient, rate, solver.momentum)
    return velocity * (1 + solver.momentum) - step_back
