"""Draws blocks of pictures of a unit beside each other."""

from __future__ import annotations

from PySide6.QtCore import QRect, QSize, Qt
from PySide6.QtGui import QColor, QImage, QPainter, QPaintEvent
from PySide6.QtWidgets import QWidget

from deepvis.controllers.panes.unit_images import UnitImagesContent
from deepvis.controllers.viewer import ViewerController
from deepvis.state.net_info import Grid
from deepvis.views import theme
from deepvis.views.painting import draw_heading, draw_image, draw_missing, fit, to_image
from deepvis.views.panes.registry import pane_widget

_GAP = 4  # pixels between pictures
_PHOTOGRAPH = 24  # pixels; a narrower picture is drawn without interpolation


@pane_widget("unit_images")
class UnitImagesPane(QWidget):
    """Draws a `UnitImagesContent`; pictures are as large as the pane allows."""

    def __init__(self, controller: ViewerController) -> None:
        super().__init__()
        self.content = UnitImagesContent()
        self.images: list[list[QImage]] = []

    def sizeHint(self) -> QSize:
        """Three rows of small pictures."""
        return QSize(600, 200)

    def minimumSizeHint(self) -> QSize:
        """One row that can still be made out."""
        return QSize(200, 110)

    def show_content(self, content: UnitImagesContent) -> None:
        """Draw this from now on."""
        self.content = content
        self.images = [[to_image(picture) for picture in block.pictures] for block in content.blocks]
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the blocks, or what is missing."""
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(theme.PANEL))
        if not self.content.blocks:
            draw_missing(painter, self.rect(), self.content.missing)
            return
        width = self.width() // len(self.content.blocks)
        for place in range(len(self.content.blocks)):
            self._draw_block(painter, place, QRect(place * width, 0, width, self.height()).adjusted(8, 4, -8, -4))

    def _draw_block(self, painter: QPainter, place: int, area: QRect) -> None:
        block, images = self.content.blocks[place], self.images[place]
        area.setTop(area.top() + draw_heading(painter, area, block.title, "") + 2)
        if not images:
            return
        font = painter.font()
        painter.setFont(theme.small(font))
        line = painter.fontMetrics().height() if any(block.captions) else 0
        grid = Grid.of(len(images), area.width() / max(1, area.height()))
        width, height = area.width() // grid.columns, area.height() // grid.rows
        painter.setPen(QColor(theme.DIM))
        for number, image in enumerate(images):
            row, column = grid.place(number)
            cell = QRect(area.left() + column * width, area.top() + row * height, width - _GAP, height - _GAP)
            target = fit((image.width(), image.height()), cell.adjusted(0, 0, 0, -line))
            draw_image(painter, target, image, smooth=image.width() >= _PHOTOGRAPH)
            if line:
                below = QRect(cell.left(), target.bottom() + 1, cell.width(), line)
                painter.drawText(below, int(Qt.AlignmentFlag.AlignCenter), block.captions[number])
        painter.setFont(font)
