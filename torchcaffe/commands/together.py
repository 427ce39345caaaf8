"""``torchcaffe train`` on several devices: a process for each, which exchange gradients (caffe.cpp, parallel.cpp)."""

from __future__ import annotations

import logging
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import distributed

from prototxt.common.errors import InputError
from torchcaffe.commands.flags import Call
from torchcaffe.mode import set_solver_count, set_solver_rank
from torchcaffe.pycaffe.nccl import NCCL
from torchcaffe.solver import Action, Solver

RANK, COUNT = "RANK", "WORLD_SIZE"
"""Variables of the environment that say which process this is of how many; ``torchrun`` sets them too."""
BY_WEIGHT = (Action.NONE, Action.SNAPSHOT, Action.STOP)

log = logging.getLogger(__name__)


def processes_here() -> int:
    """How many processes train together, this one among them; 1 where it is alone."""
    return int(os.environ.get(COUNT, "1"))


def place_here() -> int:
    """Which of the processes this is, from 0."""
    return int(os.environ.get(RANK, "0"))


def start_processes(call: Call, count: int) -> int:
    """Run a command so many times, as the processes of one training, until all have ended.

    Signals of a terminal reach all of them; where one ends with an error, the others are ended too, since they would
    wait for it for ever.

    Returns
    -------
    0, or the exit code of the first that failed.
    """
    flags = [f"-{name}={call.values[name]!s}" for name in sorted(call.given)]
    group = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(_free_port()), COUNT: str(count)}
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "torchcaffe", call.command, *flags],
            env=os.environ | group | {RANK: str(rank), "LOCAL_RANK": str(rank)},
        )
        for rank in range(count)
    ]
    try:
        return _wait_for(processes)
    finally:
        for process in processes:
            process.kill()
            process.wait()


def _wait_for(processes: Sequence[subprocess.Popen[bytes]]) -> int:
    running = list(processes)
    while running:
        for process in list(running):
            try:
                code = process.wait(timeout=0.1)
            except subprocess.TimeoutExpired:
                continue
            except KeyboardInterrupt:
                continue  # the processes have it too, and end as they are asked to
            if code:
                return code
            running.remove(process)
    return 0


def _free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


@contextmanager
def process_group(device: torch.device) -> Iterator[None]:
    """Take this process's place among those that train together; the first one alone logs more than errors."""
    count, rank = processes_here(), place_here()
    if count == 1:
        yield
        return
    if device.type == "cuda":
        torch.cuda.set_device(device)
    distributed.init_process_group("nccl" if device.type == "cuda" else "gloo", rank=rank, world_size=count)
    set_solver_count(count)
    set_solver_rank(rank)
    if rank:
        logging.getLogger("torchcaffe").setLevel(logging.ERROR)
    log.info("Training with %d solvers, each with a batch of its own", count)
    try:
        yield
        distributed.barrier()  # who is through first must not leave while another still listens
    finally:
        set_solver_count(1)
        set_solver_rank(0)
        distributed.destroy_process_group()


def same_for_all(number: int) -> int:
    """A number of the first process, in all of them."""
    if not distributed.is_initialized():
        return number
    found: list[int] = [number]
    distributed.broadcast_object_list(found, src=0)
    return found[0]


def train_as_one(solver: Solver, requested: Callable[[], Action]) -> None:
    """Let the solvers of all processes start from the weights of the first and make the same updates.

    Parameters
    ----------
    requested : what a signal asks of this process. All do after the same iteration what any is asked for: a process
        that stopped alone would leave the others waiting.
    """
    if not distributed.is_initialized():
        solver.request = requested
        return
    exchange = NCCL(solver, b"")
    exchange.bcast()
    agreed = Action.NONE

    def on_gradients_ready() -> None:
        nonlocal agreed
        asked = torch.tensor(BY_WEIGHT.index(requested()), device=solver.network.device)
        try:
            exchange.on_gradients_ready()
            distributed.all_reduce(asked, distributed.ReduceOp.MAX)
        except RuntimeError as error:
            raise InputError(
                f"iteration {solver.iter}: another process of this training has ended, and this one with it; the "
                "other's message says why"
            ) from error
        agreed = BY_WEIGHT[int(asked)]

    def request() -> Action:
        nonlocal agreed
        action, agreed = agreed, Action.NONE
        return action

    solver.add_callback(exchange.on_start, on_gradients_ready)
    solver.request = request
