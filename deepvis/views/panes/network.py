"""Draws a net as graph and table, with a line that searches both."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, QSize, Qt
from PySide6.QtWidgets import QHBoxLayout, QLabel, QLineEdit, QSplitter, QToolButton, QVBoxLayout, QWidget

from deepvis.controllers.panes.network import COLUMNS, NetworkContent
from deepvis.controllers.viewer import ViewerController
from deepvis.state.resolve import DisplayState
from deepvis.views import theme
from deepvis.views.net_view import NetView
from deepvis.views.panes.registry import pane_widget
from deepvis.views.tables import CopyTable

_NUMBERS = ("Count", "Field", "Stride")
_WIDEST = 260  # pixels, of a column
_MEASURED = 60  # rows, for the widths of the columns
_Index = QModelIndex | QPersistentModelIndex


@pane_widget("network")
class NetworkPane(QWidget):
    """Draws a `NetworkContent`; a click on a node or a row selects the layer in the window."""

    def __init__(self, controller: ViewerController) -> None:
        super().__init__()
        self._controller = controller
        self.content: NetworkContent | None = None
        self._layer = ""
        self.search = QLineEdit(placeholderText="Search: a part of a name, a type, a setting; Enter goes to the next")
        self.search.textChanged.connect(self._find)
        self.search.returnPressed.connect(self._next)
        self.hits = QLabel()
        self.hits.setStyleSheet(f"color: {theme.DIM};")
        self.all = QToolButton()
        self.all.setText("Whole graph")
        self.all.setToolTip("Fit the graph into the pane; the wheel zooms, dragging moves it")
        self.all.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.graph = NetView()
        self.graph.node_clicked.connect(self._node_clicked)
        self.all.clicked.connect(self.graph.show_all)
        self.rows = RowsModel()
        self.table = self._make_table()
        self._arrange()

    def sizeHint(self) -> QSize:
        """A few nodes and rows."""
        return QSize(900, 320)

    def minimumSizeHint(self) -> QSize:
        """One node and some rows."""
        return QSize(300, 130)

    def show_content(self, content: NetworkContent) -> None:
        """Draw this net from now on."""
        self.content = content
        self.rows.show_rows(content, content.found(self.search.text()))
        if content.chart is None:
            self.table.resizeColumnsToContents()
        self.graph.show_chart(content.chart)
        self._follow()

    def show_state(self, state: DisplayState) -> None:
        """Mark the layer that the window shows."""
        self._layer = state.layer.name
        self._follow()

    # -- what the user does -----------------------------------------------------------------------------------------

    def _find(self, words: str) -> None:
        if self.content is None:
            return
        found = self.content.found(words)
        self.rows.show_rows(self.content, found)
        self.hits.setText(f"{len(found)} of {self.content.analysis.layers}" if words.strip() else "")
        self._follow()
        nodes = self._found_nodes()
        if nodes and self.graph.selected not in nodes:
            self.graph.reveal(nodes[0])

    def _next(self) -> None:
        """Select the first layer behind the selected one that is found and that the window can show."""
        if self.content is None or self.content.chart is None:
            return
        nodes = [node for node in self._found_nodes() if self.content.chart.nodes[node].layer]
        behind = [node for node in nodes if node > self.graph.selected]
        if nodes:
            self._node_clicked((behind or nodes)[0])

    def _node_clicked(self, node: int) -> None:
        if self.content is not None and self.content.chart is not None:
            self._select(self.content.chart.nodes[node].layers[0])

    def _row_clicked(self, index: QModelIndex) -> None:
        if self.content is not None and index.row() < len(self.rows.places):
            self._select(self.content.analysis.rows[self.rows.places[index.row()]].name)

    def _select(self, layer: str) -> None:
        """Show a layer in the window, or, if its list leaves it out, mark it here."""
        chart = self.content.chart if self.content else None
        node = chart.node_of(layer) if chart else -1
        shown = chart.nodes[node].layer if chart and node >= 0 else ""
        if shown:
            self._layer = layer
            self._controller.select_layer(shown)
        self._mark(node, layer)

    # -- marking ----------------------------------------------------------------------------------------------------

    def _found_nodes(self) -> list[int]:
        if self.content is None or self.content.chart is None or not self.search.text().strip():
            return []
        rows = self.content.analysis.rows
        return sorted({self.content.chart.node_of(rows[place].name) for place in self.rows.places})

    def _follow(self) -> None:
        chart = self.content.chart if self.content else None
        self._mark(chart.node_of(self._layer) if chart else -1, self._layer)

    def _mark(self, node: int, layer: str) -> None:
        self.graph.mark(node, self._found_nodes())
        row = self.rows.row_of(layer)
        if row >= 0:
            self.table.selectRow(row)
            self.table.scrollTo(self.rows.index(row, 0))

    # -- making -----------------------------------------------------------------------------------------------------

    def _make_table(self) -> CopyTable:
        table = CopyTable()
        table.setModel(self.rows)
        table.setShowGrid(False)
        table.setSelectionBehavior(CopyTable.SelectionBehavior.SelectRows)
        table.setFont(theme.small(self.font()))
        table.verticalHeader().hide()
        table.horizontalHeader().setDefaultAlignment(Qt.AlignmentFlag.AlignLeft)
        table.horizontalHeader().setMaximumSectionSize(_WIDEST)
        table.horizontalHeader().setResizeContentsPrecision(_MEASURED)
        table.clicked.connect(self._row_clicked)
        return table

    def _arrange(self) -> None:
        head = QHBoxLayout()
        head.addWidget(self.search, 1)
        head.addWidget(self.hits)
        head.addWidget(self.all)
        split = QSplitter(Qt.Orientation.Horizontal)
        split.addWidget(self.graph)
        split.addWidget(self.table)
        split.setSizes([500, 700])
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 2, 4, 2)
        layout.setSpacing(3)
        layout.addLayout(head)
        layout.addWidget(split, 1)


class RowsModel(QAbstractTableModel):
    """The rows that are found, and the sums."""

    def __init__(self) -> None:
        super().__init__()
        self._content: NetworkContent | None = None
        self.places: tuple[int, ...] = ()

    def show_rows(self, content: NetworkContent, places: tuple[int, ...]) -> None:
        """Show these rows of the table."""
        self.beginResetModel()
        self._content, self.places = content, places
        self.endResetModel()

    def row_of(self, layer: str) -> int:
        """Row of the layer called so; -1 where it is not among those that are shown."""
        rows = self._content.analysis.rows if self._content else ()
        return next((row for row, place in enumerate(self.places) if rows[place].name == layer), -1)

    def rowCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own default
        """Rows, and one for the sums."""
        return len(self.places) + 1 if self._content else 0

    def columnCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own default
        """As many as `COLUMNS`."""
        return len(COLUMNS)

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Text, alignment and font of a cell."""
        if self._content is None:
            return None
        is_total = index.row() == len(self.places)
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole):
            place = self._content.analysis.layers if is_total else self.places[index.row()]
            return self._content.cells(place)[index.column()]
        if role == Qt.ItemDataRole.TextAlignmentRole and COLUMNS[index.column()] in _NUMBERS:
            return int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        return None

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Names of the columns."""
        is_title = orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole
        return COLUMNS[section] if is_title else None
