"""The region of the input that every position of every blob depends on: exact on any net, in linear time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from prototxt.common.errors import NetError
from prototxt.formats.schema import NetParameter
from prototxt.net.field_rules import FIELD_RULES, AxisField, Field, Seen, see_everything
from prototxt.net.field_tables import NOWHERE, source
from prototxt.net.graph import NetGraph, Value
from prototxt.net.shapes import Shapes, infer_shapes

FIRST_SPATIAL_AXIS = 2


@dataclass(frozen=True, eq=False)
class ReceptiveField:
    """What the positions of one value see of the net's input; per spatial axis of the *input* (y, x).

    Regions are hulls: from the first to the last position that has an influence, holes of dilation or stride included.

    Attributes
    ----------
    parts : for every spatial axis of the input the table of what is seen of it.
    """

    parts: tuple[AxisField, ...]

    @property
    def size(self) -> tuple[int, ...]:
        """Length of the region per axis, padding counted in; the longest one where positions differ."""
        return tuple(max(0, int((-part.table.bounds[1] - part.table.bounds[0]).max())) for part in self.parts)

    @property
    def stride(self) -> tuple[float, ...]:
        """How far the region moves from one position to the next; 0 where all positions see the same.

        After a Deconvolution it is the average, possibly a fraction.
        """
        return tuple(_quotient(part.table.advance, part.table.period) for part in self.parts)

    @property
    def start(self) -> tuple[int, ...]:
        """Where the region of position 0 starts per axis, padding counted in: negative where it overhangs."""
        return tuple(int(part.table.bounds[0, 0]) for part in self.parts)

    def same_as(self, other: ReceptiveField) -> bool:
        """Whether every position sees the same region."""
        return len(self.parts) == len(other.parts) and all(
            own.axis == its.axis and np.array_equal(own.table.bounds, its.table.bounds)
            for own, its in zip(self.parts, other.parts, strict=True)
        )

    def box(self, position: Sequence[int] = (), clip: bool = False) -> tuple[int, ...]:
        """Return the region of the input that one position sees.

        Parameters
        ----------
        position : along the axes of the blob behind batch and channels: (y, x) for maps, () for vectors.
        clip : False for the region with padding counted in, which may reach out of the input; True for the pixels
            that really have an influence.

        Returns
        -------
        Half-open (y0, x0, y1, x1): all starts, then all ends. All zeros if nothing is seen.

        Raises
        ------
        IndexError : if the blob has no such position.
        """
        rows = slice(2, 4) if clip else slice(0, 2)
        ends = [part.table.bounds[rows, _place(part, position)] for part in self.parts]
        if any(end[0] >= NOWHERE for end in ends):
            return (0,) * (2 * len(ends))
        return (*(int(end[0]) for end in ends), *(-int(end[1]) for end in ends))


def receptive_fields(
    net: NetParameter | NetGraph, shapes: Shapes | None = None, source_blob: str | None = None
) -> dict[Value, ReceptiveField]:
    """Return the receptive field of every value that depends on the net's input.

    One pass in the order of the layers; the cost grows with the number of layers only. Exact for any DAG of
    Convolution (kernel_h/w, dilation, padding), Deconvolution, Pooling (Caffe's ceil rule), branches that see
    different regions, spatial Slice, Crop, Concat and Tile; see `prototxt.net.field_rules`. A Flatten or InnerProduct
    sees its whole bottom, and so does a layer type without a rule. (Axes are treated alone: where the
    columns that are seen differ from row to row, as after a Concat of maps one above the other whose fields differ in
    width, or for a branch that sees nothing in some row, the hull over the rows is given.)

    Parameters
    ----------
    net : the net of one phase, or its graph.
    shapes : its shapes, if they are there already.
    source_blob : the blob that counts as the input; by default the first blob with spatial axes that a layer without
        bottoms makes.

    Raises
    ------
    NetError : for an invalid net, or if no blob can be the input.
    """
    graph = net if isinstance(net, NetGraph) else NetGraph(net)
    shapes = shapes or infer_shapes(graph)
    start = _source(graph, shapes, source_blob)
    fields: dict[Value, Field | None] = {start: _source_field(shapes.values[start])}
    for node in graph.layers:
        bottoms = [fields.get(value) for value in node.bottoms]
        if bottoms.count(None) == len(bottoms):
            continue
        layer = Seen(node, bottoms, shapes.values)
        rule = FIELD_RULES.get(node.type, see_everything)
        fields.update(zip(node.tops, rule(layer), strict=True))
    return {value: ReceptiveField(field) for value, field in fields.items() if field is not None}


def _source(graph: NetGraph, shapes: Shapes, blob: str | None) -> Value:
    if blob is not None:
        graph.value(blob)
        return Value(blob)
    for node in graph.layers:
        for value in node.tops:
            if not node.bottoms and len(shapes.values[value]) > FIRST_SPATIAL_AXIS:
                return value
    raise NetError("the net has no input with spatial axes, so it has no receptive fields")


def _source_field(shape: Sequence[int]) -> Field:
    tables = {length: source(length) for length in shape[FIRST_SPATIAL_AXIS:]}
    return tuple(AxisField(axis, tables[length]) for axis, length in enumerate(shape) if axis >= FIRST_SPATIAL_AXIS)


def _place(part: AxisField, position: Sequence[int]) -> int:
    if part.axis is None:
        return 0
    index = part.axis - FIRST_SPATIAL_AXIS
    if not (index < len(position) and 0 <= position[index] < part.table.length):
        raise IndexError(f"position {tuple(position)}: must have along axis {part.axis} 0 … {part.table.length - 1}")
    return position[index]


def _quotient(advance: int, period: int) -> float:
    return advance // period if advance % period == 0 else advance / period
