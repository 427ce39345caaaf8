"""Training: Caffe's ``Solver`` and ``SGDSolver`` (solver.cpp, sgd_solver.cpp) and their kin."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import ClassVar

import torch
from torch import Tensor, nn

from prototxt.errors import NetError
from prototxt.schema import Phase, SolverParameter
from torchcaffe import gradients, policies, solver_nets
from torchcaffe.network import Network
from torchcaffe.scores import MeanScores, scores
from torchcaffe.sharing import Learnable
from torchcaffe.snapshot import check_writable, load_weights, restore_snapshot, write_snapshot
from torchcaffe.solver_settings import check_settings, read_settings
from torchcaffe.solvers import Rate, find_rule

log = logging.getLogger(__name__)


class Action(Enum):
    """What a program may ask of a running solver between two iterations (``SolverAction``)."""

    NONE = "none"
    STOP = "stop"
    SNAPSHOT = "snapshot"


@dataclass
class Multipliers:
    """``lr_mult`` and ``decay_mult`` of one parameter; ``lr`` may be a tensor that broadcasts to the parameter."""

    lr: Rate
    decay: float


class Solver:
    """Trains a net, and tests others that share its weights.

    Parameters
    ----------
    param : a solver's prototxt, or its message.
    device : where nets compute.
    type : solver type, by default what the prototxt says.

    Attributes
    ----------
    param : the message.
    network, test_networks : the engines. The test nets' parameters *are* those of the training net.
    iter : updates made so far.
    current_step : steps of the learning rate made so far.
    learnable : every parameter that is updated, once, in Caffe's order.
    multipliers : of each of them; may be changed at any time.
    history : what the update rule keeps: one tensor for every parameter, or two rounds of them (AdaDelta, Adam).
    request : asked for an `Action` after every iteration and before every test batch.

    Raises
    ------
    NetError, FormatError : anything that the solver, its nets, weights or data sources lack; before training starts.
    """

    type: ClassVar[str | None] = None

    def __init__(self, param: SolverParameter | Path | str, device: torch.device | str = "cpu") -> None:
        source = "solver" if isinstance(param, SolverParameter) else str(param)
        self.param = param if isinstance(param, SolverParameter) else read_settings(param)
        check_settings(self.param, source)
        self.rule = find_rule(self.type or self.param.type, source)
        if self.param.snapshot:
            check_writable(self.param.snapshot_prefix)
        self._seed = self.param.random_seed if self.param.random_seed >= 0 else None
        self.network = self._make_network(solver_nets.training_net(self.param, source), device)
        self.test_networks = [self._make_network(net, device) for net in solver_nets.testing_nets(self.param, source)]
        for weights in self.param.weights:
            self.load_weights(weights)
        for test_network in self.test_networks:
            solver_nets.share_trained_layers(test_network, self.network)
        self.learnable: tuple[Learnable, ...] = self.network.learnable
        self.multipliers = [Multipliers(entry.spec.lr_mult, entry.spec.decay_mult) for entry in self.learnable]
        self.history = [torch.zeros_like(p) for _ in range(self.rule.histories) for p in self._parameters()]
        self.iter = 0
        self.current_step = 0
        self.request: Callable[[], Action] = lambda: Action.NONE
        self._stopped = False
        self._losses: deque[float] = deque(maxlen=self.param.average_loss)
        self._timer = time.perf_counter()
        self._iterations_shown = 0

    # -- training ---------------------------------------------------------------------------------------------------

    def step(self, iterations: int) -> None:
        """Make ``iterations`` updates, with the tests, log lines and snapshots that fall due."""
        deque(self.steps(iterations), maxlen=0)

    def steps(self, iterations: int) -> Iterator[float]:
        """`step` as a generator: yields the smoothed loss after every update, where a caller may show progress."""
        self._losses.clear()
        self._timer = time.perf_counter()
        for _ in range(iterations):
            if self._stopped:
                return
            if self._test_is_due() and (self.iter > 0 or self.param.test_initialization):
                self.test_all()
            if self._stopped:
                return
            smoothed = self._smooth(self._compute_gradients())
            if self._display_is_due():
                self._log_iteration(smoothed)
            self._apply_update()
            self._act(self.request(), snapshot_is_due=self._snapshot_is_due())
            yield smoothed

    def solve(self, resume_file: Path | str | None = None) -> None:
        """Train from where the solver is to ``max_iter``, and write the last snapshot.

        Parameters
        ----------
        resume_file : a ``.solverstate`` to restore first.
        """
        deque(self.solving(resume_file), maxlen=0)

    def solving(self, resume_file: Path | str | None = None) -> Iterator[float]:
        """`solve` as a generator, as `steps`."""
        log.info("Solving %s", self.network.net.name)
        log.info("Learning Rate Policy: %s", self.param.lr_policy)
        self._stopped = False
        if self.param.snapshot_after_train:
            check_writable(self.param.snapshot_prefix)
        if resume_file is not None:
            log.info("Restoring previous solver status from %s", resume_file)
            self.restore(resume_file)
        yield from self.steps(self.param.max_iter - self.iter)
        if self.param.snapshot_after_train and not self._snapshot_is_due():
            self.snapshot()
        if self._stopped:
            log.info("Optimization stopped early.")
            return
        if self._display_is_due():
            self._log_last_loss()
        if self._test_is_due():
            self.test_all()
        log.info("Optimization Done.")

    # -- testing ----------------------------------------------------------------------------------------------------

    def test_all(self) -> list[MeanScores]:
        """Test all test nets in turn; fewer where a stop is asked for meanwhile."""
        results = []
        for index in range(len(self.test_networks)):
            found = self.test(index)
            if found is None:
                break
            results.append(found)
        return results

    def test(self, index: int = 0) -> MeanScores | None:
        """Means of the outputs of a test net over its ``test_iter`` batches; None where a stop is asked for."""
        log.info("Iteration %d, Testing net (#%d)", self.iter, index)
        network, means = self.test_networks[index], MeanScores()
        for _ in range(self.param.test_iter[index]):
            self._act(self.request())
            if self._stopped:
                log.info("Test interrupted.")
                return None
            with torch.no_grad():
                values = network.run()
                means.add(float(network.loss(values)), scores(network, values))
        if self.param.test_compute_loss:
            log.info("Test loss: %g", means.loss)
        for number, score in enumerate(means.means()):
            log.info("    Test net output #%d: %s", number, score)
        return means

    # -- state ------------------------------------------------------------------------------------------------------

    def snapshot(self) -> tuple[Path, Path]:
        """Write ``<prefix>_iter_<N>.caffemodel`` and ``.solverstate`` (or ``.h5``); returns the two paths."""
        return write_snapshot(self.param, self.network, self.iter, self.current_step, self.history)

    def restore(self, state_file: Path | str) -> None:
        """Go on from a ``.solverstate`` or ``.solverstate.h5`` of this program or of Caffe.

        Raises
        ------
        FormatError, NetError : it cannot be read, or belongs to another net or solver type.
        """
        self.iter, self.current_step = restore_snapshot(state_file, self.network, self.history)

    def load_weights(self, files: str) -> None:
        """Copy the weights of one or several caffemodels, separated by commas, into all nets."""
        paths = [name.strip() for name in files.split(",") if name.strip()]
        log.info("Finetuning from %s", ", ".join(paths))
        for network in (self.network, *self.test_networks):
            load_weights(network, paths)

    def set_lr_mult(self, layer: str, index: int, rate: Rate) -> None:
        """Give a parameter another ``lr_mult``, from the next update on.

        Parameters
        ----------
        layer, index : the blob.
        rate : a number, or a tensor that broadcasts to the blob's shape, such as (C, 1, 1, 1) for a rate of every
            filter. It scales the update, after momentum, decay and normalisation, so it means the same for all types.

        Raises
        ------
        NetError : there is no such parameter, or the tensor does not broadcast to it.
        """
        for learnable, multipliers in zip(self.learnable, self.multipliers, strict=True):
            if (learnable.layer, learnable.index) == (layer, index):
                multipliers.lr = _fitting(rate, learnable)
                learnable.parameter.requires_grad_(isinstance(rate, Tensor) or rate != 0)
                return
        raise NetError(f"layer '{layer}' has no learnable blob {index}, or shares another layer's")

    # -- internal ---------------------------------------------------------------------------------------------------

    def _make_network(self, source: solver_nets.NetSource, device: torch.device | str) -> Network:
        state = source.net.state
        log.info("Creating %s net from %s", Phase.Name(state.phase), source.source)
        return Network(source.net, Phase.Name(state.phase), device, seed=self._seed)

    def _parameters(self) -> list[nn.Parameter]:
        return [entry.parameter for entry in self.learnable]

    def _compute_gradients(self) -> float:
        """Run the net forward and backward ``iter_size`` times; gradients add up. Returns the mean loss."""
        total = 0.0
        for parameter in self._parameters():
            parameter.grad = None
        for _ in range(self.param.iter_size):
            values = self.network.run()
            loss = self.network.loss(values)
            if loss.requires_grad:
                loss.backward()
            total += loss.item()
        self._outputs = scores(self.network, values)
        return total / self.param.iter_size

    @torch.no_grad()
    def _apply_update(self) -> None:
        step = policies.current_step(self.param, self.iter, self.current_step)
        if step != self.current_step and self.param.lr_policy == "multistep":
            log.info("MultiStep Status: Iteration %d, step = %d", self.iter, step)
        self.current_step = step
        rate = policies.learning_rate(self.param, self.iter, step)
        if self._display_is_due():
            log.info("Iteration %d, lr = %g", self.iter, rate)
        self._clip()
        for index in range(len(self.learnable)):
            self._update_parameter(index, rate)
        self.iter += 1

    def _update_parameter(self, index: int, rate: float) -> None:
        parameter, multipliers = self.learnable[index].parameter, self.multipliers[index]
        gradient = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
        if self.param.iter_size > 1:
            gradient.mul_(1 / self.param.iter_size)
        decay = self.param.weight_decay * multipliers.decay
        if decay:
            gradients.REGULARISERS[self.param.regularization_type](gradient, parameter, decay)
        history = self.history[index :: len(self.learnable)]
        update = self.rule.update(gradient, history, multipliers.lr * rate, self.param, self.iter)
        parameter.sub_(update)
        if parameter.grad is not None:
            parameter.grad = update  # as a blob's diff after Caffe's update

    def _clip(self) -> None:
        found = [parameter.grad for parameter in self._parameters() if parameter.grad is not None]
        clipped = gradients.clip(found, self.param.clip_gradients)
        if clipped:
            log.info(
                "Gradient clipping: scaling down gradients (L2 norm %g > %g) by scale factor %g",
                clipped[0],
                self.param.clip_gradients,
                clipped[1],
            )

    def _act(self, action: Action, snapshot_is_due: bool = False) -> None:
        if action is Action.SNAPSHOT or snapshot_is_due:
            self.snapshot()
        if action is Action.STOP:
            self._stopped = True

    def _test_is_due(self) -> bool:
        return bool(self.param.test_interval) and self.iter % self.param.test_interval == 0

    def _display_is_due(self) -> bool:
        return bool(self.param.display) and self.iter % self.param.display == 0

    def _snapshot_is_due(self) -> bool:
        return bool(self.param.snapshot) and self.iter % self.param.snapshot == 0

    def _log_iteration(self, smoothed: float) -> None:
        seconds = time.perf_counter() - self._timer
        rate = (self.iter - self._iterations_shown) / seconds
        log.info(
            "Iteration %d (%g iter/s, %gs/%d iters), loss = %g", self.iter, rate, seconds, self.param.display, smoothed
        )
        self._timer, self._iterations_shown = time.perf_counter(), self.iter
        for number, score in enumerate(self._outputs):
            log.info("    Train net output #%d: %s", number, score)

    def _log_last_loss(self) -> None:
        with torch.no_grad():
            loss = float(self.network.loss(self.network.run()))
        log.info("Iteration %d, loss = %g", self.iter, self._smooth(loss))

    def _smooth(self, loss: float) -> float:
        """Mean of the last ``average_loss`` losses."""
        self._losses.append(loss)
        return sum(self._losses) / len(self._losses)


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


class SGDSolver(Solver):
    """Stochastic gradient descent with momentum, whatever ``type`` says."""

    type = "SGD"


class NesterovSolver(Solver):
    """Nesterov's accelerated gradient."""

    type = "Nesterov"


class AdaGradSolver(Solver):
    """AdaGrad."""

    type = "AdaGrad"


class RMSPropSolver(Solver):
    """RMSProp."""

    type = "RMSProp"


class AdaDeltaSolver(Solver):
    """AdaDelta."""

    type = "AdaDelta"


class AdamSolver(Solver):
    """Adam."""

    type = "Adam"


SOLVERS: dict[str, type[Solver]] = {
    solver.type: solver
    for solver in (SGDSolver, NesterovSolver, AdaGradSolver, RMSPropSolver, AdaDeltaSolver, AdamSolver)
    if solver.type
}
"""Solver classes by Caffe's type string."""


def get_solver(path: Path | str) -> Solver:
    """Pycaffe's ``caffe.get_solver``: the solver of the type that a prototxt names.

    Raises
    ------
    FormatError, NetError : as `Solver`.
    """
    param = read_settings(path)
    return SOLVERS[param.type](param)
