"""Further panes, long work and other models in a running window."""

import threading

import pytest
from PySide6.QtCore import QPoint, Qt

from deepvis.controllers.tasks import Task
from deepvis.engines.engine import Engine
from deepvis.session.session import Session
from deepvis.state.viewer import OPTIONS
from prototxt.common.progress import Progress


def test_a_pane_is_opened_by_the_menu_and_closed_by_its_cross(qtbot, open_window):
    window = open_window(scanned=True, layer="conv1", unit=2)
    entry = window.docks.entries["histograms"]
    entry.trigger()
    assert window._model.panes == ("histograms",)
    qtbot.waitUntil(lambda: window.idle, timeout=5000)
    pane = window.docks.widget("histograms")
    assert pane.isVisible()
    assert [plot.title.text().split(" (")[0] for plot in pane.plots] == [
        "weights of conv1",
        "weights of conv1:2",
        "biases of conv1",
        "share of pictures on which a unit is silent",
    ]
    assert sum(pane.plots[1].curve.getData()[1]) == 27
    window._model.layer = "pool1"
    qtbot.waitUntil(lambda: window.idle, timeout=5000)
    assert "has no weights" in pane.missing.text()
    pane.parentWidget().close()
    assert window._model.panes == ()
    assert not entry.isChecked()


def test_the_first_layout_brings_torn_off_panes_back(qtbot, open_window):
    window = open_window(layer="conv1", panes=("histograms",))
    dock = window.docks.widget("histograms").parentWidget()
    dock.setFloating(True)
    window.reset_layout()
    assert not dock.isFloating()


def test_long_work_shows_where_it_is_and_is_cancelled(qtbot, open_window):
    window = open_window()
    go_on = threading.Event()

    def work():
        for done in range(1000):
            yield Progress(done, 1000, "scan: images")
            go_on.wait(0.01)

    window.controller.tasks.start(Task("Scan", work(), lambda result: None))
    qtbot.waitUntil(lambda: window.task_bar.bar.value() > 3, timeout=5000)
    assert window.task_bar.isVisible()
    assert window.task_bar.title.text() == "scan: images"
    window.task_bar.cancel.click()
    assert window.task_bar.isHidden()
    qtbot.waitUntil(lambda: window.idle, timeout=5000)
    assert window.error_bar.isHidden()


def test_another_model_in_the_same_window(qtbot, open_window, make_model, make_pictures):
    window = open_window(scanned=True, layer="fc", unit=5)
    other = Session(Engine(make_model("RGB", seed=3)), make_pictures(2, folder="other"))
    old = window.controller.session
    window.controller.set_session(other)
    qtbot.waitUntil(lambda: window.idle, timeout=5000)
    assert window.controller.state.unit_text == "fc:5"
    assert window.input_pane.content.detail.startswith("1/2")
    assert "No scan" in window.facts_pane.patches.missing
    assert not old.facts.scan.file, "the old scan is still open"
    assert window.error_bar.isHidden()


@pytest.mark.parametrize("mode", OPTIONS["layer_mode"].choices)
def test_every_way_to_show_a_layer_is_drawn_and_clicked(qtbot, open_window, mode):
    window = open_window(scanned=True, layer="conv1", layer_mode=mode, size=(900, 560))
    pane = window.grid_pane
    if mode == "synthesised images":
        assert "unit_pictures" in pane.content.missing
        return
    image = pane.grab().toImage()
    middle = range(pane.head.height(), pane.height() - pane._foot.height(), 7)
    colours = {image.pixel(x, y) for x in range(0, pane.width(), 3) for y in middle}
    assert len(colours) > 3
    place = pane.position_of(3).toPoint()
    qtbot.mouseClick(pane.canvas.viewport(), Qt.MouseButton.LeftButton, pos=place)
    qtbot.waitUntil(lambda: window.controller.state.unit == 3, timeout=2000)
    qtbot.mouseMove(pane.canvas.viewport(), place - QPoint(1, 0))
    qtbot.mouseMove(pane.canvas.viewport(), place)
    assert pane._foot.words.startswith(("unit 3", "units 3 and"))
    assert window.error_bar.isHidden()


def test_pictures_of_the_unit_are_drawn(qtbot, open_window):
    window = open_window(scanned=True, layer="conv1", panes=("unit_images",), back_mode="guided")
    pane = window.docks.widget("unit_images")
    assert [len(images) for images in pane.images] == [9, 9]
    colours = {pane.grab().toImage().pixel(x, 60) for x in range(pane.width())}
    assert len(colours) > 5
    window._model.unit = 3
    qtbot.waitUntil(lambda: window.idle, timeout=5000)
    assert [len(images) for images in pane.images] == [9, 9]
    assert window.error_bar.isHidden()


def test_the_methods_of_a_unit_are_drawn(qtbot, open_window):
    window = open_window(scanned=True, layer="conv1", unit=1, panes=("methods",))
    pane = window.docks.widget("methods")
    assert [row.title[:2] for row in pane.content.rows] == ["M1", "M2", "M3", "M4", "M5", "M6"]
    assert pane.curves.place.value() == pane.content.bits
    assert sum(pane.histogram.curve.getData()[1]) == 12
    image = pane.table.grab().toImage()
    colours = {image.pixel(x, y) for x in range(8, image.width()) for y in range(60, image.height(), 4)}
    assert len(colours) > 5
    window._model.layer = "fc"
    qtbot.waitUntil(lambda: "keeps its own rate" in pane.missing.text(), timeout=5000)
    assert window.error_bar.isHidden()
