"""pycaffe's global state: where nets compute, the seed of what is random in them, and which of several solvers runs."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from prototxt.common.errors import NetError

TRAIN, TEST = 0, 1


@dataclass
class _Mode:
    device: str = "cpu"
    device_id: int = 0
    solver_count: int = 1
    solver_rank: int = 0
    multiprocess: bool = False


_mode = _Mode()


def set_mode_cpu() -> None:
    """Let nets that are made from now on compute on the CPU."""
    _mode.device = "cpu"


def set_mode_gpu() -> None:
    """Let nets that are made from now on compute on the GPU of `set_device`.

    Raises
    ------
    NetError : there is no GPU.
    """
    if not torch.cuda.is_available():
        raise NetError("set_mode_gpu: torch finds no GPU here; use set_mode_cpu()")
    _mode.device = "cuda"


def set_device(device_id: int) -> None:
    """Choose the GPU for `set_mode_gpu`."""
    _mode.device_id = device_id


def set_random_seed(seed: int) -> None:
    """Seed fillers, dropout and data order of the nets that are made from now on."""
    torch.manual_seed(seed)


def current_device() -> torch.device:
    """Where a net that is made now computes."""
    return torch.device("cpu") if _mode.device == "cpu" else torch.device("cuda", _mode.device_id)


def solver_count() -> int:
    """How many solvers train together."""
    return _mode.solver_count


def set_solver_count(count: int) -> None:
    """Say how many solvers train together, one in each process.

    Raises
    ------
    NetError : it is not positive.
    """
    if count < 1:
        raise NetError(f"set_solver_count: must be at least 1; got {count}")
    _mode.solver_count = count


def solver_rank() -> int:
    """Which of them runs here, from 0."""
    return _mode.solver_rank


def set_solver_rank(rank: int) -> None:
    """Say which of the solvers runs here.

    Raises
    ------
    NetError : it is negative.
    """
    if rank < 0:
        raise NetError(f"set_solver_rank: must be at least 0; got {rank}")
    _mode.solver_rank = rank


def set_multiprocess(multiprocess: bool) -> None:
    """Take note that every solver has a process of its own; here that is always so."""
    _mode.multiprocess = multiprocess
