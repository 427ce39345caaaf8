"""Where a net begins: Input, and Parameter, a blob that is learned."""

from __future__ import annotations

from torch import Tensor

from torchcaffe.layer import Layer, Shape
from torchcaffe.registry import layer


@layer("Input")
class Input(Layer):
    """Blobs that whoever runs the net has to give."""

    bottoms = (0, 0)
    tops = (1, None)

    def setup(self, bottom_shapes: list[Shape]) -> None:
        """Read the shapes: none, one for all tops, or one for each."""
        shapes = [tuple(shape.dim) for shape in self.param.input_param.shape]
        n_tops = len(self.param.top)
        if len(shapes) not in (1, n_tops):
            raise ValueError(
                f"input_param needs one shape, or one for each of its {n_tops} tops; got {len(shapes)}: write "
                "input_param { shape { dim: 1 dim: 3 dim: 224 dim: 224 } }"
            )
        self.top_shapes = shapes * n_tops if len(shapes) == 1 else shapes

    def forward(self) -> tuple[Tensor, ...]:
        """Has nothing to give by itself."""
        raise ValueError(f"blob {self.param.top[0]!r} is an input of the net and was not given")


@layer("Parameter")
class Parameter(Layer):
    """A learned blob as a top."""

    bottoms = (0, 0)

    def setup(self, bottom_shapes: list[Shape]) -> None:
        """Add the blob in the shape that ``parameter_param`` gives, zeros."""
        shape = tuple(self.param.parameter_param.shape.dim)
        self.add_blob(shape)
        self.top_shapes = [shape]

    def forward(self) -> tuple[Tensor, ...]:
        """() → the blob."""
        return (self.blob(0).view_as(self.blob(0)),)
