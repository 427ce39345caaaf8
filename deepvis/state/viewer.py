"""What the user wants to see: the one mutable state behind the window. Everything on screen follows from it."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal, get_args

from psygnal import SignalGroupDescriptor
from pydantic import BaseModel, ConfigDict, Field, PrivateAttr

BackMode = Literal["off", "gradient", "deconv", "guided"]
BackView = Literal["raw", "gray", "norm", "normblur", "sum>0", "histogram"]
Zoom = Literal["grid", "unit", "back"]
Overlay = Literal["off", "over active", "over inactive"]
Scale = Literal["layer", "frame", "unit"]
Source = Literal["files", "camera", "playing"]
LayerMode = Literal[
    "activations",
    "maximal images",
    "synthesised images",
    "weight histograms",
    "activation histograms",
    "weight correlation",
    "activation correlation",
]
BlobView = Literal["picture", "histogram", "numbers"]
PairView = Literal["both", "first", "second"]
Fit = Literal["as trained", "crop", "stretch"]

Sort = Literal["unit", "activation", "mean", "scan mean", "H", "rate", "dead share", "selectivity", "class"]
FrameKind = Literal["off", "H", "rate", "threshold"]

SOURCES: tuple[Source, ...] = get_args(Source)
SORTS: tuple[Sort, ...] = get_args(Sort)
FRAME_KINDS: tuple[FrameKind, ...] = get_args(FrameKind)
LAYER_MODES: tuple[LayerMode, ...] = get_args(LayerMode)
BLOB_VIEWS: tuple[BlobView, ...] = get_args(BlobView)
PAIR_VIEWS: tuple[PairView, ...] = get_args(PairView)
FITS: tuple[Fit, ...] = get_args(Fit)
BACK_MODES: tuple[BackMode, ...] = get_args(BackMode)
BACK_VIEWS: tuple[BackView, ...] = get_args(BackView)
ZOOMS: tuple[Zoom, ...] = get_args(Zoom)
OVERLAYS: tuple[Overlay, ...] = get_args(Overlay)
SCALES: tuple[Scale, ...] = get_args(Scale)
COLORMAPS: tuple[str, ...] = ("inferno", "viridis", "gray", "cividis")
GAMMAS: tuple[float, ...] = (1.0, 0.7, 0.5, 0.3)
BOOSTS: tuple[float, ...] = (0.0, 0.3, 0.5, 0.8, 1.0)


_PLACE = ("layer", "unit", "picture", "source")
_PREFERENCES = ("colormap", "scale", "fast_step", "gamma", "boost", "fit", "show_classes", "show_patches")


class Origin(BaseModel):
    """A unit that back-propagation starts from, held while the cursor moves on."""

    model_config = ConfigDict(frozen=True)

    layer: str
    unit: Annotated[int, Field(ge=0)]


class ViewerModel(BaseModel):
    """The user's wishes; they need not fit the net, `deepvis.state.resolve` makes them fit.

    Every field has a signal of the same name in ``events``; a value outside of a field's choices raises a
    ``pydantic.ValidationError`` and changes nothing.
    """

    model_config = ConfigDict(validate_assignment=True, extra="forbid")
    events: ClassVar[SignalGroupDescriptor] = SignalGroupDescriptor()

    layer: str | None = None
    layer_mode: LayerMode = "activations"
    first_only: bool = True
    unit: int = 0
    picture: int = 0
    source: Source = "files"
    fit: Fit = "as trained"
    pair_view: PairView = "both"
    frozen: bool = False
    back_mode: BackMode = "off"
    back_view: BackView = "raw"
    origin: Origin | None = None
    show_diffs: bool = False
    before_activation: bool = False
    zoom: Zoom = "grid"
    colormap: str = "inferno"
    scale: Scale = "layer"
    gamma: Annotated[float, Field(gt=0, le=1)] = 1.0
    boost: Annotated[float, Field(ge=0, le=1)] = 0.0
    level_low: Annotated[float, Field(ge=0, lt=1)] = 0.0
    level_high: Annotated[float, Field(gt=0, le=1)] = 1.0
    overlay: Overlay = "off"
    show_classes: bool = True
    show_patches: bool = True
    show_values: bool = True
    sort: Sort = "unit"
    reverse_order: bool = False
    unit_filter: str = ""
    frame_kind: FrameKind = "off"
    threshold: Annotated[float, Field(ge=0)] | None = None
    show_help: bool = False
    show_timings: bool = False
    panes: tuple[str, ...] = ()
    blob: str = ""
    blob_view: BlobView = "picture"
    blob_axes: tuple[int, ...] = ()
    blob_at: tuple[int, ...] = ()
    fast_step: Annotated[int, Field(ge=1)] = 3
    _start: dict[str, Any] = PrivateAttr(default_factory=dict)

    def model_post_init(self, context: Any) -> None:
        """Remember what the settings gave."""
        self._start = {name: getattr(self, name) for name in _PREFERENCES}

    def reset(self) -> None:
        """Give every option its default, or what the settings say; layer, unit, picture and source stay."""
        for name, information in ViewerModel.model_fields.items():
            if name not in _PLACE:
                setattr(self, name, self._start.get(name, information.default))
