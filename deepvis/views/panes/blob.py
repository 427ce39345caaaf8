"""Draws any blob as picture, histogram or numbers, and lets its axes be chosen."""

from __future__ import annotations

from typing import Any

import numpy as np
from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, QSize, Qt
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QSpinBox, QStackedWidget, QVBoxLayout, QWidget
from superqt import QElidingLabel, QSearchableComboBox

from deepvis.controllers.panes.blob import BlobContent
from deepvis.controllers.viewer import ViewerController
from deepvis.state.viewer import OPTIONS
from deepvis.views import theme
from deepvis.views.grid_pane import GridPane
from deepvis.views.panes.histograms import HistogramPlot
from deepvis.views.panes.registry import pane_widget
from deepvis.views.tables import CopyTable

OWN = "of the layer"
_Index = QModelIndex | QPersistentModelIndex


@pane_widget("blob")
class BlobPane(QWidget):
    """Draws a `BlobContent`."""

    def __init__(self, controller: ViewerController) -> None:
        super().__init__()
        self._model = controller.model
        self.content = BlobContent("", ())
        self.names = QSearchableComboBox()
        self.names.setMinimumWidth(180)
        self.names.setToolTip("Blob: conv1@1 is conv1 after the first layer that works in place, blobs[…] are weights")
        self.names.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self.names.activated.connect(self._choose_blob)
        self.views = QComboBox()
        choices = OPTIONS["blob_view"].choices
        self.views.addItems(choices)
        self.views.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.views.activated.connect(lambda place: setattr(self._model, "blob_view", choices[place]))
        self.axes = AxesRow()
        self.axes.axes.activated.connect(self._choose_axes)
        self.words = QElidingLabel()
        self.words.setFont(theme.small(self.font()))
        self.words.setStyleSheet(f"color: {theme.DIM};")
        self.picture = GridPane(controller.model)
        self.picture.head.hide()
        self.plot = HistogramPlot()
        self.numbers = NumbersModel()
        self.table = CopyTable()
        self.table.setModel(self.numbers)
        for part in (self.table, self.table.horizontalHeader(), self.table.verticalHeader()):
            part.setFont(theme.small(self.font()))
        self.missing = QLabel(alignment=Qt.AlignmentFlag.AlignCenter)
        self.missing.setStyleSheet(f"background: {theme.PANEL}; color: {theme.DIM};")
        self.shown = QStackedWidget()
        for widget in (self.picture, self.plot, self.table, self.missing):
            self.shown.addWidget(widget)
        self._arrange()

    def sizeHint(self) -> QSize:
        """A picture beside nothing."""
        return QSize(900, 260)

    def minimumSizeHint(self) -> QSize:
        """The row of choices and a little below."""
        return QSize(300, 130)

    def show_content(self, content: BlobContent) -> None:
        """Draw this from now on."""
        if content.names != self.content.names:
            self.names.clear()
            self.names.addItems([OWN, *content.names])
        self.content = content
        is_own = self._model.blob not in content.names
        self.names.setCurrentIndex(0 if is_own else content.names.index(content.name) + 1)
        self.views.setCurrentText(content.view)
        self.axes.show_axes(content, self._choose_index)
        self.words.setText(f"{content.name}  {content.words}")
        self.words.setToolTip(f"{content.name}\n{content.words}")
        self._draw(content)

    def _draw(self, content: BlobContent) -> None:
        if content.plane is None:
            self.missing.setText(content.missing)
            self.shown.setCurrentWidget(self.missing)
        elif content.bars is not None:
            self.plot.show_histogram(content.bars)
            self.shown.setCurrentWidget(self.plot)
        elif content.view == "numbers":
            self.numbers.show_plane(content.plane)
            self.shown.setCurrentWidget(self.table)
        elif content.picture is not None:
            self.picture.show_content(content.picture)
            self.shown.setCurrentWidget(self.picture)

    # -- what the user does -----------------------------------------------------------------------------------------

    def _choose_blob(self, place: int) -> None:
        self._model.blob_axes = self._model.blob_at = ()
        self._model.blob = self.content.names[place - 1] if place > 0 else ""
        self.names.clearFocus()

    def _choose_axes(self, place: int) -> None:
        self._model.blob_axes = self.axes.axes.itemData(place)

    def _choose_index(self, axis: int, index: int) -> None:
        at = list(self.content.at)
        at[axis] = index
        self._model.blob_at = tuple(at)

    def _arrange(self) -> None:
        head = QHBoxLayout()
        for widget in (self.names, self.views, self.axes):
            head.addWidget(widget)
        head.addStretch(1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 2, 4, 2)
        layout.setSpacing(3)
        layout.addLayout(head)
        layout.addWidget(self.words)
        layout.addWidget(self.shown, 1)


class AxesRow(QWidget):
    """Which axes are rows and columns, and the index along each of the others."""

    def __init__(self) -> None:
        super().__init__()
        self.axes = QComboBox()
        self.axes.setToolTip("Axes of the blob that are rows × columns")
        self.axes.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.indices: dict[int, QSpinBox] = {}
        self._shape: tuple[tuple[int, ...], tuple[int, ...]] | None = None
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(0, 0, 0, 0)
        self._row.addWidget(self.axes)

    def show_axes(self, content: BlobContent, choose: Any) -> None:
        """Follow a content; ``choose(axis, index)`` is called for what the user sets."""
        if (content.shape, content.axes) != self._shape:
            self._shape = content.shape, content.axes
            self._make(content, choose)
        for axis, box in self.indices.items():
            box.blockSignals(True)
            box.setValue(content.at[axis])
            box.blockSignals(False)

    def _make(self, content: BlobContent, choose: Any) -> None:
        rank = len(content.shape)
        self.axes.clear()
        for rows in range(rank):
            for columns in range(rank):
                if rows != columns:
                    self.axes.addItem(f"{rows} × {columns}", (rows, columns))
        if len(content.axes) == 2:
            self.axes.setCurrentText(f"{content.axes[0]} × {content.axes[1]}")
        self.axes.setVisible(rank > 1)
        for box in self.indices.values():
            self._row.removeWidget(box)
            box.deleteLater()
        self.indices = {}
        for axis, size in enumerate(content.shape):
            if axis not in content.axes and size > 1:
                self.indices[axis] = self._index(axis, size, choose)

    def _index(self, axis: int, size: int, choose: Any) -> QSpinBox:
        box = QSpinBox()
        box.setRange(0, size - 1)
        box.setPrefix(f"axis {axis}: ")
        box.setSuffix(f" of {size}")
        box.setKeyboardTracking(False)
        box.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        box.valueChanged.connect(lambda index: choose(axis, index))
        self._row.addWidget(box)
        return box


class NumbersModel(QAbstractTableModel):
    """The numbers of a plane; text is made of those that are seen."""

    def __init__(self) -> None:
        super().__init__()
        self._plane = np.empty((0, 0), np.float32)

    def show_plane(self, plane: np.ndarray) -> None:
        """Show these numbers; the place in the table stays while the shape does."""
        if plane.shape == self._plane.shape:
            self._plane = plane
            if plane.size:
                self.dataChanged.emit(self.index(0, 0), self.index(plane.shape[0] - 1, plane.shape[1] - 1))
            return
        self.beginResetModel()
        self._plane = plane
        self.endResetModel()

    def rowCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own default
        """Rows of the plane."""
        return int(self._plane.shape[0])

    def columnCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own default
        """Columns of the plane."""
        return int(self._plane.shape[1])

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """A number with as many digits as float32 has, at the right."""
        if role == Qt.ItemDataRole.DisplayRole:
            return f"{self._plane[index.row(), index.column()]:.7g}"
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        return None

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Indices, from 0."""
        return section if role == Qt.ItemDataRole.DisplayRole else None
