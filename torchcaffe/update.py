"""One update of all parameters from their gradients: ``SGDSolver::ApplyUpdate`` (sgd_solver.cpp)."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from prototxt.common.errors import NetError
from prototxt.formats.schema import SolverParameter
from torchcaffe import gradients
from torchcaffe.sharing import Learnable
from torchcaffe.solvers import Rate, Rule

log = logging.getLogger(__name__)


class _Units(NamedTuple):
    """Some units of a parameter, along one of its axes."""

    axis: int
    units: Tensor

    def take(self, tensor: Tensor) -> Tensor:
        return tensor.index_select(self.axis, self.units)

    def put(self, tensor: Tensor, part: Tensor) -> None:
        tensor.index_copy_(self.axis, self.units, part)


class _Known(NamedTuple):
    """Which units moved in the last update; good for the next one if ``state`` is the same.

    The rate is kept so that ``state``, which names it by its id, cannot mean another one.
    """

    state: tuple[object, ...]
    moving: _Units | None
    rate: Rate


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
        self._known: dict[int, _Known] = {}

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
        self._silence()
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

    def free_units(self) -> dict[str, Tensor]:
        """Numbers of the units that learn in some blob, for layers in all of whose blobs some do not."""
        learns: dict[str, list[Tensor | None]] = {}
        for entry, multipliers in zip(self.learnable, self.multipliers, strict=True):
            lr = multipliers.lr
            if isinstance(lr, Tensor):
                units = (lr != 0).flatten() if _only_axis(lr) == 0 else None
                learns.setdefault(entry.layer, []).append(units)
            elif lr != 0:
                learns.setdefault(entry.layer, []).append(None)
        found: dict[str, Tensor] = {}
        for name, blobs in learns.items():
            masks = [each for each in blobs if each is not None]
            if len(masks) == len(blobs):
                found[name] = torch.stack(masks).any(0).nonzero().flatten()
        return found

    def _update(self, index: int, rate: float, iteration: int) -> None:
        moving = self._moving(index)
        if moving is None or len(moving.units):
            self._move(index, moving, rate, iteration)
        self._known[index] = _Known(self._state(index), moving, self.multipliers[index].lr)

    def _move(self, index: int, moving: _Units | None, rate: float, iteration: int) -> None:
        parameter, multipliers = self.learnable[index].parameter, self.multipliers[index]
        gradient = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
        tensors = [parameter, gradient, *self._histories(index)]
        if moving is None:
            self._advance(tensors, multipliers.lr * rate, multipliers.decay, iteration)
        else:
            taken = [moving.take(tensor) for tensor in tensors]
            lr = moving.take(multipliers.lr) if isinstance(multipliers.lr, Tensor) else multipliers.lr
            self._advance(taken, lr * rate, multipliers.decay, iteration)
            for tensor, part in zip(tensors, taken, strict=True):
                moving.put(tensor, part)

    def _advance(self, tensors: Sequence[Tensor], rate: Rate, decay_mult: float, iteration: int) -> None:
        """Update a parameter, its gradient and its history, in place."""
        parameter, gradient, *history = tensors
        decay = self.param.weight_decay * decay_mult
        if self.param.iter_size > 1:
            gradient.mul_(1 / self.param.iter_size)
        if decay:
            gradients.REGULARISERS[self.param.regularization_type](gradient, parameter, decay)
        update = self.rule.update(gradient, history, rate, self.param, iteration)
        parameter.sub_(update)
        gradient.copy_(update)

    def _moving(self, index: int) -> _Units | None:
        """The units of a parameter that the rule moves, or whose history it moves; None for all.

        Most of a net may be frozen, and large. What rests has rate and history zero, and nothing but the rate can let
        it enter the history.
        """
        known = self._known.get(index)
        if known is not None and known.state == self._state(index):
            return known.moving
        lr, decay = self.multipliers[index].lr, self.param.weight_decay * self.multipliers[index].decay
        if decay and not self.rule.rate_in_history:
            return None
        parameter = self.learnable[index].parameter
        if not isinstance(lr, Tensor):
            rests = lr == 0 and parameter.grad is None and not any(each.any() for each in self._histories(index))
            return _Units(0, torch.empty(0, dtype=torch.long, device=parameter.device)) if rests else None
        axis = _only_axis(lr)
        if axis is None or lr.ndim != parameter.ndim:
            return None
        still = (lr == 0).flatten()
        for each in self._histories(index):
            still &= ~each.transpose(0, axis).flatten(1).any(1) if each.ndim > 1 else each == 0
        return _Units(axis, (~still).nonzero().flatten()) if still.any() else None

    def _state(self, index: int) -> tuple[object, ...]:
        """Changes when the rate of a parameter does, or when somebody else changes its history."""
        lr, decay = self.multipliers[index].lr, self.multipliers[index].decay
        rate = (id(lr), lr._version, decay) if isinstance(lr, Tensor) else (lr, decay)
        has_gradient = self.learnable[index].parameter.grad is not None
        return (*rate, has_gradient, *((id(each), each._version) for each in self._histories(index)))

    def _histories(self, index: int) -> list[Tensor]:
        return self.history[index :: len(self.learnable)]

    def _silence(self) -> None:
        """Take away the gradient of frozen units, which Caffe never computes: it counts in no norm and no history."""
        for entry, multipliers in zip(self.learnable, self.multipliers, strict=True):
            if isinstance(multipliers.lr, Tensor) and entry.parameter.grad is not None:
                entry.parameter.grad.masked_fill_(multipliers.lr == 0, 0)

    def _clip(self) -> None:
        found = [entry.parameter.grad for entry in self.learnable if entry.parameter.grad is not None]
        clipped = gradients.clip(found, self.param.clip_gradients)
        if clipped:
            text = "Gradient clipping: scaling down gradients (L2 norm %g > %g) by scale factor %g"
            log.info(text, clipped[0], self.param.clip_gradients, clipped[1])


def _only_axis(rate: Tensor) -> int | None:
    """The one axis along which a rate differs; None where there are several or none."""
    axes = [axis for axis, size in enumerate(rate.shape) if size > 1]
    return axes[0] if len(axes) == 1 else None


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
    return rate.to(learnable.parameter).reshape((1,) * (len(shape) - rate.ndim) + rate.shape)
