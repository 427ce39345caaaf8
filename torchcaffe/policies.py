"""Learning-rate policies: the rate of an iteration, as ``SGDSolver::GetLearningRate`` of Caffe has it."""

from __future__ import annotations

import math
from collections.abc import Callable

from prototxt.common.errors import NetError
from prototxt.common.names import unknown_name
from prototxt.formats.schema import SolverParameter


def fixed(solver: SolverParameter, iteration: int, step: int) -> float:
    """``base_lr``, always."""
    return solver.base_lr


def stepped(solver: SolverParameter, iteration: int, step: int) -> float:
    """``base_lr · gamma ^ step``; `current_step` counts the steps for ``step`` and ``multistep``."""
    return solver.base_lr * solver.gamma**step


def exp(solver: SolverParameter, iteration: int, step: int) -> float:
    """``base_lr · gamma ^ iteration``."""
    return solver.base_lr * solver.gamma**iteration


def inv(solver: SolverParameter, iteration: int, step: int) -> float:
    """``base_lr · (1 + gamma · iteration) ^ -power``."""
    return solver.base_lr * (1 + solver.gamma * iteration) ** -solver.power


def poly(solver: SolverParameter, iteration: int, step: int) -> float:
    """``base_lr · (1 - iteration / max_iter) ^ power``; not a number beyond ``max_iter`` in Caffe, zero here."""
    return solver.base_lr * max(0.0, 1 - iteration / solver.max_iter) ** solver.power


def sigmoid(solver: SolverParameter, iteration: int, step: int) -> float:
    """``base_lr / (1 + exp(-gamma · (iteration - stepsize)))``."""
    exponent = -solver.gamma * (iteration - solver.stepsize)
    return 0.0 if exponent > 700 else solver.base_lr / (1 + math.exp(exponent))


POLICIES: dict[str, Callable[[SolverParameter, int, int], float]] = {
    "fixed": fixed,
    "step": stepped,
    "exp": exp,
    "inv": inv,
    "multistep": stepped,
    "poly": poly,
    "sigmoid": sigmoid,
}

_NON_NEGATIVE_GAMMA = ("step", "exp", "inv", "multistep", "sigmoid")
_POSITIVE_FIELDS = {"step": "stepsize", "sigmoid": "stepsize", "poly": "max_iter"}


def current_step(solver: SolverParameter, iteration: int, step: int) -> int:
    """The number of steps taken at ``iteration``, given the number before it.

    ``multistep`` takes at most one step at a time, as Caffe does, so that the count is part of a solver's state.
    """
    if solver.lr_policy == "step":
        return iteration // solver.stepsize
    if solver.lr_policy == "multistep" and step < len(solver.stepvalue) and iteration >= solver.stepvalue[step]:
        return step + 1
    return step


def learning_rate(solver: SolverParameter, iteration: int, step: int) -> float:
    """The learning rate before any ``lr_mult``.

    Parameters
    ----------
    solver : its ``lr_policy`` and the fields that the policy reads; checked by `check_policy`.
    iteration : updates made so far, from 0.
    step : what `current_step` gives for this iteration.
    """
    return POLICIES[solver.lr_policy](solver, iteration, step)


def check_policy(solver: SolverParameter, source: str = "solver") -> None:
    """Refuse a policy that Caffe would abort on.

    Raises
    ------
    NetError : an unknown ``lr_policy``, a negative ``gamma``, or a ``stepsize`` or ``max_iter`` that is not positive.
    """
    policy = solver.lr_policy
    if not policy:
        raise NetError(f"{source}: lr_policy is missing; use one of {', '.join(POLICIES)}")
    if policy not in POLICIES:
        raise NetError(f"{source}: {unknown_name('lr_policy', policy, POLICIES)}")
    if policy in _NON_NEGATIVE_GAMMA and solver.gamma < 0:
        raise NetError(f"{source}: lr_policy '{policy}' needs gamma ≥ 0; got {solver.gamma:g}")
    field = _POSITIVE_FIELDS.get(policy)
    if field and getattr(solver, field) <= 0:
        raise NetError(f"{source}: lr_policy '{policy}' needs {field} > 0; got {getattr(solver, field)}")
