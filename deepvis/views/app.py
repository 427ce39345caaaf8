"""Open the window on what the settings name."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from difflib import get_close_matches
from typing import Any

import cmap
from pydantic import ValidationError

from deepvis.assumed import for_pairs
from deepvis.camera import Camera
from deepvis.compute.compare import After
from deepvis.compute.engines import engine_of
from deepvis.compute.facts import Facts
from deepvis.compute.filter_table import SETTINGS
from deepvis.controllers.lanes import Problem
from deepvis.controllers.panes.registry import PANES
from deepvis.controllers.session import Session
from deepvis.errors import SettingsError
from deepvis.export.unit_folders import UnitPictures, open_unit_pictures
from deepvis.model import Model, opening_settings
from deepvis.models.net_info import NetInfo
from deepvis.models.viewer import ViewerModel
from deepvis.progress import Progress, with_bar
from deepvis.scan.reader import Scan
from deepvis.settings import Settings
from deepvis.sources import Images, open_images
from deepvis.sources.opening import Cutting
from deepvis.views.application import make_application, window_memory
from deepvis.views.window import Window
from entropy import read_plan
from prototxt.errors import InputError


def opening(settings: Settings) -> Generator[Progress, None, Callable[[], Window]]:
    """Open what the settings name, step by step, for a window; `deepvis.views.start.run` shows it.

    Parameters
    ----------
    settings : what to open (model, images, scan, plan) and how it looks at the start.

    Returns
    -------
    What makes the window and shows it, to be called on Qt's thread.

    Raises
    ------
    InputError : if the model or the pictures cannot be opened.
    """
    session, problems = yield from opening_session(settings)
    model = first_state(settings, session.engine.net)

    def make() -> Window:
        make_application(settings.font_size)
        window = Window(session, model, window_memory(), settings.keymap)
        window.resize(*settings.window_size)
        window.show()
        window.start()
        for sentence in problems:
            window.show_problem(Problem(sentence))
        return window

    return make


def opening_session(settings: Settings) -> Generator[Progress, None, tuple[Session, list[str]]]:
    """Open what the settings name, step by step.

    Returns
    -------
    The session, and a sentence for everything that could not be opened but that the window can do without (the scan,
    the plan).

    Raises
    ------
    InputError : if the model or the pictures cannot be opened.
    """
    model = yield from opening_settings(settings)
    yield Progress(0, 0, f"starting {model.name}")
    images = _open_pictures(settings, model)
    model = model if images is None else for_pairs(model, images)
    engine = engine_of(settings, model)
    facts, problems = _open_facts(settings, model)
    pictures, more = _open_unit_pictures(settings)
    camera = Camera(settings.camera, settings.mirror_camera)
    session = Session(engine, images, facts, camera=camera, unit_pictures=pictures, settings=settings)
    session.after = After.read(settings.after, model) if settings.after is not None else None
    session.facts_missing = (
        problems[0]
        if problems
        else f"No scan for this model yet. Make one with\ndeepvis scan {settings.model} --images FOLDER\n"
        "and open the window with --scan scan.h5"
    )
    return session, problems + more


def open_session(settings: Settings) -> tuple[Session, list[str]]:
    """Do `opening_session` at once, with a bar on the terminal."""
    return with_bar(opening_session(settings))


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
    try:
        cmap.Colormap(settings.colormap)
        return ViewerModel(
            **{
                "layer": settings.layer,
                "unit": settings.unit,
                "back_mode": settings.backprop,
                "colormap": settings.colormap,
                "scale": settings.scale,
                "fast_step": settings.fast_step,
                "gamma": settings.gamma,
                "boost": settings.boost,
                "fit": settings.fit,
                "show_classes": settings.show_classes,
                "show_patches": settings.show_patches,
            }
            | dict(wishes or {})
        )
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(map(str, first["loc"]))
        raise SettingsError(f"{name} = {first['input']!r} is not allowed: {first['msg']}") from None
    except ValueError as error:
        raise SettingsError(f"colormap = {settings.colormap!r} is not known: {error}") from None


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


def _open_pictures(settings: Settings, model: Model) -> Images | None:
    return None if settings.images is None else open_images(settings.images, cutting=Cutting(model.frames))


def _open_unit_pictures(settings: Settings) -> tuple[UnitPictures | None, list[str]]:
    """Open the folder with pictures of units; that it cannot be opened becomes a sentence."""
    if settings.unit_pictures is None:
        return None, []
    try:
        return open_unit_pictures(settings.unit_pictures), []
    except InputError as error:
        return None, [str(error)]


def _open_facts(settings: Settings, model: Model) -> tuple[Facts | None, list[str]]:
    """Open scan and plan; what cannot be opened becomes a sentence."""
    if settings.scan is None:
        return None, []
    problems = []
    from_plan: dict[str, Any] = {}
    if settings.plan is not None:
        try:
            plan = read_plan(settings.plan)
            from_plan = {"multipliers": plan.multipliers, "layers": tuple(plan.layers)}
            from_plan |= {name: plan.measured[name] for name in SETTINGS if name in plan.measured}
            if plan.weights_hash not in ("", model.hash):
                problems.append(f"{settings.plan}: was made for other weights than these; measure and plan again")
        except InputError as error:
            problems.append(str(error))
    try:
        return Facts(Scan(settings.scan), model, **from_plan), problems
    except InputError as error:
        return None, [*problems, str(error)]
