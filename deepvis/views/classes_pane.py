"""The five most probable classes."""

from __future__ import annotations

from PySide6.QtCore import QRect, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from deepvis.controllers.contents import ClassesContent
from deepvis.controllers.present import TOP_CLASSES
from deepvis.views import theme
from deepvis.views.painting import draw_missing


class ClassesPane(QWidget):
    """Draws a `ClassesContent`: a bar behind each name, as long as the class is probable."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("classes")
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)  # nothing below it needs to be painted
        self.content = ClassesContent()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        """Five lines."""
        return QSize(200, TOP_CLASSES * self._line() + 10)

    def minimumSizeHint(self) -> QSize:
        """Five lines, however short."""
        return QSize(120, self.sizeHint().height())

    def show_content(self, content: ClassesContent) -> None:
        """Draw this from now on."""
        self.content = content
        self.setToolTip(content.note)
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the rows, or what is missing."""
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(theme.PANEL))
        if not self.content.rows:
            draw_missing(painter, self.rect(), self.content.missing)
            return
        line = self._line()
        for row, (name, share) in enumerate(self.content.rows):
            box = QRect(8, 4 + row * line, self.width() - 16, line - 2)
            painter.fillRect(box, QColor(theme.RAISED))
            painter.fillRect(QRect(box.left(), box.top(), round(box.width() * share), box.height()), QColor("#4a5a3a"))
            painter.setPen(QColor(theme.TEXT if row == 0 else theme.DIM))
            number = f"{share:.2f}"
            width = painter.fontMetrics().horizontalAdvance("0.00") + 6
            painter.drawText(
                box.adjusted(0, 0, -5, 0), int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter), number
            )
            words = painter.fontMetrics().elidedText(name, Qt.TextElideMode.ElideRight, box.width() - width - 10)
            painter.drawText(
                box.adjusted(5, 0, 0, 0), int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter), words
            )

    def _line(self) -> int:
        return self.fontMetrics().height() + 3
