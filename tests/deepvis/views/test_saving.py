"""Saving and copying panes, values and reports, by keys and by the menu of a pane."""

import csv
import io
import os

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QContextMenuEvent, QGuiApplication, QImage
from PySide6.QtWidgets import QApplication, QFileDialog, QMenu

from deepvis.views.actions import saving
from deepvis.views.actions.saving import shown_values
from deepvis.views.rendering import to_pixels
from deepvis.views.saveable import pane_at


@pytest.fixture
def window(open_window):
    return open_window(scanned=True, layer="conv1", unit=2, back_mode="guided", panes=("histograms",))


@pytest.fixture
def over(monkeypatch):
    """Put the pointer over a pane, by key."""

    def put(key):
        monkeypatch.setattr(saving, "pane_at", lambda panes, place=None: key)

    return put


@pytest.fixture
def answer(monkeypatch):
    """What the dialogue for a file gives."""

    def give(path):
        monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(path), ""))

    return give


def act(qtbot, window, action):
    window.actions_by_name[action].trigger()
    qtbot.waitUntil(lambda: window.idle, timeout=10_000)


def test_the_panes_that_can_be_saved(window):
    assert list(window.saveable) == ["input", "classes", "unit", "back", "layer", "facts", "histograms"]
    window._model.show_classes, window._model.panes = False, ()
    assert list(window.saveable) == ["input", "unit", "back", "layer", "facts"]


@pytest.mark.parametrize("key", ["input", "classes", "unit", "back", "layer", "facts", "histograms"])
def test_a_pane_is_saved_and_copied_as_it_is(qtbot, window, over, answer, tmp_path, key):
    over(key)
    answer(tmp_path / "pane.png")
    act(qtbot, window, "save_pane")
    saved, seen = QImage(str(tmp_path / "pane.png")), to_pixels(window.saveable[key].widget)
    assert saved.size() == seen.size() == window.saveable[key].widget.size()
    assert saved.convertToFormat(seen.format()) == seen
    act(qtbot, window, "copy_pane")
    assert QGuiApplication.clipboard().image().convertToFormat(seen.format()) == seen
    assert window.error_bar.isHidden()


def test_where_the_pointer_is_over_no_pane_a_list_asks(qtbot, window, over, answer, tmp_path):
    over("")
    answer(tmp_path / "chosen.svg")
    act(qtbot, window, "save_pane")
    menu = window.findChild(QMenu, "panes")
    assert [action.text() for action in menu.actions()] == [pane.title for pane in window.saveable.values()]
    menu.actions()[3].trigger()
    menu.close()
    qtbot.waitUntil(lambda: window.idle, timeout=10_000)
    assert b"Guided of conv1:2" in (tmp_path / "chosen.svg").read_bytes()


def test_the_menu_of_a_pane(qtbot, window, over, answer, tmp_path):
    over("facts")
    event = QContextMenuEvent(QContextMenuEvent.Reason.Mouse, QPoint(5, 5), window.mapToGlobal(QPoint(5, 5)))
    QApplication.sendEvent(window.facts_pane.patches, event)
    menu = window.findChild(QMenu, "pane")
    entries = {action.text(): action for action in menu.actions()}
    assert "Patches and histogram" in entries
    for text, name in (
        ("Save as PNG…", "facts.png"),
        ("Save as SVG…", "facts.svg"),
        ("Save values (CSV, NPZ)…", "facts.npz"),
        ("Report of the unit…", "unit.html"),
    ):
        answer(tmp_path / name)
        entries[text].trigger()
        qtbot.waitUntil(lambda: window.idle, timeout=10_000)
        assert (tmp_path / name).stat().st_size > 500
    menu.close()
    assert window.error_bar.isHidden()


def test_values_are_those_on_screen(qtbot, window, answer, tmp_path):
    answer(tmp_path / "all.npz")
    saving.save_values_of(window, "")
    qtbot.waitUntil(lambda: window.idle, timeout=10_000)
    controller = window.controller
    facts = window.facts_pane.content.facts
    with np.load(tmp_path / "all.npz", allow_pickle=False) as saved:
        maps = controller.activations.maps[controller.state.value]
        np.testing.assert_array_equal(saved["layer_maps"], maps)
        np.testing.assert_array_equal(saved["unit_map"], maps[2])
        np.testing.assert_array_equal(saved["back_propagation"], controller.back.gradient)
        np.testing.assert_array_equal(saved["picture"], controller.activations.seen)
        assert saved["class_probability"].sum() == pytest.approx(1)
        assert saved["patch_value"].tolist() == [patch.value for patch in facts.patches]
        assert saved["patch_position"].tolist() == [list(patch.position) for patch in facts.patches]
        np.testing.assert_array_equal(saved["histogram_images"], facts.counts)
        assert (float(saved["h_bits"]), int(saved["h_rank"]), float(saved["rate"])) == (facts.bits, facts.rank, 0.5)
        weights = window.controller.session.engine.model.weights["conv1"][0]
        assert saved["histograms_histograms_0_counts"].sum() == weights.size


def test_a_table_has_a_line_for_every_value(qtbot, window, over, answer, tmp_path):
    over("unit")
    answer(tmp_path / "unit.csv")
    act(qtbot, window, "save_values")
    rows = list(csv.DictReader(io.StringIO((tmp_path / "unit.csv").read_text())))
    unit = window.controller.activations.maps[window.controller.state.value][2]
    assert list(rows[0]) == ["array", "row", "column", "value"]
    table = np.full(unit.shape, np.nan)
    for row in rows:
        table[int(row["row"]), int(row["column"])] = float(row["value"])
    np.testing.assert_array_equal(table, unit)
    act(qtbot, window, "copy_values")
    copied = list(csv.DictReader(io.StringIO(QGuiApplication.clipboard().text()), delimiter="\t"))
    assert copied == rows


def test_values_of_other_views_of_the_middle(qtbot, window):
    for mode, name in (("weight correlation", "weight_correlation"), ("weight histograms", "weight_histograms")):
        window._model.layer_mode = mode
        qtbot.waitUntil(lambda: window.idle, timeout=10_000)
        (value,) = shown_values(window, "layer")
        grid = window.grid_pane.content
        assert value.name == name
        np.testing.assert_array_equal(value.array, grid.pixels if grid.values is None else grid.values)
    window._model.zoom = "unit"
    assert [value.name for value in shown_values(window, "layer")] == ["unit_map"]


@pytest.mark.parametrize(
    ("action", "name", "words"),
    [
        ("save_pane", "pane.xyz", "cannot write this kind of picture"),
        ("save_values", "values.xls", "give a name with one of these endings"),
        ("save_report", "report.doc", "ends in .html"),
        ("save_pane", "file/pane.png", "cannot be written"),
        ("save_values", "file/values.csv", "cannot be written"),
        ("save_report", "file/report.html", "cannot be written"),
    ],
)
def test_what_cannot_be_written_is_a_sentence(qtbot, window, over, answer, tmp_path, action, name, words):
    (tmp_path / "file").write_text("no folder")
    over("layer")
    answer(tmp_path / name)
    act(qtbot, window, action)
    assert words in window.error_bar.sentence.text()
    assert not list(tmp_path.glob("*.part"))
    window.error_bar.clear()
    qtbot.keyClick(window, Qt.Key.Key_O)
    qtbot.waitUntil(lambda: window.idle, timeout=10_000)
    assert window.controller.state.layer.name == "pool1"


@pytest.mark.parametrize("action", ["save_pane", "save_values", "save_report"])
def test_a_full_disk_is_a_sentence_and_leaves_nothing(qtbot, window, over, answer, tmp_path, monkeypatch, action):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    over("facts")
    name = {"save_pane": "pane.png", "save_values": "values.csv", "save_report": "unit.html"}[action]
    answer(tmp_path / "made" / name)
    act(qtbot, window, action)
    assert "No space left on device" in window.error_bar.sentence.text()
    assert list((tmp_path / "made").iterdir()) == []


def test_too_much_or_nothing_for_the_clipboard(qtbot, window, over, monkeypatch):
    over("layer")
    monkeypatch.setattr(saving, "COPIED", 10)
    act(qtbot, window, "copy_values")
    assert "values are too many for the clipboard" in window.error_bar.sentence.text()
    window._model.show_patches = False
    over("facts")
    act(qtbot, window, "copy_values")
    assert "there are no values here yet" in window.error_bar.sentence.text()


def test_a_report_holds_all_and_needs_nothing(qtbot, window, answer, tmp_path):
    answer(tmp_path / "unit.html")
    act(qtbot, window, "save_report")
    page = (tmp_path / "unit.html").read_text()
    facts, model = window.facts_pane.content.facts, window.controller.session.engine.model
    assert page.count("data:image/png;base64,") == 3 + len(facts.patches)
    assert 'src="http' not in page
    assert 'href="http' not in page
    for words in (
        "conv1:2",
        "Guided of conv1:2",
        f"{facts.bits:.2f}",
        f"{facts.rank} of 5",
        "× 0.5",
        model.hash,
        model.preprocessing.hash,
        "scan.h5",
        "of these weights and preprocessing",
        *(patch.name.rsplit("/", 1)[-1] for patch in facts.patches),
    ):
        assert words in page, words


def test_a_report_without_a_scan_says_so(qtbot, open_window, answer, tmp_path):
    window = open_window(layer="fc", unit=1)
    answer(tmp_path / "unit")
    act(qtbot, window, "save_report")
    assert "No scan for this model yet" in (tmp_path / "unit.html").read_text()


def test_the_pane_under_the_pointer_is_found(window):
    for key, pane in window.saveable.items():
        assert pane_at(window.saveable, pane.widget.mapToGlobal(pane.widget.rect().center())) == key
    assert pane_at(window.saveable, window.menuBar().mapToGlobal(QPoint(2, 2))) == ""
