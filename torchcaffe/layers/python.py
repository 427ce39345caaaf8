"""Python: layers that a user writes as a class ``caffe.Layer``, for real Caffe and torchcaffe alike."""

from __future__ import annotations

import importlib
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from prototxt.common.errors import InputError, NetError
from torchcaffe.blob import Activation, Blob, ParameterBlob
from torchcaffe.layer import Layer, Shape
from torchcaffe.mode import TEST, TRAIN
from torchcaffe.registry import layer
from torchcaffe.serving import served_as_caffe


class UserCodeError(NetError):
    """A user's layer raised something; the sentence says what, and where.

    Attributes
    ----------
    raised : the exception itself.
    """

    def __init__(self, sentence: str, raised: Exception) -> None:
        super().__init__(sentence)
        self.raised = raised


class Parameters(list[ParameterBlob]):
    """The parameter blobs of a `UserLayer`; ``add_blob`` makes one more, of zeros."""

    def __init__(self, owner: Layer) -> None:
        super().__init__()
        self._owner = owner

    def add_blob(self, *shape: int) -> None:
        """Add a parameter; only in `UserLayer.setup`."""
        self._owner.add_blob(shape)
        self.append(ParameterBlob(self._owner, len(self)))

    def renew(self) -> None:
        """Follow the parameters to another device."""
        self[:] = [ParameterBlob(self._owner, index) for index in range(len(self))]

    def upload(self) -> None:
        """Bring what was written into the arrays to where the net computes."""
        for blob in self:
            blob.upload()


class UserLayer:
    """Pycaffe's ``caffe.Layer``, which a user's class derives from. Its blobs are `torchcaffe.blob.Blob`.

    ``forward(bottom, top)`` writes ``data`` of the tops. ``backward(top, propagate_down, bottom)`` writes ``diff`` of
    the bottoms that want one, and adds to that of the parameters. Both are the user's to write: as in pycaffe there
    are none here, and a layer that lacks the one that is needed raises AttributeError.

    Attributes
    ----------
    param_str : as in ``python_param``.
    phase : ``caffe.TRAIN`` or ``caffe.TEST``.
    type : "Python".
    blobs : its parameters.
    """

    param_str: str
    phase: int
    type = "Python"
    blobs: Parameters

    def setup(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Read ``param_str`` and check the blobs, once."""

    def reshape(self, bottom: Sequence[Blob], top: Sequence[Blob]) -> None:
        """Give the tops their shapes, before every pass."""


@layer("Python")
class Python(Layer):
    """Runs the class ``layer`` of the module ``module``, which is looked for as Python looks for modules.

    ``import caffe`` gives torchcaffe while the user's code runs.
    """

    bottoms = (0, None)
    tops = (0, None)

    def setup(self, bottom_shapes: list[Shape]) -> None:
        """Find the class, let it set up and add its parameters, and learn the shapes of the tops."""
        self.user = self._find_class()()
        self.user.param_str = self.param.python_param.param_str
        self.user.phase = TRAIN if self.training_phase else TEST
        self.user.blobs = Parameters(self)
        # On the CPU wherever the net computes: that is where NumPy is.
        self.bottom_blobs = [Activation(shape, torch.device("cpu")) for shape in bottom_shapes]
        in_place = dict(zip(self.param.bottom, self.bottom_blobs, strict=True))
        self.top_blobs = [in_place.get(name) or Activation((), torch.device("cpu")) for name in self.param.top]
        self.call("setup", self.bottom_blobs, self.top_blobs)
        self.top_shapes = self.shapes_of_tops(bottom_shapes)

    def shapes_of_tops(self, bottom_shapes: Sequence[Shape]) -> list[Shape]:
        """What the user's code makes of bottoms of these shapes."""
        for blob, shape in zip(self.bottom_blobs, bottom_shapes, strict=True):
            blob.reshape(*shape)
        self.call("reshape", self.bottom_blobs, self.top_blobs)
        return [blob.shape for blob in self.top_blobs]

    def forward(self, *bottoms: Tensor) -> tuple[Tensor, ...]:
        """What the user's code computes."""
        if not self.top_blobs:
            return self.run(bottoms)
        tops: tuple[Tensor, ...] = _UserFunction.apply(self, *bottoms, *self.blobs)
        return tops

    def run(self, bottoms: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """Let the user's code compute, without a record for autograd."""
        with torch.inference_mode(False), torch.no_grad():
            for blob, bottom in zip(self.bottom_blobs, bottoms, strict=True):
                blob.write(bottom)
            self.call("reshape", self.bottom_blobs, self.top_blobs)
            self.call("forward", self.bottom_blobs, self.top_blobs)
            return tuple(blob.tensor().to(self.device, copy=True) for blob in self.top_blobs)

    def run_back(self, values: Sequence[Tensor], gradients: Sequence[Tensor], wanted: list[bool]) -> list[Tensor]:
        """Gradients of the bottoms from those of the tops; ``values`` are the bottoms and tops of the pass before."""
        for blob, value in zip((*self.bottom_blobs, *self.top_blobs), values, strict=True):
            blob.write(value)
        for blob in self.bottom_blobs:
            blob.diff_tensor().zero_()
        for blob, gradient in zip(self.top_blobs, gradients, strict=True):
            blob.write_diff(gradient, add=False)
        self.call("backward", self.top_blobs, wanted, self.bottom_blobs)
        return [blob.diff_tensor().to(self.device, copy=True) for blob in self.bottom_blobs]

    def call(self, method: str, *arguments: Any) -> None:
        """Call a method of the user's code.

        Raises
        ------
        UserCodeError : it raises something.
        """
        try:
            with served_as_caffe():
                getattr(self.user, method)(*arguments)
                self.user.blobs.upload()
        except InputError:
            raise
        except Exception as error:
            where = traceback.extract_tb(error.__traceback__)[-1]
            raise UserCodeError(
                f"layer {self.name!r} (Python): {type(self.user).__name__}.{method} failed with "
                f"{type(error).__name__}: {error} ({Path(where.filename).name}:{where.lineno})",
                error,
            ) from error

    def _find_class(self) -> Callable[[], UserLayer]:
        param = self.param.python_param
        try:
            with served_as_caffe():
                found = getattr(importlib.import_module(param.module), param.layer)
        except Exception as error:  # importing runs the user's code, which may raise anything
            raise UserCodeError(
                f"layer {self.name!r} (Python): module {param.module!r} with a class {param.layer!r} cannot be loaded "
                f"({error}); set PYTHONPATH to the folder of the module",
                error,
            ) from error
        if not (isinstance(found, type) and issubclass(found, UserLayer)):
            raise NetError(
                f"layer {self.name!r} (Python): {param.module}.{param.layer} must be a class that derives from "
                f"torchcaffe's caffe.Layer; got {found!r}"
            )
        return found

    def _apply(self, *arguments: Any, **options: Any) -> Python:
        moved = super()._apply(*arguments, **options)
        self.user.blobs.renew()
        return moved


class _UserFunction(torch.autograd.Function):
    """The user's forward and backward. Gradients of parameters go into their ``diff`` directly, as in Caffe."""

    @staticmethod
    def forward(context: Any, layer: Python, *inputs: Tensor) -> tuple[Tensor, ...]:
        context.layer, context.count = layer, len(layer.bottom_blobs)
        bottoms = inputs[: context.count]
        tops = layer.run(bottoms)
        context.save_for_backward(*bottoms, *tops)
        return tops

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        layer, wanted = context.layer, list(context.needs_input_grad[1 : 1 + context.count])
        diffs = layer.run_back(context.saved_tensors, gradients, wanted)
        given = (diff if want else None for diff, want in zip(diffs, wanted, strict=True))
        return None, *given, *(None for _ in layer.blobs)
