"""Which function translates which ONNX operator into PyTorch, from which opset on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from torch import Tensor

from converters.onnx.graph import OWN
from converters.onnx.node import Node
from prototxt.common.registry import Registry

Translate = Callable[[Node], Tensor | Sequence[Tensor]]
T = TypeVar("T", bound=Translate)


@dataclass(frozen=True)
class Translator:
    """How an operator is computed with PyTorch.

    Parameters
    ----------
    translate : takes a `Node`, gives its output or outputs.
    gives : names of the ATen operations that may stand for the operator in the captured graph; none where it is always
        computed beforehand.
    """

    translate: Translate
    gives: tuple[str, ...]


TRANSLATORS: Registry[dict[int, Translator]] = Registry("operator")
"""For every operator of ONNX that can be read: its translators, by the first opset that each is for."""


def translates(*ops: str, gives: str = "", since: int = 1) -> Callable[[T], T]:
    """Register the decorated function for operators.

    Parameters
    ----------
    ops : names, e.g. ``"Conv"``.
    gives : ATen operations with spaces between, e.g. ``"conv2d pad"``; see `Translator`.
    since : first opset that the function is for; an older one has another function, or there is none.
    """

    def enter(function: T) -> T:
        for op in ops:
            versions = TRANSLATORS.setdefault(op, {})
            if since in versions:
                raise ValueError(f"operator {op!r} is registered twice for opset {since}")
            versions[since] = Translator(function, tuple(gives.split()))
        return function

    return enter


def translates_each(gives: Mapping[str, str], since: int = 1) -> Callable[[T], T]:
    """Register the decorated function for a family of operators, each with the ATen operations that it gives."""

    def enter(function: T) -> T:
        for op, operations in gives.items():
            translates(op, gives=operations, since=since)(function)
        return function

    return enter


def translator(op: str, opset: int) -> Translator | None:
    """The translator of an operator in an opset, None if there is none."""
    versions = [since for since in TRANSLATORS.get(op, {}) if since <= opset]
    return TRANSLATORS[op][max(versions)] if versions else None


def operations() -> dict[str, tuple[str, ...]]:
    """ATen operations by ONNX operator, for the table of what can be converted; without those that are put together."""
    return {
        op: tuple(dict.fromkeys(name for each in versions.values() for name in each.gives))
        for op, versions in sorted(TRANSLATORS.items())
        if not op.startswith(f"{OWN}::")
    }
