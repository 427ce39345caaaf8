"""What happens to gradients before the update rule: clipping, normalisation, regularisation (sgd_solver.cpp)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def clip(gradients: Sequence[Tensor], limit: float) -> tuple[float, float] | None:
    """Scale all gradients in place so that their common L2 norm is at most ``limit``.

    Parameters
    ----------
    gradients : of all learnable parameters; those that do not learn are zero and so do not count.
    limit : ``clip_gradients``; a negative one clips nothing.

    Returns
    -------
    The norm and the factor where it scaled, else None.
    """
    if limit < 0 or not gradients:
        return None
    norm = float(torch.stack([torch.linalg.vector_norm(gradient) for gradient in gradients]).norm())
    if norm <= limit:
        return None
    factor = limit / norm
    for gradient in gradients:
        gradient.mul_(factor)
    return norm, factor


def add_l2(gradient: Tensor, parameter: Tensor, decay: float) -> None:
    """``g ← g + decay · w`` in place."""
    gradient.add_(parameter, alpha=decay)


def add_l1(gradient: Tensor, parameter: Tensor, decay: float) -> None:
    """``g ← g + decay · sign(w)`` in place."""
    gradient.add_(parameter.sign(), alpha=decay)


REGULARISERS = {"L2": add_l2, "L1": add_l1}
"""By ``regularization_type``."""
