"""Draw the window, or a pane of it, into a file without a display."""

from __future__ import annotations

import os
import time
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PySide6.QtWidgets import QApplication

from deepvis.controllers.report import write_report
from deepvis.controllers.values import write_values
from deepvis.errors import ModelError, SettingsError
from deepvis.session.links import Link, seen_again
from deepvis.session.opening import open_session
from deepvis.settings.settings import Settings
from deepvis.views.actions.saving import shown_values
from deepvis.views.app import first_state, make_window
from deepvis.views.application import make_application
from deepvis.views.rendering import writer_of
from deepvis.views.window import Window
from prototxt.common.progress import Progress, with_bar

_PATIENCE = 120  # seconds that a snapshot waits for its workers
_STEPS = 3


@dataclass(frozen=True)
class Wanted:
    """What to write of a window.

    Parameters
    ----------
    picture : ``.png`` or another ending that `deepvis.views.rendering` knows; None for no picture.
    pane : key of one of `deepvis.views.window.Window.saveable`; empty for the whole window.
    density : pixels of the picture for a pixel of the window.
    values : ``.csv`` or ``.npz`` for the values of the pane, or of all of them; None for none.
    report : ``.html`` for a report of the unit; None for none.
    """

    picture: Path | None = None
    pane: str = ""
    density: float = 1.0
    values: Path | None = None
    report: Path | None = None


def snapshot(
    settings: Settings, out: Path | str | Wanted, wishes: Mapping[str, Any] | None = None, link: Link | None = None
) -> None:
    """Draw the window of `deepvis.views.app.run`, after all of its workers are done, without a display.

    Parameters
    ----------
    settings : as in `run`; ``window_size`` is the size of the window.
    out : the picture's file, or all that is wanted; every file is written whole.
    wishes : fields of `deepvis.state.viewer.ViewerModel` over the settings, such as ``{"picture": 3}``.
    link : what it is to show where ``wishes`` say nothing.

    Raises
    ------
    InputError : as in `run`; also if something that the picture should show has failed.
    """
    wanted = out if isinstance(out, Wanted) else Wanted(Path(out))
    os.environ["QT_QPA_PLATFORM"] = "offscreen"
    opened = open_session(settings)
    seen, problems = seen_again(link, opened.session) if link else ({}, [])
    if sentences := (*opened.problems, *problems):
        raise ModelError(sentences[0])
    model = first_state(settings, opened.session.engine.net, {**seen, **(wishes or {})})
    app = make_application(settings.font_size)
    window = make_window(opened.session, model, keymap=settings.keymap)
    if link is not None and link.levels is not None:
        window.controller.begin_with(link.levels)
    try:
        with_bar(_draw(app, window, settings, wanted))
    finally:
        window.close()


def _draw(app: QApplication, window: Window, settings: Settings, wanted: Wanted) -> Generator[Progress, None, None]:
    window.resize(*settings.window_size)
    window.show()
    app.processEvents()
    window.start()
    yield Progress(1, _STEPS, "snapshot: compute")
    wait_until_idle(app, window)
    if window.controller.failed:
        raise ModelError(window.controller.failed[0].sentence)
    yield Progress(2, _STEPS, "snapshot: draw")
    for _ in _write(window, wanted):
        yield Progress(2, _STEPS, "snapshot: write")
    yield Progress(_STEPS, _STEPS, "snapshot: done")


def _write(window: Window, wanted: Wanted) -> Generator[Progress, None, None]:
    panes = window.saveable
    if wanted.pane and wanted.pane not in panes:
        raise SettingsError(f"there is no pane {wanted.pane!r} in the window; there are {', '.join(panes)}")
    widget = panes[wanted.pane].widget if wanted.pane else window
    if wanted.picture is not None:
        writer_of(widget, wanted.picture, wanted.density)()
    if wanted.values is not None:
        yield from write_values(shown_values(window, wanted.pane), wanted.values)
    state, sources = window.controller.state, window.controller.sources()
    if wanted.report is not None and state is not None:
        yield from write_report(state, sources, wanted.report)


def wait_until_idle(app: QApplication, window: Window, patience: float = _PATIENCE) -> None:
    """Let the workers finish and their answers be drawn; `ModelError` after ``patience`` seconds."""
    end = time.monotonic() + patience
    while not window.idle:
        app.processEvents()
        if time.monotonic() > end:
            raise ModelError(f"the window is still computing after {patience:.0f} s; choose a smaller model or CUDA")
        time.sleep(0.002)
    app.processEvents()
