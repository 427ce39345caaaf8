"""From what the user wants and what there is to what is shown: one pure function."""

from __future__ import annotations

from dataclasses import dataclass

from deepvis.state.net_info import Grid, LayerInfo, NetInfo, UnitOrder
from deepvis.state.viewer import (
    BackMode,
    BackView,
    BlobView,
    Fit,
    FrameKind,
    LayerMode,
    Origin,
    Overlay,
    PairView,
    Scale,
    Sort,
    Source,
    ViewerModel,
    Zoom,
)
from prototxt.net.graph import Value


@dataclass(frozen=True)
class DisplayState:
    """What the window shows; every index in it exists in the net.

    Parameters
    ----------
    layer, layer_index : the layer in the middle, and its place in the net.
    unit : the selected unit, ``0 ≤ unit < layer.units``.
    layer_mode : how the layer is shown in the middle; ``first_only``: with one picture for each unit.
    grid : how the layer's units are laid out.
    value : the graph's value whose maps are shown (before or after the activation).
    value_is_own : True where ``value`` is before the layer's activation and differs from after it.
    picture : index of the current picture, counted round from the last to the first; -1 where there is none.
    back_mode : ``"off"`` too where the origin is the input itself.
    origin : the unit from which back-propagation starts; None while it is off.
    origin_is_frozen : whether the origin stays when the selection moves.
    frame_kind : what the coloured frames around the units tell; ``threshold`` : in bits, of the frames that need one.
    grid_shows_diffs : whether the middle shows what back-propagation brought to the layer.
    blob : of the pane of blobs, by name; one that the net has not is the layer's own.
    blob_axes, blob_at : its axes that are rows and columns, and the index along every axis; empty for the usual ones.
    """

    layer: LayerInfo
    layer_index: int
    unit: int
    layer_mode: LayerMode
    first_only: bool
    grid: Grid
    value: Value
    value_is_own: bool
    picture: int
    source: Source
    fit: Fit
    pair_view: PairView
    frozen: bool
    back_mode: BackMode
    back_view: BackView
    origin: Origin | None
    origin_is_frozen: bool
    grid_shows_diffs: bool
    zoom: Zoom
    colormap: str
    scale: Scale
    gamma: float
    boost: float
    level_low: float
    level_high: float
    overlay: Overlay
    show_classes: bool
    show_patches: bool
    show_values: bool
    sort: Sort
    reverse_order: bool
    unit_filter: str
    frame_kind: FrameKind
    threshold: float | None
    show_help: bool
    show_timings: bool
    panes: tuple[str, ...]
    blob: str
    blob_view: BlobView
    blob_axes: tuple[int, ...]
    blob_at: tuple[int, ...]

    @property
    def is_live(self) -> bool:
        """Whether pictures follow each other by themselves."""
        return self.source != "files"

    @property
    def unit_text(self) -> str:
        """Such as ``conv5:37``, the name under which the unit is found again."""
        return f"{self.layer.name}:{self.unit}"


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
    same = {name: getattr(model, name) for name in _UNCHANGED}
    return DisplayState(
        layer=layer,
        layer_index=index,
        unit=unit,
        grid=_grid(layer, aspect * _tile_aspect(model, layer), order),
        value=layer.own_value if is_own else layer.value,
        value_is_own=is_own,
        picture=model.picture % pictures if pictures else -1,
        back_mode=model.back_mode if origin else "off",
        origin=origin,
        origin_is_frozen=origin is not None and model.origin == origin,
        grid_shows_diffs=model.show_diffs and origin is not None,
        zoom="grid" if model.zoom == "back" and origin is None else model.zoom,
        **same,
    )


_UNCHANGED = (
    "layer_mode",
    "first_only",
    "source",
    "fit",
    "pair_view",
    "frozen",
    "back_view",
    "colormap",
    "scale",
    "gamma",
    "boost",
    "level_low",
    "level_high",
    "overlay",
    "show_classes",
    "show_patches",
    "show_values",
    "sort",
    "reverse_order",
    "unit_filter",
    "frame_kind",
    "threshold",
    "show_help",
    "show_timings",
    "panes",
    "blob",
    "blob_view",
    "blob_axes",
    "blob_at",
)


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
