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
from torchcaffe.commands.flags import Call
from torchcaffe.commands.signals import signal_requests
from torchcaffe.solver import Action, Solver
from torchcaffe.solver_settings import read_settings

log = logging.getLogger(__name__)


def train(call: Call) -> None:
    """Train as the solver's prototxt says; ``-weights`` or ``-snapshot`` say from where.

    Raises
    ------
    InputError : anything that is wrong with the flags, the solver, its nets, weights or data.
    """
    param = read_settings(call.required("solver", "a solver definition"))
    snapshot = call.text("snapshot")
    if snapshot and call.text("weights"):
        raise InputError("give -snapshot to resume training or -weights to finetune, not both")
    _take_flags(param, call)
    wanted = param.HasField("solver_mode") and param.solver_mode == SolverParameter.GPU
    device = choose_device(call.text("gpu"), wanted, param.device_id)
    solver = Solver(param, device, join=call.text("split") == "joined")
    if snapshot:
        log.info("Resuming from %s", snapshot)
        solver.restore(snapshot)
    log.info("Starting Optimization")
    with signal_requests(Action(call.text("sigint_effect")), Action(call.text("sighup_effect"))) as requested:
        solver.request = requested
        _show_progress(solver)
    log.info("Optimization Done.")


def _take_flags(param: SolverParameter, call: Call) -> None:
    param.train_state.level = call.number("level")
    param.train_state.stage.extend(call.words("stage"))
    if call.text("snapshot") or call.text("weights"):
        del param.weights[:]
    if call.text("weights"):
        param.weights.append(call.text("weights"))
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
