"""What each key does to the state: small functions by name, without Qt."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from deepvis.state.net_info import NetInfo
from deepvis.state.option import Option
from deepvis.state.options import BackMode, BackView, Origin
from deepvis.state.resolve import DisplayState
from deepvis.state.viewer import OPTIONS, ViewerModel

Action = Callable[[ViewerModel, DisplayState, NetInfo], None]


def move_unit(down: int, right: int, fast: bool = False) -> Action:
    """Action that moves the selection by a row or column of the grid, or by ``fast_step`` of them."""

    def move(model: ViewerModel, state: DisplayState, net: NetInfo) -> None:
        step = model.fast_step if fast else 1
        model.unit = state.grid.move(state.unit, down * step, right * step)

    return move


def move_layer(step: int) -> Action:
    """Action that selects the layer ``step`` places on; the unit's number stays where the new layer has it."""

    def move(model: ViewerModel, state: DisplayState, net: NetInfo) -> None:
        model.layer = net.layers[min(max(state.layer_index + step, 0), len(net.layers) - 1)].name

    return move


def move_picture(step: int) -> Action:
    """Action that shows the picture ``step`` places on, from the last to the first.

    It also leaves the camera, and halts what plays.
    """

    def move(model: ViewerModel, state: DisplayState, net: NetInfo) -> None:
        if model.source == "camera":
            model.source = "files"
        else:
            model.source = "files"
            model.picture = state.picture + step

    return move


def toggle_play(model: ViewerModel, state: DisplayState, net: NetInfo) -> None:
    """Play the pictures from the one that is shown, or halt at it."""
    model.source = "files" if model.source == "playing" else "playing"


def cycle(name: str, choices: Sequence[Any], step: int = 1) -> Action:
    """Action that gives the field ``name`` its next (or ``step`` further) choice, round and round.

    From a value that is none of the choices (a colour map that the settings name) it goes to the first or last one.
    """

    def choose(model: ViewerModel, state: DisplayState, net: NetInfo) -> None:
        now = getattr(model, name)
        place = choices.index(now) if now in choices else -1 if step > 0 else len(choices)
        setattr(model, name, choices[(place + step) % len(choices)])

    return choose


_BACK_STEPS: tuple[tuple[BackMode, BackView], ...] = (
    ("off", "raw"),
    ("gradient", "raw"),
    ("gradient", "norm"),
    ("deconv", "raw"),
)


def next_back_step(model: ViewerModel, state: DisplayState, net: NetInfo) -> None:
    """Go on to the next of the four usual pairs of mode and view, from any other pair to the first."""
    now = (model.back_mode, model.back_view)
    place = _BACK_STEPS.index(now) if now in _BACK_STEPS else -1
    if model.back_mode == "off":
        place = 0
    model.back_mode, model.back_view = _BACK_STEPS[(place + 1) % len(_BACK_STEPS)]


def toggle_origin(model: ViewerModel, state: DisplayState, net: NetInfo) -> None:
    """Hold the selected unit as the origin of back-propagation, turning it on if it is off; or let it go."""
    if model.origin is not None:
        model.origin = None
        return
    if state.layer.type == "Input":
        return
    model.origin = Origin(layer=state.layer.name, unit=state.unit)
    if model.back_mode == "off":
        model.back_mode = "gradient"


def reset(model: ViewerModel, state: DisplayState, net: NetInfo) -> None:
    """Give every option its default, or what the settings say; the layer, the unit, the picture and source stay."""
    model.reset()


def choosing(options: Mapping[str, Option]) -> dict[str, Action]:
    """The actions of every field that has choices: ``toggle_FIELD`` of a switch, else ``next_`` and ``previous_``."""
    actions = {}
    for name, option in options.items():
        if option.choices == (False, True):
            actions[f"toggle_{name}"] = cycle(name, option.choices)
        elif option.choices:
            actions[f"next_{name}"] = cycle(name, option.choices)
            actions[f"previous_{name}"] = cycle(name, option.choices, -1)
    return actions


OTHER_ACTIONS: dict[str, Action] = {
    "next_picture": move_picture(+1),
    "previous_picture": move_picture(-1),
    "toggle_camera": cycle("source", ("files", "camera")),
    "toggle_play": toggle_play,
    "next_layer": move_layer(+1),
    "previous_layer": move_layer(-1),
    "unit_left": move_unit(0, -1),
    "unit_right": move_unit(0, +1),
    "unit_up": move_unit(-1, 0),
    "unit_down": move_unit(+1, 0),
    "unit_left_fast": move_unit(0, -1, fast=True),
    "unit_right_fast": move_unit(0, +1, fast=True),
    "unit_up_fast": move_unit(-1, 0, fast=True),
    "unit_down_fast": move_unit(+1, 0, fast=True),
    "next_back_step": next_back_step,
    "toggle_origin": toggle_origin,
    "toggle_patterns": cycle("layer_mode", ("activations", "synthesised images")),
    "reset": reset,
}
"""What does more than to go on to the next choice of one field."""

ACTIONS: dict[str, Action] = {**choosing(OPTIONS), **OTHER_ACTIONS}
