"""The graph of a net, drawn: wheel and drag zoom and move it, a click on a node chooses it."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from PySide6.QtCore import QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QColor, QFont, QMouseEvent, QPainter, QPainterPath, QPen, QResizeEvent, QWheelEvent
from PySide6.QtWidgets import (
    QGraphicsItem,
    QGraphicsPathItem,
    QGraphicsScene,
    QGraphicsView,
    QStyleOptionGraphicsItem,
    QWidget,
)

from deepvis.netgraph.chart import Chart, ChartNode
from deepvis.views import theme

_PIXELS = (12, 10)  # size of the title and of the lines below it, in the graph's own units
_SCALES = (0.02, 3.0)
_STEP = 1.2  # of a notch of the wheel
_LINES = 50  # in one item, so that what is out of view costs nothing
_FAR = 6  # pixels that the mouse may move in a click
_READABLE = 5  # pixels, height of a title below which text is left out


class NetView(QGraphicsView):
    """Draws a `Chart`; edges go to the right in a wide view, and down in a high one."""

    node_clicked = Signal(int)

    def __init__(self) -> None:
        super().__init__()
        self.setScene(QGraphicsScene(self))
        self.setRenderHints(QPainter.RenderHint.Antialiasing | QPainter.RenderHint.TextAntialiasing)
        self.setDragMode(QGraphicsView.DragMode.ScrollHandDrag)
        self.setTransformationAnchor(QGraphicsView.ViewportAnchor.AnchorUnderMouse)
        self.setBackgroundBrush(QColor(theme.PANEL))
        self.setFrameShape(QGraphicsView.Shape.NoFrame)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.nodes: list[_NodeItem] = []
        self.selected = -1
        self.found: frozenset[int] = frozenset()
        self._chart: Chart | None = None
        self._is_wide = True
        self._pressed = QPointF()

    def show_chart(self, chart: Chart | None) -> None:
        """Draw this graph from now on; None draws nothing."""
        self._chart = chart
        self.selected, self.found = -1, frozenset()
        self._draw()

    def mark(self, selected: int, found: Collection[int]) -> None:
        """Frame the selected node (-1 for none) and tint those that a search has found; the selected one is in view."""
        changed = {self.selected, selected, *(self.found ^ frozenset(found))}
        moved, self.selected, self.found = selected != self.selected, selected, frozenset(found)
        for number in changed:
            self._paint(number)
        if moved:
            self.reveal(selected)

    def reveal(self, node: int) -> None:
        """Move a node into view, if it is not there."""
        if 0 <= node < len(self.nodes):
            seen = self.mapToScene(self.viewport().rect()).boundingRect()
            if not seen.contains(self.nodes[node].sceneBoundingRect()):
                self.centerOn(self.nodes[node])

    def show_all(self) -> None:
        """Fit the whole graph into the view."""
        self.fitInView(self.sceneRect(), Qt.AspectRatioMode.KeepAspectRatio)

    # -- events -----------------------------------------------------------------------------------------------------

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Zoom about the mouse."""
        factor = _STEP ** (event.angleDelta().y() / 120)
        scale = self.transform().m11() * factor
        if _SCALES[0] <= scale <= _SCALES[1]:
            self.scale(factor, factor)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Remember where a click or a drag begins."""
        self._pressed = event.position()
        super().mousePressEvent(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Choose the node under the mouse, unless it was dragged."""
        super().mouseReleaseEvent(event)
        node = self._under(event.position())
        if (event.position() - self._pressed).manhattanLength() <= _FAR and node >= 0:
            self.node_clicked.emit(node)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Show the whole graph."""
        if self._under(event.position()) < 0:
            self.show_all()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Turn the graph where the view has become wide or high."""
        super().resizeEvent(event)
        if (self.width() >= self.height()) != self._is_wide:
            self._draw()

    def _under(self, place: QPointF) -> int:
        found = (item for item in self.items(place.toPoint()) if isinstance(item, _NodeItem))
        return next((item.number for item in found), -1)

    # -- drawing ----------------------------------------------------------------------------------------------------

    def _draw(self) -> None:
        self._is_wide = self.width() >= self.height()
        self.scene().clear()
        self.nodes = []
        if self._chart is None:
            return
        layering = self._chart.right if self._is_wide else self._chart.down
        pen = QPen(QColor(theme.DIM), 1.2)
        for start in range(0, len(layering.lines), _LINES):
            curves = QGraphicsPathItem(_curves(layering.lines[start : start + _LINES].tolist(), self._is_wide))
            curves.setPen(pen)
            self.scene().addItem(curves)
        for number, (node, box) in enumerate(zip(self._chart.nodes, layering.boxes, strict=True)):
            item = _NodeItem(number, node, QRectF(*box))
            self.scene().addItem(item)
            self.nodes.append(item)
            self._paint(number)
        width, height = layering.size
        self.setSceneRect(-20, -20, width + 40, height + 40)
        self.resetTransform()
        if self.selected >= 0:
            self.centerOn(self.nodes[self.selected])
        else:
            self.centerOn(0, 0)

    def _paint(self, number: int) -> None:
        if not 0 <= number < len(self.nodes):
            return
        self.nodes[number].is_selected = number == self.selected
        self.nodes[number].is_found = number in self.found
        self.nodes[number].update()


class _NodeItem(QGraphicsItem):
    """A node: its box with the lines in it, which are left out where they could not be read."""

    def __init__(self, number: int, node: ChartNode, box: QRectF) -> None:
        super().__init__()
        self.number = number
        self.node = node
        self.box = box
        self.is_selected = self.is_found = False
        self.setToolTip("\n".join((", ".join(node.layers), *node.lines)))

    def boundingRect(self) -> QRectF:
        """The box and its frame."""
        return self.box.adjusted(-2, -2, 2, 2)

    def paint(self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None) -> None:
        """Paint box, title and lines."""
        painter.setPen(QPen(QColor(theme.ACCENT if self.is_selected else theme.DIM), 2.5 if self.is_selected else 1))
        ground = theme.STALE if self.is_found else theme.LINE if self.node.has_filters else theme.RAISED
        painter.setBrush(QColor(ground))
        painter.drawRect(self.box)
        if painter.transform().m11() * _PIXELS[0] < _READABLE:
            return
        font, y = QFont(painter.font()), self.box.top() + 3
        for line, pixels, colour in self._lines():
            font.setPixelSize(pixels)
            painter.setFont(font)
            painter.setPen(QColor(colour))
            metrics = painter.fontMetrics()
            words = metrics.elidedText(line, Qt.TextElideMode.ElideMiddle, round(self.box.width()) - 10)
            painter.drawText(QPointF(self.box.left() + 6, y + metrics.ascent()), words)
            y += metrics.height()

    def _lines(self) -> Iterator[tuple[str, int, str]]:
        yield self.node.title, _PIXELS[0], theme.TEXT
        for line in self.node.lines:
            yield line, _PIXELS[1], theme.DIM


def _curves(lines: list[list[float]], is_wide: bool) -> QPainterPath:
    """Lines from (x, y) to (x, y); those that go aside leave and arrive in the direction of the graph."""
    path = QPainterPath()
    for x, y, u, v in lines:
        path.moveTo(x, y)
        if (y == v) if is_wide else (x == u):
            path.lineTo(u, v)
        elif is_wide:
            path.cubicTo((x + u) / 2, y, (x + u) / 2, v, u, v)
        else:
            path.cubicTo(x, (y + v) / 2, u, (y + v) / 2, u, v)
    return path
