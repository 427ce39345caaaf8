"""AdaDelta (Zeiler 2012)."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from prototxt.formats.schema import SolverParameter
from torchcaffe.solvers.registry import Rate, rule


@rule("AdaDelta", histories=2)
def adadelta(
    gradient: Tensor, history: Sequence[Tensor], rate: Rate, solver: SolverParameter, iteration: int
) -> Tensor:
    """``S ← μS + (1 - μ)g²``, ``u = g·√((U + δ) / (S + δ))``, ``U ← μU + (1 - μ)u²``, subtract ``rate · u``.

    As in adadelta_solver.cpp, ``μ`` is ``momentum`` and ``U`` sees the update before the rate scales it.
    """
    momentum, delta = solver.momentum, solver.delta
    gradients, updates = history
    gradients.mul_(momentum).addcmul_(gradient, gradient, value=1 - momentum)
    update = ((updates + delta) / (gradients + delta)).sqrt_().mul_(gradient)
    updates.mul_(momentum).addcmul_(update, update, value=1 - momentum)
    return update * rate
