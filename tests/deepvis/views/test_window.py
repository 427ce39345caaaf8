"""The window from outside: keys, mouse, panes, messages."""

import time
from dataclasses import replace

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QPoint, QSettings, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication, QFileDialog

from deepvis.controllers.lanes import Problem
from deepvis.engines.describe import Naming
from deepvis.engines.engine import Engine
from deepvis.session.session import Session
from deepvis.sources import open_images
from deepvis.state.options import Origin
from deepvis.state.viewer import ViewerModel
from deepvis.views.app import make_window
from tests.deepvis.views.pressing import press


def test_clicking_a_unit_selects_it(qtbot, open_window):
    window = open_window(layer="conv1")
    for unit in (4, 0, 2):
        place = window.grid_pane.position_of(unit).toPoint()
        qtbot.mouseClick(window.grid_pane.canvas.viewport(), Qt.MouseButton.LeftButton, pos=place)
        qtbot.waitUntil(lambda unit=unit: window.controller.state.unit == unit, timeout=2000)
    assert window.unit_pane.content.title == "conv1:2"


def test_the_value_under_the_cursor(qtbot, open_window):
    window = open_window(layer="conv1")
    place = window.grid_pane.position_of(3).toPoint()
    qtbot.mouseMove(window.grid_pane.canvas.viewport(), place - QPoint(3, 0))
    qtbot.mouseMove(window.grid_pane.canvas.viewport(), place)
    words = window.grid_pane._foot.words
    value = window.controller.activations.maps[window.controller.state.value][3, 4, 5]
    assert words == f"unit 3 (4, 5): {value:.4g}"


def test_choosing_a_layer_by_list_and_by_path(qtbot, open_window):
    window = open_window(layer="conv1")
    combo = window.layer_bar.combo
    combo.setCurrentIndex(7)
    combo.activated.emit(7)
    assert window.controller.state.layer.name == "fc"
    window.layer_bar.path.repaint()
    box = next(box for box, name in window.layer_bar.path._places if name == "sum")
    qtbot.mouseClick(window.layer_bar.path, Qt.MouseButton.LeftButton, pos=box.center())
    assert window.controller.state.layer.name == "sum"
    assert combo.currentText() == "sum"


def test_typing_in_the_layer_list_is_no_command(qtbot, open_window):
    window = open_window(layer="conv1")
    line = window.layer_bar.combo.lineEdit()
    line.setFocus()
    qtbot.keyClicks(line, "bq")
    assert window._model.back_mode == "off"
    assert window.isVisible()


def test_options_follow_the_state_and_set_it(qtbot, open_window):
    window = open_window(layer="conv1")
    rows = window.options_pane.rows
    press(qtbot, window, "B")
    assert rows["back_mode"].currentData() == "gradient"
    rows["back_mode"].setCurrentIndex(3)
    rows["back_mode"].activated.emit(3)
    assert window._model.back_mode == "guided"
    rows["origin"].click()
    assert window._model.origin == Origin(layer="conv1", unit=0)
    window._model.colormap = "magma"
    assert rows["colormap"].currentText() == "magma"
    qtbot.waitUntil(lambda: window.idle)


def test_panes_of_a_scanned_unit(qtbot, open_window):
    window = open_window(scanned=True, layer="conv1", unit=1)
    facts = window.facts_pane
    assert len(facts.patches.patches) == 9
    assert "H " in facts.head.words
    assert "rate × 0.25" in facts.head.words
    edges, heights = facts.histogram._curve.getData()
    assert len(edges) == len(heights) + 1 == 257
    assert np.rint(10**heights - 1).sum() == 12
    assert facts.stale.isHidden()


def test_hovering_a_patch_shows_its_picture(qtbot, open_window):
    window = open_window(scanned=True, layer="conv1", unit=1)
    patches = window.facts_pane.patches
    qtbot.mouseMove(patches, patches.cell(4).center())
    qtbot.waitUntil(lambda: window.whole_picture.isVisible(), timeout=5000)
    QApplication.sendEvent(patches, QEvent(QEvent.Type.Leave))
    assert window.whole_picture.isHidden()


def test_the_middle_can_show_the_unit_or_back_propagation(qtbot, open_window):
    window = open_window(layer="conv1", back_mode="gradient")
    middles = []
    for _ in range(3):
        press(qtbot, window, "Z")
        middles.append(window.middle.currentWidget().objectName())
    assert middles == ["big_unit", "big_back", "grid"]
    qtbot.mouseDClick(window.back_pane, Qt.MouseButton.LeftButton)
    assert window.middle.currentWidget() is window.big_back
    np.testing.assert_array_equal(window.big_back.content.pixels, window.back_pane.content.pixels)


def test_help_is_searched_and_closed(qtbot, open_window):
    window = open_window()
    press(qtbot, window, "H")
    help_pane = window.help_pane
    assert help_pane.isVisible()
    qtbot.keyClicks(help_pane.search, "freeze")
    shown = [row for row in range(help_pane.table.rowCount()) if not help_pane.table.isRowHidden(row)]
    assert [help_pane.table.item(row, 1).text() for row in shown] == [
        "Freeze camera or video",
        "Freeze the unit that it starts from",
    ]
    qtbot.keyClick(help_pane.search, Qt.Key.Key_Escape)
    assert help_pane.isHidden()
    assert not window._model.show_help


def test_a_problem_is_a_bar_that_can_be_opened_copied_and_closed(qtbot, open_window):
    window = open_window()
    bar = window.error_bar
    assert bar.isHidden()
    window.show_problem(Problem("net.prototxt:3: is broken", "Traceback: here"))
    assert bar.sentence.text() == "net.prototxt:3: is broken"
    assert bar.details.isHidden()
    bar.details_button.click()
    assert bar.details.isVisible()
    bar.copy_button.click()
    assert QGuiApplication.clipboard().text() == "net.prototxt:3: is broken\nTraceback: here"
    bar.close_button.click()
    assert bar.isHidden()
    press(qtbot, window, "O")
    assert window.controller.state.layer.name == "pool1"


def test_no_camera_leaves_a_usable_window(qtbot, open_window):
    window = open_window(layer="conv1")
    press(qtbot, window, "C")
    assert "camera 0" in window.error_bar.sentence.text()
    assert window.error_bar.isVisible()
    assert window._model.source == "files"
    press(qtbot, window, "E")
    assert window.input_pane.content.title == "1.png"


def test_a_bad_picture_leaves_a_usable_window(qtbot, open_window, make_pictures):
    pictures = make_pictures(2, folder="bad")
    pictures.path(0).write_bytes(b"\x89PNG but not really")
    window = open_window(layer="conv1", images=pictures)
    assert "0.png" in window.error_bar.sentence.text()
    assert window.grid_pane.content.missing
    press(qtbot, window, "E")
    assert window.error_bar.isHidden()
    assert window.grid_pane.content.pixels is not None


def test_a_folder_is_opened(qtbot, open_window, make_pictures, tmp_path, monkeypatch):
    window = open_window(layer="conv1", picture=2)
    other = make_pictures(1, folder="other")
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(other.root))
    press(qtbot, window, "Ctrl+O")
    assert window.input_pane.content.detail.startswith("1/1")
    (tmp_path / "empty").mkdir()
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(tmp_path / "empty"))
    press(qtbot, window, "Ctrl+O")
    assert "no picture" in window.error_bar.sentence.text()


def test_saving_and_copying_what_is_seen(qtbot, open_window, tmp_path, monkeypatch):
    window = open_window(layer="conv1")
    file = tmp_path / "seen.png"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(file), ""))
    press(qtbot, window, "Ctrl+S")
    assert file.stat().st_size > 1000
    press(qtbot, window, "Ctrl+C")
    assert QGuiApplication.clipboard().image().width() == window.grab().width()
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(file / "in_a_file.png"), ""))
    press(qtbot, window, "Ctrl+S")
    assert "cannot be written" in window.error_bar.sentence.text()


def test_the_panes_come_back_to_their_places(qtbot, open_window):
    window = open_window()
    first = window.columns.sizes()
    window.columns.setSizes([500, 400, 300, 300])
    assert window.columns.sizes() != first
    press(qtbot, window, "Ctrl+0")
    assert window.columns.sizes() == first


def test_quit_closes_the_window(qtbot, open_window):
    window = open_window()
    with qtbot.waitSignal(window.closed, timeout=5000):
        qtbot.keyClick(window, Qt.Key.Key_Q)
    assert not window.isVisible()


def test_closing_in_the_middle_of_work_is_clean(qtbot, open_window):
    window = open_window(layer="conv1")
    window.controller.session.engine.forward = lambda frame: time.sleep(0.2)
    qtbot.keyClick(window, Qt.Key.Key_E)
    assert not window.idle
    window.close()


@pytest.mark.parametrize("size", [(1280, 720), (1600, 1000)])
def test_nothing_is_clipped(qtbot, open_window, size):
    window = open_window(scanned=True, layer="conv1", size=size, back_mode="guided")
    assert window.size().toTuple() == size
    for pane in (window.input_pane, window.unit_pane, window.back_pane, window.facts_pane, window.options_pane):
        corner = pane.mapTo(window, QPoint(pane.width(), pane.height()))
        assert corner.x() <= size[0]
        assert corner.y() <= size[1]
        assert min(pane.width(), pane.height()) >= 120
    body = window.options_pane.widget()
    assert body.width() <= window.options_pane.viewport().width()
    assert body.minimumSizeHint().width() <= body.width()
    assert body.minimumSizeHint().height() <= window.options_pane.viewport().height()


def test_the_arrangement_is_remembered(qtbot, open_window, make_model, make_pictures, tmp_path):
    memory = QSettings(str(tmp_path / "window.ini"), QSettings.Format.IniFormat)
    sizes = []
    for turn in range(2):
        session = Session(Engine(make_model()), make_pictures(1, folder=f"turn{turn}"))
        window = make_window(session, ViewerModel(), memory)
        qtbot.addWidget(window)
        window.resize(1280, 720)
        window.show()
        window.start()
        if turn == 0:
            window.columns.setSizes([400, 400, 240, 240])
        qtbot.waitUntil(lambda window=window: window.idle)
        sizes.append(window.columns.sizes())
        window.close()
    shares = [columns[0] / sum(columns) for columns in sizes]  # the second window may have to fit a smaller screen
    assert shares[0] == pytest.approx(400 / 1280, abs=0.02)
    assert shares[1] == pytest.approx(shares[0], abs=0.06)


def test_class_names_labels_and_titles(qtbot, open_window, make_model, make_pictures, tmp_path):
    model = replace(make_model(), classes=("cat", "dog", "owl"))
    pictures = make_pictures(2, folder="labelled")
    (tmp_path / "list.txt").write_text("".join(f"{pictures.path(place)} {2 - place}\n" for place in range(2)))
    window = open_window(
        model=model,
        images=open_images(tmp_path / "list.txt"),
        layer="fc8",
        unit=1,
        naming=Naming(title=lambda name: name.replace("conv", "c")),
    )
    assert window.unit_pane.content.title == "fc8:1 dog"
    assert window.unit_pane.content.detail.startswith("act ")
    assert window.input_pane.content.detail.endswith("is owl")
    assert "0.png is owl" in window.status.text()
    assert "fc8:1 dog" in window.status.text()
    assert window.layer_bar.combo.itemText(1) == "c1"
    window.layer_bar.combo.activated.emit(1)
    assert window.controller.state.layer.name == "conv1"
    place = window.layer_bar.path._places
    assert all(name in [layer.name for layer in window.controller.net.layers] for _, name in place)
    window._model.layer = "fc8"
    window._model.show_diffs, window._model.back_mode = True, "gradient"
    qtbot.waitUntil(lambda: window.idle, timeout=5000)
    assert window.unit_pane.content.detail.startswith("grad ")
    qtbot.mouseMove(window.grid_pane.canvas.viewport(), window.grid_pane.position_of(2).toPoint() - QPoint(2, 0))
    window._model.show_diffs = False
    qtbot.waitUntil(lambda: window.idle, timeout=5000)
    qtbot.mouseMove(window.grid_pane.canvas.viewport(), window.grid_pane.position_of(2).toPoint())
    assert window.grid_pane._foot.words.endswith("owl")
