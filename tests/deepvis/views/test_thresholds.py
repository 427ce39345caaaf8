"""The pane of thresholds: the mouse tries and keeps, and the saved plan is that of the command."""

import numpy as np
from PySide6.QtCore import QEvent, QPoint, Qt
from PySide6.QtWidgets import QApplication, QFileDialog

from entropy.__main__ import main


def idle(qtbot, window):
    qtbot.waitUntil(lambda: window.idle, timeout=10_000)


def place_of(strip, bits):
    return QPoint(round(strip.position_of(bits)), strip.height() // 2)


def test_hovering_tries_and_a_click_keeps(qtbot, open_window):
    window = open_window(scanned=True, layer="conv1", panes=("thresholds",))
    pane, table = window.docks.widget("thresholds"), window.controller.session.facts.filters.table
    assert pane.content.threshold == window.controller.session.facts.filters.plan(2).threshold
    limit = float(np.median(table.h)) + 0.01
    qtbot.mouseMove(pane.strip, place_of(pane.strip, limit) - QPoint(3, 0))
    qtbot.mouseMove(pane.strip, place_of(pane.strip, limit))
    idle(qtbot, window)
    tried = window._model.threshold
    assert abs(tried - limit) < 8 / pane.strip._width * 2
    free = int((table.h < tried).sum())
    assert pane.words.text().startswith(
        f"H < {tried:.3f} bit: {free} of {len(table)} filters free ({free / len(table):.1%})"
    )
    for layer in pane.content.layers:
        np.testing.assert_array_equal(layer.free, table.h[table.layer == layer.name] < tried)
    assert window.controller.state.frame_kind == "threshold"
    assert sum(len(boxes) for _, boxes in window.grid_pane.frames.groups) == 5
    QApplication.sendEvent(pane.strip, QEvent(QEvent.Type.Leave))
    idle(qtbot, window)
    assert window._model.threshold is None
    qtbot.mouseClick(pane.strip, Qt.MouseButton.LeftButton, pos=place_of(pane.strip, limit))
    QApplication.sendEvent(pane.strip, QEvent(QEvent.Type.Leave))
    idle(qtbot, window)
    assert window._model.threshold == tried
    pane.presets[2].click()
    idle(qtbot, window)
    assert pane.content.threshold == window.controller.session.facts.filters.plan(3).threshold
    colours = {pane.strip.grab().toImage().pixel(x, y) for x in range(0, pane.strip.width()) for y in (5, 20)}
    assert len(colours) > 3


def test_the_saved_plan_is_that_of_the_command_byte_by_byte(qtbot, open_window, tmp_path, monkeypatch):
    window = open_window(scanned=True, layer="conv1", panes=("thresholds",))
    pane = window.docks.widget("thresholds")
    qtbot.mouseClick(pane.strip, Qt.MouseButton.LeftButton, pos=place_of(pane.strip, 1.5))
    idle(qtbot, window)
    file = tmp_path / "saved.json"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(file), ""))
    pane.save.click()
    idle(qtbot, window)
    main(["measure", str(tmp_path / "scan.h5"), "--out", str(tmp_path / "entropy.csv")])
    threshold = str(window._model.threshold)
    main(
        [
            "plan",
            str(tmp_path / "entropy.csv"),
            "--method",
            "1",
            "--threshold",
            threshold,
            "--out",
            str(tmp_path / "plan.json"),
        ]
    )
    assert file.read_bytes() == (tmp_path / "plan.json").read_bytes()
    assert "python -m entropy write saved.json" in pane.saved.text()
    below_a_file = str(tmp_path / "scan.h5" / "plan.json")
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (below_a_file, ""))
    pane.save.click()
    idle(qtbot, window)
    assert "cannot be written" in window.error_bar.sentence.text()


def test_without_a_scan_it_says_what_to_do(qtbot, open_window):
    window = open_window(layer="conv1", panes=("thresholds",))
    assert "deepvis scan" in window.docks.widget("thresholds").missing.text()
