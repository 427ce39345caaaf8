"""The row above the grid: sort, filter and frames by mouse and keys."""

import numpy as np
from PySide6.QtCore import QPoint, Qt

from deepvis.state.viewer import OPTIONS


def idle(qtbot, window):
    qtbot.waitUntil(lambda: window.idle, timeout=10_000)


def test_sorting_by_the_list_changes_the_grid_and_the_arrow_keys(qtbot, open_window):
    window = open_window(scanned=True, layer="conv1", unit=0, size=(1600, 720))
    head = window.grid_pane.head
    head.sort.setCurrentIndex(OPTIONS["sort"].choices.index("rate"))
    head.sort.activated.emit(OPTIONS["sort"].choices.index("rate"))
    idle(qtbot, window)
    grid = window.controller.state.grid
    assert grid.order == (4, 3, 2, 1, 0)
    window._model.unit = 4
    qtbot.keyClick(window, Qt.Key.Key_Right)
    assert window.controller.state.unit == grid.move(4, 0, 1) == 3
    head.reverse.click()
    idle(qtbot, window)
    assert window.controller.state.grid.order == (0, 1, 2, 3, 4)
    place = window.grid_pane.position_of(3).toPoint()
    qtbot.mouseClick(window.grid_pane.canvas.viewport(), Qt.MouseButton.LeftButton, pos=place)
    qtbot.waitUntil(lambda: window.controller.state.unit == 3, timeout=2000)
    qtbot.keyClick(window, Qt.Key.Key_Escape)
    idle(qtbot, window)
    assert window.controller.state.grid.order == ()
    assert head.sort.currentData() == "unit"


def test_the_grid_shows_the_sorted_maps(qtbot, open_window):
    window = open_window(layer="conv1", sort="activation")
    maps = window.controller.activations.maps[window.controller.state.value]
    expected = np.argsort(-maps.reshape(5, -1).max(1), kind="stable")
    assert window.controller.state.grid.order == tuple(expected)
    qtbot.keyClick(window, Qt.Key.Key_E)
    idle(qtbot, window)
    maps = window.controller.activations.maps[window.controller.state.value]
    assert window.controller.state.grid.order == tuple(np.argsort(-maps.reshape(5, -1).max(1), kind="stable"))


def test_a_filter_is_typed_and_cleared(qtbot, open_window):
    window = open_window(scanned=True, layer="conv1", unit=0)
    head = window.grid_pane.head
    qtbot.keyClick(window, Qt.Key.Key_Slash)
    assert head.filter.hasFocus()
    qtbot.keyClicks(head.filter, "rate > 0.4")
    qtbot.keyClick(head.filter, Qt.Key.Key_Return)
    idle(qtbot, window)
    assert window.controller.state.grid.order == (2, 3, 4)
    assert head.count.text() == "3 of 5"
    assert not head.filter.hasFocus()
    assert window.controller.state.unit == 0
    assert not window.grid_pane._frame.isVisible()
    qtbot.keyClick(window, Qt.Key.Key_Right)
    assert window.controller.state.unit == 2
    assert window.grid_pane._frame.isVisible()
    window._model.unit_filter = ""
    idle(qtbot, window)
    assert head.count.text() == "5"
    assert head.filter.text() == ""


def test_a_wrong_filter_is_a_sentence_and_all_units_stay(qtbot, open_window):
    window = open_window(scanned=True, layer="conv1")
    window._model.unit_filter = "ratte > 1"
    idle(qtbot, window)
    assert "did you mean 'rate'?" in window.error_bar.sentence.text()
    assert window.controller.state.grid.units == 5
    window._model.unit_filter = "rate > 0.9"
    idle(qtbot, window)
    assert window.error_bar.isHidden()
    assert window.controller.state.grid.order == (4,)


def test_frames_are_drawn_around_the_units(qtbot, open_window):
    window = open_window(scanned=True, layer="conv1")
    pane = window.grid_pane
    assert pane.frames.groups == []
    pane.head.frames.activated.emit(OPTIONS["frame_kind"].choices.index("rate"))
    idle(qtbot, window)
    assert sum(len(boxes) for _, boxes in pane.frames.groups) == 5
    assert len(pane.frames.groups) == 5
    left, top = pane.content.layout.box(4)[:2]
    colour = next(
        colour for colour, boxes in pane.frames.groups if any(box.topLeft().toTuple() == (left, top) for box in boxes)
    )
    image = pane.grab().toImage()
    seen = {image.pixelColor(x, y).getRgb() for x in range(image.width()) for y in range(image.height())}
    assert colour in seen
    place = pane.position_of(3).toPoint()
    qtbot.mouseMove(pane.canvas.viewport(), place - QPoint(2, 0))
    qtbot.mouseMove(pane.canvas.viewport(), place)
    assert pane._foot.words.endswith("rate × 0.75")
    window._model.layer = "pool1"
    idle(qtbot, window)
    assert pane.frames.groups == []
    assert window.error_bar.isHidden()


def test_contrast_levels_are_dragged_and_reset(qtbot, open_window):
    window = open_window(layer="conv1")
    slider, pane = window.grid_pane._foot.levels, window.grid_pane
    whole = pane.content.scale
    left, middle, right = (QPoint(x, slider.height() // 2) for x in (15, slider.width() // 2, slider.width() - 5))
    qtbot.mousePress(slider, Qt.MouseButton.LeftButton, pos=right)
    qtbot.mouseMove(slider, middle)
    qtbot.mouseRelease(slider, Qt.MouseButton.LeftButton)
    idle(qtbot, window)
    share = window._model.level_high
    assert abs(share - 0.5) < 0.02
    assert pane.content.scale.high == whole.high * share
    assert window.unit_pane.content.scale == pane.content.scale
    qtbot.mouseClick(slider, Qt.MouseButton.LeftButton, pos=left)
    idle(qtbot, window)
    assert pane.content.scale.low == whole.high * window._model.level_low > 0
    qtbot.mouseDClick(slider, Qt.MouseButton.LeftButton)
    idle(qtbot, window)
    assert pane.content.scale == whole
