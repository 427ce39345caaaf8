"""Opening models, scans and plans in a running window: dropped, chosen, or by name."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from pathlib import Path
from typing import Any

from PySide6.QtWidgets import QFileDialog, QMenu

from deepvis.controllers.lanes import Problem
from deepvis.controllers.tasks import Task
from deepvis.model.kinds import by_kind
from deepvis.model.pytorch import ONNX, SUFFIXES
from deepvis.session.links import Link, read_link, seen_again, settings_of
from deepvis.session.model_of_scan import model_of_scan
from deepvis.session.opening import Opened, bundled_models, for_model, opening_session, with_facts, with_neighbours
from deepvis.session.session import Session
from deepvis.settings.settings import Settings, override
from deepvis.views.actions.comparing import PANE as COMPARED
from deepvis.views.actions.comparing import compare_with
from deepvis.views.actions.registry import OPENS, opens, sentences, submenu, window_action
from deepvis.views.keeping import recent_models, remember_model
from deepvis.views.window_protocol import WindowProtocol
from prototxt.common.progress import Progress

_FILES = " ".join(
    [
        "*.prototxt",
        "*.caffemodel",
        "*.caffemodel.h5",
        "*.json",
        "*.h5",
        *(f"*{suffix}" for suffix in sorted({ONNX, *SUFFIXES})),
    ]
)


@window_action("open_model")
def open_model(window: WindowProtocol) -> None:
    """Ask for files and open them as if they were dropped."""
    files, _ = QFileDialog.getOpenFileNames(
        window.widget, "Open a model, a scan, a plan", "", f"Models ({_FILES});;All (*)"
    )
    if files:
        open_paths(window, [Path(file) for file in files])


@submenu("presets")
def fill_presets(window: WindowProtocol, menu: QMenu) -> None:
    """Offer the presets of the settings, then the bundled models."""
    settings = window.controller.session.settings
    bundled = {name: {"model": folder} for name, folder in bundled_models().items()}
    for name, given in {**settings.presets, **(bundled | settings.presets)}.items():
        entry = menu.addAction(name)
        entry.triggered.connect(lambda checked=False, given=given: open_given(window, given))


@submenu("recent_models")
def fill_recent(window: WindowProtocol, menu: QMenu) -> None:
    """Offer the models that were open last."""
    with sentences(window):
        for text in recent_models(window):
            path = Path(read_link(text).model)
            entry = menu.addAction(f"{path.name}    {path.parent}".replace("&", "&&"))
            entry.triggered.connect(lambda checked=False, text=text: open_link(window, text))
    if menu.isEmpty():
        menu.addAction("no model yet").setEnabled(False)


# -- what can be given -------------------------------------------------------------------------------------------------


def open_paths(window: WindowProtocol, paths: Sequence[Path]) -> None:
    """Open what was dropped or chosen, all of it together."""
    given = by_kind(paths)
    with sentences(window):
        OPENS[next(iter(given))](window, given)


@opens("model")
def open_net(window: WindowProtocol, given: Mapping[str, Sequence[Path]]) -> None:
    """Open a net, with the weights, the scan, the plan and the pictures that were given with it."""
    open_given(window, {"model": given["model"][0], "weights": _first(given, "weights"), **settings_beside(given)})


@opens("weights")
def open_weights(window: WindowProtocol, given: Mapping[str, Sequence[Path]]) -> None:
    """Open weights with the net of the same name beside them, or in the net that is open (after fine-tuning).

    While the pane that compares is open, weights alone are what the net is compared with.
    """
    file = given["weights"][0]
    if COMPARED in window.controller.model.panes and not settings_beside(given):
        compare_with(window, file)
    elif file.with_name(file.name.split(".caffemodel")[0] + ".prototxt").is_file():
        open_given(window, {"model": file, **settings_beside(given)})
    else:
        open_settings(window, override(window.controller.session.wishes, weights=file, **settings_beside(given)))


@opens("scan")
def open_scan(window: WindowProtocol, given: Mapping[str, Sequence[Path]]) -> None:
    """Open a scan with the model that it was made for: the one that is open, or else one that is found."""
    file, session = given["scan"][0], window.controller.session
    known = [Path(read_link(text).model) for text in recent_models(window)]

    def work() -> Generator[Progress, None, Opened]:
        found = yield from model_of_scan(file, session.settings.cache, known, session.engine.model.hash)
        if not found:
            settings = with_neighbours(override(session.wishes, **settings_beside(given)))
            return with_facts(session, settings)
        return (yield from opening_session(for_model(session.wishes, **{**found, **settings_beside(given)})))

    _start(window, f"Open {file.name}", work(), session)


@opens("plan")
def open_plan(window: WindowProtocol, given: Mapping[str, Sequence[Path]]) -> None:
    """Show the learning-rate multipliers of a plan, in the model that is open."""
    session = window.controller.session

    def work() -> Generator[Progress, None, Opened]:
        yield Progress(0, 0, f"read {given['plan'][0].name}")
        return with_facts(session, override(session.wishes, **settings_beside(given)))

    _start(window, f"Open {given['plan'][0].name}", work(), session)


def _first(given: Mapping[str, Sequence[Path]], kind: str) -> Path | None:
    return given[kind][0] if kind in given else None


def settings_beside(given: Mapping[str, Sequence[Path]]) -> dict[str, Path]:
    """Settings for what was given beside a model."""
    names = {"scan": "scan", "plan": "plan", "pictures": "images"}
    return {setting: given[kind][0] for kind, setting in names.items() if kind in given}


# -- opening -----------------------------------------------------------------------------------------------------------


def open_given(window: WindowProtocol, given: Mapping[str, Any], panes: tuple[str, ...] = ()) -> None:
    """Open a model by settings that name it; what belonged to the one before is left out."""
    with sentences(window):
        open_settings(window, for_model(window.controller.session.wishes, **given), panes=panes)


def open_link(window: WindowProtocol, text: str) -> None:
    """Show again what a link shows."""
    with sentences(window):
        link = read_link(text)
        open_settings(window, settings_of(link, window.controller.session.wishes), link)


def open_settings(
    window: WindowProtocol, settings: Settings, link: Link | None = None, panes: tuple[str, ...] = ()
) -> None:
    """Open what settings name beside the window, then show it."""
    _start(window, f"Open {settings.model.name}", opening_session(settings), None, link, panes)


def _start(
    window: WindowProtocol,
    title: str,
    work: Generator[Progress, None, Opened],
    same: Session | None,
    link: Link | None = None,
    panes: tuple[str, ...] = (),
) -> None:
    """Run the opening as a task; ``same`` is the session that what is opened was made from, if it must still be it."""

    def show(opened: Opened) -> None:
        session = opened.session
        if same is not None and window.controller.session is not same and session.engine is same.engine:
            session.close()  # meanwhile another model was opened
            return
        window.clear_problem()
        wishes, problems = seen_again(link, session) if link is not None else ({}, [])
        wishes["panes"] = tuple(dict.fromkeys((*wishes.get("panes", window.controller.model.panes), *panes)))
        window.controller.set_session(session, wishes, link.levels if link is not None else None)
        if sentence := "; ".join((*opened.problems, *problems)):
            window.show_problem(Problem(sentence))
        remember_model(window, session.settings)

    window.controller.tasks.start(Task(title, work, show))
