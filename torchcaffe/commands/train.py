"""``torchcaffe train``: train or finetune a model (tools/caffe.cpp)."""

from __future__ import annotations

import logging
import secrets
import sys

from tqdm import tqdm
from tqdm.contrib.logging import logging_redirect_tqdm

from prototxt.common.errors import InputError
from prototxt.formats.schema import SolverParameter
from torchcaffe.commands.device import choose_device
from torchcaffe.commands.flags import Flags
from torchcaffe.commands.signals import signal_requests
from torchcaffe.solver import Action, Solver
from torchcaffe.solver_settings import read_settings

log = logging.getLogger(__name__)


def train(flags: Flags) -> None:
    """Train as the solver's prototxt says; ``-weights`` or ``-snapshot`` say from where.

    Raises
    ------
    InputError : anything that is wrong with the flags, the solver, its nets, weights or data.
    """
    param = read_settings(flags.required("solver", "a solver definition"))
    if flags.snapshot and flags.weights:
        raise InputError("give -snapshot to resume training or -weights to finetune, not both")
    _take_flags(param, flags)
    wanted = param.HasField("solver_mode") and param.solver_mode == SolverParameter.GPU
    solver = Solver(param, choose_device(flags.gpu, wanted, param.device_id), join=flags.split == "joined")
    if flags.snapshot:
        log.info("Resuming from %s", flags.snapshot)
        solver.restore(flags.snapshot)
    log.info("Starting Optimization")
    with signal_requests(Action(flags.sigint_effect), Action(flags.sighup_effect)) as requested:
        solver.request = requested
        _show_progress(solver)
    log.info("Optimization Done.")


def _take_flags(param: SolverParameter, flags: Flags) -> None:
    param.train_state.level = flags.level
    param.train_state.stage.extend(flags.stages)
    if flags.snapshot or flags.weights:
        del param.weights[:]
    if flags.weights:
        param.weights.append(flags.weights)
    if param.random_seed < 0:
        param.random_seed = secrets.randbelow(2**31)
        log.info("random_seed is not given; this run has %d", param.random_seed)


def _show_progress(solver: Solver) -> None:
    """Run the solver; on a terminal with a progress bar, and the log above it."""
    hidden = not sys.stderr.isatty()
    total = solver.param.max_iter
    loggers = [logging.getLogger("torchcaffe")]
    with tqdm(total=total, initial=solver.iter, unit="iter", disable=hidden) as bar, logging_redirect_tqdm(loggers):
        for loss in solver.solving():
            bar.update()
            bar.set_postfix(loss=f"{loss:g}", refresh=False)
