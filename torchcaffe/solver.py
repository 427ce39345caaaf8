"""Training: Caffe's ``Solver`` and ``SGDSolver`` (solver.cpp, sgd_solver.cpp), by pycaffe's names."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Iterator
from enum import Enum
from functools import cached_property
from pathlib import Path
from typing import ClassVar

import torch

from prototxt.formats.schema import SolverParameter
from torchcaffe import policies, solver_nets
from torchcaffe.echo import echo_solver
from torchcaffe.mode import current_device, solver_rank
from torchcaffe.narrowing import narrow, widen
from torchcaffe.passes import Pass, run_engine, run_net
from torchcaffe.pycaffe.net import Net
from torchcaffe.scores import MeanScores, Score
from torchcaffe.snapshot import check_writable, load_weights, restore_snapshot, warn_of_fillers, write_snapshot
from torchcaffe.solver_settings import check_settings, read_settings
from torchcaffe.solvers import RULES, Rate
from torchcaffe.stored import make_stored
from torchcaffe.unit_rates import UnitRates, give_rate, give_unit_rates
from torchcaffe.update import Updater

log = logging.getLogger(__name__)


class Action(Enum):
    """What a program may ask of a running solver between two iterations (``SolverAction``)."""

    NONE = "none"
    STOP = "stop"
    SNAPSHOT = "snapshot"


class Solver:
    """Trains a net, and tests others that share its weights.

    Parameters
    ----------
    param : a solver's prototxt, or its message.
    device : where nets compute; by default what `torchcaffe.mode` says (``set_mode_gpu``).
    join : run every layer that was split by learning rate (`prototxt.split`) as one layer with a rate for every unit.
        It is the same training, in less time. Weights and snapshots in files stay those of the split net; ``network``,
        ``net`` and `set_lr_mult` are about the joined one.

    Attributes
    ----------
    type : solver type of the class; None for what the prototxt says.
    param : the message.
    network, test_networks : the engines. The test nets' parameters *are* those of the training net.
    stored : how the files hold these nets, in the same order; of nets that are not joined, as they are.
    iter : updates made so far.
    current_step : steps of the learning rate made so far.
    updater : the learnable parameters, their multipliers and history.
    request : asked for an `Action` after every iteration and before every test batch.

    Raises
    ------
    NetError, FormatError : anything that the solver, its nets, weights or data sources lack; before training starts.
    """

    type: ClassVar[str | None] = None

    def __init__(
        self, param: SolverParameter | Path | str, device: torch.device | str | None = None, *, join: bool = False
    ) -> None:
        source = "solver" if isinstance(param, SolverParameter) else str(param)
        self.param = param if isinstance(param, SolverParameter) else read_settings(param)
        check_settings(self.param, source)
        echo_solver(self.param)
        if self.param.snapshot:
            check_writable(self.param.snapshot_prefix)
        nets = [solver_nets.training_net(self.param, source), *solver_nets.testing_nets(self.param, source)]
        # Each of several solvers has random numbers of its own (``Solver::Init``).
        seed = self.param.random_seed + solver_rank() if self.param.random_seed >= 0 else None
        self.stored, lr_mults = make_stored(nets, current_device() if device is None else device, seed, join)
        self.network, *self.test_networks = (each.network for each in self.stored)
        for weights in self.param.weights:
            self.load_weights(weights)
        for test_network in self.test_networks:
            solver_nets.share_trained_layers(test_network, self.network)
        self.updater = Updater(self.param, RULES.find(self.type or self.param.type, source), self.network.learnable)
        for entry in self.network.learnable:
            if entry.layer in lr_mults:
                self.set_unit_lr_mults(entry.layer, entry.index, lr_mults[entry.layer][entry.index])
        self.iter = 0
        self.current_step = 0
        self.request: Callable[[], Action] = lambda: Action.NONE
        self._callbacks: list[tuple[Callable[[], object], Callable[[], object]]] = []
        self._stopped = False
        self._losses: deque[float] = deque(maxlen=self.param.average_loss)
        self._timer = time.perf_counter()
        self._iterations_shown = 0
        log.info("Solver scaffolding done.")

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
            self.updater.clear()
            if self._test_is_due() and (self.iter > 0 or self.param.test_initialization):
                self.test_all()
            if self._stopped:
                return
            done = self._compute_gradients()
            smoothed = self._smooth(done.loss)
            if self._display_is_due():
                self._log_iteration(smoothed, done.scores)
            self.apply_update()
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
            log.info("Iteration %d, loss = %g", self.iter, self._smooth(self._train_pass(backward=False).loss))
        if self._test_is_due():
            self.test_all()
        log.info("Optimization Done.")

    def apply_update(self) -> None:
        """Update the parameters from the gradients that are there, at the learning rate of this iteration."""
        step = policies.current_step(self.param, self.iter, self.current_step)
        if step != self.current_step and self.param.lr_policy == "multistep":
            log.info("MultiStep Status: Iteration %d, step = %d", self.iter, step)
        self.current_step = step
        rate = policies.learning_rate(self.param, self.iter, step)
        if self._display_is_due():
            log.info("Iteration %d, lr = %g", self.iter, rate)
        self.updater.apply(rate, self.iter)
        self.iter += 1

    @property
    def lr(self) -> float:
        """The learning rate of the next update, before ``lr_mult``."""
        step = policies.current_step(self.param, self.iter, self.current_step)
        return policies.learning_rate(self.param, self.iter, step)

    def set_lr_mult(self, layer: str, index: int, rate: Rate) -> None:
        """Give a parameter another ``lr_mult``, from the next update on.

        Parameters
        ----------
        layer, index : the blob.
        rate : a number, or a tensor that broadcasts to the blob's shape, such as (C, 1, 1, 1) for a rate of every
            filter. It scales the update, after decay and normalisation, so it means the same for all solver types.

        Raises
        ------
        NetError : there is no such parameter, or the tensor does not broadcast to it.
        """
        give_rate(self.network, self.updater, layer, index, rate)
        self._narrow()

    def set_unit_lr_mults(self, layer: str, index: int, lr_mults: UnitRates) -> None:
        """Give every unit (filter) its own ``lr_mult`` in a blob, from the next update on; see `set_lr_mult`.

        Units with 0 stay as they are, bit for bit, and no time is spent on the gradient of their weights.

        Parameters
        ----------
        layer, index : the blob, of a Convolution, Deconvolution, InnerProduct, Scale, Bias or PReLU layer.
        lr_mults : (units,) at least 0.

        Raises
        ------
        NetError : there is no such parameter, it has another number of units, or a multiplier is negative.
        """
        give_unit_rates(self.network, self.updater, layer, index, lr_mults)
        self._narrow()

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
        means = MeanScores()
        for _ in range(self.param.test_iter[index]):
            self._act(self.request())
            if self._stopped:
                log.info("Test interrupted.")
                return None
            means.add(*self._test_pass(index))
        if self.param.test_compute_loss:
            log.info("Test loss: %g", means.loss)
        for number, score in enumerate(means.means()):
            log.info("    Test net output #%d: %s", number, score)
        return means

    # -- state ------------------------------------------------------------------------------------------------------

    @cached_property
    def net(self) -> Net:
        """Pycaffe's view of the training net; once it was asked for, every pass goes through its blobs."""
        widen(self.network)
        return Net(self.network)

    @cached_property
    def test_nets(self) -> list[Net]:
        """Pycaffe's views of the test nets."""
        return [Net(network) for network in self.test_networks]

    def snapshot(self) -> tuple[Path, Path]:
        """Write ``<prefix>_iter_<N>.caffemodel`` and ``.solverstate`` (or ``.h5``); returns the two paths."""
        return write_snapshot(self.param, self.stored[0], self.iter, self.current_step, self.updater.history)

    def restore(self, state_file: Path | str) -> None:
        """Go on from a ``.solverstate`` or ``.solverstate.h5`` of this program or of Caffe.

        Raises
        ------
        FormatError, NetError : it cannot be read, or belongs to another net or solver type.
        """
        self.iter, self.current_step = restore_snapshot(state_file, self.stored[0], self.updater.history)

    def load_weights(self, files: str) -> None:
        """Copy the weights of one or several caffemodels, separated by commas, into all nets."""
        paths = [name.strip() for name in files.split(",") if name.strip()]
        log.info("Finetuning from %s", ", ".join(paths))
        without = dict.fromkeys(name for stored in self.stored for name in load_weights(stored, paths))
        warn_of_fillers(without, ", ".join(paths))

    def share_weights(self, net: Net) -> None:
        """Use the parameters of another net's layers of the same names, and update those from then on."""
        solver_nets.share_trained_layers(self.network, net.network)

    def add_callback(self, on_start: Callable[[], object], on_gradients_ready: Callable[[], object]) -> None:
        """Call back before every forward pass of training, and before every update."""
        self._callbacks.append((on_start, on_gradients_ready))

    # -- internal ---------------------------------------------------------------------------------------------------

    def _narrow(self) -> None:
        """Leave out gradients that no update needs, unless a program may look at them."""
        if "net" not in vars(self):
            narrow(self.network, self.updater.free_units())

    def _compute_gradients(self) -> Pass:
        """Run the net forward and backward ``iter_size`` times; gradients add up, the loss is the mean."""
        for on_start, _ in self._callbacks:
            on_start()
        passes = [self._train_pass(backward=True) for _ in range(self.param.iter_size)]
        for _, on_gradients_ready in self._callbacks:
            on_gradients_ready()
        return Pass(sum(each.loss for each in passes) / len(passes), passes[-1].scores)

    def _train_pass(self, backward: bool) -> Pass:
        return run_net(self.net, backward) if "net" in vars(self) else run_engine(self.network, backward)

    def _test_pass(self, index: int) -> Pass:
        if "test_nets" in vars(self):
            return run_net(self.test_nets[index], backward=False)
        return run_engine(self.test_networks[index], backward=False)

    def _act(self, action: Action, snapshot_is_due: bool = False) -> None:
        if action is Action.SNAPSHOT or snapshot_is_due:
            self.snapshot()
        if action is Action.STOP:
            self._stopped = True

    def _smooth(self, loss: float) -> float:
        """Mean of the last ``average_loss`` losses."""
        self._losses.append(loss)
        return sum(self._losses) / len(self._losses)

    def _test_is_due(self) -> bool:
        return bool(self.param.test_interval) and self.iter % self.param.test_interval == 0

    def _display_is_due(self) -> bool:
        return bool(self.param.display) and self.iter % self.param.display == 0

    def _snapshot_is_due(self) -> bool:
        return bool(self.param.snapshot) and self.iter % self.param.snapshot == 0

    def _log_iteration(self, smoothed: float, found: list[Score]) -> None:
        seconds = time.perf_counter() - self._timer
        rate = (self.iter - self._iterations_shown) / seconds
        log.info(
            "Iteration %d (%g iter/s, %gs/%d iters), loss = %g", self.iter, rate, seconds, self.param.display, smoothed
        )
        self._timer, self._iterations_shown = time.perf_counter(), self.iter
        for number, score in enumerate(found):
            log.info("    Train net output #%d: %s", number, score)
