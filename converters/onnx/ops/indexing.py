"""Parts of a value by slices and indices."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor

from converters.errors import RefusedError
from converters.onnx.node import Node
from converters.onnx.registry import translates


@translates("Slice", gives="slice flip")
def slice_(node: Node) -> Tensor:
    """Slices along axes, with steps, also backwards; attributes before opset 10, then inputs."""
    x = node[0]
    starts, ends = node.ints("starts", 1), node.ints("ends", 2)
    if starts is None or ends is None:
        raise RefusedError("it has no starts and ends, which Slice needs")
    axes = node.ints("axes", 3) or list(range(len(starts)))
    steps = node.ints("steps", 4) or [1] * len(starts)
    for axis, start, end, step in zip(axes, starts, ends, steps, strict=True):
        x = _sliced(x, axis % x.dim(), slice(start, end, step))
    return x


def _sliced(x: Tensor, axis: int, wanted: slice) -> Tensor:
    """One axis; a backward step is a forward one over the turned axis, since PyTorch has no other."""
    extent = x.shape[axis]
    if wanted.step == 0:
        raise RefusedError("its step is 0")
    if wanted.step < 0:
        # numpy's rule; an end that is far below zero means the beginning, not the place counted from behind
        end = None if wanted.stop < -extent else wanted.stop
        places = range(*slice(wanted.start, end, wanted.step).indices(extent))
        x = x.flip(axis)
        if not places:
            return x.narrow(axis, 0, 0)
        wanted = slice(extent - 1 - places[0], extent - places[-1], -wanted.step)
    start, stop, step = wanted.indices(extent)
    if (start, step) == (0, 1) and stop >= extent:
        return x
    return x[(*[slice(None)] * axis, slice(start, max(stop, start), step))]


@translates("Gather", gives="select slice index_select view embedding")
def gather(node: Node) -> Tensor:
    """Values at places along an axis: one place, a run of places, or any; of a table, an embedding."""
    x, axis = node[0], int(node.attribute("axis", 0)) % max(node[0].dim(), 1)
    if not node.is_constant(1):
        if node.is_constant(0) and axis == 0 and x.dim() == 2:
            return torch.embedding(x, node[1].long())
        return x.index_select(axis, node[1].long().reshape(-1)).reshape(
            *x.shape[:axis], *node[1].shape, *x.shape[axis + 1 :]
        )
    places = node.constant(1, "indices")
    wrong = [int(place) for place in places.reshape(-1) if not -x.shape[axis] <= place < x.shape[axis]]
    if wrong:
        raise RefusedError(f"index {wrong[0]} of an axis of {x.shape[axis]} values")
    flat = [int(place) % x.shape[axis] for place in places.reshape(-1)]
    if places.ndim == 0:
        return x.select(axis, flat[0])
    return _taken(x, axis, flat).reshape(*x.shape[:axis], *places.shape, *x.shape[axis + 1 :])


def _taken(x: Tensor, axis: int, places: list[int]) -> Tensor:
    """Values at places: a slice where they follow each other at one distance."""
    steps = {after - before for before, after in pairwise(places)} or {1}
    if len(steps) == 1 and places and (step := steps.pop()) > 0:
        return _sliced(x, axis, slice(places[0], places[-1] + 1, step))
    return x.index_select(axis, torch.tensor(places, dtype=torch.int64, device=x.device))


@translates("GatherElements", gives="gather remainder")
def gather_elements(node: Node) -> Tensor:
    """A value of its own along an axis for every place."""
    x, axis = node[0], int(node.attribute("axis", 0))
    return torch.gather(x, axis, torch.remainder(node[1], x.shape[axis]).long())


@translates("GatherND", gives="index")
def gather_nd(node: Node) -> Tensor:
    """Values at tuples of indices."""
    x, indices, batch = node[0], node[1].long(), int(node.attribute("batch_dims", 0))
    if batch:
        raise RefusedError(f"batch_dims {batch}; only 0")
    extents = torch.tensor(x.shape[: indices.shape[-1]], device=indices.device)
    return x[tuple(torch.remainder(indices, extents).movedim(-1, 0))]


REDUCTIONS = {"add": "sum", "mul": "prod", "max": "amax", "min": "amin"}


@translates("Scatter", gives="scatter remainder")
@translates("ScatterElements", gives="scatter scatter_reduce remainder")
def scatter_elements(node: Node) -> Tensor:
    """Values put at places along an axis."""
    x, axis, how = node[0], int(node.attribute("axis", 0)), node.attribute("reduction", "none")
    places = torch.remainder(node[1], x.shape[axis]).long()
    if how == "none":
        return x.scatter(axis, places, node[2])
    return x.scatter_reduce(axis, places, node[2], REDUCTIONS[how])


@translates("ScatterND", gives="index_put")
def scatter_nd(node: Node) -> Tensor:
    """Values put at tuples of indices."""
    x, indices, how = node[0], node[1].long(), node.attribute("reduction", "none")
    if how not in ("none", "add"):
        raise RefusedError(f"reduction {how!r}; only 'none' and 'add'")
    extents = torch.tensor(x.shape[: indices.shape[-1]], device=indices.device)
    places = tuple(torch.remainder(indices, extents).movedim(-1, 0))
    return x.index_put(places, node[2], accumulate=how == "add")


@translates("NonZero")
def non_zero(node: Node) -> Tensor:
    """Places of the values that are not 0, where these do not depend on the input."""
    node.constant(0, "input")
    return torch.nonzero(node[0]).t()


@translates("OneHot", gives="remainder unsqueeze eq permute where")
def one_hot(node: Node) -> Tensor:
    """A value at the place that an index names, another elsewhere."""
    depth = int(node.constant(1, "depth").item())
    off, on = node.constant(2, "values").reshape(-1).tolist()
    node.check_size([*node[0].shape, depth])
    axis = int(node.attribute("axis", -1))
    places = torch.remainder(node[0].long(), depth).unsqueeze(-1)
    hot = (places == torch.arange(depth, device=places.device)).movedim(-1, axis)
    dtype = torch.float32 if isinstance(on, float) else torch.int64
    return torch.where(hot, torch.tensor(on, dtype=dtype), torch.tensor(off, dtype=dtype))


@translates("Trilu", gives="tril triu", since=14)
def trilu(node: Node) -> Tensor:
    """The upper or lower triangle of matrices, the rest 0."""
    diagonal = int(node.constant(1, "k").item()) if node.has(1) else 0
    return (torch.triu if node.attribute("upper", 1) else torch.tril)(node[0], diagonal)
