"""Layers of forks of Caffe (`prototxt.net.extension_types`)."""

from __future__ import annotations

from collections.abc import Sequence

from prototxt.common.errors import NetError
from prototxt.net.graph import Node
from prototxt.net.shape_rules.registry import LayerShapes, Shape, require_between, shape_rule


@shape_rule("ReLU6")
def relu6(node: Node, bottoms: Sequence[Shape]) -> LayerShapes:
    """Any shape."""
    return LayerShapes([bottoms[0]])


@shape_rule("Permute")
def permute(node: Node, bottoms: Sequence[Shape]) -> LayerShapes:
    """Follow SSD's permute_layer.cpp: the axes in another order."""
    return LayerShapes([tuple(bottoms[0][axis] for axis in permute_order(node, bottoms[0]))])


def permute_order(node: Node, shape: Shape) -> list[int]:
    """Return the axes of the bottom in the order of the top, those that the prototxt leaves out behind the others.

    Raises
    ------
    NetError : an axis is named twice, or there is none of its number.
    """
    order = list(node.layer.permute_param.order)
    if len(set(order)) != len(order) or any(axis >= len(shape) for axis in order):
        raise NetError(f"{node}: order must name each axis of the bottom {shape} at most once; got {order}")
    return order + [axis for axis in range(len(shape)) if axis not in order]


@shape_rule("Normalize")
def normalize(node: Node, bottoms: Sequence[Shape]) -> LayerShapes:
    """Follow SSD's normalize_layer.cpp: a factor for all channels or for each is learned."""
    require_between(node, bottoms[0], 4, 4)
    shared = node.layer.norm_param.channel_shared
    return LayerShapes([bottoms[0]], [() if shared else (bottoms[0][1],)])


@shape_rule("PriorBox", bottoms=(2, 2))
def prior_box(node: Node, bottoms: Sequence[Shape]) -> LayerShapes:
    """Follow SSD's prior_box_layer.cpp: corners of all boxes, and their variances."""
    for shape in bottoms:
        require_between(node, shape, 4, 4)
    param, (height, width) = node.layer.prior_box_param, bottoms[0][2:]
    sizes = [*param.min_size, *param.max_size]
    if not param.min_size or min(sizes) <= 0:
        raise NetError(f"{node}: needs min_size, and all sizes above 0; got {sizes}")
    if len(param.max_size) not in (0, len(param.min_size)):
        raise NetError(
            f"{node}: max_size must be given once for each of {len(param.min_size)} min_size or not at all; got "
            f"{len(param.max_size)}"
        )
    if len(param.variance) not in (0, 1, 4):
        raise NetError(f"{node}: variance must be given once or four times; got {len(param.variance)}")
    boxes = len(aspect_ratios(node)) * len(param.min_size) + len(param.max_size)
    return LayerShapes([(1, 2, height * width * boxes * 4)])


def aspect_ratios(node: Node) -> list[float]:
    """Return the aspect ratios of a PriorBox layer: 1, then each new one and, with ``flip``, its inverse."""
    param, ratios = node.layer.prior_box_param, [1.0]
    for ratio in param.aspect_ratio:
        if ratio <= 0:
            raise NetError(f"{node}: aspect_ratio must be above 0; got {ratio:g}")
        if all(abs(ratio - known) >= 1e-6 for known in ratios):
            ratios += [ratio, 1 / ratio] if param.flip else [ratio]
    return ratios


@shape_rule("DetectionOutput", bottoms=(3, 3))
def detection_output(node: Node, bottoms: Sequence[Shape]) -> LayerShapes:
    """Follow SSD's detection_output_layer.cpp: a row of seven numbers for each box; how many is known when it runs."""
    param = node.layer.detection_output_param
    (batch, *_), scores, priors = bottoms
    if len(priors) != 3 or priors[1] != 2 or priors[2] % 4:
        raise NetError(f"{node}: needs prior boxes (1, 2, 4 x boxes) as third bottom; got {priors}")
    boxes, classes = priors[2] // 4, param.num_classes
    locations = 1 if param.share_location else classes
    if not classes or _items(bottoms[0]) != boxes * locations * 4 or _items(scores) != boxes * classes:
        raise NetError(
            f"{node}: needs num_classes, and for {boxes} boxes {locations} x 4 positions and {classes} scores each; "
            f"got bottoms {list(bottoms)}"
        )
    if param.nms_param.nms_threshold < 0 or not 0 < param.nms_param.eta <= 1:
        raise NetError(f"{node}: needs nms_threshold of at least 0 and eta above 0 and at most 1")
    rows = param.keep_top_k if param.keep_top_k > -1 else boxes * classes
    return LayerShapes([(1, 1, batch * rows, 7)])


def _items(shape: Shape) -> int:
    count = 1
    for size in shape[1:]:
        count *= size
    return count


@shape_rule("Interp")
def interp(node: Node, bottoms: Sequence[Shape]) -> LayerShapes:
    """Follow DeepLab's interp_layer.cpp: a size, or factors on what is left after cutting."""
    require_between(node, bottoms[0], 4, 4)
    param = node.layer.interp_param
    if param.pad_beg > 0 or param.pad_end > 0:
        raise NetError(f"{node}: pad_beg and pad_end cut, so they must be at most 0")
    if param.zoom_factor < 1 or param.shrink_factor < 1:
        raise NetError(f"{node}: zoom_factor and shrink_factor must be at least 1")
    lengths = [length + param.pad_beg + param.pad_end for length in bottoms[0][2:]]
    if min(lengths) < 1:
        raise NetError(f"{node}: pad_beg and pad_end leave nothing of the bottom {bottoms[0]}")
    if param.HasField("height") != param.HasField("width") or min(param.height, param.width) < 0:
        raise NetError(f"{node}: height and width go together and must be above 0")
    if param.height:
        return LayerShapes([(*bottoms[0][:2], param.height, param.width)])
    lengths = [(length - 1) // param.shrink_factor + 1 for length in lengths]
    return LayerShapes([(*bottoms[0][:2], *(length + (length - 1) * (param.zoom_factor - 1) for length in lengths))])


@shape_rule("Upsample")
def upsample(node: Node, bottoms: Sequence[Shape]) -> LayerShapes:
    """A whole number of copies of every pixel."""
    vertical, horizontal = upsample_factors(node, bottoms[0])
    return LayerShapes([(*bottoms[0][:2], bottoms[0][2] * vertical, bottoms[0][3] * horizontal)])


def upsample_factors(node: Node, shape: Shape) -> tuple[int, int]:
    """Return how often an Upsample layer repeats rows and columns.

    Raises
    ------
    NetError : the fields contradict each other or mean different things in different forks.
    """
    require_between(node, shape, 4, 4)
    param = node.layer.upsample_param
    size, factors = (param.height, param.width), (param.height_scale, param.width_scale)
    strides = (param.stride_h or param.stride, param.stride_w or param.stride)
    has_stride = any(param.HasField(name) for name in ("stride", "stride_h", "stride_w"))
    if sum((any(size), any(factors), has_stride)) > 1:
        raise NetError(f"{node}: give one of stride, height and width, and height_scale and width_scale")
    if param.scale != 1 and not (any(size) or any(factors) or has_stride):
        raise NetError(
            f"{node}: scale alone is a factor on the numbers in one fork and the enlargement in another; write stride"
        )
    if any(size):
        factors = (size[0] // shape[2], size[1] // shape[3])
        if (shape[2] * factors[0], shape[3] * factors[1]) != size:
            raise NetError(f"{node}: height and width must be multiples of the bottom's {shape[2:]}; got {size}")
    chosen = factors if any(factors) else strides
    if min(chosen) < 1:
        raise NetError(f"{node}: must enlarge by at least 1; got {chosen}")
    return chosen


@shape_rule("Reorg")
def reorg(node: Node, bottoms: Sequence[Shape]) -> LayerShapes:
    """Follow the ports of Darknet's reorg_layer: pixels into channels, or with ``reverse`` back."""
    require_between(node, bottoms[0], 4, 4)
    param, (batch, channels, height, width) = node.layer.reorg_param, bottoms[0]
    stride = param.stride
    if stride < 1 or channels % stride**2 or (not param.reverse and (height % stride or width % stride)):
        raise NetError(
            f"{node}: stride must be above 0, its square divide the channels, and (without reverse) it the height and "
            f"width; got {stride} and {bottoms[0]}"
        )
    if param.reverse:
        return LayerShapes([(batch, channels // stride**2, height * stride, width * stride)])
    return LayerShapes([(batch, channels * stride**2, height // stride, width // stride)])


@shape_rule("ShuffleChannel")
def shuffle_channel(node: Node, bottoms: Sequence[Shape]) -> LayerShapes:
    """Follow ShuffleNet's shuffle_channel_layer.cpp: channels dealt out by group."""
    group = node.layer.shuffle_channel_param.group
    require_between(node, bottoms[0], 2)
    if group < 1 or bottoms[0][1] % group:
        raise NetError(f"{node}: group must divide the {bottoms[0][1]} channels; got {group}")
    return LayerShapes([bottoms[0]])
