"""From what the user wants and what there is to what is shown: one pure function."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

from pydantic import ConfigDict

from deepvis.state.net_info import Grid, LayerInfo, NetInfo, UnitOrder
from deepvis.state.option import options_of
from deepvis.state.options import Options, Origin
from deepvis.state.viewer import ViewerModel
from prototxt.net.graph import Value


class DisplayState(Options):
    """What the window shows; every index in it exists in the net.

    The options are the user's wishes, but for these: ``0 ≤ unit < layer.units``; ``picture`` is counted round from the
    last to the first, and -1 where there is none; ``origin`` is the unit from which back-propagation starts, None while
    it is off; ``back_mode`` is ``"off"`` too where the origin is the input itself. A `resolve` makes it, unchecked.

    Parameters
    ----------
    layer, layer_index : the layer in the middle, and its place in the net.
    grid : how the layer's units are laid out.
    value : the graph's value whose maps are shown (before or after the activation).
    value_is_own : True where ``value`` is before the layer's activation and differs from after it.
    origin_is_frozen : whether the origin stays when the selection moves.
    grid_shows_diffs : whether the middle shows what back-propagation brought to the layer.
    """

    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True, defer_build=True)

    layer: LayerInfo
    layer_index: int
    grid: Grid
    value: Value
    value_is_own: bool
    origin_is_frozen: bool
    grid_shows_diffs: bool

    @property
    def is_live(self) -> bool:
        """Whether pictures follow each other by themselves."""
        return self.source != "files"

    @property
    def unit_text(self) -> str:
        """Such as ``conv5:37``, the name under which the unit is found again."""
        return f"{self.layer.name}:{self.unit}"

    def differs(self, other: DisplayState, names: Iterable[str]) -> bool:
        """Whether fields have another value in another state; see `fields_of`."""
        return self.values_of(names) != other.values_of(names)

    def values_of(self, names: Iterable[str]) -> tuple[object, ...]:
        """Values of the fields that names stand for; see `fields_of`."""
        return tuple(getattr(self, field) for field in fields_of(tuple(names)))


@cache
def fields_of(names: tuple[str, ...]) -> tuple[str, ...]:
    """The fields of `DisplayState` that names stand for; KeyError for one that is no field and no `Group` of fields."""
    fields: dict[str, tuple[str, ...]] = {name: (name,) for name in DisplayState.model_fields}
    for name, option in options_of(DisplayState).items():
        if option.group is not None:
            fields[option.group] = (*fields.get(option.group, ()), name)
    return tuple(field for name in names for field in fields[name])


def resolve(
    model: ViewerModel, net: NetInfo, pictures: int = 0, aspect: float = 1.0, order: UnitOrder | None = None
) -> DisplayState:
    """Make the user's wishes fit the net.

    Parameters
    ----------
    model : the wishes; not changed.
    net : the net at hand; an unknown or missing layer becomes its first one with filters.
    pictures : number of pictures in the folder; the index goes round in it.
    aspect : width of the grid's pane over its height.
    order : which units the grid shows, and in which order; one of another layer is not followed.

    Returns
    -------
    The state to show.
    """
    index = net.index(model.layer)
    if index < 0:
        index = first_layer(net)
    layer = net.layers[index]
    unit = _clamp(model.unit, layer.units)
    origin = _origin(model, net, layer, unit)
    is_own = model.before_activation and layer.own_value != layer.value
    wishes = {name: getattr(model, name) for name in Options.model_fields}
    made_to_fit = {
        "layer": layer,
        "layer_index": index,
        "unit": unit,
        "grid": _grid(layer, aspect * _tile_aspect(model, layer), order),
        "value": layer.own_value if is_own else layer.value,
        "value_is_own": is_own,
        "picture": model.picture % pictures if pictures else -1,
        "back_mode": model.back_mode if origin else "off",
        "origin": origin,
        "origin_is_frozen": origin is not None and model.origin == origin,
        "grid_shows_diffs": model.show_diffs and origin is not None,
        "zoom": "grid" if model.zoom == "back" and origin is None else model.zoom,
    }
    return DisplayState.model_construct(**wishes | made_to_fit)


def first_layer(net: NetInfo) -> int:
    """Place of the first layer whose units have filters; 0 where no layer has."""
    return next((place for place, layer in enumerate(net.layers) if layer.has_filters), 0)


def _grid(layer: LayerInfo, aspect: float, order: UnitOrder | None) -> Grid:
    """All units of the layer in their own order, unless an order of this layer says otherwise."""
    if order is None or order.layer != layer.name or not order.shown or max(order.shown) >= layer.units:
        return Grid.of(layer.units, aspect)
    return Grid.of(len(order.shown), aspect, order.shown)


def _tile_aspect(model: ViewerModel, layer: LayerInfo) -> float:
    """Height over width of a tile: of a map; pictures and histograms of units are square."""
    return layer.height / layer.width if model.layer_mode == "activations" else 1.0


def _origin(model: ViewerModel, net: NetInfo, layer: LayerInfo, unit: int) -> Origin | None:
    """Where back-propagation starts: the frozen unit while the net has it, else the selected one."""
    if model.back_mode == "off":
        return None
    frozen = model.origin
    if frozen is not None and net.index(frozen.layer) >= 0 and frozen.unit < net.layer(frozen.layer).units:
        return None if net.layer(frozen.layer).type == "Input" else frozen
    return None if layer.type == "Input" else Origin(layer=layer.name, unit=unit)


def _clamp(index: int, count: int) -> int:
    return min(max(index, 0), count - 1)
