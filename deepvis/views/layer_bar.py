"""Choosing a layer: a list to type into, the way through the net, and what the layer is."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QRect, QSize, Qt, Signal
from PySide6.QtGui import QColor, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QToolButton, QVBoxLayout, QWidget
from superqt import QElidingLabel, QSearchableComboBox

from deepvis.state.net_info import LayerInfo, NetInfo
from deepvis.state.resolve import DisplayState
from deepvis.views import theme


class LayerBar(QWidget):
    """The row above the grid.

    Parameters
    ----------
    net : whose layers can be chosen.
    """

    layer_chosen = Signal(str)
    stepped = Signal(str)

    def __init__(self, net: NetInfo) -> None:
        super().__init__()
        self.setObjectName("layers")
        self.combo = QSearchableComboBox()
        self.combo.setMinimumWidth(150)
        self.combo.setToolTip("Layer: type a part of its name")
        self.combo.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self.combo.activated.connect(self._chosen)
        self._about = QElidingLabel()
        self._about.setStyleSheet(f"color: {theme.DIM};")
        self.path = LayerPath()
        self.path.layer_chosen.connect(self.layer_chosen)
        row = QHBoxLayout()
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self._step("◀", "previous_layer", "Previous layer (u)"))
        row.addWidget(self.combo)
        row.addWidget(self._step("▶", "next_layer", "Next layer (o)"))
        row.addSpacing(8)
        row.addWidget(self._about, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 2, 0, 2)
        layout.setSpacing(4)
        layout.addLayout(row)
        layout.addWidget(self.path)

        self.show_net(net)

    def show_net(self, net: NetInfo) -> None:
        """Offer the layers of a net."""
        self.combo.clear()
        for layer in net.layers:
            self.combo.addItem(layer.title or layer.name, layer.name)
        self.path.show_layers(net.layers)

    def show_state(self, state: DisplayState) -> None:
        """Follow the state."""
        self.combo.setCurrentIndex(state.layer_index)
        words = about(state.layer, state.value_is_own)
        self._about.setText(words)
        self._about.setToolTip(words)
        self.path.show_current(state.layer_index)

    def _step(self, sign: str, action: str, words: str) -> QToolButton:
        button = QToolButton()
        button.setText(sign)
        button.setToolTip(words)
        button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        button.clicked.connect(lambda: self.stepped.emit(action))
        return button

    def _chosen(self, index: int) -> None:
        self.layer_chosen.emit(self.combo.itemData(index))
        self.combo.clearFocus()
        line = self.combo.lineEdit()
        if line is not None:
            line.clearFocus()


def about(layer: LayerInfo, before: bool) -> str:
    """What a layer is, in a line."""
    words = [layer.type, f"{layer.units} units" if layer.type != "Input" else f"{layer.units} channels"]
    if not layer.is_vector:
        words.append(f"maps {layer.height}×{layer.width}")
    if layer.receptive_field is not None:
        size, stride = layer.receptive_field.size, layer.receptive_field.stride
        words.append(f"receptive field {size[0]}×{size[1]}, stride {stride[0]}")
    if before:
        words.append("before activation")
    return " · ".join(words)


class LayerPath(QWidget):
    """The layers in order, as many as fit around the one that is shown; a click chooses one."""

    layer_chosen = Signal(str)
    _GAP = 18

    def __init__(self) -> None:
        super().__init__()
        self._names: list[str] = []
        self._layers: list[str] = []
        self._current = 0
        self._places: list[tuple[QRect, str]] = []
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setCursor(Qt.CursorShape.PointingHandCursor)

    def show_layers(self, layers: Sequence[LayerInfo]) -> None:
        """Show these layers; the first is the current one."""
        self._names = [layer.title or layer.name for layer in layers]
        self._layers, self._current, self._places = [layer.name for layer in layers], 0, []
        self.update()

    def show_current(self, index: int) -> None:
        """Mark the layer at ``index``."""
        self._current = index
        self.update()

    def sizeHint(self) -> QSize:
        """One line of text."""
        return QSize(300, self.fontMetrics().height() + 6)

    def minimumSizeHint(self) -> QSize:
        """One line of text, however short."""
        return QSize(60, self.fontMetrics().height() + 6)

    def visible(self) -> range:
        """Places of the layers that fit, the current one among them."""
        width = self.fontMetrics().horizontalAdvance
        sizes = [width(name) + self._GAP for name in self._names]
        first = last = self._current
        room = self.width() - sizes[self._current] - 3 * self._GAP
        while True:
            grown = False
            for place in (last + 1, first - 1):
                if 0 <= place < len(sizes) and sizes[place] <= room:
                    room -= sizes[place]
                    first, last, grown = min(first, place), max(last, place), True
            if not grown:
                return range(first, last + 1)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the names with a sign between them."""
        painter = QPainter(self)
        metrics = painter.fontMetrics()
        shown = self.visible()
        x, height = 0, self.height()
        self._places = []
        if shown.start > 0:
            x = self._sign(painter, x, "…  › ")
        for place in shown:
            name = self._names[place]
            box = QRect(x, 0, metrics.horizontalAdvance(name), height)
            self._places.append((box, self._layers[place]))
            painter.setPen(QColor(theme.ACCENT if place == self._current else theme.DIM))
            painter.drawText(box, int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft), name)
            if place == self._current:
                painter.fillRect(QRect(x, height - 2, box.width(), 2), QColor(theme.ACCENT))
            x += box.width()
            if place < len(self._names) - 1:
                x = self._sign(painter, x, " › " if place < shown.stop - 1 else "  ›  …")

    def _sign(self, painter: QPainter, x: int, sign: str) -> int:
        painter.setPen(QColor(theme.LINE).lighter(150))
        width = max(self._GAP, painter.fontMetrics().horizontalAdvance(sign))
        painter.drawText(QRect(x, 0, width, self.height()), int(Qt.AlignmentFlag.AlignCenter), sign)
        return x + width

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Choose the layer under the mouse."""
        for box, name in self._places:
            if box.contains(event.position().toPoint()):
                self.layer_chosen.emit(name)
