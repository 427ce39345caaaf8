"""Links to what is seen in the window, and bookmarks of them."""

import json
from dataclasses import replace

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication

from deepvis.session.bookmarks import Bookmarks
from deepvis.session.links import read_link
from tests.deepvis.views.dropping import drop, entries, opened


def test_a_link_shows_again_what_was_seen(qtbot, window, write_model):
    seen = {"layer": "fc", "unit": 4, "picture": 2, "back_mode": "guided", "gamma": 0.5, "panes": ("histograms",)}
    for name, value in seen.items():
        setattr(window.model, name, value)
    qtbot.waitUntil(lambda: window.idle, timeout=10_000)
    state, grid = window.controller.state, window.grid_pane.content.pixels
    window.actions_by_name["copy_link"].trigger()
    qtbot.waitUntil(lambda: window.idle, timeout=10_000)
    link = QGuiApplication.clipboard().text()
    assert "/fc/4?" in link
    drop(qtbot, window, write_model("second", seed=5))
    window.model.reset()
    window.model.layer, window.model.overlay = "conv1", "over active"
    qtbot.waitUntil(lambda: window.idle, timeout=10_000)
    assert window.controller.state != state

    window.actions_by_name["open_link"].trigger()
    edit = window.question_bar.inputs["link"]
    assert edit.text() == link
    qtbot.keyClick(edit, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: window.idle, timeout=10_000)
    assert window.error_bar.isHidden(), window.error_bar.sentence.text()
    assert window.controller.state == state
    assert (window.grid_pane.content.pixels == grid).all()
    drop(qtbot, window, text=link.replace("/fc/4", "/conv1/1"))
    assert window.controller.state.unit_text == "conv1:1"


def test_a_link_says_that_it_has_no_edited_preprocessing(qtbot, window):
    model = opened(window)
    window.controller.set_preprocessing(replace(model.preprocessing, raw_scale=0.5))
    qtbot.keyClick(window, Qt.Key.Key_L, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: window.idle, timeout=10_000)
    assert "does not hold the preprocessing" in window.error_bar.sentence.text()
    assert read_link(QGuiApplication.clipboard().text()).state["layer"] == "conv1"


def test_a_broken_link_is_a_sentence(qtbot, window):
    before = window.controller.state
    for text, words in (("deepvis://a/b/c/d", "must be"), ("deepvis://nowhere/conv1/1", "nowhere: does not exist")):
        drop(qtbot, window, text=text)
        assert words in window.error_bar.sentence.text()
        assert window.controller.state == before


def test_a_link_to_other_weights_says_so(qtbot, window):
    model = str(window.controller.session.settings.model).replace("/", "%2F")
    drop(qtbot, window, text=f"deepvis://{model}/conv1/2?weights_hash=00")
    assert window.controller.state.unit_text == "conv1:2"
    assert "was made with other weights" in window.error_bar.sentence.text()


def test_bookmarks_are_added_opened_and_removed(qtbot, window):
    window.model.unit = 3
    window.actions_by_name["add_bookmark"].trigger()
    name = window.question_bar.inputs["name"]
    assert name.text() == "conv1:3 of small"
    name.setText("stripes & dots")
    qtbot.keyClick(name, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: window.idle, timeout=10_000)
    kept = json.loads((window.user_folder / "bookmarks.json").read_text())
    assert list(kept) == ["stripes & dots"]
    window.model.unit = 0
    entries(window, "bookmarks")["stripes && dots"].trigger()
    qtbot.waitUntil(lambda: window.idle, timeout=10_000)
    assert window.controller.state.unit_text == "conv1:3"
    entries(window, "remove_bookmark")["stripes && dots"].trigger()
    qtbot.waitUntil(lambda: window.idle, timeout=10_000)
    assert Bookmarks(window.user_folder).all() == {}
    assert list(entries(window, "bookmarks")) == ["no bookmark yet"]
    (window.user_folder / "bookmarks.json").write_text("[")
    entries(window, "bookmarks")
    assert "bookmarks.json: cannot be read" in window.error_bar.sentence.text()
