"""``deepvis snapshot``: any state of the window as a file, without a display."""

from __future__ import annotations

from dataclasses import asdict, field, fields, make_dataclass
from pathlib import Path
from types import UnionType
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union, get_args, get_origin

import tyro
from pydantic import BaseModel

from deepvis.commands.option_types import Factor, ImagesPlace, ModelName, Place, Text
from deepvis.commands.views import views
from deepvis.commands.window import WindowOptions
from deepvis.errors import SettingsError
from deepvis.settings.settings import override
from deepvis.state.options import Preferences
from deepvis.state.viewer import ViewerModel
from prototxt.common.progress import with_bar

ALIASES = {"back_mode": "--back", "back_view": "--view", "layer_mode": "--show"}
DENSEST = 16
METAVARS = {int: "N", float: "X", str: "TEXT"}


def fields_with_options() -> list[str]:
    """The fields of the state but for those that `WindowOptions` has; those that have a setting too come last."""
    elsewhere = {option.name for option in fields(WindowOptions)}
    names = [name for name in ViewerModel.model_fields if name not in elsewhere]
    return sorted(names, key=lambda name: name in Preferences.model_fields)


def _option(name: str) -> tuple[str, Any, Any]:
    """A field of the state as a field of the options: its name, type, and default, which stands for not given."""
    information = ViewerModel.model_fields[name]
    kind, many = _kind(information.annotation), get_origin(information.annotation) is tuple
    metavar = "{" + ",".join(map(str, get_args(kind))) + "}" if get_origin(kind) is Literal else METAVARS[kind]
    argument = tyro.conf.arg(
        help=information.description,
        metavar=metavar,
        help_behavior_hint="",
        aliases=[ALIASES[name]] if name in ALIASES else None,
    )
    wanted = tuple[str, ...] if many else kind | None
    return name, Annotated[wanted, argument], field(default=() if many else None)


def _kind(annotation: Any) -> Any:
    """What a person types for a field: one of its choices, on or off, a number, or text."""
    if get_origin(annotation) in (Union, UnionType):
        return _kind(next(member for member in get_args(annotation) if member is not type(None)))
    if get_origin(annotation) is Annotated:
        return _kind(get_args(annotation)[0])
    if annotation is bool:
        return Literal["on", "off"]
    return annotation if get_origin(annotation) is Literal or annotation in (int, float) else str


if TYPE_CHECKING:

    class StateOptions:
        """An option for every field of `ViewerModel`."""
else:
    StateOptions = make_dataclass("StateOptions", map(_option, fields_with_options()), frozen=True)


AS_SET, AS_AT_THE_START = WindowOptions(), StateOptions()


def snapshot_command(
    model: ModelName = None,
    images: ImagesPlace = None,
    *,
    out: Place = None,
    values: Place = None,
    report: Place = None,
    only: Text = None,
    size: Annotated[tuple[int, int] | None, tyro.conf.arg(metavar="WIDTH HEIGHT", help_behavior_hint="")] = None,
    density: Factor = None,
    window: Annotated[WindowOptions, tyro.conf.OmitArgPrefixes] = AS_SET,
    state: Annotated[StateOptions, tyro.conf.OmitArgPrefixes] = AS_AT_THE_START,
) -> None:
    """Draw the window into a file, without a display.

    Parameters
    ----------
    out
        picture to write, deepvis.png if no file is named; its ending says what it becomes: .png, .jpg, .bmp, .webp,
        .tif, or .svg and .pdf, where text stays text.
    values
        .csv or .npz to write the values of what is shown to, of --only or of all panes.
    report
        .html to write a page about the unit to.
    only
        input, classes, unit, back, layer, facts, or one of --panes: this pane alone.
    size
        width and height of the window in pixels.
    density
        pixels of the picture for a pixel of the window, 2 for a finer one.
    """
    if density is not None and not 0 < density <= DENSEST:
        raise SettingsError(f"--density {density:g}: must be above 0 and at most {DENSEST}")
    wishes, link = with_bar(window.wishes(model, images))
    settings = override(wishes, window_size=size)
    place = views("snapshot")
    files = [out, values, report] if out or values or report else [Path("deepvis.png"), None, None]
    wanted = place.Wanted(files[0], only or "", 1.0 if density is None else density, files[1], files[2])
    place.snapshot(settings, wanted, wishes_of(state), link)
    for file in files:
        if file is not None:
            print(file)


def wishes_of(state: Any) -> dict[str, Any]:
    """The fields of `ViewerModel` that were given, as it takes them; `SettingsError` for one that cannot be read."""
    given = {name: value for name, value in asdict(state).items() if value not in (None, ())}
    return {name: _parsed(name, value) for name, value in given.items()}


def _parsed(name: str, value: Any) -> Any:
    """What was typed for a field; one that is a model of its own is typed as its fields with colons between."""
    models = [member for member in get_args(ViewerModel.model_fields[name].annotation) if _is_model(member)]
    if not models:
        return value
    fields = list(models[0].model_fields)
    parts = value.rsplit(":", len(fields) - 1)
    try:
        return models[0](**dict(zip(fields, parts, strict=True)))
    except ValueError:
        raise SettingsError(f"{name} = {value!r}: must be {':'.join(fields)}, such as conv5:13") from None


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)
