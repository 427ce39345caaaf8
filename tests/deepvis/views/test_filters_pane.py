"""Filters of a layer in their pane: composed exactly, clicked, and the selected unit's beside them."""

import numpy as np
import pytest
from PySide6.QtCore import Qt

from deepvis.compute.colour import DIVERGING, colourise, scale_for


@pytest.fixture
def pane_of(open_window):
    def make(**wishes):
        window = open_window(panes=("filters",), **{"layer": "conv1"} | wishes)
        return window, window.docks.widget("filters")

    return make


def tile(content, unit):
    left, top, width, height = content.layout.box(unit)
    return content.pixels[top : top + height, left : left + width]


def test_every_filter_has_its_tile(pane_of):
    window, pane = pane_of(layer="branch/left", unit=2)
    content, images = pane.all.content, pane.content.images
    zoom = content.layout.zoom
    for unit in range(4):
        cells = tile(content, unit)[::zoom, ::zoom]
        np.testing.assert_array_equal(cells[..., :3], images.pixels[unit])
        assert (cells[..., 3] == 255).all()
    weights = window.controller.session.engine.model.weights["branch/left"][0]
    np.testing.assert_array_equal(images.kernels, weights)
    assert content.layout.grid.columns == 4, "the pane is wide"
    assert "weights -1 to 1" in content.read_out(1, 1)[1]


def test_the_selected_filter_is_shown_input_by_input(pane_of):
    window, pane = pane_of(layer="branch/left", unit=2)
    weights = window.controller.session.engine.model.weights["branch/left"][0]
    for unit in (2, 3):
        window._model.unit = unit
        content = pane.one.content
        zoom, scale = content.layout.zoom, scale_for(-1, 1, DIVERGING)
        for number in range(5):
            cells = tile(content, number)[::zoom, ::zoom]
            np.testing.assert_array_equal(cells, colourise(weights[unit, number], scale))
        assert content.read_out(1, 1) == (0, f"input 0 (0, 0): {weights[unit, 0, 0, 0]:.4g}")
        assert content.note == f"branch/left:{unit}, 5 inputs"


def test_a_click_selects_the_unit_and_the_layer_is_followed(qtbot, pane_of):
    window, pane = pane_of()
    place = pane.all.position_of(3).toPoint()
    qtbot.mouseClick(pane.all.canvas.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert window.controller.state.unit == 3
    assert pane.all._frame.isVisible()
    assert "conv1:3" in pane.one.content.note
    window._model.layer = "fc"
    qtbot.waitUntil(lambda: window.idle, timeout=5000)
    assert pane.content.images.kernels.shape == (6, 4, 5, 6)
    window._model.layer = "pool1"
    qtbot.waitUntil(lambda: window.idle, timeout=5000)
    assert pane.all.content.missing == "pool1 (Pooling) has no filters of its own"
    assert window.error_bar.isHidden()


def test_the_order_of_the_middle_is_followed(qtbot, pane_of):
    window, pane = pane_of(unit=4)
    window._model.reverse_order = True
    qtbot.waitUntil(lambda: window.idle, timeout=5000)
    content = pane.all.content
    assert tuple(content.layout.grid.shown) == (4, 3, 2, 1, 0)
    zoom = content.layout.zoom
    np.testing.assert_array_equal(tile(content, 4)[::zoom, ::zoom, :3], pane.content.images.pixels[4])
    assert content.layout.box(4)[:2] == (0, 0)
    assert pane.all._frame.isVisible()
    some = pane.content.all_units(1.0, (3, 1))
    assert tuple(some.layout.grid.shown) == (3, 1)
