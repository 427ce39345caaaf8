"""Operations that arrange the same values otherwise, or tell their shape."""

from __future__ import annotations

import torch
from torch import Tensor

from converters.errors import RefusedError
from converters.onnx.node import Node
from converters.onnx.registry import translates
from converters.onnx.tensors import DTYPES, type_name


@translates("Shape")
def shape(node: Node) -> Tensor:
    """The shape, or a part of it; a constant, as nets have fixed sizes here."""
    start, end = int(node.attribute("start", 0)), node.attribute("end", None)
    return torch.tensor(list(node[0].shape)[start : None if end is None else int(end)], dtype=torch.int64)


@translates("Size")
def size(node: Node) -> Tensor:
    """The number of values."""
    return torch.tensor(node[0].numel(), dtype=torch.int64)


@translates("Identity")
def identity(node: Node) -> Tensor:
    """The value itself, by another name."""
    return node[0]


@translates("Reshape", gives="view")
def reshape(node: Node) -> Tensor:
    """The same values in another shape; 0 keeps an axis, -1 takes what is left."""
    x, wanted = node[0], node.ints("shape", 1) or []
    if not node.attribute("allowzero", 0):
        wanted = [x.shape[axis] if extent == 0 else extent for axis, extent in enumerate(wanted)]
    return x.reshape(node.with_batch(wanted))


@translates("Flatten", gives="view")
def flatten(node: Node) -> Tensor:
    """Two axes: those before ``axis`` as one, and the rest as one."""
    x, axis = node[0], int(node.attribute("axis", 1))
    axis = axis + x.dim() if axis < 0 else axis
    if axis == 1 and x.dim() > 1:
        return x.flatten(1)
    first = 1
    for extent in x.shape[:axis]:
        first *= extent
    return x.reshape(first, x.numel() // first if first else 0)


@translates("Squeeze", gives="squeeze")
def squeeze(node: Node) -> Tensor:
    """Without the axes of extent 1 that are named, or all of them."""
    x, axes = node[0], node.ints("axes", 1)
    if axes is None:
        axes = [axis for axis, extent in enumerate(x.shape) if extent == 1]
    wrong = [axis for axis in axes if x.shape[axis] != 1]
    if wrong:
        raise RefusedError(f"axis {wrong[0]} has {x.shape[wrong[0]]} values and cannot be squeezed")
    return x.squeeze(axes)


@translates("Unsqueeze", gives="unsqueeze")
def unsqueeze(node: Node) -> Tensor:
    """With new axes of extent 1, counted in the result."""
    x, axes = node[0], node.ints("axes", 1)
    if axes is None:
        raise RefusedError("it has no axes, which Unsqueeze needs")
    for axis in sorted(axis % (x.dim() + len(axes)) for axis in axes):
        x = x.unsqueeze(axis)
    return x


@translates("Transpose", gives="permute view")
def transpose(node: Node) -> Tensor:
    """The axes in another order; a reshape where only axes of extent 1 move."""
    x = node[0]
    order = list(node.attribute("perm", list(range(x.dim()))[::-1]))
    moved = [axis for axis in order if x.shape[axis] != 1]
    return x.reshape([x.shape[axis] for axis in order]) if moved == sorted(moved) else x.permute(order)


@translates("Expand", gives="expand")
def expand(node: Node) -> Tensor:
    """Repeated along axes of extent 1, by broadcasting in both directions."""
    given = node.ints("shape", 1) or []
    wanted = torch.broadcast_shapes(node[0].shape, node.with_batch(given) if len(given) == node[0].dim() else given)
    node.check_size(wanted)
    return node[0].expand(wanted)


@translates("Tile", gives="repeat")
def tile(node: Node) -> Tensor:
    """Repeated as a whole along axes."""
    repeats = node.ints("repeats", 1) or []
    node.check_size([extent * times for extent, times in zip(node[0].shape, repeats, strict=True)])
    return node[0].repeat(repeats)


@translates("Concat", gives="cat")
def concat(node: Node) -> Tensor:
    """Values one behind the other along an axis."""
    return torch.cat(node.all(), int(node.attribute("axis")))


@translates("Split", gives="split_with_sizes")
def split(node: Node) -> tuple[Tensor, ...]:
    """Parts along an axis: of sizes that are given, else alike with a smaller last one."""
    axis, sizes = int(node.attribute("axis", 0)), node.ints("split", 1)
    if sizes is None:
        parts = int(node.attribute("num_outputs", node.outputs))
        length = -(-node[0].shape[axis] // parts)
        sizes = [length] * (parts - 1) + [node[0].shape[axis] - length * (parts - 1)]
    return torch.split(node[0], sizes, axis)


@translates("DepthToSpace", gives="pixel_shuffle view permute")
def depth_to_space(node: Node) -> Tensor:
    """Blocks of channels as blocks of pixels; the mode CRD is PyTorch's pixel_shuffle."""
    x, block = node[0], int(node.attribute("blocksize"))
    if node.attribute("mode", "DCR") == "CRD":
        return torch.pixel_shuffle(x, block)
    n, c, h, w = x.shape
    parts = x.reshape(n, block, block, c // block**2, h, w).permute(0, 3, 4, 1, 5, 2)
    return parts.reshape(n, c // block**2, h * block, w * block)


@translates("SpaceToDepth", gives="view permute")
def space_to_depth(node: Node) -> Tensor:
    """Blocks of pixels as blocks of channels, the block first."""
    block = int(node.attribute("blocksize"))
    n, c, h, w = node[0].shape
    parts = node[0].reshape(n, c, h // block, block, w // block, block).permute(0, 3, 5, 1, 2, 4)
    return parts.reshape(n, c * block**2, h // block, w // block)


@translates("Cast", gives="to _to_copy")
def cast(node: Node) -> Tensor:
    """Another type; every floating-point type is float32 here."""
    kind = int(node.attribute("to"))
    if kind not in DTYPES:
        raise RefusedError(f"to type {type_name(kind)}; Caffe computes in float32")
    return _to(node[0], DTYPES[kind])


@translates("CastLike", gives="to _to_copy", since=15)
def cast_like(node: Node) -> Tensor:
    """The type of another value."""
    return _to(node[0], node[1].dtype)


def _to(x: Tensor, dtype: torch.dtype) -> Tensor:
    """Between floating-point types nothing is done, so that a float64 reference stays one."""
    return x if x.is_floating_point() and dtype.is_floating_point else x.to(dtype)


@translates("Dropout", gives="dropout")
def dropout(node: Node) -> tuple[Tensor, ...]:
    """Dropout, which does nothing in evaluation; its ratio is kept for training."""
    if node.writes(1):
        raise RefusedError("its second output, the mask; export the model in evaluation mode")
    if node.has(2) and bool(node.constant(2, "training_mode").item()):
        raise RefusedError("it is in training mode; export the model in evaluation mode")
    ratio = node.number("ratio", 1)
    return (torch.dropout(node[0], 0.5 if ratio is None else ratio, False),)
