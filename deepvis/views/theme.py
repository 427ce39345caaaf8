"""The look of the window: dark grey, one accent colour, one type size and a small one."""

from __future__ import annotations

from PySide6.QtGui import QColor, QFont, QPalette
from PySide6.QtWidgets import QApplication

from deepvis.palette import ACCENT, DIM, GROUND, LINE, PANEL, RAISED, TEXT
from deepvis.palette import BAD as BAD
from deepvis.palette import ORIGIN as ORIGIN
from deepvis.palette import STALE as STALE

SMALL = 0.86  # size of small print as a share of the text's

_STYLE = f"""
QWidget {{ background: {GROUND}; color: {TEXT}; }}
QMainWindow::separator, QSplitter::handle {{ background: {GROUND}; }}
QMenuBar {{ background: {PANEL}; }}
QMenuBar::item {{ padding: 4px 10px; background: transparent; }}
QMenuBar::item:selected, QMenu::item:selected {{ background: {LINE}; }}
QMenu {{ background: {PANEL}; border: 1px solid {LINE}; }}
QMenu::item {{ padding: 4px 24px 4px 22px; }}
QMenu::item:disabled {{ color: {DIM}; background: transparent; }}
QStatusBar {{ background: {PANEL}; }}
QStatusBar::item {{ border: none; }}
QStatusBar QLabel {{ background: transparent; }}
QToolTip {{ background: {RAISED}; color: {TEXT}; border: 1px solid {LINE}; padding: 3px; }}
QPushButton, QToolButton {{ background: {RAISED}; border: 1px solid {LINE}; border-radius: 3px; padding: 3px 9px; }}
QPushButton:hover, QToolButton:hover, QComboBox:hover {{ border-color: {DIM}; }}
QPushButton:disabled, QToolButton:disabled {{ color: {LINE}; }}
QComboBox, QLineEdit {{ background: {RAISED}; border: 1px solid {LINE}; border-radius: 3px; padding: 3px 6px; }}
QComboBox::drop-down {{ border: none; width: 18px; }}
QComboBox::down-arrow {{ image: none; width: 0; height: 0; border-left: 4px solid {RAISED};
    border-right: 4px solid {RAISED}; border-top: 5px solid {DIM}; margin-right: 6px; }}
QComboBox QAbstractItemView {{ background: {PANEL}; border: 1px solid {LINE}; selection-background-color: {LINE}; }}
QComboBox QLineEdit {{ border: none; padding: 0; background: {RAISED}; }}
QLineEdit:focus {{ border-color: {ACCENT}; }}
QCheckBox {{ spacing: 7px; }}
QCheckBox::indicator {{ width: 13px; height: 13px; border: 1px solid {DIM}; border-radius: 2px; background: {RAISED}; }}
QCheckBox::indicator:checked {{ background: {ACCENT}; border-color: {ACCENT}; }}
QScrollBar:vertical {{ background: {PANEL}; width: 10px; }}
QScrollBar::handle:vertical {{ background: {LINE}; border-radius: 4px; min-height: 24px; }}
QScrollBar::add-line, QScrollBar::sub-line {{ height: 0; }}
QScrollBar:horizontal {{ background: {PANEL}; height: 10px; }}
QScrollBar::handle:horizontal {{ background: {LINE}; border-radius: 4px; min-width: 24px; }}
QScrollBar::add-line:horizontal, QScrollBar::sub-line:horizontal {{ width: 0; }}
QSlider {{ background: transparent; }}
QSlider::groove:horizontal {{ height: 3px; background: {LINE}; }}
QSlider::handle:horizontal {{ width: 9px; margin: -3px 0; border-radius: 4px; background: {TEXT}; }}
QTableView {{ background: {PANEL}; border: none; gridline-color: {LINE}; }}
QHeaderView::section {{ background: {PANEL}; color: {DIM}; border: none; padding: 3px 6px; }}
"""


def apply_theme(app: QApplication, points: int) -> None:
    """Give an application the look.

    Parameters
    ----------
    app : the application.
    points : size of its text.
    """
    if app.styleSheet() == _STYLE and app.font().pointSize() == points:
        return  # it costs half a second
    app.setStyle("Fusion")
    font = QFont(app.font())
    font.setPointSize(points)
    app.setFont(font)
    palette = QPalette()
    for role, colour in (
        (QPalette.ColorRole.Window, GROUND),
        (QPalette.ColorRole.WindowText, TEXT),
        (QPalette.ColorRole.Base, PANEL),
        (QPalette.ColorRole.AlternateBase, RAISED),
        (QPalette.ColorRole.Text, TEXT),
        (QPalette.ColorRole.Button, RAISED),
        (QPalette.ColorRole.ButtonText, TEXT),
        (QPalette.ColorRole.ToolTipBase, RAISED),
        (QPalette.ColorRole.ToolTipText, TEXT),
        (QPalette.ColorRole.Highlight, ACCENT),
        (QPalette.ColorRole.HighlightedText, GROUND),
        (QPalette.ColorRole.PlaceholderText, DIM),
    ):
        palette.setColor(role, QColor(colour))
    app.setPalette(palette)
    app.setStyleSheet(_STYLE)


def small(font: QFont) -> QFont:
    """The font of small print."""
    smaller = QFont(font)
    smaller.setPointSizeF(font.pointSizeF() * SMALL)
    return smaller


def bold(font: QFont) -> QFont:
    """The font of headings."""
    heavy = QFont(font)
    heavy.setBold(True)
    return heavy
