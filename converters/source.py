"""What is to be converted: the description of a model, and the model itself where it has been built."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import nn

from converters.conversion import Conversion, convert
from converters.onnx.file import OnnxFile
from converters.verdict import Verification
from prototxt.pixels.preprocess import Preprocessing


@dataclass(frozen=True)
class Description:
    """A model that can be built.

    Parameters
    ----------
    arch : a name that `converters.architectures.architecture` knows, or "".
    module : ``package.module:factory``, or "".
    weights : file of weights, or None.
    input_shapes : batch first, by the names of the forward's parameters; "" for the only one.
    mean, std : of the pixels in 0-1, RGB.
    resize : shorter side of a picture before its centre is cut out; None for 256/224 of the crop.
    classes : text file of class names, one a line, or None.
    weights_key : where in the file the weights lie, "" to look under the usual ones.
    ignore_surplus : leave out weights that the model does not have.
    onnx : the model, where it is an ONNX file.
    """

    arch: str
    module: str
    weights: Path | None
    input_shapes: Mapping[str, tuple[int, ...]]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    resize: int | None = None
    classes: Path | None = None
    weights_key: str = ""
    ignore_surplus: bool = False
    onnx: OnnxFile | None = None

    @property
    def input_shape(self) -> tuple[int, ...]:
        """That of the first input; empty where none is known yet."""
        return next(iter(self.input_shapes.values()), ())

    def preprocessing(self) -> Preprocessing | None:
        """From pixels to the model's first input, None if that is no picture (N, 1 or 3, height, width)."""
        if len(self.input_shape) != 4 or self.input_shape[1] not in (1, 3):
            return None
        return Preprocessing.from_pytorch(self.mean, self.std, self.input_shape, self.resize)


@dataclass(frozen=True, eq=False)
class Source:
    """A model in evaluation mode, with what `conversion.json` says about where it came from.

    Parameters
    ----------
    model : float32, on the CPU.
    names : Caffe layer names by place in the model.
    about : ``arch`` or ``module`` (or ``onnx``), ``weights`` (file name or seed) and ``weights_hash``.
    notes : what was guessed or left out, a sentence each.
    """

    model: nn.Module
    names: dict[str, str]
    about: dict[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def convert(self, description: Description, title: str, softmax: bool) -> Conversion:
        """Convert the model; parameters and errors are those of `converters.conversion.convert`."""
        pixels = description.preprocessing()
        return convert(self.model, description.input_shapes, pixels, self.names, title=title, softmax=softmax)

    def judged(self) -> list[Verification]:
        """What the program that the model comes from says of it, where that is another than PyTorch."""
        return []
