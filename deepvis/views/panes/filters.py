"""Draws the filters of a layer beside those of the selected unit."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import QHBoxLayout, QSplitter, QWidget

from deepvis.controllers.panes.filters import FiltersContent
from deepvis.controllers.viewer import ViewerController
from deepvis.state.resolve import DisplayState
from deepvis.views.grid_pane import GridPane
from deepvis.views.panes.registry import pane_widget


@pane_widget("filters")
class FiltersPane(QWidget):
    """Draws a `FiltersContent`; a click on a filter selects its unit."""

    def __init__(self, controller: ViewerController) -> None:
        super().__init__()
        self.content = FiltersContent()
        self._layer, self._unit = "", 0
        self._aspects = [1.0, 1.0]
        self._order: tuple[int, ...] = ()
        self.all = GridPane(controller.model)
        self.one = GridPane(controller.model)
        for grid in (self.all, self.one):
            grid.head.hide()
        self.all.unit_clicked.connect(controller.select_unit)
        self.all.aspect_changed.connect(self._all_turned)
        self.one.aspect_changed.connect(self._one_turned)
        split = QSplitter(Qt.Orientation.Horizontal)
        split.addWidget(self.all)
        split.addWidget(self.one)
        split.setSizes([700, 300])
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(split)

    def sizeHint(self) -> QSize:
        """Some rows of filters."""
        return QSize(900, 260)

    def minimumSizeHint(self) -> QSize:
        """One row that can still be made out."""
        return QSize(240, 110)

    def show_content(self, content: FiltersContent) -> None:
        """Draw this from now on."""
        self.content = content
        self._draw_all()
        self._draw_one()

    def show_state(self, state: DisplayState) -> None:
        """Frame the selected unit and show its filter."""
        changed = state.grid.order != self._order, state.unit != self._unit
        self._layer, self._order, self._unit = state.layer.name, state.grid.order, state.unit
        if self._layer == self.content.layer:
            if changed[0]:
                self._draw_all()
            if changed[1]:
                self._draw_one()
        self.all.show_state(state)

    def _all_turned(self, aspect: float) -> None:
        self._aspects[0] = aspect
        self._draw_all()

    def _one_turned(self, aspect: float) -> None:
        self._aspects[1] = aspect
        self._draw_one()

    def _draw_all(self) -> None:
        order = self._order if self._layer == self.content.layer else ()
        self.all.show_content(self.content.all_units(self._aspects[0], order))

    def _draw_one(self) -> None:
        self.one.show_content(self.content.one_unit(self._unit, self._aspects[1]))
