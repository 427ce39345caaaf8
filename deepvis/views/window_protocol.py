"""What the window and the actions of its menus know of each other; neither imports the other."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from PySide6.QtCore import QPoint
from PySide6.QtWidgets import QMenu, QWidget

from deepvis.controllers.lanes import Problem
from deepvis.controllers.values import Shown
from deepvis.controllers.viewer import ViewerController
from deepvis.engines.choices import Choice
from deepvis.views.question_bar import QuestionBar
from deepvis.views.saveable import Saveable


class WindowProtocol(Protocol):
    """What actions need of the window; `deepvis.views.window.Window` has it.

    Parameters
    ----------
    controller : of the state, the session and the lanes.
    question_bar : asks the user.
    user_folder : where bookmarks and recent models are kept; None keeps them nowhere.
    """

    controller: ViewerController
    question_bar: QuestionBar
    user_folder: Path | None

    @property
    def widget(self) -> QWidget:
        """The window itself: what dialogues and menus belong to, and what is saved as a picture."""

    @property
    def saveable(self) -> dict[str, Saveable]:
        """The panes that are on screen, by key, from left to right."""

    @property
    def shown(self) -> Shown | None:
        """What the panes show, for files of values; None before there is anything."""

    def show_problem(self, problem: Problem) -> None:
        """Show what went wrong in a bar that does not stand in the way."""

    def clear_problem(self) -> None:
        """Take the bar away: what it was about is over."""

    def show_message(self, text: str) -> None:
        """Show for some seconds in the status line that something is done."""

    def edit_filter(self) -> None:
        """Let the user type a filter of the units."""

    def reset_layout(self) -> None:
        """Give every pane its first place and size."""

    def close(self) -> bool:
        """Close the window."""


WindowAction = Callable[[WindowProtocol], None]
Fill = Callable[[WindowProtocol, QMenu], None]
Open = Callable[[WindowProtocol, Mapping[str, Sequence[Path]]], None]


@dataclass(frozen=True)
class WindowActions:
    """What a window does that is of the window itself, not of the state; `deepvis.views.app` hands it over.

    Parameters
    ----------
    commands : by the action of a `deepvis.views.keys.Command`.
    submenus : what fills the submenu of a command, each time that it opens.
    open_paths, open_link : open what is dropped.
    choose_engine : starts what is chosen in the menu Compute.
    show_pane_menu : shows what can be done with the pane at a place of the screen.
    """

    commands: Mapping[str, WindowAction]
    submenus: Mapping[str, Fill]
    open_paths: Callable[[WindowProtocol, Sequence[Path]], None]
    open_link: Callable[[WindowProtocol, str], None]
    choose_engine: Callable[[WindowProtocol, Choice], None]
    show_pane_menu: Callable[[WindowProtocol, QPoint], QMenu]
