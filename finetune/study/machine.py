"""What a run was made on, in words: times mean little without it."""

from __future__ import annotations

import os
import platform
from functools import cache
from pathlib import Path

import torch

CPUINFO = Path("/proc/cpuinfo")


@cache
def this_machine() -> str:
    """The processor and its cores, the GPU where there is one, and the versions of Python and PyTorch."""
    gpu = f", {torch.cuda.get_device_name()}" if torch.cuda.is_available() else ""
    return (
        f"{_processor()}, {os.cpu_count()} cores{gpu}; {platform.system()}, Python {platform.python_version()}, "
        f"PyTorch {torch.__version__}"
    )


def _processor() -> str:
    """Its name by Linux; elsewhere what Python knows."""
    lines = CPUINFO.read_text(errors="replace").splitlines() if CPUINFO.is_file() else []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, "") or platform.processor() or platform.machine()
