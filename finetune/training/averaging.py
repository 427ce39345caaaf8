"""Gradients of several processes that train one net together, each on its share of every batch."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.distributed
from torch import Tensor

from deepvis.scan.processes import Processes
from finetune.errors import ExperimentError
from torchcaffe.sharing import Learnable


def check_shares(batch: int, processes: Processes) -> None:
    """Refuse more processes than images in a batch."""
    if batch < processes.count:
        raise ExperimentError(f"a batch of {batch} images cannot be shared by {processes.count} processes")


def average_gradients(learnable: Sequence[Learnable], weight: float, processes: Processes) -> None:
    """Make every process's gradients the mean over the whole batch.

    Parameters
    ----------
    weight : the share of the batch that this process has seen, in (0, 1]; all weights sum to 1.
    """
    if processes.count == 1:
        return
    gradients = [entry.parameter.grad for entry in learnable if entry.parameter.grad is not None]
    flat = _summed(torch.cat([gradient.flatten() * weight for gradient in gradients]))
    start = 0
    for gradient in gradients:
        gradient.copy_(flat[start : start + gradient.numel()].view_as(gradient))
        start += gradient.numel()


def average(number: float, weight: float, processes: Processes) -> float:
    """The weighted mean of a number over all processes."""
    return number if processes.count == 1 else float(_summed(torch.tensor(number * weight, dtype=torch.float64)))


def over_processes(tensor: Tensor) -> Tensor:
    """The mean of a tensor over all processes, the same in each; for what a `Term` measures on its share of a batch."""
    if not (torch.distributed.is_available() and torch.distributed.is_initialized()):
        return tensor
    return _summed(tensor) / torch.distributed.get_world_size()


def _summed(tensor: Tensor) -> Tensor:
    on_cpu = tensor.cpu()  # gloo sums in the CPU's memory
    torch.distributed.all_reduce(on_cpu)
    return on_cpu.to(tensor.device)
