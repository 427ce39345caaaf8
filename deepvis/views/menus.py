"""The menus, made from the key table: a line with its shortcuts for every command."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QMainWindow, QMenu

from deepvis.views.keys import MENUS, Command


class Menus:
    """Fills the menu bar of a window.

    Parameters
    ----------
    window : whose menu bar it is.
    commands : what is in the menus.
    run : carries out the action of a command.
    submenus : by action, what fills the submenu of a command each time that it opens; the others are lines.
    """

    def __init__(
        self,
        window: QMainWindow,
        commands: Sequence[Command],
        run: Callable[[str], None],
        submenus: Mapping[str, Callable[[QMenu], None]],
    ) -> None:
        self._window = window
        self._run = run
        self.by_title = {title: window.menuBar().addMenu(title) for title in MENUS}
        self.entries: dict[str, QAction] = {}
        for command in commands:
            menu = self.by_title[command.menu]
            if command.action in submenus:
                self.entries[command.action] = self._submenu(command, menu, submenus[command.action])
            else:
                self.entries[command.action] = self._line(command, menu)

    def _line(self, command: Command, menu: QMenu) -> QAction:
        line = QAction(command.text, self._window)
        line.setShortcuts([QKeySequence(key) for key in command.keys])
        line.triggered.connect(lambda: self._run(command.action))
        menu.addAction(line)
        return line

    def _submenu(self, command: Command, menu: QMenu, fill: Callable[[QMenu], None]) -> QAction:
        below = menu.addMenu(command.text)

        def refill() -> None:
            below.clear()
            fill(below)

        below.aboutToShow.connect(refill)
        return below.menuAction()
