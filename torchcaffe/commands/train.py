"""``torchcaffe train``: train or finetune a model (tools/caffe.cpp)."""

from __future__ import annotations

import logging
import secrets
import sys

from tqdm import tqdm
from tqdm.contrib.logging import logging_redirect_tqdm

from prototxt.common.errors import InputError
from prototxt.formats.schema import SolverParameter
from torchcaffe.commands.device import choose_devices
from torchcaffe.commands.flags import Call
from torchcaffe.commands.signals import signal_requests
from torchcaffe.commands.together import (
    place_here,
    process_group,
    processes_here,
    same_for_all,
    start_processes,
    train_as_one,
)
from torchcaffe.run_state import saved_seed
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
    wanted = param.HasField("solver_mode") and param.solver_mode == SolverParameter.GPU
    devices = choose_devices(call.text("gpu"), wanted, param.device_id)
    if len(devices) > 1 and processes_here() == 1:
        raise SystemExit(start_processes(call, len(devices)))
    device = devices[place_here() % len(devices)]
    with process_group(device):
        _take_flags(param, call)
        solver = Solver(param, device, join=call.text("split") == "joined")
        if snapshot:
            log.info("Resuming from %s", snapshot)
            solver.restore(snapshot)
        log.info("Starting Optimization")
        with signal_requests(Action(call.text("sigint_effect")), Action(call.text("sighup_effect"))) as requested:
            train_as_one(solver, requested)
            _show_progress(solver)
        log.info("Optimization Done.")


def _take_flags(param: SolverParameter, call: Call) -> None:
    param.train_state.level = call.number("level")
    param.train_state.stage.extend(call.words("stage"))
    if call.text("snapshot") or call.text("weights"):
        del param.weights[:]
    if call.text("weights"):
        param.weights.append(call.text("weights"))
    if param.random_seed < 0 and call.text("snapshot"):
        seed = saved_seed(call.text("snapshot"))
        param.random_seed = -1 if seed is None else seed
    if param.random_seed < 0:
        param.random_seed = same_for_all(secrets.randbelow(2**31))
        log.info("random_seed is not given; this run has %d", param.random_seed)


def _show_progress(solver: Solver) -> None:
    """Run the solver; on a terminal with a progress bar, and the log above it."""
    hidden = not sys.stderr.isatty() or place_here() > 0
    total = solver.param.max_iter
    loggers = [logging.getLogger("torchcaffe")]
    with tqdm(total=total, initial=solver.iter, unit="iter", disable=hidden) as bar, logging_redirect_tqdm(loggers):
        for loss in solver.solving():
            bar.update()
            bar.set_postfix(loss=f"{loss:g}", refresh=False)
