"""Further panes as docks: made when they are first opened, movable, and torn off if one likes."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QAction, QCloseEvent
from PySide6.QtWidgets import QDockWidget, QMainWindow, QMenu

from deepvis.controllers.panes.registry import PANES
from deepvis.controllers.viewer import ViewerController
from deepvis.state.resolve import DisplayState
from deepvis.state.viewer import ViewerModel
from deepvis.views.panes.registry import PANE_WIDGETS
from deepvis.views.saveable import Saveable


class _Dock(QDockWidget):
    closed = Signal()

    def closeEvent(self, event: QCloseEvent) -> None:
        """Tell that the user has closed it."""
        super().closeEvent(event)
        self.closed.emit()


class Docks:
    """Opens and closes the panes that the state names.

    Parameters
    ----------
    window : holds the docks.
    model : its ``panes`` are the open ones.
    controller : is given to every widget.
    menu : gets a line for each pane.
    """

    def __init__(self, window: QMainWindow, model: ViewerModel, controller: ViewerController, menu: QMenu) -> None:
        self._window = window
        self._model = model
        self._controller = controller
        self._docks: dict[str, QDockWidget] = {}
        self._contents: dict[str, Any] = {}
        self.entries = {name: self._entry(name, menu) for name in PANES}

    def follow(self, state: DisplayState) -> None:
        """Show the panes that the state names and no others, and tell them of it."""
        for name in PANES:
            is_open = name in state.panes
            self.entries[name].setChecked(is_open)
            if is_open and name not in self._docks:
                self._docks[name] = self._make(name)
            if name in self._docks and self._docks[name].isHidden() == is_open:
                self._docks[name].setVisible(is_open)
            if is_open and hasattr(self.widget(name), "show_state"):
                self.widget(name).show_state(state)

    def show_content(self, name: str, content: Any) -> None:
        """Give a pane its content."""
        if name in self._docks:
            self._contents[name] = content
            widget: Any = self._docks[name].widget()
            widget.show_content(content)

    def reset_layout(self) -> None:
        """Bring every pane back to the bottom."""
        for dock in self._docks.values():
            dock.setFloating(False)
            self._window.addDockWidget(Qt.DockWidgetArea.BottomDockWidgetArea, dock)
        self._tabify()

    @property
    def open_panes(self) -> tuple[str, ...]:
        """Names of the open panes."""
        return tuple(name for name, dock in self._docks.items() if not dock.isHidden())

    @property
    def open_contents(self) -> dict[str, Any]:
        """What the open panes show, by name."""
        return {name: self._contents[name] for name in self.open_panes if name in self._contents}

    @property
    def saveable(self) -> dict[str, Saveable]:
        """The open panes, by name."""
        return {name: Saveable(PANES[name].title, self.widget(name)) for name in self.open_panes}

    def widget(self, name: str) -> Any:
        """The widget of an open pane; KeyError where it has never been opened."""
        return self._docks[name].widget()

    def _make(self, name: str) -> QDockWidget:
        dock = _Dock(PANES[name].title, self._window)
        dock.setObjectName(f"pane {name}")
        dock.setWidget(PANE_WIDGETS[name](self._controller))
        dock.closed.connect(lambda: self._set(name, False))
        self._window.addDockWidget(Qt.DockWidgetArea.BottomDockWidgetArea, dock)
        self._docks[name] = dock
        self._tabify()
        return dock

    def _tabify(self) -> None:
        docks = [dock for dock in self._docks.values() if not dock.isFloating()]
        for first, second in pairwise(docks):
            self._window.tabifyDockWidget(first, second)
        if docks:
            docks[-1].raise_()
            height = max(PANES[name].height for name, dock in self._docks.items() if not dock.isFloating())
            self._window.resizeDocks(docks[:1], [height], Qt.Orientation.Vertical)

    def _entry(self, name: str, menu: QMenu) -> QAction:
        entry = menu.addAction(PANES[name].title)
        entry.setCheckable(True)
        entry.triggered.connect(lambda checked: self._set(name, checked))
        return entry

    def _set(self, name: str, is_open: bool) -> None:
        rest = tuple(other for other in self._model.panes if other != name)
        self._model.panes = (*rest, name) if is_open else rest
