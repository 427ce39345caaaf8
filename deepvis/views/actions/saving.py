"""Saving and copying what is seen: the window or one pane of it, as a picture, as its values, as a report."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Generator
from pathlib import Path

from PySide6.QtCore import QPoint
from PySide6.QtGui import QCursor, QGuiApplication
from PySide6.QtWidgets import QFileDialog, QMenu, QWidget

from deepvis.controllers.lanes import Problem
from deepvis.controllers.report import write_report
from deepvis.controllers.tasks import Task
from deepvis.controllers.values import Values, values_of, write_table, write_values
from deepvis.views.actions.registry import window_action
from deepvis.views.rendering import FILTER, Write, to_pixels, writer_of
from deepvis.views.saveable import pane_at
from deepvis.views.window_protocol import WindowProtocol
from prototxt.common.errors import InputError
from prototxt.common.progress import Progress

COPIED = 200_000  # values that are put on the clipboard at most


@window_action("save_picture")
def save_picture(window: WindowProtocol) -> None:
    """Ask for a file and save the window as it is."""
    save_widget(window, "")


@window_action("copy_picture")
def copy_picture(window: WindowProtocol) -> None:
    """Put the window as a picture on the clipboard."""
    copy_widget(window, "")


@window_action("save_pane")
def save_pane(window: WindowProtocol) -> None:
    """Save the pane under the pointer as a picture."""
    with_pane(window, save_widget)


@window_action("copy_pane")
def copy_pane(window: WindowProtocol) -> None:
    """Put the pane under the pointer on the clipboard."""
    with_pane(window, copy_widget)


@window_action("save_values")
def save_values(window: WindowProtocol) -> None:
    """Save the values of the pane under the pointer."""
    with_pane(window, save_values_of)


@window_action("copy_values")
def copy_values(window: WindowProtocol) -> None:
    """Put the values of the pane under the pointer on the clipboard."""
    with_pane(window, copy_values_of)


@window_action("save_report")
def save_report(window: WindowProtocol) -> None:
    """Ask for a file and write a page about the selected unit."""
    state, sources = window.controller.state, window.controller.sources()
    path = _ask(window, "Save a report of the unit", "report", ".html", "Web pages (*.html)")
    if path is not None and state is not None:
        _start(window, path, write_report(state, sources, path))


def with_pane(window: WindowProtocol, action: Callable[[WindowProtocol, str], None]) -> None:
    """Do something with the pane under the pointer; where there is none, a list asks which."""
    key = pane_at(window.saveable)
    if key:
        action(window, key)
        return
    menu = QMenu(window.widget)
    menu.setObjectName("panes")
    for name, pane in window.saveable.items():
        menu.addAction(pane.title).triggered.connect(lambda _, name=name: action(window, name))
    menu.popup(QCursor.pos())


def show_pane_menu(window: WindowProtocol, place: QPoint) -> QMenu:
    """What can be done with the pane at a place of the screen."""
    panes = window.saveable
    key = pane_at(panes, place)
    title = panes[key].title if key else "Window"
    menu = QMenu(window.widget)
    menu.setObjectName("pane")
    menu.addSection(title)
    for text, action in (
        ("Save as PNG…", lambda: save_widget(window, key, ".png")),
        ("Save as SVG…", lambda: save_widget(window, key, ".svg")),
        ("Copy picture", lambda: copy_widget(window, key)),
        ("Save values (CSV, NPZ)…", lambda: save_values_of(window, key)),
        ("Copy values", lambda: copy_values_of(window, key)),
    ):
        menu.addAction(text).triggered.connect(action)
    menu.addSeparator()
    menu.addAction("Report of the unit…").triggered.connect(lambda: save_report(window))
    menu.popup(place)
    return menu


def save_widget(window: WindowProtocol, key: str, ending: str = ".png") -> None:
    """Ask for a file and save a pane, or the window if the key is empty; drawn now, written beside the window."""
    path = _ask(window, "Save the picture", key, ending, FILTER)
    if path is None:
        return
    try:
        _start(window, path, _once(writer_of(_widget(window, key), path, window.widget.devicePixelRatioF())))
    except InputError as error:
        window.show_problem(Problem(str(error)))


def copy_widget(window: WindowProtocol, key: str) -> None:
    """Put a pane, or the window if the key is empty, on the clipboard."""
    QGuiApplication.clipboard().setImage(to_pixels(_widget(window, key), window.widget.devicePixelRatioF()))


def save_values_of(window: WindowProtocol, key: str) -> None:
    """Ask for a file and save the values of a pane, or of all of them if the key is empty."""
    values = shown_values(window, key)
    path = _ask(window, "Save the values", key, ".csv", "Tables (*.csv);;NumPy (*.npz)")
    if path is not None:
        _start(window, path, write_values(values, path))


def copy_values_of(window: WindowProtocol, key: str) -> None:
    """Put the values of a pane on the clipboard, as a table with tabs."""
    values = shown_values(window, key)
    count = sum(value.array.size for value in values)
    if not 0 < count <= COPIED:
        what = "there are no values here yet" if not count else f"{count:,} values are too many for the clipboard"
        window.show_problem(Problem(f"{what}; choose another pane, or save them as a file"))
        return
    text = io.StringIO()
    for _ in write_table(values, text, "\t"):
        pass
    QGuiApplication.clipboard().setText(text.getvalue())


def shown_values(window: WindowProtocol, key: str) -> tuple[Values, ...]:
    """The values of a pane as it is on screen; nothing before the window has shown anything."""
    return () if window.shown is None else values_of(key, window.shown)


def _widget(window: WindowProtocol, key: str) -> QWidget:
    return window.saveable[key].widget if key else window.widget


def _once(write: Write) -> Generator[Progress, None, None]:
    yield Progress(0, 1, "save: picture")
    write()


def _start(window: WindowProtocol, path: Path, work: Generator[Progress, None, None]) -> None:
    """Write beside the window; what goes wrong comes into the bar, that it is done into the status line."""

    def done(_: object) -> None:
        window.show_message(f"saved {path}")

    window.controller.tasks.start(Task(f"Save {path.name}", work, done))


def _ask(window: WindowProtocol, title: str, what: str, ending: str, kinds: str) -> Path | None:
    """Ask for a file; a name without an ending gets the usual one. None if the dialogue was left."""
    state = window.controller.state
    unit = state.unit_text if state else ""
    name = re.sub(r"[^\w.-]+", "_", "_".join(part for part in ("deepvis", unit, what) if part))
    path, _ = QFileDialog.getSaveFileName(window.widget, title, name + ending, kinds)
    if not path:
        return None
    return Path(path) if Path(path).suffix else Path(path + ending)
