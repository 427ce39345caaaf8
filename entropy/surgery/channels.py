"""Which layers treat the channels of a blob one by one, so that what happens in one of them stays in it."""

from __future__ import annotations

from collections.abc import Callable

from prototxt.formats.schema import LayerParameter, LRNParameter
from prototxt.net.graph import Node


def is_channelwise(node: Node, axes: int) -> bool:
    """Whether every channel of a layer's one top depends on the same channel of its one bottom only.

    Parameters
    ----------
    axes : of the bottom; channels are axis 1.
    """
    if len(node.bottoms) != 1 or len(node.tops) != 1:
        return False
    holds = _CHANNELWISE.get(node.type)
    return holds is not None and holds(node.layer, axes)


def is_silent_at_zero(layer: LayerParameter) -> bool:
    """Whether a channelwise layer without parameters of its own gives 0 where it gets 0."""
    if layer.type == "Power":
        return layer.power_param.shift == 0 and layer.power_param.power > 0
    if layer.type == "Clip":
        return layer.clip_param.min <= 0 <= layer.clip_param.max
    if layer.type == "Threshold":
        return layer.threshold_param.threshold >= 0
    return layer.type not in ("BNLL", "Exp", "Log", "Sigmoid")


def _always(layer: LayerParameter, axes: int) -> bool:
    return True


def _within_channel(layer: LayerParameter, axes: int) -> bool:
    param = layer.lrn_param
    return param.norm_region == LRNParameter.WITHIN_CHANNEL or param.local_size == 1


def _one_number_per_channel(layer: LayerParameter, axes: int) -> bool:
    param = layer.scale_param if layer.type == "Scale" else layer.bias_param
    axis = param.axis if param.axis >= 0 else param.axis + axes
    return axis == 1 and param.num_axes == 1


def _statistics_per_channel(layer: LayerParameter, axes: int) -> bool:
    return not layer.mvn_param.across_channels


_CHANNELWISE: dict[str, Callable[[LayerParameter, int], bool]] = {
    **dict.fromkeys(
        ("AbsVal", "BNLL", "BatchNorm", "Clip", "Dropout", "ELU", "Exp", "Log", "PReLU", "Pooling", "Power", "ReLU",
         "Sigmoid", "Swish", "TanH", "Threshold"), _always),
    "Bias": _one_number_per_channel,
    "LRN": _within_channel,
    "MVN": _statistics_per_channel,
    "Scale": _one_number_per_channel,
}  # fmt: skip
