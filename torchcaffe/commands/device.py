"""Which device a command runs on."""

from __future__ import annotations

import logging

import torch

from prototxt.common.errors import InputError

log = logging.getLogger(__name__)


def choose_device(gpu: str, wanted: bool = False, device_id: int = 0) -> torch.device:
    """The one device of a command that runs on one; parameters and errors as `choose_devices`.

    Raises
    ------
    InputError : the flag names several.
    """
    devices = choose_devices(gpu, wanted, device_id)
    if len(devices) > 1:
        raise InputError(f"-gpu {gpu} names {len(devices)} devices, and only train runs on several; give one number")
    return devices[0]


def choose_devices(gpu: str, wanted: bool = False, device_id: int = 0) -> list[torch.device]:
    """The devices that ``-gpu`` or ``solver_mode`` asks for; the CPU, with a warning, where there is no CUDA.

    Parameters
    ----------
    gpu : the flag: empty, device numbers with commas between them, or "all".
    wanted : whether ``solver_mode: GPU`` stands in the solver; looked at when the flag is empty.
    device_id : from the solver, for that case.

    Raises
    ------
    InputError : the flag is no device, names one twice, or there is no such device.
    """
    numbers = _numbers(gpu) if gpu else [device_id] * wanted
    if not numbers:
        log.info("Use CPU.")
        return [torch.device("cpu")]
    if not torch.cuda.is_available():
        shown = f"GPU {numbers[0]} is" if len(numbers) == 1 else f"GPUs {', '.join(map(str, numbers))} are"
        log.warning("%s asked for but PyTorch finds no CUDA device: running on the CPU", shown)
        return [torch.device("cpu")]
    present = torch.cuda.device_count()
    for number in numbers:
        if number >= present:
            raise InputError(f"there is no GPU {number}; PyTorch finds {present}, numbered from 0")
    log.info("Using GPUs %s", ", ".join(f"{number}: {torch.cuda.get_device_name(number)}" for number in numbers))
    return [torch.device("cuda", number) for number in numbers]


def _numbers(gpu: str) -> list[int]:
    if gpu == "all":
        return list(range(max(1, torch.cuda.device_count())))
    try:
        numbers = [int(word) for word in gpu.split(",")]
    except ValueError:
        numbers = [-1]
    if min(numbers) < 0 or len(set(numbers)) < len(numbers):
        raise InputError(f"-gpu must be device numbers, each once, with commas between them, or 'all'; got '{gpu}'")
    return numbers
