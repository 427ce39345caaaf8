"""Padding: as an operation of its own, and that of windows."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from converters.errors import RefusedError
from converters.onnx.node import Node
from converters.onnx.registry import translates

Pads = list[tuple[int, int]]
"""(before, after) of every axis."""

_MODES = {"constant": "constant", "reflect": "reflect", "edge": "replicate", "wrap": "circular"}


@translates("Pad", gives="pad permute view")
def pad(node: Node) -> Tensor:
    """Pad in one of four modes; axis by axis where PyTorch does not know the mode for so many axes."""
    x, mode = node[0], node.attribute("mode", "constant")
    if mode not in _MODES:
        raise RefusedError(f"mode {mode!r}; only {', '.join(_MODES)}")
    pads = _pads_of_axes(node, x.dim())
    node.check_size([size + before + after for size, (before, after) in zip(x.shape, pads, strict=True)])
    if mode == "constant":
        value = node.number("value", 2) or 0.0
        value = value if x.is_floating_point() else int(value)
        return functional.pad(x, _flat(pads), value=value) if any(map(any, pads)) else x
    return _mirrored(x, pads, _MODES[mode])


def _pads_of_axes(node: Node, axes: int) -> Pads:
    """Amounts of all axes; opset 18 may name the axes that are padded."""
    amounts = node.ints("pads", 1)
    if amounts is None:
        raise RefusedError("it has no pads, which Pad needs")
    half = len(amounts) // 2
    named = node.constant(3, "axes").reshape(-1).tolist() if node.has(3) else range(axes)
    if half != len(named):
        raise RefusedError(f"it has {len(amounts)} pads for {len(named)} axes")
    given = {int(axis) % axes: (amounts[index], amounts[half + index]) for index, axis in enumerate(named)}
    return [given.get(axis, (0, 0)) for axis in range(axes)]


def _mirrored(x: Tensor, pads: Pads, mode: str) -> Tensor:
    """Reflect, replicate or circular padding, of the last axes at once where the batch and channels have none."""
    cropped = [(min(before, 0), min(after, 0)) for before, after in pads]
    if any(map(any, cropped)):
        x = functional.pad(x, _flat(cropped))
    pads = [(max(before, 0), max(after, 0)) for before, after in pads]
    if x.dim() in (3, 4, 5) and not any(map(any, pads[:2])):
        return functional.pad(x, _flat(pads[2:]), mode=mode) if any(map(any, pads)) else x
    for axis, amounts in enumerate(pads):
        if any(amounts):
            moved = x.movedim(axis, -1)
            rows = functional.pad(moved.reshape(1, -1, moved.shape[-1]), amounts, mode=mode)
            x = rows.reshape(*moved.shape[:-1], rows.shape[-1]).movedim(-1, axis)
    return x


def window_pads(
    node: Node, size: Sequence[int], kernel: Sequence[int], stride: Sequence[int], dilation: Sequence[int]
) -> Pads:
    """Padding of a convolution's or a pooling's window, by ``pads`` or ``auto_pad``.

    Parameters
    ----------
    size : of the picture, without batch and channels.
    kernel, stride, dilation : as long.
    """
    auto = node.attribute("auto_pad", "NOTSET")
    if auto == "VALID":
        return [(0, 0)] * len(size)
    if auto == "NOTSET":
        amounts = list(node.attribute("pads", [0] * 2 * len(size)))
        if len(amounts) != 2 * len(size):
            raise RefusedError(f"it has {len(amounts)} pads for {len(size)} axes")
        return list(zip(amounts[: len(size)], amounts[len(size) :], strict=True))
    if auto not in ("SAME_UPPER", "SAME_LOWER"):
        raise RefusedError(f"auto_pad {auto!r}; only NOTSET, VALID, SAME_UPPER and SAME_LOWER")
    pads = []
    for n, k, s, d in zip(size, kernel, stride, dilation, strict=True):
        total = max((-(-n // s) - 1) * s + (k - 1) * d + 1 - n, 0)
        less, more = total // 2, total - total // 2
        pads.append((less, more) if auto == "SAME_UPPER" else (more, less))
    return pads


def pad_zeros(x: Tensor, pads: Pads, value: float = 0.0) -> Tensor:
    """Pad the last axes."""
    return functional.pad(x, _flat(pads), value=value)


def _flat(pads: Pads) -> list[int]:
    """As PyTorch wants them: the last axis first."""
    return [amount for before_after in reversed(pads) for amount in before_after]


@translates("CenterCropPad", gives="constant_pad_nd", since=18)
def center_crop_pad(node: Node) -> Tensor:
    """Cut or pad around the centre to a size."""
    x, wanted = node[0], node.constant(1, "shape").reshape(-1).tolist()
    axes = [int(axis) % x.dim() for axis in node.attribute("axes", list(range(x.dim())))]
    pads = [(0, 0)] * x.dim()
    for axis, want in zip(axes, wanted, strict=True):
        have = x.shape[axis]
        less = (want - have) // 2 if want > have else -((have - want) // 2)
        pads[axis] = (less, want - have - less)
    return torch.constant_pad_nd(x, _flat(pads))
