"""``torchcaffe device_query``: what PyTorch says of the GPUs (``Caffe::DeviceQuery`` in common.cpp)."""

from __future__ import annotations

import logging

import torch

from prototxt.common.errors import InputError
from torchcaffe.commands.flags import Call

log = logging.getLogger(__name__)

PROPERTIES = (
    ("Major revision number:", "major"),
    ("Minor revision number:", "minor"),
    ("Name:", "name"),
    ("Total global memory:", "total_memory"),
    ("Total shared memory per block:", "shared_memory_per_block"),
    ("Total registers per multiprocessor:", "regs_per_multiprocessor"),
    ("Warp size:", "warp_size"),
    ("Maximum threads per multiprocessor:", "max_threads_per_multi_processor"),
    ("Clock rate:", "clock_rate"),
    ("Number of multiprocessors:", "multi_processor_count"),
)
"""Words of the log, and PyTorch's names; what a version of PyTorch does not tell is left out."""


def device_query(call: Call) -> None:
    """Describe the GPUs that ``-gpu`` names; none by default, as in Caffe.

    Raises
    ------
    InputError : there is no such GPU.
    """
    log.info("Querying GPUs %s", call.text("gpu"))
    for number in _numbers(call.text("gpu")):
        if number >= torch.cuda.device_count():
            raise InputError(f"there is no GPU {number}; PyTorch finds {torch.cuda.device_count()}")
        properties = torch.cuda.get_device_properties(number)
        log.info("%-32s%d", "Device id:", number)
        for words, name in PROPERTIES:
            if hasattr(properties, name):
                log.info("%-32s%s", words, getattr(properties, name))


def _numbers(gpu: str) -> list[int]:
    if gpu == "all":
        if not torch.cuda.device_count():
            raise InputError("there is no GPU: PyTorch finds no CUDA device")
        return list(range(torch.cuda.device_count()))
    words = [word for word in gpu.split(",") if word]
    if not all(word.isdigit() for word in words):
        raise InputError(f"-gpu must be device numbers, separated by commas, or 'all'; got '{gpu}'")
    return [int(word) for word in words]
