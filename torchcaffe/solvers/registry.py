"""Update rules by Caffe's solver type."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from prototxt.common.errors import NetError
from prototxt.common.registry import Registry
from prototxt.formats.schema import SolverParameter

Rate = float | Tensor
"""Learning rate of a parameter: one number, or a tensor that broadcasts to its shape (a rate for every row)."""


class UpdateRule(Protocol):
    """What a solver type does with the gradient of one parameter."""

    def __call__(
        self, gradient: Tensor, history: Sequence[Tensor], rate: Rate, solver: SolverParameter, iteration: int
    ) -> Tensor:
        """Return what is to be subtracted from the parameter, and bring ``history`` up to date in place.

        What comes back may be a tensor of the history: it is to be read, not changed.

        Parameters
        ----------
        gradient : of the parameter's shape, clipped, normalised and regularised.
        history : as many tensors of the parameter's shape as the rule keeps, zero at the start.
        rate : learning rate times ``lr_mult``; it scales the update, so zero is zero for every rule.
        solver : ``momentum``, ``momentum2``, ``delta``, ``rms_decay``.
        iteration : updates made so far, from 0.
        """
        ...


@dataclass(frozen=True)
class Rule:
    """An update rule.

    Attributes
    ----------
    type : Caffe's ``SolverParameter.type``.
    update : the function.
    histories : how many tensors it keeps for a parameter.
    rate_in_history : whether the gradient enters the history times the rate, so that at rate zero it never does.
    """

    type: str
    update: UpdateRule
    histories: int
    rate_in_history: bool


RULES: Registry[Rule] = Registry("solver type", NetError)


def rule(solver_type: str, histories: int = 1, rate_in_history: bool = False) -> Callable[[UpdateRule], UpdateRule]:
    """Register the decorated function as the update rule of ``solver_type``; parameters as in `Rule`."""
    return RULES.register(solver_type, make=lambda update: Rule(solver_type, update, histories, rate_in_history))
