"""What a training step of a net costs in stock Caffe on a CPU, estimated from its layers.

Multiply-adds alone do not tell: Caffe writes the patches of a convolution out as columns before it multiplies
(im2col), once for every layer, so many narrow layers pay for the same columns many times. `MOVED` weighs that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod

from prototxt.formats.parameter_blobs import learns
from prototxt.formats.schema import NetParameter
from prototxt.net.graph import NetGraph, Node, Value
from prototxt.net.layer_types import LOSS_TYPES, UNIT_TYPES
from prototxt.net.phases import filter_net
from prototxt.net.shapes import Shapes, infer_shapes

# How many multiply-adds take as long as one number of a column, a weight or a copied blob. Fitted to the processor time
# of `caffe train` on CaffeNet (batch 8, OpenBLAS, one thread), unsplit and in four splits: docs/per-filter-rates.md,
# "What it costs"; benchmarks/bench_split.py.
MOVED = 40


@dataclass(frozen=True)
class StepCost:
    """Of one forward and backward pass.

    Parameters
    ----------
    multiply_adds : of convolutions and fully connected layers.
    moved : numbers that are written out as columns, read as weights, or copied by Slice and Concat.
    """

    multiply_adds: int
    moved: int

    @property
    def total(self) -> int:
        """In multiply-adds."""
        return self.multiply_adds + MOVED * self.moved


def step_cost(net: NetParameter, input_shapes: Mapping[str, Sequence[int]] | None = None) -> StepCost:
    """Estimate a training step: what goes forward, and what Caffe computes backward of it.

    A layer's weight gradient is computed if one of its ``lr_mult`` is not 0, the gradient of its bottom if something
    below it learns (net.cpp, ``layer_need_backward_``). Other layer types, the same in a net and its split, are left
    out.

    Parameters
    ----------
    net : a training net, in all its phases.
    input_shapes : as in `prototxt.net.shapes.infer_shapes`.

    Raises
    ------
    NetError : the net's shapes cannot be known.
    """
    graph = NetGraph(filter_net(net, "TRAIN"))
    shapes = infer_shapes(graph, input_shapes)
    to_loss = set(graph.ancestors([top for node in graph.layers if _is_loss(node) for top in node.tops]))
    moving: set[Value] = set(graph.values) if graph.net.force_backward else set()
    multiply_adds = moved = 0
    for node in graph.layers:
        learns, below = _learns(node, shapes), any(bottom in moving for bottom in node.bottoms)
        if learns or below:
            moving.update(node.tops)
        passes = 1 + (learns + below) * (node in to_loss)
        one = _one_pass(node, shapes)
        multiply_adds += passes * one.multiply_adds
        moved += passes * one.moved
    return StepCost(multiply_adds, moved)


def _is_loss(node: Node) -> bool:
    return node.type in LOSS_TYPES or any(node.layer.loss_weight)


def _learns(node: Node, shapes: Shapes) -> bool:
    count = len(shapes.params.get(node.name, [])) if learns(node.layer) else 0
    specs = list(node.layer.param[:count])
    return any(spec.lr_mult for spec in specs) or len(specs) < count


def _one_pass(node: Node, shapes: Shapes) -> StepCost:
    if node.type in ("Slice", "Concat"):
        return StepCost(0, sum(prod(shapes.values[top]) for top in node.tops))
    if node.type not in UNIT_TYPES:
        return StepCost(0, 0)
    weights = shapes.params[node.name][0]
    tops, bottoms = ([shapes.values[value] for value in values] for values in (node.tops, node.bottoms))
    if node.type == "InnerProduct":
        outputs = node.layer.inner_product_param.num_output
        return StepCost(prod(tops[0]) * (prod(weights) // outputs), prod(weights))
    # A deconvolution is a convolution from its top to its bottom.
    large, small = (bottoms, tops) if node.type == "Convolution" else (tops, bottoms)
    axis = node.layer.convolution_param.axis
    pairs = [] if _without_columns(node, weights) else list(zip(large, small, strict=True))
    columns = sum(prod(image[: axis + 1]) * prod(out[axis + 1 :]) * prod(weights[2:]) for image, out in pairs)
    return StepCost(sum(map(prod, small)) * prod(weights[1:]), columns + prod(weights))


def _without_columns(node: Node, weights: Sequence[int]) -> bool:
    """Whether Caffe multiplies the image itself (base_conv_layer.cpp, ``is_1x1_``)."""
    param = node.layer.convolution_param
    strides = [*param.stride, param.stride_h or 1, param.stride_w or 1]
    pads = [*param.pad, param.pad_h, param.pad_w]
    return all(size == 1 for size in weights[2:]) and all(s == 1 for s in strides) and not any(pads)
