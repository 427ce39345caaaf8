"""The menu Compute: which engine runs the net."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtGui import QAction, QActionGroup
from PySide6.QtWidgets import QMenu

from deepvis.engines.choices import Choice


class EngineMenu:
    """One line for each engine; the one that runs is checked, and one that cannot says why.

    Parameters
    ----------
    menu : gets the lines.
    choices : the engines.
    choose : gets the engine that the user takes.
    """

    def __init__(self, menu: QMenu, choices: Sequence[Choice], choose: Callable[[Choice], None]) -> None:
        menu.setToolTipsVisible(True)
        menu.addSeparator()
        self._group = QActionGroup(menu)
        self._group.setExclusionPolicy(QActionGroup.ExclusionPolicy.ExclusiveOptional)
        self._choose = choose
        self._now = ""
        self.entries = {choice.name: self._entry(menu, choice) for choice in choices}

    def follow(self, name: str) -> None:
        """Check the engine that runs."""
        self._now = name
        if name in self.entries:
            self.entries[name].setChecked(True)
        elif (checked := self._group.checkedAction()) is not None:
            checked.setChecked(False)

    def _entry(self, menu: QMenu, choice: Choice) -> QAction:
        entry = menu.addAction(f"{choice.title}: {choice.missing}" if choice.missing else choice.title)
        entry.setCheckable(True)
        entry.setEnabled(not choice.missing)
        entry.setToolTip(choice.missing or f"Run the net with {choice.title}")
        self._group.addAction(entry)
        entry.triggered.connect(lambda: self._taken(choice))
        return entry

    def _taken(self, choice: Choice) -> None:
        """Leave the mark where it is until the engine has started."""
        self.follow(self._now)
        self._choose(choice)
