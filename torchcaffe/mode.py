"""pycaffe's global state: where nets compute, and the seed of what is random in them."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from prototxt.common.errors import NetError

TRAIN, TEST = 0, 1


@dataclass
class _Mode:
    device: str = "cpu"
    device_id: int = 0


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


def init_log(level: int = 0, stderr: bool = False) -> None:
    """Do nothing: pycaffe scripts call it to set up glog, which is not used here."""
