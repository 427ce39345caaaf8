"""The grid of all units: zoom with the wheel, pan by dragging, select by a click, values under the cursor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyqtgraph as pg
from PySide6.QtCore import QPointF, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen, QResizeEvent
from PySide6.QtWidgets import QGraphicsRectItem, QHBoxLayout, QLabel, QStackedLayout, QVBoxLayout, QWidget

from deepvis.compute.frames import UnitFrames
from deepvis.controllers.contents import GridContent
from deepvis.state.resolve import DisplayState
from deepvis.state.viewer import ViewerModel
from deepvis.views import theme
from deepvis.views.frames_item import FramesItem
from deepvis.views.grid_head import GridHead
from deepvis.views.keys import COMMANDS, Command
from deepvis.views.levels_slider import LevelsSlider
from deepvis.views.painting import bar_height, draw_bar


class GridPane(QWidget):
    """Draws a `GridContent` and frames the selected unit.

    Parameters
    ----------
    model : the state that the row above the grid sets.
    commands : whose keys are told there.
    """

    unit_clicked = Signal(int)
    unit_opened = Signal(int)
    aspect_changed = Signal(float)

    def __init__(self, model: ViewerModel, commands: Sequence[Command] = COMMANDS) -> None:
        super().__init__()
        self.setObjectName("grid")
        self.head = GridHead(model, commands)
        self.content = GridContent()
        self._units = UnitFrames()
        self._state: DisplayState | None = None
        self._shape: tuple[int, int] = (0, 0)
        self._make_canvas()
        self._missing = QLabel(alignment=Qt.AlignmentFlag.AlignCenter)
        self._missing.setWordWrap(True)
        self._missing.setStyleSheet(f"background: {theme.PANEL}; color: {theme.DIM};")
        self._stack = QStackedLayout()
        self._stack.addWidget(self._missing)
        self._stack.addWidget(self._canvas)
        self._foot = GridFoot(model)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.head)
        layout.addLayout(self._stack, 1)
        layout.addWidget(self._foot)

    def _make_canvas(self) -> None:
        self._canvas = pg.GraphicsView(background=theme.PANEL)
        self._canvas.viewport().setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)  # it paints its background
        self._box = pg.ViewBox(lockAspect=True, invertY=True, enableMenu=False, defaultPadding=0.01)
        self._canvas.setCentralItem(self._box)
        self._box.sigResized.connect(self._show_whole)  # only now does it know the shape that it fits into
        self._canvas.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._image = pg.ImageItem(axisOrder="row-major")
        self.frames = FramesItem()
        self._frame = _frame(theme.ACCENT)
        self._origin = _frame(theme.ORIGIN)
        for item in (self._image, self.frames, self._origin, self._frame):
            self._box.addItem(item)
        scene: Any = self._canvas.scene()
        scene.sigMouseClicked.connect(self._clicked)
        scene.sigMouseMoved.connect(self._hovered)

    @property
    def canvas(self) -> QWidget:
        """The widget that takes the mouse."""
        return self._canvas

    def show_content(self, content: GridContent) -> None:
        """Draw this from now on; the zoom stays while the layout does."""
        self.content = content
        self._stack.setCurrentIndex(0 if content.pixels is None else 1)
        self._missing.setText(content.missing)
        self._foot.show_content(content)
        if content.pixels is None or content.layout is None:
            return
        self._canvas.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, content.smooth)
        self._image.setImage(content.pixels, autoLevels=False, levels=None)
        if content.layout.shape != self._shape:
            self._shape = content.layout.shape
            self.reset_zoom()
        self._place_frames()

    def show_frames(self, frames: UnitFrames) -> None:
        """Draw a coloured frame around every unit, or none."""
        self._units = frames
        self._foot.show_frames(frames)
        self._place_frames()

    def show_state(self, state: DisplayState) -> None:
        """Frame the selected unit and a frozen origin."""
        self._state = state
        self.head.show_state(state)
        self._foot.levels.show_levels(state.level_low, state.level_high)
        self._place_frames()

    def reset_zoom(self) -> None:
        """Show the whole grid."""
        height, width = self._shape
        if height:
            ratio = self._canvas.width() / max(1, self._canvas.height())
            reach = max(width, height) * max(ratio, 1 / ratio)  # as much as is seen of the whole, whatever its shape
            self._box.setLimits(xMin=-reach, xMax=width + reach, yMin=-reach, yMax=height + reach)
            self._box.setRange(QRectF(0, 0, width, height), padding=0.01)

    def _show_whole(self, box: object) -> None:
        self.reset_zoom()

    def position_of(self, unit: int) -> QPointF:
        """Where the middle of a unit's tile lies on the canvas, in the canvas's pixels."""
        assert self.content.layout is not None
        left, top, width, height = self.content.layout.box(unit)
        point = self._box.mapViewToScene(QPointF(left + width / 2, top + height / 2))
        return QPointF(self._canvas.mapFromScene(point))

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Tell the new shape, so that the grid is laid out for it."""
        super().resizeEvent(event)
        if self._canvas.height() > 0:
            head = 0 if self.head.isHidden() else self.head.height()
            self.aspect_changed.emit(round(self.width() / max(1, self.height() - self._foot.height() - head), 2))
        self.reset_zoom()

    def _place_frames(self) -> None:
        layout, state = self.content.layout, self._state
        fits = layout is not None and state is not None and layout.fits(state.grid)
        self.frames.show(layout if fits and state is not None else None, state, self._units)
        origin = state.origin if fits and state is not None and state.origin_is_frozen else None
        held = origin is not None and state is not None and origin.layer == state.layer.name
        self._put(self._frame, state.unit if fits and state is not None else None)
        self._put(self._origin, origin.unit if held and origin is not None else None)

    def _put(self, frame: QGraphicsRectItem, unit: int | None) -> None:
        """Put a frame around a unit; none where it is None or not shown."""
        layout, state = self.content.layout, self._state
        shown = unit is not None and state is not None and state.grid.holds(unit)
        frame.setVisible(shown)
        if shown and unit is not None and layout is not None:
            frame.setRect(_around(layout.box(unit)))

    def _under(self, position: QPointF) -> tuple[int, str] | None:
        point = self._box.mapSceneToView(position)
        return self.content.read_out(point.x(), point.y())

    def _clicked(self, event: Any) -> None:
        if event.button() != Qt.MouseButton.LeftButton:
            return
        hit = self._under(event.scenePos())
        if hit is not None:
            self.unit_clicked.emit(hit[0])
            if event.double():
                self.unit_opened.emit(hit[0])

    def _hovered(self, position: QPointF) -> None:
        hit = self._under(position)
        captions = self._units.captions
        more = f"  {captions[hit[0]]}" if hit is not None and hit[0] < len(captions) else ""
        self._foot.read_out("" if hit is None else hit[1] + more)


class GridFoot(QWidget):
    """Below the grid: what the colours mean, and the value under the cursor."""

    def __init__(self, model: ViewerModel) -> None:
        super().__init__()
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)  # nothing below it needs to be painted
        self.levels = LevelsSlider(model)
        row = QHBoxLayout(self)
        row.setContentsMargins(10, 2, 10, 2)
        row.addStretch(1)
        row.addWidget(self.levels)
        self._content = GridContent()
        self._frames = UnitFrames()
        self.words = ""
        self.setFixedHeight(bar_height(self.fontMetrics()) + 10)

    def show_content(self, content: GridContent) -> None:
        """Draw the colour bar and note of this."""
        self._content = content
        self.update()

    def show_frames(self, frames: UnitFrames) -> None:
        """Draw the colour bar of the frames beside the other one."""
        self._frames = frames
        self.update()

    def read_out(self, words: str) -> None:
        """Write the value under the cursor."""
        self.words = words
        self.update()

    def sizeHint(self) -> QSize:
        """As high as bar and numbers are."""
        return QSize(300, self.height())

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the bar at the left, the note beside it, the value at the right."""
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(theme.PANEL))
        painter.setFont(theme.small(painter.font()))
        area = self.rect().adjusted(10, 4, -self.levels.width() - 18, -4)
        rest = area
        if self._content.scale is not None:
            width = min(220, area.width() // 3)
            bar = QRect(area.left(), area.top() + 2, width, bar_height(painter.fontMetrics()))
            draw_bar(painter, bar, self._content.scale)
            rest = area.adjusted(width + 14, 0, 0, 0)
        rest = self._draw_frames_bar(painter, rest)
        painter.setPen(QColor(theme.TEXT))
        read = painter.fontMetrics().horizontalAdvance(self.words)
        painter.drawText(rest, int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter), self.words)
        painter.setPen(QColor(theme.DIM))
        room = rest.adjusted(0, 0, -read - 10, 0)
        note = painter.fontMetrics().elidedText(self._content.note, Qt.TextElideMode.ElideRight, room.width())
        painter.drawText(room, int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter), note)

    def _draw_frames_bar(self, painter: QPainter, area: QRect) -> QRect:
        """What the frames mean, and the room that is left."""
        frames = self._frames
        if frames.scale is None and not frames.missing:
            return area
        left = area.left()
        if frames.scale is not None:
            bar = QRect(left, area.top() + 2, min(90, area.width() // 4), bar_height(painter.fontMetrics()))
            draw_bar(painter, bar, frames.scale)
            left = bar.right() + 8
        words = f"frames: {frames.title or frames.missing}"
        painter.setPen(QColor(theme.TEXT))
        room = QRect(left, area.top(), min(area.right() - left, area.width() * 3 // 4), area.height())
        words = painter.fontMetrics().elidedText(words, Qt.TextElideMode.ElideRight, room.width())
        painter.drawText(room, int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter), words)
        used = left + painter.fontMetrics().horizontalAdvance(words) + 14
        return QRect(used, area.top(), max(0, area.right() - used), area.height())


def _frame(colour: str) -> QGraphicsRectItem:
    item = QGraphicsRectItem()
    pen = QPen(QColor(colour), 2)
    pen.setCosmetic(True)
    item.setPen(pen)
    item.setVisible(False)
    return item


def _around(box: tuple[int, int, int, int]) -> QRectF:
    left, top, width, height = box
    return QRectF(left - 0.5, top - 0.5, width + 1, height + 1)
