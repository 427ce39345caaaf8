"""The pane of the net before and after fine-tuning, in the window."""

import numpy as np
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog

from deepvis.controllers.panes.compare import COLUMNS
from deepvis.views.panes.compare import cell_text
from prototxt.formats.weights import write_weights

CHANGED = 3


def open_after(qtbot, window, tmp_path, monkeypatch):
    model = window.controller.session.engine.model
    weights = {name: [array.copy() for array in arrays] for name, arrays in model.weights.items()}
    weights["conv1"][0][CHANGED] += 1
    write_weights(tmp_path / "after.caffemodel", model.net, weights)
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(tmp_path / "after.caffemodel"), ""))
    qtbot.keyClick(window, Qt.Key.Key_T, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: window._model.panes == ("compare",) and window.idle, timeout=10_000)
    return window.docks.widget("compare")


def rows(pane):
    return [
        [pane.model.data(pane.model.index(row, column)) for column in range(len(COLUMNS))]
        for row in range(pane.model.rowCount())
    ]


def test_weights_are_opened_compared_sorted_and_clicked(qtbot, open_window, tmp_path, monkeypatch):
    window = open_window(scanned=True, layer="fc", unit=0)
    pane = open_after(qtbot, window, tmp_path, monkeypatch)
    assert pane.model.rowCount() == 5 + 4 + 4 + 2 + 6 + 3
    assert "23 of 24 filters have not changed by a bit; activity over 3 of 3 pictures" in pane.note.text()
    pane.table.sortByColumn(COLUMNS.index("Δ weights"), Qt.SortOrder.DescendingOrder)
    first, *rest = rows(pane)
    assert first[:2] == ["conv1", str(CHANGED)]
    assert {row[2] for row in rest} == {"0"}
    assert first[COLUMNS.index("rate")] == "0.75"
    table = window.controller.session.facts.filters.table
    assert first[COLUMNS.index("H")] == cell_text(table.h[(table.layer == "conv1") & (table.index == CHANGED)][0])
    assert next(row for row in rest if row[0] == "fc")[COLUMNS.index("H")] == "–"
    pane.table.clicked.emit(pane.model.index(0, 0))
    qtbot.waitUntil(lambda: window.idle, timeout=10_000)
    assert window.controller.state.unit_text == f"conv1:{CHANGED}"
    pane.table.sortByColumn(COLUMNS.index("H"), Qt.SortOrder.AscendingOrder)
    bits = [row[COLUMNS.index("H")] for row in rows(pane)]
    known = [float(text) for text in bits if text != "–"]
    assert known == sorted(known)
    assert set(bits[len(known) :]) == {"–"}
    assert window.error_bar.isHidden()


def test_both_grids_and_their_difference(qtbot, open_window, tmp_path, monkeypatch):
    window = open_window(layer="conv1", unit=0)
    pane = open_after(qtbot, window, tmp_path, monkeypatch)
    before, after, difference = (view.content for view in pane.grids)
    assert before.scale == after.scale
    np.testing.assert_array_equal(before.values, window.controller.activations.maps[window.controller.state.value])
    np.testing.assert_array_equal(difference.values, after.values - before.values)
    changed = np.abs(difference.values).reshape(5, -1).max(1) > 0
    assert changed.tolist() == [unit == CHANGED for unit in range(5)]
    view = pane.grids[1]
    qtbot.mouseClick(view, Qt.MouseButton.LeftButton, pos=view.position_of(2).center())
    assert window._model.unit == 2
    qtbot.keyClick(window, Qt.Key.Key_E)
    qtbot.waitUntil(lambda: window.idle, timeout=10_000)
    np.testing.assert_array_equal(
        pane.grids[0].content.values, window.controller.activations.maps[window.controller.state.value]
    )
    assert len({view.grab().toImage().pixel(x, 100) for x in range(view.width())}) > 1


def test_the_grids_have_the_contrast_of_the_window(qtbot, open_window, tmp_path, monkeypatch):
    window = open_window(layer="conv1", unit=0)
    pane = open_after(qtbot, window, tmp_path, monkeypatch)
    high = pane.grids[0].content.scale.high
    window._model.level_high = 0.5
    qtbot.waitUntil(lambda: window.idle, timeout=10_000)
    assert pane.grids[0].content.scale.high == high / 2


def test_wrong_weights_are_a_sentence(qtbot, open_window, tmp_path, monkeypatch):
    window = open_window(layer="conv1", panes=("compare",))
    assert "--after" in window.docks.widget("compare").missing.text()
    (tmp_path / "bad.caffemodel").write_bytes(b"no weights")
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(tmp_path / "bad.caffemodel"), ""))
    qtbot.keyClick(window, Qt.Key.Key_T, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: window.idle, timeout=10_000)
    assert "bad.caffemodel" in window.error_bar.sentence.text()
    assert window.grid_pane.content.pixels is not None
