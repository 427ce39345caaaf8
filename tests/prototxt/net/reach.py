"""Which pixels reach which positions of a net, measured: one pixel at a time is pushed through a plain interpreter.

Every layer is replaced by a sum with weights of one over what it reads, on PyTorch, so that nothing cancels.
"""

from __future__ import annotations

from math import prod

import numpy as np
import torch
from torch.nn import functional as F

from prototxt.formats.schema import LRNParameter
from prototxt.net.graph import NetGraph, Node, Value
from prototxt.net.shapes import Shapes


def measured_reach(graph: NetGraph, shapes: Shapes) -> dict[Value, np.ndarray]:
    """Return (*spatial axes of the input, *those of the value), bool: which pixel reaches which position.

    Values that mix the batch axis with others are left out: the interpreter has its pixels there.
    """
    _, channels, *lengths = shapes.values[graph.inputs[0]]
    pixels = torch.eye(prod(lengths), dtype=torch.float64).reshape(-1, 1, *lengths).repeat_interleave(channels, 1)
    values = {graph.inputs[0]: pixels}
    for node in graph.layers[1:]:
        if not all(value in values for value in node.bottoms):
            continue
        outputs = push(node, [values[value] for value in node.bottoms], [shapes.values[value] for value in node.tops])
        for value, output in zip(node.tops, outputs, strict=True):
            if not output.dim() or len(output) != len(pixels):
                continue  # something mixed the batch axis, where the pixels are, with others
            assert tuple(output.shape[1:]) == shapes.values[value][1:], (node.type, value, output.shape)
            values[value] = (output != 0).double()
    return {value: flat(reached).reshape(*lengths, *reached.shape[2:]) for value, reached in values.items()}


def gradient_reach(graph: NetGraph, shapes: Shapes, target: Value, position: tuple[int, ...]) -> np.ndarray:
    """Return (height, width), bool: whether the gradient of one position of ``target`` is not zero at a pixel."""
    pixels = torch.ones(shapes.values[graph.inputs[0]], dtype=torch.float64, requires_grad=True)
    values = {graph.inputs[0]: pixels}
    for node in graph.ancestors([target])[1:]:
        outputs = push(node, [values[value] for value in node.bottoms], [shapes.values[value] for value in node.tops])
        values.update(zip(node.tops, outputs, strict=True))
    values[target][0, :, *position].sum().backward()
    return pixels.grad[0].sum(0).numpy() != 0


def flat(reached: torch.Tensor) -> np.ndarray:
    return (reached.amax(1) if reached.dim() > 1 else reached).numpy() > 0


def push(node: Node, bottoms: list[torch.Tensor], tops: list[tuple[int, ...]]) -> list[torch.Tensor]:
    return PUSH.get(node.type, lambda node, bottoms, tops: [bottoms[0]])(node, bottoms, tops)


def sizes(param, name, stem, default, axes=2):
    pair = [getattr(param, f"{stem}_h"), getattr(param, f"{stem}_w")]
    if any(param.HasField(f"{stem}_{side}") for side in "hw"):
        return pair
    given = getattr(param, name)
    given = list(given) if hasattr(given, "__len__") else [given]
    return (given or [default]) * (axes if len(given) < 2 else 1)


CONVOLVE = {3: (F.conv1d, F.conv_transpose1d), 4: (F.conv2d, F.conv_transpose2d), 5: (F.conv3d, F.conv_transpose3d)}


def push_convolution(node, bottoms, tops):
    param, x = node.layer.convolution_param, bottoms[0]
    axes = x.dim() - 2
    if not axes:
        x = x[:, :, None]  # a vector is a map of one position
    kernel = sizes(param, "kernel_size", "kernel", 1, axes)
    rest = {
        "stride": sizes(param, "stride", "stride", 1, axes) or 1,
        "padding": sizes(param, "pad", "pad", 0, axes) or 0,
        "dilation": list(param.dilation) * (axes if len(param.dilation) == 1 else 1) or 1,
        "groups": param.group,
    }
    forwards, backwards = CONVOLVE[x.dim()]
    if node.type == "Deconvolution":
        weight = torch.ones(x.shape[1], param.num_output // param.group, *(kernel or [1]), dtype=x.dtype)
        out = backwards(x, weight, **rest)
    else:
        weight = torch.ones(param.num_output, x.shape[1] // param.group, *(kernel or [1]), dtype=x.dtype)
        out = forwards(x, weight, **rest)
    return [out if axes else out[:, :, 0]]


def push_pooling(node, bottoms, tops):
    param, x = node.layer.pooling_param, bottoms[0]
    if param.global_pooling:
        return [x.sum((2, 3), keepdim=True)]
    kernel, stride = sizes(param, "kernel_size", "kernel", 1), sizes(param, "stride", "stride", 1)
    pads = sizes(param, "pad", "pad", 0)
    # Zeros far beyond the end stand for windows that overhang; only as many windows as Caffe has are kept.
    far = F.pad(x, (pads[1], 20, pads[0], 20))
    weight = torch.ones(x.shape[1], 1, *kernel, dtype=x.dtype)
    out = F.conv2d(far, weight, stride=stride, groups=x.shape[1])
    return [out[:, :, : tops[0][2], : tops[0][3]]]


def push_lrn(node, bottoms, tops):
    param, x = node.layer.lrn_param, bottoms[0]
    if param.norm_region == LRNParameter.ACROSS_CHANNELS:
        return [x]
    weight = torch.ones(x.shape[1], 1, param.local_size, param.local_size, dtype=x.dtype)
    return [F.conv2d(x, weight, padding=param.local_size // 2, groups=x.shape[1])]


def push_concat(node, bottoms, tops):
    return [torch.cat(bottoms, node.layer.concat_param.axis)]


def push_slice(node, bottoms, tops):
    axis = node.layer.slice_param.axis
    return list(torch.split(bottoms[0], [shape[axis] for shape in tops], axis))


def push_crop(node, bottoms, tops):
    param, x = node.layer.crop_param, bottoms[0]
    number = x.dim() - param.axis
    offsets = (list(param.offset) or [0]) * (number if len(param.offset) < 2 else 1)
    for axis, offset in enumerate(offsets, param.axis):
        x = x.narrow(axis, offset, tops[0][axis])
    return [x]


def push_scale(node, bottoms, tops):
    x = bottoms[0]
    if len(bottoms) == 1:
        return [x]
    # A second bottom along axis 0 would run along the batch, where the interpreter has its pixels.
    other, axis = bottoms[1], node.layer.scale_param.axis
    return [x + other.reshape(*other.shape, *(1,) * (x.dim() - axis - other.dim()))]


def push_whole(axes):
    def push(node, bottoms, tops):
        x = bottoms[0]
        wanted = [axis for axis in axes(node, x) if axis]
        return [x.sum(wanted, keepdim=True).expand_as(x) if wanted else x]

    return push


def push_mvn(node, bottoms, tops):
    x = bottoms[0]
    x = x.reshape(*x.shape, *(1,) * (4 - x.dim()))
    return [x.sum((1, 2, 3) if node.layer.mvn_param.across_channels else (2, 3), keepdim=True).expand_as(x)]


def push_dense(node, bottoms, tops):
    axis, x = node.layer.inner_product_param.axis % bottoms[0].dim(), bottoms[0]
    total = x.flatten(axis).sum(-1, keepdim=True)
    return [total.expand(*total.shape[:-1], tops[0][-1])]


def push_reduction(node, bottoms, tops):
    return [bottoms[0].flatten(node.layer.reduction_param.axis % bottoms[0].dim()).sum(-1)]


def push_reshape(node, bottoms, tops):
    """Reshape; where an axis is mixed with others, ours says that everything is seen: so does this one."""
    x, shape = bottoms[0], tops[0]
    old = x.shape
    places = {(prod(shape[1:a]), shape[a], prod(shape[a + 1 :])) for a in range(2, len(shape))}
    mixed = [a for a in range(2, len(old)) if (prod(old[1:a]), old[a], prod(old[a + 1 :])) not in places]
    return [(x.sum(mixed, keepdim=True).expand_as(x) if mixed else x).reshape(len(x), *shape[1:])]


PUSH = {
    "Convolution": push_convolution,
    "Deconvolution": push_convolution,
    "Pooling": push_pooling,
    "LRN": push_lrn,
    "Eltwise": lambda node, bottoms, tops: [sum(bottoms)],
    "Concat": push_concat,
    "Slice": push_slice,
    "Crop": push_crop,
    "Tile": lambda node, bottoms, tops: [
        torch.cat([bottoms[0]] * node.layer.tile_param.tiles, node.layer.tile_param.axis)
    ],
    "Softmax": push_whole(lambda node, x: [node.layer.softmax_param.axis % x.dim()]),
    "MVN": push_mvn,
    "Scale": push_scale,
    "InnerProduct": push_dense,
    "Reduction": push_reduction,
    "Flatten": push_reshape,
    "Reshape": push_reshape,
}
