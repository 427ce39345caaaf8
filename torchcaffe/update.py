"""One update of all parameters from their gradients: ``SGDSolver::ApplyUpdate`` (sgd_solver.cpp)."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from prototxt.errors import NetError
from prototxt.schema import SolverParameter
from torchcaffe import gradients
from torchcaffe.sharing import Learnable
from torchcaffe.solvers import Rate, Rule

log = logging.getLogger(__name__)


@dataclass
class Multipliers:
    """``lr_mult`` and ``decay_mult`` of one parameter; ``lr`` may be a tensor that broadcasts to the parameter."""

    lr: Rate
    decay: float


class Updater:
    """What a solver keeps for the parameters of a net, and how it changes them.

    Parameters
    ----------
    param : clipping, decay, ``iter_size``, and what the rule reads.
    rule : of the solver's type.
    learnable : every parameter once, in Caffe's order.

    Attributes
    ----------
    multipliers : of every parameter; may be changed at any time.
    history : what the rule keeps: one tensor for every parameter, or two rounds of them (AdaDelta, Adam).
    """

    def __init__(self, param: SolverParameter, rule: Rule, learnable: Sequence[Learnable]) -> None:
        self.param = param
        self.rule = rule
        self.learnable = learnable
        self.multipliers = [Multipliers(entry.spec.lr_mult, entry.spec.decay_mult) for entry in learnable]
        self.history = [torch.zeros_like(entry.parameter) for _ in range(rule.histories) for entry in learnable]

    def clear(self) -> None:
        """Forget the gradients."""
        for entry in self.learnable:
            entry.parameter.grad = None

    @torch.no_grad()
    def apply(self, rate: float, iteration: int) -> None:
        """Clip, normalise and regularise the gradients, and subtract what the rule makes of them.

        Afterwards the ``grad`` of a parameter is what was subtracted, as Caffe leaves it in a blob's diff.

        Parameters
        ----------
        rate : learning rate of this iteration, before ``lr_mult``.
        iteration : updates made so far.
        """
        self._clip()
        for index in range(len(self.learnable)):
            self._update(index, rate, iteration)

    def set_lr_mult(self, layer: str, index: int, rate: Rate) -> None:
        """Give a parameter another ``lr_mult``; as `Solver.set_lr_mult`."""
        for learnable, multipliers in zip(self.learnable, self.multipliers, strict=True):
            if (learnable.layer, learnable.index) == (layer, index):
                multipliers.lr = _fitting(rate, learnable)
                learnable.parameter.requires_grad_(isinstance(rate, Tensor) or rate != 0)
                return
        raise NetError(f"layer '{layer}' has no learnable blob {index}, or shares another layer's")

    def _update(self, index: int, rate: float, iteration: int) -> None:
        parameter, multipliers = self.learnable[index].parameter, self.multipliers[index]
        history = self.history[index :: len(self.learnable)]
        decay = self.param.weight_decay * multipliers.decay
        if self._at_rest(index, decay):
            return
        gradient = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
        if self.param.iter_size > 1:
            gradient.mul_(1 / self.param.iter_size)
        if decay:
            gradients.REGULARISERS[self.param.regularization_type](gradient, parameter, decay)
        update = self.rule.update(gradient, history, multipliers.lr * rate, self.param, iteration)
        parameter.sub_(update)
        if parameter.grad is not None:
            parameter.grad.copy_(update)

    def _at_rest(self, index: int, decay: float) -> bool:
        """Whether the rule would neither move a parameter nor its history: most of a net may be frozen, and large."""
        frozen = not isinstance(self.multipliers[index].lr, Tensor) and self.multipliers[index].lr == 0
        if not frozen or self.learnable[index].parameter.grad is not None:
            return False
        if decay and not self.rule.rate_in_history:
            return False
        return not any(tensor.any() for tensor in self.history[index :: len(self.learnable)])

    def _clip(self) -> None:
        found = [entry.parameter.grad for entry in self.learnable if entry.parameter.grad is not None]
        clipped = gradients.clip(found, self.param.clip_gradients)
        if clipped:
            text = "Gradient clipping: scaling down gradients (L2 norm %g > %g) by scale factor %g"
            log.info(text, clipped[0], self.param.clip_gradients, clipped[1])


def _fitting(rate: Rate, learnable: Learnable) -> Rate:
    """The rate on the parameter's device, if it broadcasts to the parameter."""
    if not isinstance(rate, Tensor):
        return rate
    shape = learnable.parameter.shape
    try:
        fits = torch.broadcast_shapes(rate.shape, shape) == shape
    except RuntimeError:
        fits = False
    if not fits:
        raise NetError(
            f"layer '{learnable.layer}': a rate of shape {tuple(rate.shape)} does not broadcast to blob "
            f"{learnable.index} of shape {tuple(shape)}; give one number, or one for every row ({shape[0]}, 1, …)"
        )
    return rate.to(learnable.parameter)
