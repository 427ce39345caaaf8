"""The arrangement of the window on small and on dense screens: nothing is cut off, nothing lies over something else."""

from itertools import combinations

import pytest
from PySide6.QtCore import QPoint, QRect
from PySide6.QtWidgets import QCheckBox, QLabel, QPushButton, QToolButton

from deepvis.controllers.panes.registry import PANES
from deepvis.views.rendering import to_pixels


def places(window):
    """Where in the window each pane lies, by name."""
    widgets = {key: pane.widget for key, pane in window.saveable.items()}
    widgets |= {"options": window.options_pane, "bar": window.layer_bar, "status": window.statusBar()}
    return {key: QRect(widget.mapTo(window, QPoint()), widget.size()) for key, widget in widgets.items()}


@pytest.mark.parametrize("pane", ["", *PANES])
def test_panes_lie_beside_each_other(open_window, pane):
    window = open_window(scanned=True, layer="conv1", back_mode="guided", panes=(pane,) if pane else ())
    found = places(window)
    assert window.size().toTuple() == (1280, 720), f"{pane} makes the window larger"
    for name, place in found.items():
        assert window.rect().contains(place), f"{name} reaches out of the window: {place}"
    for (first, one), (second, other) in combinations(found.items(), 2):
        assert not one.intersects(other), f"{first} lies over {second}"


def test_no_word_is_cut_off(open_window):
    window = open_window(scanned=True, layer="conv1", back_mode="guided")
    for part in (window.options_pane, window.layer_bar):
        for kind in (QLabel, QCheckBox, QPushButton, QToolButton):
            for widget in part.findChildren(kind):
                if widget.isVisible() and widget.text() and type(widget) is kind and not widget.toolTip():
                    assert widget.width() >= widget.sizeHint().width() - 1, widget.text()


@pytest.mark.parametrize("density", [1, 1.5, 2])
def test_a_dense_screen_has_the_same_arrangement(open_window, density):
    window = open_window(scanned=True, layer="conv1", back_mode="guided")
    before = places(window)
    picture = to_pixels(window, density)
    assert picture.size().toTuple() == (round(1280 * density), round(720 * density))
    assert places(window) == before
