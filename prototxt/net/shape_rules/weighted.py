"""InnerProduct, Embed, BatchNorm, Scale, Bias, PReLU and Parameter: layers with weights that slide over nothing."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from prototxt.common.errors import NetError
from prototxt.net.graph import Node
from prototxt.net.shape_rules.registry import LayerShapes, Shape, canonical_axis, require_between, shape_rule


@shape_rule("InnerProduct")
def inner_product(node: Node, bottoms: Sequence[Shape]) -> LayerShapes:
    """Follow inner_product_layer.cpp: all axes from ``axis`` on become one vector."""
    param = node.layer.inner_product_param
    outputs = _outputs(node, param.num_output)
    axis = canonical_axis(node, param.axis, bottoms[0])
    inputs = prod(bottoms[0][axis:])
    weights = (inputs, outputs) if param.transpose else (outputs, inputs)
    return LayerShapes([(*bottoms[0][:axis], outputs)], [weights, (outputs,)][: 1 + param.bias_term])


@shape_rule("Embed")
def embed(node: Node, bottoms: Sequence[Shape]) -> LayerShapes:
    """Follow embed_layer.cpp: every number of the bottom becomes a vector."""
    param = node.layer.embed_param
    outputs = _outputs(node, param.num_output)
    if param.input_dim < 1:
        raise NetError(f"{node}: input_dim must be at least 1; got {param.input_dim}")
    weights = [(param.input_dim, outputs), (outputs,)]
    return LayerShapes([(*bottoms[0], outputs)], weights[: 1 + param.bias_term])


@shape_rule("BatchNorm")
def batch_norm(node: Node, bottoms: Sequence[Shape]) -> LayerShapes:
    """Follow batch_norm_layer.cpp: mean, variance, and the factor by which both are divided."""
    require_between(node, bottoms[0], 2)
    channels = bottoms[0][1]
    return LayerShapes([bottoms[0]], [(channels,), (channels,), (1,)])


@shape_rule("Scale", bottoms=(1, 2))
def scale(node: Node, bottoms: Sequence[Shape]) -> LayerShapes:
    """Follow scale_layer.cpp: the factor is the second bottom, or a parameter over the axes from ``axis`` on."""
    param = node.layer.scale_param
    factor = _operand(node, bottoms, param.axis, param.num_axes)
    params = [factor] if len(bottoms) == 1 else []
    return LayerShapes([bottoms[0]], params + [factor] * param.bias_term)


@shape_rule("Bias", bottoms=(1, 2))
def bias(node: Node, bottoms: Sequence[Shape]) -> LayerShapes:
    """Follow bias_layer.cpp: the term is the second bottom, or a parameter over the axes from ``axis`` on."""
    param = node.layer.bias_param
    term = _operand(node, bottoms, param.axis, param.num_axes)
    return LayerShapes([bottoms[0]], [term] if len(bottoms) == 1 else [])


@shape_rule("PReLU")
def prelu(node: Node, bottoms: Sequence[Shape]) -> LayerShapes:
    """Follow prelu_layer.cpp: one slope for each channel, or a scalar when they share it."""
    require_between(node, bottoms[0], 2, 4)
    shared = node.layer.prelu_param.channel_shared
    return LayerShapes([bottoms[0]], [() if shared else (bottoms[0][1],)])


@shape_rule("Parameter", bottoms=(0, 0))
def parameter(node: Node, bottoms: Sequence[Shape]) -> LayerShapes:
    """Follow parameter_layer.hpp: the top is the parameter itself."""
    shape = tuple(node.layer.parameter_param.shape.dim)
    return LayerShapes([shape], [shape])


def _operand(node: Node, bottoms: Sequence[Shape], axis: int, num_axes: int) -> Shape:
    """Return the shape of the factor or term of Scale and Bias."""
    shape = bottoms[0]
    if len(bottoms) == 2:
        # A scalar goes with any axis; Caffe then takes axis 0 (scale_layer.cpp, Reshape).
        first = canonical_axis(node, axis, shape) if bottoms[1] else 0
        if shape[first : first + len(bottoms[1])] != bottoms[1]:
            raise NetError(f"{node}: the second bottom {bottoms[1]} must equal the first {shape} from axis {first} on")
        return bottoms[1]
    first = canonical_axis(node, axis, shape)
    if num_axes < -1 or (num_axes > 0 and first + num_axes > len(shape)):
        raise NetError(f"{node}: num_axes must be -1 … {len(shape) - first} at axis {first} of {shape}; got {num_axes}")
    return shape[first:] if num_axes == -1 else shape[first : first + num_axes]


def _outputs(node: Node, num_output: int) -> int:
    if num_output < 1:
        raise NetError(f"{node}: num_output must be at least 1; got {num_output}")
    return num_output
