"""The options of the window: what the user can want to see.

A field is declared once. Its type, default, description and `Option` say all that the keys, the options' rows, the
links, the settings, ``deepvis snapshot`` and the controllers need to know of it.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from deepvis.state.option import Option

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

COLORMAPS: tuple[str, ...] = ("inferno", "viridis", "gray", "cividis")
GAMMAS: tuple[float, ...] = (1.0, 0.7, 0.5, 0.3)
BOOSTS: tuple[float, ...] = (0.0, 0.3, 0.5, 0.8, 1.0)


class Origin(BaseModel):
    """A unit that back-propagation starts from, held while the cursor moves on."""

    model_config = ConfigDict(frozen=True)

    layer: str
    unit: Annotated[int, Field(ge=0)]


class Preferences(BaseModel):
    """Options that have a setting of the same name: it gives the first value, to which a reset goes back."""

    colormap: Annotated[str, Option(COLORMAPS, "colours")] = Field(
        default="inferno", min_length=1, description="colour map of activations, any name of the cmap package"
    )
    gamma: Annotated[float, Option(GAMMAS, "colours")] = Field(
        default=1.0, gt=0, le=1, description="exponent that lifts small values"
    )
    boost: Annotated[float, Option(BOOSTS, "brightness")] = Field(
        default=0.0, ge=0, le=1, description="how far weak units are lifted"
    )
    fit: Fit = Field(default="as trained", description="how a picture is brought into the net's input")
    show_classes: bool = Field(default=True, description="whether the class probabilities are shown")
    show_patches: bool = Field(default=True, description="whether patches and histogram are shown")
    scale: Annotated[Scale, Option(group="brightness")] = Field(
        default="layer", description="what the brightness of tiles is relative to"
    )
    fast_step: Annotated[int, Option(in_links=False)] = Field(default=3, ge=1, description="units that I J K L move by")


class Options(Preferences):
    """Every field that the user's wishes and what is shown for them have in common; each is declared here alone."""

    layer_mode: LayerMode = Field(default="activations", description="how the layer is shown")
    first_only: bool = Field(default=True, description="one picture for each unit, or all of them")
    unit: Annotated[int, Option(reset=False)] = Field(default=0, description="the selected unit")
    picture: Annotated[int, Option(reset=False)] = Field(
        default=0, description="number of the picture that is shown, from 0"
    )
    source: Annotated[Source, Option(reset=False)] = Field(default="files", description="where pictures come from")
    pair_view: PairView = Field(default="both", description="what of a pair is shown")
    frozen: Annotated[bool, Option(in_links=False)] = Field(  # a frozen camera cannot be seen again
        default=False, description="hold the camera"
    )
    back_mode: BackMode = Field(default="off", description="back-propagation from the unit")
    back_view: BackView = Field(default="raw", description="how its result is drawn")
    origin: Origin | None = Field(
        default=None,
        description="unit that back-propagation starts from, if it is not the selected one, such as conv5:13",
    )
    zoom: Zoom = Field(default="grid", description="what fills the middle")
    level_low: Annotated[float, Option(group="contrast")] = Field(
        default=0.0, ge=0, lt=1, description="where the colour map begins, in shares of the scale"
    )
    level_high: Annotated[float, Option(group="contrast")] = Field(default=1.0, gt=0, le=1, description="where it ends")
    overlay: Overlay = Field(default="off", description="the picture over the maps")
    show_values: bool = Field(default=True, description="values in the pictures")
    sort: Annotated[Sort, Option(group="order")] = Field(default="unit", description="what the units are sorted by")
    reverse_order: Annotated[bool, Option(group="order")] = Field(default=False, description="sort the other way round")
    unit_filter: Annotated[str, Option(group="order")] = Field(
        default="", description="which units are shown, such as 'H < 2, free'"
    )
    frame_kind: Annotated[FrameKind, Option(group="frames")] = Field(
        default="off", description="what coloured frames around the units tell"
    )
    threshold: Annotated[float | None, Option(group="frames")] = Field(
        default=None, ge=0, description="of H in bits, for frames and the pane of thresholds"
    )
    show_help: Annotated[bool, Option(in_links=False)] = Field(default=False, description="the list of keys")
    show_timings: bool = Field(default=False, description="timings in the status line")
    panes: tuple[str, ...] = Field(default=(), description="further panes at the bottom")
    blob: Annotated[str, Option(group="blobs")] = Field(
        default="",
        description="blob of the pane of blobs, such as conv1@1 or conv1.blobs[0]; the layer's own if there is none",
    )
    blob_view: Annotated[BlobView, Option(group="blobs")] = Field(
        default="picture", description="how that blob is shown"
    )
    blob_axes: Annotated[tuple[int, ...], Option(group="blobs")] = Field(
        default=(), description="its axes that are rows and columns"
    )
    blob_at: Annotated[tuple[int, ...], Option(group="blobs")] = Field(
        default=(), description="the index along each of its axes"
    )
