"""Layers that only move numbers about: Concat, Slice, Split, Flatten, Reshape, Crop, Tile, Silence, and pickers."""

from __future__ import annotations

import torch
from torch import Tensor

from torchcaffe.layer import Layer, Shape
from torchcaffe.registry import layer


def canonical_axis(axis: int, shape: Shape) -> int:
    """The axis counted from the front.

    Raises
    ------
    ValueError : the shape has no such axis.
    """
    if not -len(shape) <= axis < len(shape):
        raise ValueError(f"axis {axis} is out of range for the bottom's shape {shape}")
    return axis % len(shape)


@layer("Concat")
class Concat(Layer):
    """All bottoms behind each other along ``axis`` (formerly ``concat_dim``)."""

    bottoms = (1, None)

    def setup(self, bottom_shapes: list[Shape]) -> None:
        """Read ``concat_param``."""
        param = self.param.concat_param
        if param.HasField("axis") and param.HasField("concat_dim"):
            raise ValueError("concat_param has both axis and concat_dim; keep axis")
        axis = param.concat_dim if param.HasField("concat_dim") else param.axis
        self.axis = canonical_axis(axis, bottom_shapes[0])

    def forward(self, *bottoms: Tensor) -> tuple[Tensor, ...]:
        """Equal shapes but for ``axis`` → their sum there."""
        return (torch.cat(bottoms, self.axis),)


@layer("Slice")
class Slice(Layer):
    """Cuts the bottom along ``axis`` (formerly ``slice_dim``) at every ``slice_point``, or into equal parts."""

    tops = (1, None)

    def setup(self, bottom_shapes: list[Shape]) -> None:
        """Read ``slice_param``."""
        param = self.param.slice_param
        if param.HasField("axis") and param.HasField("slice_dim"):
            raise ValueError("slice_param has both axis and slice_dim; keep axis")
        axis = param.slice_dim if param.HasField("slice_dim") else param.axis
        self.axis = canonical_axis(axis, bottom_shapes[0])
        self.points = list(param.slice_point)
        n_tops = len(self.param.top)
        if self.points and len(self.points) != n_tops - 1:
            raise ValueError(f"{n_tops} tops need {n_tops - 1} slice_point values, got {len(self.points)}")
        if self.points != sorted(set(self.points)):
            raise ValueError(f"slice_point values must increase, got {self.points}")
        length = bottom_shapes[0][self.axis]
        if not self.points and length % n_tops:
            raise ValueError(f"axis {self.axis} of length {length} cannot be cut into {n_tops} equal parts")

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Any shape → parts of it along ``axis``."""
        if self.points:
            return torch.tensor_split(x, self.points, self.axis)
        return torch.chunk(x, len(self.param.top), self.axis)


@layer("Split")
class Split(Layer):
    """The bottom as every top; gradients add up."""

    tops = (1, None)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Any shape → the same, as often as there are tops."""
        return tuple(x.view_as(x) for _ in self.param.top)


@layer("Flatten")
class Flatten(Layer):
    """Axes ``axis`` to ``end_axis`` as one."""

    def setup(self, bottom_shapes: list[Shape]) -> None:
        """Read ``flatten_param``."""
        param = self.param.flatten_param
        (shape,) = bottom_shapes
        self.first, self.last = canonical_axis(param.axis, shape), canonical_axis(param.end_axis, shape)
        if self.last < self.first:
            raise ValueError(f"flatten_param's end_axis {param.end_axis} lies before its axis {param.axis}")

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """(a, b, c, d) → (a, b·c·d) by default."""
        return (x.flatten(self.first, self.last),)


@layer("Reshape")
class Reshape(Layer):
    """Replaces ``num_axes`` axes from ``axis`` on by ``shape``: 0 copies the bottom's length, -1 is what is left."""

    def setup(self, bottom_shapes: list[Shape]) -> None:
        """Read ``reshape_param``."""
        param = self.param.reshape_param
        (shape,) = bottom_shapes
        self.first = param.axis if param.axis >= 0 else len(shape) + param.axis + 1
        self.dims = list(param.shape.dim)
        last = len(shape) if param.num_axes == -1 else self.first + param.num_axes
        if not 0 <= self.first <= last <= len(shape):
            raise ValueError(f"axis {param.axis} and num_axes {param.num_axes} reach beyond the bottom's shape {shape}")
        if self.dims.count(-1) > 1:
            raise ValueError(f"at most one dim may be -1, got {self.dims}")
        self.tail = len(shape) - last

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Any shape → another of as many numbers."""
        middle = [x.shape[self.first + i] if dim == 0 else dim for i, dim in enumerate(self.dims)]
        return (x.reshape(*x.shape[: self.first], *middle, *x.shape[x.ndim - self.tail :]),)


@layer("Crop")
class Crop(Layer):
    """Cuts the first bottom to the size of the second, from ``axis`` on, beginning at ``offset``."""

    bottoms = (2, 2)
    differentiable = (0,)

    def setup(self, bottom_shapes: list[Shape]) -> None:
        """Read ``crop_param``."""
        param = self.param.crop_param
        shape = bottom_shapes[0]
        self.axis = canonical_axis(param.axis, shape)
        offsets = list(param.offset) or [0]
        n_axes = len(shape) - self.axis
        if len(offsets) not in (1, n_axes):
            raise ValueError(f"offset must be given once or {n_axes} times, got {len(offsets)}")
        self.offsets = offsets * n_axes if len(offsets) == 1 else offsets

    def forward(self, x: Tensor, like: Tensor) -> tuple[Tensor, ...]:
        """Any shape and one of equal or smaller axes → the latter's size from ``axis`` on."""
        for axis, offset in enumerate(self.offsets, self.axis):
            if offset + like.shape[axis] > x.shape[axis]:
                raise ValueError(
                    f"axis {axis}: {like.shape[axis]} from offset {offset} on reach beyond {x.shape[axis]}"
                )
            x = x.narrow(axis, offset, like.shape[axis])
        return (x,)


@layer("Tile")
class Tile(Layer):
    """The bottom ``tiles`` times behind itself along ``axis``."""

    def setup(self, bottom_shapes: list[Shape]) -> None:
        """Read ``tile_param``."""
        param = self.param.tile_param
        if param.tiles < 1:
            raise ValueError(f"tile_param needs tiles > 0, got {param.tiles}")
        self.tiles, self.axis = param.tiles, canonical_axis(param.axis, bottom_shapes[0])

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Any shape → ``tiles`` times as long at ``axis``."""
        return (torch.cat([x] * self.tiles, self.axis),)


@layer("Silence")
class Silence(Layer):
    """Takes blobs that nobody wants, so that they are no outputs of the net."""

    bottoms = (1, None)
    tops = (0, 0)

    def forward(self, *bottoms: Tensor) -> tuple[Tensor, ...]:
        """Anything → nothing."""
        return ()


@layer("BatchReindex")
class BatchReindex(Layer):
    """Picks items of the first bottom's batch by the indices in the second."""

    bottoms = (2, 2)
    differentiable = (0,)

    def forward(self, x: Tensor, index: Tensor) -> tuple[Tensor, ...]:
        """(N, ...) and M indices → (M, ...)."""
        return (x.index_select(0, index.reshape(-1).long()),)


@layer("Filter")
class Filter(Layer):
    """Lets those items of every bottom pass whose number in the last one, the selector, is not zero.

    How many they are is known only when it runs; the shapes of a net count all of them.
    """

    bottoms = (2, None)
    tops = (1, None)

    def cuts_gradient(self, place: int, force_backward: bool = False) -> bool:
        """Whether no gradient flows into a bottom: the selector gets none."""
        return place == len(self.param.bottom) - 1 or super().cuts_gradient(place, force_backward)

    def forward(self, *bottoms: Tensor) -> tuple[Tensor, ...]:
        """Bottoms (N, ...) and a selector (N, 1, …) → (M, ...) each."""
        *filtered, selector = bottoms
        places = selector.flatten().nonzero().flatten()
        return tuple(x.index_select(0, places) for x in filtered)
