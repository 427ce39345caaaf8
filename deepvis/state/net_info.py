"""What the window knows about a net: its layers in order, their shapes and receptive fields, its classes."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import ceil

from prototxt.net.graph import Value
from prototxt.net.receptive_field import ReceptiveField

NEARLY = 0.92  # share of the largest possible cell that a grid may give up for fewer empty cells


@dataclass(frozen=True)
class LayerInfo:
    """One entry of the layer selector.

    Parameters
    ----------
    name : the Caffe layer's name; the input layer's is the name of its blob.
    type : Caffe's type string, ``"Input"`` for the net's input.
    units : channels of a map, or values of a vector; at least 1.
    value : the graph's value that is shown, after the layer's activation.
    own_value : the layer's own top, before its activation; equal to ``value`` where there is no activation.
    height, width : of one unit's map in cells; 1 and 1 for a vector.
    receptive_field : of one position of the map in pixels of the input; None for the input and vectors.
    has_filters : whether each unit has a filter of its own, and so H and a learning rate.
    title : a shorter name for the list of layers; empty for ``name`` itself.
    """

    name: str
    type: str
    units: int
    value: Value
    own_value: Value
    height: int = 1
    width: int = 1
    receptive_field: ReceptiveField | None = field(default=None, compare=False)
    has_filters: bool = False
    title: str = ""

    @property
    def is_vector(self) -> bool:
        """Whether each unit is a single number."""
        return self.height == self.width == 1

    @property
    def shape_text(self) -> str:
        """Such as ``192×27×27`` or ``4096``."""
        return str(self.units) if self.is_vector else f"{self.units}×{self.height}×{self.width}"


@dataclass(frozen=True)
class NetInfo:
    """The layers of a net in the order in which they are computed, and the names of its classes.

    Parameters
    ----------
    name : what to call the model.
    layers : at least one; names are unique.
    classes : name of each class, or empty.
    class_layer : the layer that holds the class probabilities or scores, or None.
    labelled : names of the layers whose units are the classes.
    """

    name: str
    layers: tuple[LayerInfo, ...]
    classes: tuple[str, ...] = ()
    class_layer: str | None = None
    labelled: frozenset[str] = frozenset()

    def index(self, name: str | None) -> int:
        """Place of the layer called ``name`` in `layers`, or -1 where there is none."""
        return next((place for place, layer in enumerate(self.layers) if layer.name == name), -1)

    def layer(self, name: str) -> LayerInfo:
        """The layer called ``name``; KeyError where there is none."""
        place = self.index(name)
        if place < 0:
            raise KeyError(name)
        return self.layers[place]

    def unit_names(self, layer: str) -> tuple[str, ...]:
        """Names of the classes where the units of ``layer`` are the classes and have names, else none."""
        return self.classes if layer in self.labelled else ()

    def class_name(self, index: int) -> str:
        """Name of class ``index``, or ``class 12`` where no names are known."""
        return self.classes[index] if index < len(self.classes) else f"class {index}"


@dataclass(frozen=True)
class Grid:
    """Rows and columns in which the units of a layer are laid out, row by row.

    Parameters
    ----------
    units : how many are shown, at least 1.
    rows, columns : rows · columns ≥ units; only the last row can be short.
    order : the units that are shown, in their order; empty for 0, 1, 2, …
    """

    units: int
    rows: int
    columns: int
    order: tuple[int, ...] = ()

    @staticmethod
    def of(units: int, aspect: float = 1.0, order: tuple[int, ...] = ()) -> Grid:
        """The grid for a pane that is ``aspect`` times as wide as it is high.

        Its square cells are at least `NEARLY` times as large as in any other grid; of those that are, it is the one
        with the fewest empty cells.
        """
        # Widths allow smaller cells with every column, heights larger ones: the largest are where the two cross.
        wider = bisect_left(range(1, units + 1), True, key=lambda columns: columns > aspect * ceil(units / columns))
        near = range(max(1, wider - 2), min(units, wider + 3) + 1)
        grids = [Grid(units, ceil(units / columns), columns, order) for columns in near]
        cells = {grid: min(aspect / grid.columns, 1 / grid.rows) for grid in grids}
        largest = max(cells.values())
        good = [grid for grid, cell in cells.items() if cell >= NEARLY * largest]
        return min(good, key=lambda grid: (grid.rows * grid.columns, -cells[grid]))

    @property
    def shown(self) -> Sequence[int]:
        """The units that are shown, in their order."""
        return self.order or range(self.units)

    @cached_property
    def _cells(self) -> dict[int, int]:
        return {unit: cell for cell, unit in enumerate(self.order)}

    def holds(self, unit: int) -> bool:
        """Whether ``unit`` is shown."""
        return unit in self._cells if self.order else 0 <= unit < self.units

    def place(self, unit: int) -> tuple[int, int]:
        """Row and column of ``unit``, which is shown."""
        return divmod(self._cells[unit] if self.order else unit, self.columns)

    def unit_at(self, row: int, column: int) -> int | None:
        """Unit at a row and column, or None outside of the grid and in the empty end of the last row."""
        if not (0 <= row < self.rows and 0 <= column < self.columns):
            return None
        cell = row * self.columns + column
        return self.shown[cell] if cell < self.units else None

    def move(self, unit: int, down: int, right: int) -> int:
        """Unit that is reached from ``unit`` by so many rows and columns; stops at the edges and at the last unit.

        From a unit that is not shown it is the first one.
        """
        if not self.holds(unit):
            return self.shown[0]
        row, column = self.place(unit)
        row = min(max(row + down, 0), self.rows - 1)
        column = min(max(column + right, 0), self.columns - 1)
        return self.shown[min(row * self.columns + column, self.units - 1)]


@dataclass(frozen=True)
class UnitOrder:
    """The units that the grid of a layer shows.

    Parameters
    ----------
    layer : whose units.
    shown : their numbers, in the order of the grid; empty for all in their own order.
    """

    layer: str
    shown: tuple[int, ...] = ()
