"""Settings per spatial axis, as PyTorch gives them and as Caffe's fields take them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def spatial(value: Any, axes: int = 2) -> list[int]:
    """A setting of ``axes`` spatial axes, which PyTorch also writes as one number or a list of one."""
    values = [int(value)] if isinstance(value, int) else [int(entry) for entry in value]
    return values * axes if len(values) == 1 else values


def window(what: str, sizes: Sequence[int], default: int | None = None) -> dict[str, Any]:
    """Caffe's fields for the kernel, stride, padding or dilation: one number where all axes agree.

    Parameters
    ----------
    what : ``"kernel"``, ``"stride"``, ``"pad"`` or ``"dilation"``.
    sizes : one for each spatial axis.
    default : Caffe's default, for which nothing is written.
    """
    numbers = [int(size) for size in sizes]
    field = "kernel_size" if what == "kernel" else what
    if len(set(numbers)) == 1:
        return {} if numbers[0] == default else {field: numbers[0]}
    if len(numbers) == 2 and what != "dilation":
        return {f"{what}_h": numbers[0], f"{what}_w": numbers[1]}
    return {field: numbers}
