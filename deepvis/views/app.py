"""Open the window on what the settings name."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import cmap
from pydantic import ValidationError
from PySide6.QtCore import QSettings

from deepvis.controllers.lanes import Problem
from deepvis.controllers.panes.registry import PANES
from deepvis.errors import SettingsError
from deepvis.session.bookmarks import user_folder
from deepvis.session.links import Link, seen_again
from deepvis.session.opening import opening_session
from deepvis.session.session import Session
from deepvis.settings.settings import Settings
from deepvis.state.net_info import NetInfo
from deepvis.state.options import Preferences
from deepvis.state.viewer import ViewerModel
from deepvis.views.actions.engines import choose_engine
from deepvis.views.actions.opening import open_link, open_paths
from deepvis.views.actions.registry import SUBMENUS, WINDOW_ACTIONS
from deepvis.views.actions.saving import show_pane_menu
from deepvis.views.application import make_application, resize_to_fit, window_memory
from deepvis.views.keeping import remember_model
from deepvis.views.window import Window
from deepvis.views.window_protocol import WindowActions
from prototxt.common.progress import Progress


def opening(settings: Settings, link: Link | None = None) -> Generator[Progress, None, Callable[[], Window]]:
    """Open what the settings name, step by step, for a window; `deepvis.views.start.run` shows it.

    Parameters
    ----------
    settings : what to open (model, images, scan, plan) and how it looks at the start.
    link : what it is to show, if it was started by a link.

    Returns
    -------
    What makes the window and shows it, to be called on Qt's thread.

    Raises
    ------
    InputError : if the model or the pictures cannot be opened.
    """
    opened = yield from opening_session(settings)
    wishes, problems = seen_again(link, opened.session) if link else ({}, [])
    model = first_state(settings, opened.session.engine.net, wishes)

    def make() -> Window:
        make_application(settings.font_size)
        window = make_window(opened.session, model, window_memory(), settings.keymap, user_folder())
        resize_to_fit(window, settings.window_size)
        if link is not None and link.levels is not None:
            window.controller.begin_with(link.levels)
        window.show()
        window.start()
        if sentence := "; ".join((*opened.problems, *problems)):
            window.show_problem(Problem(sentence))
        remember_model(window, settings)
        return window

    return make


def make_window(
    session: Session,
    model: ViewerModel,
    memory: QSettings | None = None,
    keymap: str = "deepvis",
    user_folder: Path | None = None,
) -> Window:
    """Make a window with all of its actions; the parameters are those of `Window`."""
    actions = WindowActions(WINDOW_ACTIONS, SUBMENUS, open_paths, open_link, choose_engine, show_pane_menu)
    return Window(session, model, actions, memory, keymap, user_folder)


def first_state(settings: Settings, net: NetInfo, wishes: Mapping[str, Any] | None = None) -> ViewerModel:
    """Make the state at the start from settings and wishes.

    Raises
    ------
    SettingsError : for a value that is not allowed, and a layer or unit that the net has not.
    """
    check_place(net, settings)
    unknown = [name for name in (wishes or {}).get("panes", ()) if name not in PANES]
    if unknown:
        raise SettingsError(f"there is no pane {unknown[0]!r}; there are {', '.join(PANES)}")
    place = {"layer": settings.layer, "unit": settings.unit, "back_mode": settings.backprop}
    preferences = {name: getattr(settings, name) for name in Preferences.model_fields}
    try:
        model = ViewerModel(**place | preferences | dict(wishes or {}))
        cmap.Colormap(model.colormap)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(map(str, first["loc"]))
        raise SettingsError(f"{name} = {first['input']!r} is not allowed: {first['msg']}") from None
    except ValueError as error:
        raise SettingsError(f"colormap = {model.colormap!r} is not known: {error}") from None
    return model


def check_place(net: NetInfo, settings: Settings) -> None:
    """Raise a `SettingsError` if the net has no such layer, or the layer no such unit."""
    if settings.layer is None:
        return
    names = [layer.name for layer in net.layers]
    if settings.layer not in names:
        close = get_close_matches(settings.layer, names, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"it has {', '.join(names)}"
        raise SettingsError(f"the net {net.name!r} shows no layer {settings.layer!r}; {hint}")
    units = net.layer(settings.layer).units
    if settings.unit >= units:
        raise SettingsError(
            f"layer {settings.layer!r} has {units} units, 0 to {units - 1}; there is no {settings.unit}"
        )
