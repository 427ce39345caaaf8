"""The settings of a layer in a few words, for tables and graphs."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from prototxt.formats.schema import EltwiseParameter, PoolingParameter
from prototxt.net.graph import Node
from prototxt.net.windows import Window, convolution_windows, pooling_windows

Shapes = Sequence[Sequence[int]]
_FIRST_SPATIAL_AXIS = 2


def about_layer(node: Node, bottoms: Shapes) -> str:
    """Such as ``64 of 11×11, stride 4, pad 2`` or ``50 %``; empty where the type says all.

    Parameters
    ----------
    node : the layer.
    bottoms : shapes of what it reads.
    """
    words = _WORDS.get(node.type)
    return words(node, bottoms) if words is not None else ""


def _convolution(node: Node, bottoms: Shapes) -> str:
    param = node.layer.convolution_param
    windows = convolution_windows(node.layer, len(bottoms[0]) - _FIRST_SPATIAL_AXIS)
    groups = f", {param.group} groups" if param.group > 1 else ""
    return f"{param.num_output} of {_window_words(windows)}{groups}"


_POOLINGS = {PoolingParameter.MAX: "max", PoolingParameter.AVE: "average", PoolingParameter.STOCHASTIC: "stochastic"}


def _pooling(node: Node, bottoms: Shapes) -> str:
    kind = _POOLINGS[node.layer.pooling_param.pool]
    if node.layer.pooling_param.global_pooling:
        return f"{kind} of the whole map"
    height, width = bottoms[0][-2:]
    return f"{kind} {_window_words(pooling_windows(node.layer, height, width))}"


def _window_words(windows: Sequence[Window]) -> str:
    def same(values: list[int]) -> str:
        return "×".join(map(str, values if len(set(values)) > 1 else values[:1]))

    words = ["×".join(str(window.kernel) for window in windows)]
    for name, usual in (("stride", 1), ("pad", 0), ("dilation", 1)):
        values = [getattr(window, name) for window in windows]
        if any(value != usual for value in values):
            words.append(f"{name} {same(values)}")
    return ", ".join(words)


def _normalisation(node: Node, bottoms: Shapes) -> str:
    param = node.layer.lrn_param
    where = "within a channel, " if param.norm_region == param.WITHIN_CHANNEL else ""
    return f"{where}{param.local_size}, alpha {param.alpha:g}, beta {param.beta:g}"


def _eltwise(node: Node, bottoms: Shapes) -> str:
    param = node.layer.eltwise_param
    kind = EltwiseParameter.EltwiseOp.Name(param.operation).lower()
    factors = " · ".join(f"{factor:g}" for factor in param.coeff)
    return f"{kind} of {len(bottoms)}" + (f", factors {factors}" if factors else "")


def _concat(node: Node, bottoms: Shapes) -> str:
    return f"{len(bottoms)} along axis {node.layer.concat_param.axis}"


_WORDS: dict[str, Callable[[Node, Shapes], str]] = {
    "Convolution": _convolution,
    "Deconvolution": _convolution,
    "Pooling": _pooling,
    "LRN": _normalisation,
    "Eltwise": _eltwise,
    "Concat": _concat,
    "InnerProduct": lambda node, bottoms: f"{node.layer.inner_product_param.num_output} units",
    "Dropout": lambda node, bottoms: f"{node.layer.dropout_param.dropout_ratio:.0%}".replace("%", " %"),
    "ReLU": lambda node, bottoms: (
        f"slope {node.layer.relu_param.negative_slope:g} below 0" if node.layer.relu_param.negative_slope else ""
    ),
    "Power": lambda node, bottoms: (
        f"({node.layer.power_param.shift:g} + {node.layer.power_param.scale:g} x) ^ {node.layer.power_param.power:g}"
    ),
}
