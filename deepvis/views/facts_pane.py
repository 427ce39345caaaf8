"""The right-hand side: the selected unit's patches, its histogram, H, rank and learning rate."""

from __future__ import annotations

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QEvent, QRect, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFontMetrics, QImage, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QLabel, QSizePolicy, QSplitter, QVBoxLayout, QWidget

from deepvis.compute.facts import Patch, UnitFacts
from deepvis.controllers.contents import FactsContent
from deepvis.state.resolve import DisplayState
from deepvis.views import theme
from deepvis.views.painting import draw_heading, draw_image, draw_missing, fit, to_image

COLUMNS = 3
GAP = 6  # pixels between patches
PHOTOGRAPH = 24  # pixels; a narrower patch is drawn without interpolation, so that its pixels can be counted


class FactsPane(QWidget):
    """Draws a `FactsContent`."""

    patch_hovered = Signal(int)

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("facts")
        self.content = FactsContent()
        self.head = FactsHead()
        self.stale = QLabel(wordWrap=True)
        self.stale.setStyleSheet(f"background: {theme.STALE}; padding: 5px 8px;")
        self.stale.hide()
        self.patches = PatchesView()
        self.patches.hovered.connect(self.patch_hovered)
        self.histogram = HistogramView()
        self._split = split = QSplitter(Qt.Orientation.Vertical)
        split.addWidget(self.patches)
        split.addWidget(self.histogram)
        split.setStretchFactor(0, 3)
        split.setStretchFactor(1, 1)
        split.setChildrenCollapsible(False)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.head)
        layout.addWidget(self.stale)
        layout.addWidget(split, 1)

    def reset_layout(self, width: int) -> None:
        """Give the patches the room that they need at this width, and the histogram the rest."""
        needed = self.patches.height_for(width)
        self._split.setSizes([needed, max(110, self.height() - needed)])

    def show_state(self, state: DisplayState) -> None:
        """Name the selected unit at once; its facts follow."""
        self.head.show_unit(state.unit_text)
        self.patches.show_values = state.show_values
        self.patches.update()

    def show_content(self, content: FactsContent) -> None:
        """Draw this from now on."""
        self.content, facts = content, content.facts
        self.head.show_facts(facts)
        self.stale.setText(f"Stale scan: {content.stale}")
        self.stale.setVisible(bool(content.stale))
        self.patches.show_patches(facts.patches if facts else (), content.missing)
        self.histogram.show_facts(facts)


class FactsHead(QWidget):
    """Name of the unit, H with its rank in the layer, and the learning-rate multiplier."""

    def __init__(self) -> None:
        super().__init__()
        self._unit = ""
        self.words = ""
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        """Two lines."""
        return QSize(240, 2 * self.fontMetrics().height() + 16)

    def show_unit(self, unit: str) -> None:
        """Name the unit."""
        if unit != self._unit:
            self._unit, self.words = unit, ""
            self.update()

    def show_facts(self, facts: UnitFacts | None) -> None:
        """Write H, rank and rate."""
        self.words = facts_text(facts) if facts else ""
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint both lines."""
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(theme.PANEL))
        line = painter.fontMetrics().height() + 4
        area = self.rect().adjusted(8, 4, -8, -4)
        draw_heading(painter, QRect(area.left(), area.top(), area.width(), line), self._unit, "strongest pictures")
        painter.setPen(QColor(theme.TEXT))
        box = QRect(area.left(), area.top() + line + 2, area.width(), line)
        words = painter.fontMetrics().elidedText(self.words, Qt.TextElideMode.ElideRight, box.width())
        painter.drawText(box, int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter), words)


def facts_text(facts: UnitFacts) -> str:
    """H, rank and rate of a unit in a line."""
    rate = "no plan" if facts.multiplier is None else f"rate × {facts.multiplier:.3g}"
    return f"H {facts.bits:.2f} bit, rank {facts.rank} of {facts.units} · {rate}"


class PatchesView(QWidget):
    """Nine patches with their values; the mouse over one asks for its whole picture."""

    hovered = Signal(int)

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("patches")
        self.setMouseTracking(True)
        self.patches: tuple[Patch, ...] = ()
        self.missing = ""
        self.show_values = True
        self._images: list[QImage] = []
        self.under = -1

    def sizeHint(self) -> QSize:
        """Room for three rows of patches."""
        return QSize(340, 460)

    def minimumSizeHint(self) -> QSize:
        """Room for patches that can still be made out."""
        return QSize(150, 150)

    def show_patches(self, patches: tuple[Patch, ...], missing: str) -> None:
        """Draw these from now on."""
        self.patches, self.missing = patches, missing
        self._images = [to_image(patch.pixels) for patch in patches]
        self._hover(-1)
        self.update()

    def cell(self, rank: int) -> QRect:
        """Where a patch lies, its caption included."""
        area = self.rect().adjusted(8, 2, -8 + GAP, -2)
        row, column = divmod(rank, COLUMNS)
        width = area.width() // COLUMNS
        height = min(area.height() // COLUMNS, width - GAP + self._caption() + GAP)
        return QRect(area.left() + column * width, area.top() + row * height, width - GAP, height - GAP)

    def height_for(self, width: int) -> int:
        """Height that three rows of square patches need at a width."""
        return COLUMNS * ((width - 16 + GAP) // COLUMNS + self._caption()) + 8

    def _caption(self) -> int:
        """Height of the lines below a patch."""
        return 2 * QFontMetrics(theme.small(self.font())).height() if self.show_values else 0

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the patches, or what is missing."""
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(theme.PANEL))
        if not self._images:
            draw_missing(painter, self.rect(), self.missing)
            return
        painter.setFont(theme.small(painter.font()))
        for rank, image in enumerate(self._images):
            cell = self.cell(rank)
            target = fit((image.width(), image.height()), cell.adjusted(0, 0, 0, -self._caption()))
            draw_image(painter, target, image, smooth=image.width() >= PHOTOGRAPH)
            if self.show_values:
                self._draw_caption(
                    painter, QRect(cell.left(), target.bottom() + 1, cell.width(), self._caption()), rank
                )

    def _draw_caption(self, painter: QPainter, area: QRect, rank: int) -> None:
        """The value, and below it the name of the picture."""
        patch, line = self.patches[rank], area.height() // 2
        painter.setPen(QColor(theme.ACCENT if rank == self.under else theme.TEXT))
        centre = int(Qt.AlignmentFlag.AlignCenter)
        painter.drawText(QRect(area.left(), area.top(), area.width(), line), centre, f"{patch.value:.4g}")
        painter.setPen(QColor(theme.DIM))
        name = patch.name.rsplit("/", 1)[-1].rsplit(".", 1)[0]
        words = painter.fontMetrics().elidedText(name, Qt.TextElideMode.ElideMiddle, area.width())
        painter.drawText(QRect(area.left(), area.top() + line, area.width(), line), centre, words)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Find the patch under the mouse."""
        point = event.position().toPoint()
        self._hover(next((rank for rank in range(len(self.patches)) if self.cell(rank).contains(point)), -1))

    def leaveEvent(self, event: QEvent) -> None:
        """No patch is under the mouse any more."""
        self._hover(-1)

    def _hover(self, rank: int) -> None:
        if rank != self.under:
            self.under = rank
            self.hovered.emit(rank)
            self.update()


class HistogramView(QWidget):
    """S_n: over how many of the scanned pictures the unit's mean activation fell into each bin."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("histogram")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setStyleSheet(f"#histogram {{ background: {theme.PANEL}; }}")
        self.setMinimumHeight(110)
        self._title = QLabel("Histogram of mean activations")
        self._title.setStyleSheet(f"background: {theme.PANEL}; padding: 4px 8px 0 8px;")
        self._plot = pg.PlotWidget(background=theme.PANEL)
        self._plot.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._plot.setMouseEnabled(False, False)
        self._plot.hideButtons()
        self._plot.setMenuEnabled(False)
        self._curve = pg.PlotCurveItem(
            [0, 1], [0], stepMode="center", fillLevel=0, pen=None, brush=pg.mkBrush(theme.ACCENT)
        )
        self._plot.addItem(self._curve)
        for side in ("left", "bottom"):
            axis = self._plot.getAxis(side)
            axis.setPen(theme.LINE)
            axis.setTextPen(theme.DIM)
            axis.setStyle(tickFont=theme.small(self.font()), tickLength=3)
        # A fixed width: pyqtgraph leaves out labels that do not fit until the axis has been laid out again.
        widest = QFontMetrics(theme.small(self.font())).horizontalAdvance(LOG_TICKS[-1][1])
        self._plot.getAxis("left").setWidth(widest + 8)
        self._plot.getAxis("left").setTicks([LOG_TICKS])
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 2, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self._title)
        layout.addWidget(self._plot, 1)

    def show_facts(self, facts: UnitFacts | None) -> None:
        """Draw the histogram of this unit; the height is log(1 + pictures)."""
        self._plot.setVisible(facts is not None)
        self._title.setVisible(facts is not None)
        if facts is None:
            return
        self._title.setText(f"Mean activation over {facts.images} pictures, {len(facts.counts)} bins")
        high = facts.high if facts.high > facts.low else facts.low + 1
        edges = np.linspace(facts.low, high, len(facts.counts) + 1)
        heights = np.log10(1 + facts.counts)
        self._curve.setData(edges, heights)
        self._plot.setXRange(facts.low, high, padding=0.01)
        self._plot.setYRange(0, 1.06 * max(1.0, float(heights.max())), padding=0)


LOG_TICKS = [(float(np.log10(1 + count)), str(count)) for count in (0, 1, 3, 10, 30, 100, 300, 1000, 10_000)]
