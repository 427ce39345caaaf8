"""``caffe.NCCL``: several processes train one net, each on its share of the data (parallel.cpp).

Through `torch.distributed`: NCCL on GPUs, gloo on CPUs.
"""

from __future__ import annotations

import os
import secrets
import tempfile
from pathlib import Path

import torch
from torch import Tensor, distributed

from prototxt.common.errors import InputError
from torchcaffe.mode import solver_count, solver_rank
from torchcaffe.solver import Solver


def has_nccl() -> bool:
    """Whether `NCCL` works here."""
    return distributed.is_available()


class NCCL:
    """Keeps the solvers of several processes of one machine at the same weights.

    ``nccl.bcast()`` hands on the weights of the first, ``solver.add_callback(nccl)`` makes every update from the mean
    of all gradients. ``solver.net.after_backward(nccl)`` is taken, and does nothing more: gradients are exchanged
    once, when all of them are there.

    Parameters
    ----------
    solver : of this process; ``set_solver_count`` and ``set_solver_rank`` come first.
    uid : from `new_uid`, the same in all processes.

    Raises
    ------
    InputError : torch was built without its distributed part.
    """

    def __init__(self, solver: Solver, uid: bytes | str) -> None:
        if not has_nccl():
            raise InputError("NCCL: this torch has no torch.distributed; train in one process")
        self._solver = solver
        if not distributed.is_initialized():
            backend = "nccl" if solver.network.device.type == "cuda" else "gloo"
            place = Path(os.fsdecode(uid)).as_uri()
            distributed.init_process_group(backend, place, rank=solver_rank(), world_size=solver_count())

    @staticmethod
    def new_uid() -> bytes:
        """A name by which the processes of a training find each other: a file that is not there yet."""
        return os.fsencode(Path(tempfile.gettempdir()) / f"torchcaffe-{secrets.token_hex(8)}")

    def bcast(self) -> None:
        """Give all processes the parameters of the first."""
        for parameter in self._parameters():
            distributed.broadcast(parameter.data, src=0)

    def on_start(self) -> None:
        """Before every forward pass: nothing."""

    def on_gradients_ready(self) -> None:
        """Give all processes the mean of all gradients."""
        for parameter in (each for each in self._parameters() if each.requires_grad):
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
            distributed.all_reduce(parameter.grad)
            parameter.grad /= solver_count()

    def __call__(self, layer: int) -> None:
        """After every layer's backward pass: nothing."""

    def _parameters(self) -> list[Tensor]:
        return [learnable.parameter for learnable in self._solver.network.learnable]
