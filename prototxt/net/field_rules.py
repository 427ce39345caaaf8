"""How every layer type passes on what is seen: one rule for each, on the tables of `prototxt.net.field_tables`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import NamedTuple

from prototxt.formats.schema import LRNParameter
from prototxt.net.field_tables import Table, join, slide, slide_back, union, whole
from prototxt.net.graph import Node, Value
from prototxt.net.shape_rules import Shape
from prototxt.net.shape_rules.arrange import concat_axis, crop_offsets, slice_axis, slice_bounds
from prototxt.net.shape_rules.registry import canonical_axis
from prototxt.net.windows import Window, convolution_windows, pooling_windows


class AxisField(NamedTuple):
    """What is seen of one input axis: ``table`` is read at the position along the blob's ``axis``.

    ``axis`` None says that all positions of the blob see the same; the table then has one position.
    """

    axis: int | None
    table: Table


Field = tuple[AxisField, ...]


class Seen(NamedTuple):
    """A layer with what its bottoms see (None for a bottom that sees nothing of the input) and the net's shapes."""

    node: Node
    fields: Sequence[Field | None]
    shapes: Mapping[Value, Shape]

    @property
    def present(self) -> list[Field]:
        """The fields of the bottoms that see something."""
        return [field for field in self.fields if field is not None]

    @property
    def bottoms(self) -> list[Shape]:
        """The shapes of the bottoms."""
        return [self.shapes[value] for value in self.node.bottoms]

    @property
    def tops(self) -> list[Shape]:
        """The shapes of the tops."""
        return [self.shapes[value] for value in self.node.tops]


FieldRule = Callable[[Seen], list[Field | None]]


def see_everything(layer: Seen) -> list[Field | None]:
    """Every top sees all that any bottom sees: InnerProduct over all axes, losses, and whatever has no rule."""
    field = merge([tuple(_whole(axis) for axis in field) for field in layer.present])
    return [field] * len(layer.node.tops)


def same_place(layer: Seen) -> list[Field | None]:
    """Every top sees at each position what the bottoms see there: elementwise layers, Eltwise, Split."""
    return [merge(layer.present)] * len(layer.node.tops)


def first_bottom(layer: Seen) -> list[Field | None]:
    """Only the first bottom's numbers arrive; the second says which of them: BatchReindex."""
    return [layer.fields[0]]


def each_bottom(layer: Seen) -> list[Field | None]:
    """Top i is bottom i: Filter."""
    return list(layer.fields[: len(layer.node.tops)])


def convolution(layer: Seen) -> list[Field | None]:
    """Slide windows over the axes behind the channels; every bottom makes one top."""
    node, shape = layer.node, layer.bottoms[0]
    channels = canonical_axis(node, node.layer.convolution_param.axis, shape)
    windows = convolution_windows(node.layer, len(shape) - channels - 1)
    move = slide_back if node.type == "Deconvolution" else slide
    by_axis = dict(enumerate(windows, channels + 1))
    return [
        field and _collapse(_moved(field, by_axis, top, move), {channels})
        for field, top in zip(layer.fields, layer.tops, strict=True)
    ]


def pooling(layer: Seen) -> list[Field | None]:
    """Slide windows over the maps; global pooling sees all of them."""
    if layer.node.layer.pooling_param.global_pooling:
        return see_everything(layer)
    _, _, height, width = layer.bottoms[0]
    by_axis = dict(enumerate(pooling_windows(layer.node.layer, height, width), 2))
    return [field and _moved(field, by_axis, layer.tops[0], slide) for field in layer.fields] * len(layer.node.tops)


def local_response(layer: Seen) -> list[Field | None]:
    """Across channels nothing moves; within a channel a window of ``local_size`` slides."""
    param = layer.node.layer.lrn_param
    if param.norm_region == LRNParameter.ACROSS_CHANNELS:
        return same_place(layer)
    window = Window(param.local_size, pad=(param.local_size - 1) // 2)
    return [field and _moved(field, {2: window, 3: window}, layer.tops[0], slide) for field in layer.fields]


def batch_norm(layer: Seen) -> list[Field | None]:
    """Stored statistics touch every position alone; statistics of the batch see all positions."""
    param = layer.node.layer.batch_norm_param
    if param.HasField("use_global_stats") and not param.use_global_stats:
        return see_everything(layer)
    return same_place(layer)


def from_axis(layer: Seen) -> list[Field | None]:
    """All axes from ``axis`` on are seen as a whole: InnerProduct, Reduction."""
    node, shape = layer.node, layer.bottoms[0]
    param = node.layer.inner_product_param if node.type == "InnerProduct" else node.layer.reduction_param
    first = canonical_axis(node, param.axis, shape)
    return [field and _collapse(field, set(range(first, len(shape)))) for field in layer.fields]


def softmax(layer: Seen) -> list[Field | None]:
    """The axis over which it sums to one is seen as a whole."""
    axis = canonical_axis(layer.node, layer.node.layer.softmax_param.axis, layer.bottoms[0])
    return [field and _collapse(field, {axis}) for field in layer.fields]


def mean_variance(layer: Seen) -> list[Field | None]:
    """Mean and variance are those of the whole map (all axes from the third on)."""
    return [field and _collapse(field, {2, 3}) for field in layer.fields]


def reshape(layer: Seen) -> list[Field | None]:
    """An axis that stays whole keeps its positions; axes that are mixed with others are seen as a whole."""
    old, new = layer.bottoms[0], layer.tops[0]
    places = {_place(new, axis): axis for axis in range(2, len(new)) if new[axis] > 1}

    def moved(field: AxisField) -> AxisField:
        axis = None if field.axis is None else places.get(_place(old, field.axis))
        return _whole(field) if axis is None else AxisField(axis, field.table)

    return [field and tuple(map(moved, field)) for field in layer.fields]


def concat(layer: Seen) -> list[Field | None]:
    """Channels of several bottoms see their union; joined maps see what their part sees."""
    axis = concat_axis(layer.node, layer.bottoms[0])
    fields = layer.present
    along = [any(parts.axis == axis for parts in axes) for axes in zip(*fields, strict=True)]
    if not any(along) or len(fields) < len(layer.bottoms):
        return [merge(fields)] if not any(along) else see_everything(layer)
    lengths = [shape[axis] for shape in layer.bottoms]
    columns = zip(zip(*fields, strict=True), along, strict=True)
    return [
        tuple(
            AxisField(axis, join([part.table for part in parts], lengths)) if joined else _merge_axis(parts, {})
            for parts, joined in columns
        )
    ]


def slice_(layer: Seen) -> list[Field | None]:
    """A part of the maps starts where it was cut."""
    axis = slice_axis(layer.node, layer.bottoms[0])
    starts = slice_bounds(layer.node, layer.bottoms[0])
    return [
        layer.fields[0] and _moved(layer.fields[0], {axis: Window(1, pad=-start)}, top, slide)
        for start, top in zip(starts, layer.tops, strict=False)
    ]


def crop(layer: Seen) -> list[Field | None]:
    """A cut starts at its offsets; the second bottom gives its size only."""
    offsets = crop_offsets(layer.node, layer.bottoms)
    axis = len(layer.bottoms[0]) - len(offsets)
    by_axis = {place: Window(1, pad=-offset) for place, offset in enumerate(offsets, axis)}
    return [layer.fields[0] and _moved(layer.fields[0], by_axis, layer.tops[0], slide)]


def tile(layer: Seen) -> list[Field | None]:
    """Repeated maps see what the map sees, again and again."""
    param = layer.node.layer.tile_param
    axis = canonical_axis(layer.node, param.axis, layer.bottoms[0])
    lengths = [layer.bottoms[0][axis]] * param.tiles
    return [
        field
        and tuple(
            AxisField(axis, join([part.table] * param.tiles, lengths)) if part.axis == axis else part for part in field
        )
        for field in layer.fields
    ]


def scale(layer: Seen) -> list[Field | None]:
    """A second bottom's axes lie behind ``axis`` of the first."""
    if len(layer.fields) == 1:
        return same_place(layer)
    param = layer.node.layer.scale_param if layer.node.type == "Scale" else layer.node.layer.bias_param
    offset = canonical_axis(layer.node, param.axis, layer.bottoms[0]) if layer.bottoms[1] else 0
    second = layer.fields[1] and tuple(
        part if part.axis is None else AxisField(part.axis + offset, part.table) for part in layer.fields[1]
    )
    return [merge([field for field in (layer.fields[0], second) if field is not None])]


def arg_max(layer: Seen) -> list[Field | None]:
    """Along one axis the other positions stay; else everything is seen."""
    param = layer.node.layer.argmax_param
    if not param.HasField("axis"):
        return see_everything(layer)
    axis = canonical_axis(layer.node, param.axis, layer.bottoms[0])
    return [field and _collapse(field, {axis}) for field in layer.fields]


def merge(fields: Sequence[Field]) -> Field | None:
    """Return the union of fields of one shape; None for no fields."""
    if len(fields) < 2:
        return fields[0] if fields else None
    done: dict[tuple[Table, ...], Table] = {}
    return tuple(_merge_axis(parts, done) for parts in zip(*fields, strict=True))


FIELD_RULES: dict[str, FieldRule] = {
    **dict.fromkeys(("AbsVal", "BNLL", "Clip", "ELU", "Exp", "Log", "Power", "PReLU", "ReLU"), same_place),
    **dict.fromkeys(("Sigmoid", "Swish", "TanH", "Threshold", "Dropout", "Eltwise", "Embed", "Split"), same_place),
    **dict.fromkeys(("Convolution", "Deconvolution", "Im2col"), convolution),
    **dict.fromkeys(("InnerProduct", "Reduction"), from_axis),
    **dict.fromkeys(("Flatten", "Reshape"), reshape),
    **dict.fromkeys(("Scale", "Bias"), scale),
    "ArgMax": arg_max,
    "BatchNorm": batch_norm,
    "BatchReindex": first_bottom,
    "Concat": concat,
    "Crop": crop,
    "Filter": each_bottom,
    "LRN": local_response,
    "MVN": mean_variance,
    "Pooling": pooling,
    "Slice": slice_,
    "Softmax": softmax,
    "Tile": tile,
}


def _moved(field: Field, windows: dict[int, Window], top: Shape, move: Callable[[Table, Window, int], Table]) -> Field:
    """Move windows over the axes that have one; axes of equal tables and windows share their new table."""
    done: dict[tuple[Table, Window, int], Table] = {}
    parts = []
    for part in field:
        if part.axis is None or part.axis not in windows:
            parts.append(part)
            continue
        key = part.table, windows[part.axis], top[part.axis]
        if key not in done:
            done[key] = move(*key)
        parts.append(AxisField(part.axis, done[key]))
    return tuple(parts)


def _collapse(field: Field, axes: set[int]) -> Field:
    return tuple(_whole(part) if part.axis in axes else part for part in field)


def _whole(part: AxisField) -> AxisField:
    return part if part.axis is None else AxisField(None, whole(part.table))


def _merge_axis(parts: Sequence[AxisField], done: dict[tuple[Table, ...], Table]) -> AxisField:
    """Return the union along one axis; ``done`` lets axes of equal tables share their new table."""
    axes = {part.axis for part in parts if part.axis is not None}
    if len(axes) > 1:
        parts, axes = [_whole(part) for part in parts], set()
    tables = tuple(part.table for part in parts)
    if tables not in done:
        done[tables] = union(tables)
    return AxisField(axes.pop() if axes else None, done[tables])


def _place(shape: Shape, axis: int) -> tuple[int, int, int]:
    return prod(shape[:axis]), shape[axis], prod(shape[axis + 1 :])
