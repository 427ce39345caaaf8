"""Stochastic gradient descent with momentum."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from prototxt.formats.schema import SolverParameter
from torchcaffe.solvers.registry import Rate, rule


@rule("SGD", rate_in_history=True)
def sgd(gradient: Tensor, history: Sequence[Tensor], rate: Rate, solver: SolverParameter, iteration: int) -> Tensor:
    """``V ← μV + rate·g``, subtract ``V`` (sgd_solver.cpp).

    The rate is inside the velocity, unlike in `torch.optim.SGD`: the two differ as soon as the rate changes.
    """
    return advance_velocity(history[0], gradient, rate, solver.momentum)


def advance_velocity(velocity: Tensor, gradient: Tensor, rate: Rate, momentum: float) -> Tensor:
    """``V ← μV + rate·g`` in place; returns ``V``."""
    velocity.mul_(momentum)
    if isinstance(rate, Tensor):
        return velocity.addcmul_(gradient, rate)
    return velocity.add_(gradient, alpha=rate)
