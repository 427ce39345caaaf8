"""Resize and Upsample: as PyTorch's interpolation where that is the same, else as slices or a matrix product."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from converters.errors import RefusedError
from converters.onnx.node import Node
from converters.onnx.ops.resize_matrix import COORDINATES, NEAREST, Axis, Rule, nearest_places, resize_matrix
from converters.onnx.registry import translates

_GIVES = (
    "upsample_nearest1d upsample_nearest2d upsample_nearest3d upsample_linear1d upsample_bilinear2d "
    "upsample_trilinear3d upsample_bicubic2d index_select linear view transpose"
)
_LINEAR = {1: "linear", 2: "bilinear", 3: "trilinear"}
_LARGEST_MATRIX = 2**24  # values of the one matrix for all axes; beyond, there is one for every axis


@translates("Upsample", gives=_GIVES)
@translates("Resize", gives=_GIVES, since=10)
def resize_10(node: Node) -> Tensor:
    """Up to opset 10: only scales, and places counted from the corner."""
    rule = Rule(_mode(node), "asymmetric", "simple")
    return _resized(node, _axes_by_scales(node[0].shape, _scales(node, 1)), rule)


@translates("Resize", gives=_GIVES, since=11)
def resize(node: Node) -> Tensor:
    """Opset 11 and later: scales or sizes, and a choice of coordinates and roundings."""
    x, rule = node[0], _rule(node)
    axes = [int(axis) % x.dim() for axis in node.attribute("axes", list(range(x.dim())))]
    if node.has(3):
        return _resized(node, _axes_by_sizes(node, axes), rule)
    scales = [1.0] * x.dim()
    for axis, scale in zip(axes, _scales(node, 2), strict=True):
        scales[axis] = scale
    return _resized(node, _axes_by_scales(x.shape, scales), rule)


def _rule(node: Node) -> Rule:
    """How the attributes say that values are computed."""
    coordinates = node.attribute("coordinate_transformation_mode", "half_pixel")
    nearest = node.attribute("nearest_mode", "round_prefer_floor")
    if coordinates not in COORDINATES:
        raise RefusedError(f"coordinates {coordinates!r}; only {', '.join(COORDINATES)}")
    if nearest not in NEAREST:
        raise RefusedError(f"nearest_mode {nearest!r}; only {', '.join(NEAREST)}")
    return Rule(
        _mode(node),
        coordinates,
        nearest,
        float(node.attribute("cubic_coeff_a", -0.75)),
        bool(node.attribute("exclude_outside", 0)),
        bool(node.attribute("antialias", 0)) and _mode(node) != "nearest",
    )


def _mode(node: Node) -> str:
    mode = node.attribute("mode", "nearest")
    mode = "linear" if mode == "bilinear" else mode
    if mode not in ("nearest", "linear", "cubic"):
        raise RefusedError(f"mode {mode!r}; only nearest, linear and cubic")
    return mode


def _scales(node: Node, index: int) -> list[float]:
    if "scales" in node.spec.attributes:
        return [float(scale) for scale in node.attribute("scales")]
    scales = node.constant(index, "scales").reshape(-1).tolist()
    if not scales:
        raise RefusedError("it has neither scales nor sizes, of which Resize needs one")
    return scales


def _axes_by_scales(shape: Sequence[int], scales: Sequence[float]) -> list[Axis]:
    return [Axis(size, math.floor(size * scale), scale) for size, scale in zip(shape, scales, strict=True)]


def _axes_by_sizes(node: Node, axes: Sequence[int]) -> list[Axis]:
    """By the sizes of the result, or by the largest that keep the proportions within or around them."""
    shape, sizes = node[0].shape, node.constant(3, "sizes").reshape(-1).tolist()
    sizes = node.with_batch(sizes) if axes[0] == 0 else sizes
    policy = node.attribute("keep_aspect_ratio_policy", "stretch")
    wanted = dict(zip(axes, map(int, sizes), strict=True))
    scales = {axis: size / shape[axis] for axis, size in wanted.items()}
    if policy != "stretch":
        scale = (min if policy == "not_larger" else max)(scales.values())
        scales = dict.fromkeys(axes, scale)
        wanted = {axis: math.floor(scale * shape[axis] + 0.5) for axis in axes}
    return [Axis(size, wanted.get(axis, size), scales.get(axis, 1.0)) for axis, size in enumerate(shape)]


def _resized(node: Node, axes: Sequence[Axis], rule: Rule) -> Tensor:
    x = node[0]
    node.check_size([axis.result for axis in axes])
    changed = [number for number, axis in enumerate(axes) if axis.size != axis.result or axis.scale != 1]
    if not changed:
        return x
    if changed[0] > 1 and x.dim() in (3, 4, 5):
        as_torch = _interpolated(x, axes[2:], rule)
        if as_torch is not None:
            return as_torch
    if rule.mode == "nearest":
        for number in changed:
            x = x.index_select(number, torch.tensor(nearest_places(axes[number], rule), device=x.device))
        return x
    return _by_matrix(x, axes, changed, rule)


def _interpolated(x: Tensor, axes: Sequence[Axis], rule: Rule) -> Tensor | None:
    """PyTorch's interpolation to the sizes, if one of its ways gives the same matrices; else None."""
    sizes = [axis.result for axis in axes]
    if min(sizes) < 1:
        return None
    for mode, align, own in _torch_ways(rule, len(axes)):
        same = all(_same(axis, rule, own) for axis in axes)
        if same:
            return functional.interpolate(x, sizes, mode=mode, align_corners=align)
    return None


def _torch_ways(rule: Rule, axes: int) -> list[tuple[str, bool | None, Rule]]:
    """(mode, align_corners) of torch.nn.functional.interpolate with what they compute."""
    if rule.mode == "nearest":
        return [("nearest", None, Rule("nearest", "asymmetric", "floor"))]
    mode = _LINEAR[axes] if rule.mode == "linear" else "bicubic"
    if mode == "bicubic" and axes != 2:
        return []
    return [
        (mode, False, Rule(rule.mode, "half_pixel")),
        (mode, True, Rule(rule.mode, "align_corners")),
    ]


def _same(axis: Axis, rule: Rule, own: Rule) -> bool:
    """Whether a rule gives what PyTorch's does, whose scale is the quotient of the sizes."""
    exact = Axis(axis.size, axis.result, axis.result / axis.size)
    if rule.mode == "nearest":
        return np.array_equal(nearest_places(axis, rule), nearest_places(exact, own))
    return np.allclose(resize_matrix(axis, rule), resize_matrix(exact, own), rtol=0, atol=1e-6)


def _by_matrix(x: Tensor, axes: Sequence[Axis], changed: Sequence[int], rule: Rule) -> Tensor:
    """A matrix product over all axes from the first changed one on, or one for every axis where that is large."""
    first = changed[0]
    matrix = np.ones((1, 1))
    if math.prod(axis.size * axis.result for axis in axes[first:]) <= _LARGEST_MATRIX:
        for axis in axes[first:]:
            matrix = np.kron(matrix, resize_matrix(axis, rule))
        flat = functional.linear(x.flatten(first), _tensor(matrix, x))
        return flat.reshape(*flat.shape[:first], *(axis.result for axis in axes[first:]))
    for number in changed:
        product = functional.linear(x.transpose(number, -1), _tensor(resize_matrix(axes[number], rule), x))
        x = product.transpose(number, -1)
    return x


def _tensor(matrix: np.ndarray, like: Tensor) -> Tensor:
    return torch.tensor(matrix, dtype=torch.float32, device=like.device)
