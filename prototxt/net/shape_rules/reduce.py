"""Reduction, ArgMax, Silence and HDF5Output: layers that leave less, or nothing."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from prototxt.common.errors import NetError
from prototxt.net.graph import Node
from prototxt.net.shape_rules.registry import LayerShapes, Shape, canonical_axis, require_between, shape_rule


@shape_rule("Reduction")
def reduction(node: Node, bottoms: Sequence[Shape]) -> LayerShapes:
    """Follow reduction_layer.cpp: the axes from ``axis`` on are reduced."""
    axis = canonical_axis(node, node.layer.reduction_param.axis, bottoms[0])
    return LayerShapes([bottoms[0][:axis]])


@shape_rule("ArgMax")
def arg_max(node: Node, bottoms: Sequence[Shape]) -> LayerShapes:
    """Follow argmax_layer.cpp: along one axis, or over everything but the batch."""
    param, shape = node.layer.argmax_param, bottoms[0]
    along = param.HasField("axis")
    require_between(node, shape, 1)
    axis = canonical_axis(node, param.axis, shape) if along else 1
    candidates = shape[axis] if along else prod(shape[1:])
    if not 1 <= param.top_k <= candidates:
        raise NetError(f"{node}: top_k must lie in 1 … {candidates}; got {param.top_k}")
    if along:
        return LayerShapes([(*shape[:axis], param.top_k, *shape[axis + 1 :])])
    ones = (1,) * (max(len(shape), 3) - 3)
    return LayerShapes([(shape[0], 2 if param.out_max_val else 1, param.top_k, *ones)])


@shape_rule("Silence", bottoms=(1, None), tops=(0, 0))
@shape_rule("HDF5Output", bottoms=(2, 2), tops=(0, 0))
def nothing(node: Node, bottoms: Sequence[Shape]) -> LayerShapes:
    """Follow silence_layer.cpp and hdf5_output_layer.cpp: no tops."""
    return LayerShapes([])
