"""Layers whose top has the shape of their bottom."""

from __future__ import annotations

from collections.abc import Sequence

from prototxt.common.errors import NetError
from prototxt.formats.schema import EltwiseParameter, LRNParameter
from prototxt.net.graph import Node
from prototxt.net.shape_rules.registry import LayerShapes, Shape, canonical_axis, require_between, shape_rule


@shape_rule("BNLL", "Clip", "ELU", "Exp", "Log", "Power", "ReLU", "Sigmoid", "Swish", "TanH", "Threshold")
def neuron(node: Node, bottoms: Sequence[Shape]) -> LayerShapes:
    """Follow neuron_layer.cpp: any shape."""
    return LayerShapes([bottoms[0]])


@shape_rule("AbsVal")
def absolute(node: Node, bottoms: Sequence[Shape]) -> LayerShapes:
    """Follow absval_layer.cpp, which cannot work in place."""
    if node.in_place:
        raise NetError(f"{node}: cannot work in place; give its top a name of its own")
    return LayerShapes([bottoms[0]])


@shape_rule("Dropout")
def dropout(node: Node, bottoms: Sequence[Shape]) -> LayerShapes:
    """Follow dropout_layer.cpp: the ratio is at least 0 and below 1 (at 1 the kept ones would be divided by 0)."""
    ratio = node.layer.dropout_param.dropout_ratio
    if not 0 <= ratio < 1:
        raise NetError(f"{node}: dropout_ratio must be at least 0 and below 1; got {ratio}")
    return LayerShapes([bottoms[0]])


@shape_rule("Softmax")
def softmax(node: Node, bottoms: Sequence[Shape]) -> LayerShapes:
    """Follow softmax_layer.cpp: any shape that has the axis."""
    canonical_axis(node, node.layer.softmax_param.axis, bottoms[0])
    return LayerShapes([bottoms[0]])


@shape_rule("LRN")
def local_response(node: Node, bottoms: Sequence[Shape]) -> LayerShapes:
    """Follow lrn_layer.cpp: maps only, and an odd neighbourhood."""
    require_between(node, bottoms[0], 4, 4)
    param = node.layer.lrn_param
    if param.local_size % 2 == 0:
        raise NetError(f"{node}: local_size must be odd; got {param.local_size}")
    if param.norm_region == LRNParameter.WITHIN_CHANNEL and node.in_place:
        raise NetError(f"{node}: cannot work in place within channels; give its top a name of its own")
    return LayerShapes([bottoms[0]])


@shape_rule("MVN")
def mean_variance(node: Node, bottoms: Sequence[Shape]) -> LayerShapes:
    """Follow mvn_layer.cpp: at most four axes, and always four in the top."""
    require_between(node, bottoms[0], 0, 4)
    return LayerShapes([bottoms[0] + (1,) * (4 - len(bottoms[0]))])


@shape_rule("Split", tops=(1, None))
def split(node: Node, bottoms: Sequence[Shape]) -> LayerShapes:
    """Follow split_layer.cpp: as many copies as there are tops."""
    return LayerShapes([bottoms[0]] * len(node.tops))


@shape_rule("Eltwise", bottoms=(2, None))
def eltwise(node: Node, bottoms: Sequence[Shape]) -> LayerShapes:
    """Follow eltwise_layer.cpp: one shape for all; coefficients for sums only, one for each bottom."""
    if any(shape != bottoms[0] for shape in bottoms):
        raise NetError(f"{node}: all bottoms must have one shape; got {list(bottoms)}")
    param = node.layer.eltwise_param
    if len(param.coeff) not in (0, len(bottoms)) or (param.coeff and param.operation != EltwiseParameter.SUM):
        raise NetError(
            f"{node}: coeff goes with operation SUM, once for each of the {len(bottoms)} bottoms; got"
            f" {list(param.coeff)}"
        )
    return LayerShapes([bottoms[0]])
