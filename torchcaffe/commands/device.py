"""Which device a command runs on."""

from __future__ import annotations

import logging

import torch

from prototxt.common.errors import InputError

log = logging.getLogger(__name__)


def choose_device(gpu: str, wanted: bool = False, device_id: int = 0) -> torch.device:
    """The device that ``-gpu`` or ``solver_mode`` asks for; the CPU, with a warning, where there is no CUDA.

    Parameters
    ----------
    gpu : the flag: empty, a device number, or "all".
    wanted : whether ``solver_mode: GPU`` stands in the solver; looked at when the flag is empty.
    device_id : from the solver, for that case.

    Raises
    ------
    InputError : the flag is no device, there is no such device, or it names several (one is used at a time).
    """
    numbers = _numbers(gpu) if gpu else [device_id] * wanted
    if not numbers:
        log.info("Use CPU.")
        return torch.device("cpu")
    if not torch.cuda.is_available():
        log.warning("GPU %d is asked for but PyTorch finds no CUDA device: running on the CPU", numbers[0])
        return torch.device("cpu")
    if len(numbers) > 1:
        raise InputError(f"-gpu {gpu} names {len(numbers)} devices; torchcaffe runs on one: give one number")
    if numbers[0] >= torch.cuda.device_count():
        raise InputError(f"there is no GPU {numbers[0]}; PyTorch finds {torch.cuda.device_count()}, numbered from 0")
    log.info("Using GPU %d: %s", numbers[0], torch.cuda.get_device_name(numbers[0]))
    return torch.device("cuda", numbers[0])


def _numbers(gpu: str) -> list[int]:
    if gpu == "all":
        return list(range(max(1, torch.cuda.device_count())))
    try:
        numbers = [int(word) for word in gpu.split(",")]
    except ValueError:
        numbers = [-1]
    if min(numbers) < 0:
        raise InputError(f"-gpu must be a device number or 'all'; got '{gpu}'")
    return numbers
