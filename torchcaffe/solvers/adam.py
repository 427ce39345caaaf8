"""Adam (Kingma and Ba 2015)."""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch import Tensor

from prototxt.formats.schema import SolverParameter
from torchcaffe.solvers.registry import Rate, rule


@rule("Adam", histories=2)
def adam(gradient: Tensor, history: Sequence[Tensor], rate: Rate, solver: SolverParameter, iteration: int) -> Tensor:
    """``M ← β₁M + (1 - β₁)g``, ``S ← β₂S + (1 - β₂)g²``, subtract ``rate · c · M / (√S + δ)``.

    ``c = √(1 - β₂ᵗ) / (1 - β₁ᵗ)`` with ``t = iteration + 1``; ``β₁`` is ``momentum`` and ``β₂`` is ``momentum2``. As in
    adam_solver.cpp, ``δ`` is added to the root of the uncorrected ``S``.
    """
    beta1, beta2 = solver.momentum, solver.momentum2
    means, squares = history
    means.mul_(beta1).add_(gradient, alpha=1 - beta1)
    squares.mul_(beta2).addcmul_(gradient, gradient, value=1 - beta2)
    correction = math.sqrt(1 - beta2 ** (iteration + 1)) / (1 - beta1 ** (iteration + 1))
    return means / squares.sqrt().add_(solver.delta) * (rate * correction)
