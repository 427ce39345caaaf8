"""Numbers that a program sees as a NumPy array and the engine as a tensor, after Caffe's ``SyncedMemory``."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


class SyncedMemory:
    """One tensor, and on request an array of the same numbers.

    On the CPU both are the same memory. For a tensor elsewhere the array is a copy, and whichever side was asked for
    last is taken to be written: asking for the other copies it over.

    Parameters
    ----------
    tensor : float32, contiguous.
    mirrored : whether the array is a copy; by default where the tensor is not on the CPU.
    """

    def __init__(self, tensor: Tensor, mirrored: bool | None = None) -> None:
        self._tensor = tensor.detach()
        self._mirrored = tensor.device.type != "cpu" if mirrored is None else mirrored
        self._host: Tensor | None = None
        self._host_is_newer = False

    def array(self) -> np.ndarray:
        """The numbers as an array; what is written into it is seen by the next `tensor`."""
        if not self._mirrored:
            return self._tensor.numpy()
        if self._host is None:
            self._host = torch.empty_like(self._tensor, device="cpu")
        if not self._host_is_newer:
            self._host.copy_(self._tensor)
            self._host_is_newer = True
        return self._host.numpy()

    def tensor(self) -> Tensor:
        """The numbers on their device; what is written into it is seen by the next `array`."""
        if self._host_is_newer and self._host is not None:
            # ``data``: what a program writes must not count as a change for autograd, as it does not in Caffe.
            self._tensor.data.copy_(self._host)
            self._host_is_newer = False
        return self._tensor


def mark_as_seen(parameter: Tensor) -> None:
    """Note that a program has a parameter as an array, and may write into it without torch's counting that."""
    parameter.__dict__["seen_as_array"] = True


def is_seen_as_array(parameter: Tensor) -> bool:
    """Whether a program has a parameter as an array."""
    return "seen_as_array" in parameter.__dict__
