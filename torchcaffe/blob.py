"""pycaffe's ``Blob``: numbers and their gradient as NumPy arrays that share memory with the net."""

from __future__ import annotations

import math
from abc import abstractmethod

import numpy as np
import torch
from torch import Tensor

from prototxt.common.errors import NetError
from torchcaffe.layer import Layer, Shape
from torchcaffe.memory import SyncedMemory, mark_as_seen


class Blob:
    """What activations and parameters have in common. Arrays outlive the net that they come from."""

    shape: Shape

    @property
    def data(self) -> np.ndarray:
        """The numbers, float32; writing into the array changes the net."""
        return self.data_memory().array().reshape(self.shape)

    @property
    def diff(self) -> np.ndarray:
        """The gradient of the loss for `data`; may be written too."""
        return self.diff_memory().array().reshape(self.shape)

    @abstractmethod
    def data_memory(self) -> SyncedMemory:
        """Where the numbers are."""

    @abstractmethod
    def diff_memory(self) -> SyncedMemory:
        """Where the gradient is."""

    @property
    def count(self) -> int:
        """Number of numbers."""
        return math.prod(self.shape)

    @property
    def num(self) -> int:
        """First of four axes, 1 where there is none."""
        return self._legacy(0)

    @property
    def channels(self) -> int:
        """Second of four axes, 1 where there is none."""
        return self._legacy(1)

    @property
    def height(self) -> int:
        """Third of four axes, 1 where there is none."""
        return self._legacy(2)

    @property
    def width(self) -> int:
        """Last of four axes, 1 where there is none."""
        return self._legacy(3)

    def _legacy(self, axis: int) -> int:
        if len(self.shape) > 4:
            raise NetError(f"num, channels, height and width need at most 4 axes; the blob has shape {self.shape}")
        return self.shape[axis] if axis < len(self.shape) else 1

    def __repr__(self) -> str:
        return f"Blob{self.shape}"


class Activation(Blob):
    """A blob between layers. Smaller shapes keep the memory, larger ones get new, as in Caffe."""

    def __init__(self, shape: Shape, device: torch.device) -> None:
        self.shape = tuple(shape)
        self._device = device
        self._diff: SyncedMemory | None = None
        self._allocate()

    def reshape(self, *shape: int) -> None:
        """Change the shape; call the net's ``reshape()`` or run it, and all blobs after it follow.

        Raises
        ------
        NetError : an axis is negative.
        """
        _check_axes(shape)
        self.shape = tuple(int(size) for size in shape)
        if self.count > self._capacity:
            self._allocate()

    def data_memory(self) -> SyncedMemory:
        """Where the numbers are; may be longer than the shape says."""
        return self._data

    def diff_memory(self) -> SyncedMemory:
        """Where the gradient is; allocated when it is first asked for."""
        if self._diff is None:
            self._diff = SyncedMemory(torch.zeros(self._capacity, device=self._device))
        return self._diff

    @property
    def data(self) -> np.ndarray:
        """The numbers, float32; writing into the array changes the net."""
        return self._data.array()[: self.count].reshape(self.shape)

    @property
    def diff(self) -> np.ndarray:
        """The gradient of the loss for `data`; may be written too."""
        return self.diff_memory().array()[: self.count].reshape(self.shape)

    def tensor(self) -> Tensor:
        """The numbers as a tensor of the same memory."""
        return self._data.tensor()[: self.count].view(self.shape)

    def diff_tensor(self) -> Tensor:
        """The gradient as a tensor of the same memory."""
        return self.diff_memory().tensor()[: self.count].view(self.shape)

    def write(self, values: Tensor) -> None:
        """Take a layer's top, and its shape."""
        if values.shape != self.shape:
            self.reshape(*values.shape)
        self.tensor().data.copy_(values.detach())

    def write_diff(self, gradient: Tensor, add: bool) -> None:
        """Take a gradient, or add it to what is there."""
        target = self.diff_tensor()
        target.add_(gradient.reshape(self.shape)) if add else target.copy_(gradient.reshape(self.shape))

    def _allocate(self) -> None:
        self._capacity = self.count
        self._data = SyncedMemory(torch.zeros(self._capacity, device=self._device))
        self._diff = None


class ParameterBlob(Blob):
    """A parameter of a layer: `data` is the torch parameter's own memory, `diff` that of its ``grad``."""

    def __init__(self, layer: Layer, index: int) -> None:
        self._layer = layer
        self._index = index
        self.shape = layer.blob_shapes[index]
        self._memories: dict[str, tuple[tuple[int, int], SyncedMemory]] = {}

    def reshape(self, *shape: int) -> None:
        """Give the parameter another shape, for a program that writes its numbers next.

        A smaller shape keeps the memory, a larger one than ever gets new of zeros, as in Caffe. The gradient becomes 0.
        The layer computes with what the shape says then, and weights are written in it. Solvers that are there already
        keep the history of the old one, so make them afterwards.

        Raises
        ------
        NetError : an axis is negative.
        """
        _check_axes(shape)
        parameter = self._layer.blobs[self._index]
        count = math.prod(shape)
        memory = torch.empty(0, device=parameter.device).set_(parameter.detach().contiguous().untyped_storage())
        numbers = memory[:count] if count <= len(memory) else torch.zeros(count, device=parameter.device)
        parameter.data = numbers.view(shape)
        parameter.grad = None
        self._layer.blob_shapes[self._index] = self.shape = shape

    def data_memory(self) -> SyncedMemory:
        """Where the numbers are."""
        return self._memory("data", self._layer.blobs[self._index])

    def diff_memory(self) -> SyncedMemory:
        """Where the gradient is; zeros where nothing was computed yet."""
        parameter = self._layer.blobs[self._index]
        if parameter.grad is None:
            parameter.grad = torch.zeros_like(parameter)
        return self._memory("diff", parameter.grad)

    def upload(self) -> None:
        """Bring what was written into `data` and `diff` to where the net computes."""
        for _, memory in self._memories.values():
            memory.tensor()

    def _memory(self, which: str, tensor: Tensor) -> SyncedMemory:
        """The memory of a tensor, which a solver or ``share_with`` may have put in the place of another."""
        place = tensor.data_ptr(), tensor.numel()
        known, memory = self._memories.get(which, (None, None))
        if known != place or memory is None:
            memory = SyncedMemory(tensor)
            self._memories[which] = place, memory
        mark_as_seen(tensor)
        return memory


def _check_axes(shape: Shape) -> None:
    if any(size < 0 for size in shape):
        raise NetError(f"a blob cannot have shape {shape}: axes are 0 or more")
