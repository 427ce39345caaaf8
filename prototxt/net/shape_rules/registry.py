"""The registry of shape rules: how every layer type makes the shapes of its tops and parameters from its bottoms."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from prototxt.common.errors import NetError
from prototxt.common.registry import Registry
from prototxt.net.graph import Node
from prototxt.net.layer_types import LOSS_TYPES

Shape = tuple[int, ...]
Count = tuple[int, int | None]


class LayerShapes(NamedTuple):
    """Shapes of a layer's tops and of its parameter blobs, both in Caffe's order."""

    tops: Sequence[Shape]
    params: Sequence[Shape] = ()


Rule = Callable[[Node, Sequence[Shape]], LayerShapes]


@dataclass(frozen=True)
class RegisteredRule:
    """A rule with the numbers of bottoms and tops that it takes: (least, most), None for any number."""

    rule: Rule
    bottoms: Count
    tops: Count

    def __call__(self, node: Node, bottoms: Sequence[Shape]) -> LayerShapes:
        """Return the shapes of ``node``, whose bottoms have the shapes ``bottoms``."""
        for what, number, allowed in (("bottoms", len(bottoms), self.bottoms), ("tops", len(node.tops), self.tops)):
            if number < allowed[0] or (allowed[1] is not None and number > allowed[1]):
                raise NetError(f"{node}: takes {_count(allowed)} {what}; got {number}")
        _check_loss_weights(node)
        return self.rule(node, bottoms)


SHAPE_RULES: Registry[RegisteredRule] = Registry("layer type", NetError)


def shape_rule(*types: str, bottoms: Count = (1, 1), tops: Count = (1, 1)) -> Callable[[Rule], Rule]:
    """Register a rule for layer types; it is called with the node and its bottoms' shapes.

    A rule raises `NetError` for what its layer's ``Reshape`` or ``LayerSetUp`` in Caffe stops at.

    Parameters
    ----------
    types : Caffe's type strings.
    bottoms, tops : (least, most) number of each; None for no limit.
    """
    return SHAPE_RULES.register(*types, make=lambda rule: RegisteredRule(rule, bottoms, tops))


def canonical_axis(node: Node, axis: int, shape: Shape, name: str = "axis") -> int:
    """Return ``axis`` counted from 0; a negative one counts from the end (blob.hpp, CanonicalAxisIndex).

    Raises
    ------
    NetError : if the shape has no such axis.
    """
    if not -len(shape) <= axis < len(shape):
        raise NetError(f"{node}: {name} must lie in {-len(shape)} … {len(shape) - 1} for shape {shape}; got {axis}")
    return axis % len(shape)


def require_between(node: Node, shape: Shape, least: int, most: int | None = None) -> None:
    """Check that a bottom has ``least`` to ``most`` axes.

    Raises
    ------
    NetError : if not.
    """
    if len(shape) < least or (most is not None and len(shape) > most):
        raise NetError(f"{node}: needs a bottom with {_count((least, most))} axes; got shape {shape}")


def _check_loss_weights(node: Node) -> None:
    """Check that weights are given for every top or for none (layer.hpp, SetLossWeights).

    A loss layer without weights gets one from Caffe, which then does not fit two tops.
    """
    given, tops = len(node.layer.loss_weight), len(node.tops)
    needed = node.type in LOSS_TYPES and tops > 1
    if given != tops and (given or needed):
        raise NetError(f"{node}: loss_weight must be given once for each of its {tops} tops; got {given}")


def _count(allowed: Count) -> str:
    least, most = allowed
    if most is None:
        return f"at least {least}"
    return str(least) if least == most else f"{least} to {most}"
