"""Opening things in a running window: dropped, chosen, named, by links and bookmarks."""

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QFileDialog

import entropy
from deepvis.model.model import open_model
from deepvis.scan import scan
from deepvis.session.bookmarks import RecentModels
from deepvis.session.links import read_link
from prototxt.common.progress import with_bar
from prototxt.formats.weights import write_weights
from tests.deepvis.views.dropping import drop, entries, opened


def test_a_net_and_its_weights_are_dropped(qtbot, window, write_model):
    folder = write_model("second", seed=5)
    weights = (folder / "small.caffemodel").rename(folder / "trained.caffemodel")
    write_weights(folder / "other.caffemodel", opened(window).net, opened(window).weights)
    drop(qtbot, window, weights, folder / "small.prototxt")
    assert opened(window).path == folder / "small.prototxt"
    assert opened(window).hash == open_model(folder / "small.prototxt", weights).hash
    assert window.error_bar.isHidden()
    assert window.controller.state.layer.name == "conv1"
    assert "second" in RecentModels(window.user_folder).all()[0]


def test_weights_alone_go_into_the_net_that_is_open(qtbot, window, write_model, tmp_path):
    tuned = (write_model("tuned", seed=7) / "small.caffemodel").rename(tmp_path / "tuned.caffemodel")
    before = opened(window)
    drop(qtbot, window, tuned)
    assert opened(window).path == before.path
    assert opened(window).hash != before.hash
    assert opened(window).classes == ("cat", "dog", "owl")


def test_weights_are_compared_with_while_that_pane_is_open(qtbot, window, write_model, tmp_path):
    tuned = (write_model("tuned", seed=7) / "small.caffemodel").rename(tmp_path / "tuned.caffemodel")
    before = opened(window)
    window.model.panes = ("compare",)
    qtbot.waitUntil(lambda: window.idle, timeout=10_000)
    assert "drop" in window.docks.widget("compare").missing.text()
    drop(qtbot, window, tuned)
    assert opened(window) is before
    assert window.controller.session.after.path == tuned
    qtbot.keyClick(window, Qt.Key.Key_L, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: window.idle, timeout=10_000)
    assert read_link(QGuiApplication.clipboard().text()).settings["after"] == tuned  # seen again by a link
    assert "tuned.caffemodel: 0 of" in window.docks.widget("compare").note.text()


def test_a_folder_of_a_model_and_pictures_together(qtbot, window, write_model, make_pictures):
    pictures = make_pictures(5, folder="others").root
    drop(qtbot, window, write_model("second", seed=5), pictures)
    assert "second" in str(opened(window).path)
    assert window.controller.session.images.root == pictures
    assert window.input_pane.content.detail.startswith("1/5")


def test_pictures_are_dropped_one_several_and_a_folder(qtbot, window, make_pictures):
    folder = make_pictures(4, folder="others").root
    before = opened(window)
    drop(qtbot, window, folder)
    assert window.input_pane.content.detail.startswith("1/4")
    drop(qtbot, window, folder / "2.png")
    assert window.input_pane.content.detail.startswith("1/1")
    drop(qtbot, window, folder / "2.png", folder / "0.png")
    assert window.input_pane.content.detail.startswith("1/2")
    assert opened(window) is before
    drop(qtbot, window, folder / "gone.png")
    assert "gone.png" in window.error_bar.sentence.text()
    assert len(window.controller.session.images) == 2


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        ({"small.caffemodel": b"\x00\x01"}, "small.caffemodel"),
        ({"small.prototxt": b"layer {"}, "small.prototxt"),
        ({"small.caffemodel": None}, "which weights?"),
    ],
)
def test_a_broken_model_is_a_sentence_and_the_window_goes_on(qtbot, window, write_model, damage, words):
    folder = write_model("broken")
    for name, content in damage.items():
        (folder / name).unlink()
        if content is not None:
            (folder / name).write_bytes(content)
    before = opened(window)
    drop(qtbot, window, folder)
    assert words in window.error_bar.sentence.text()
    assert window.error_bar.details_button.isHidden(), "a traceback is no sentence"
    assert opened(window) is before
    window.controller.do("next_layer")
    qtbot.waitUntil(lambda: window.idle, timeout=5000)
    assert window.grid_pane.content.pixels is not None
    drop(qtbot, window, write_model("second", seed=5))
    assert window.error_bar.isHidden()


def test_a_scan_of_the_open_model_and_then_a_plan(qtbot, window, make_pictures, tmp_path):
    session = window.controller.session
    file = tmp_path / "elsewhere" / "my_scan.h5"
    file.parent.mkdir()
    with_bar(scan(opened(window), make_pictures(24, folder="scanned"), file, device="cpu"), quiet=True)
    drop(qtbot, window, file)
    assert window.controller.session.engine is session.engine
    assert window.controller.session.images is session.images
    assert window.controller.session.facts.scan.path == file
    assert window.facts_pane.patches.patches
    plan = entropy.plan(entropy.measure(file, bins=2), 2, share=0.4)
    plan.write(tmp_path / "mine.json")
    drop(qtbot, window, tmp_path / "mine.json")
    shown = window.controller.session.facts.unit("conv1", 0).multiplier
    assert shown == plan.multipliers["conv1"][0]
    assert window.error_bar.isHidden()


def test_a_scan_opens_the_model_that_it_was_made_for(qtbot, window, write_model, make_pictures):
    folder = write_model("second", seed=5)
    write_weights(folder / "other.caffemodel", opened(window).net, opened(window).weights)
    model = open_model(folder / "small.prototxt")
    with_bar(scan(model, make_pictures(12, folder="scanned"), folder / "found.h5", device="cpu"), quiet=True)
    drop(qtbot, window, folder / "found.h5")
    assert opened(window).hash == model.hash
    assert window.controller.session.facts.stale is None


def test_a_scan_without_its_model_says_what_is_missing(qtbot, window, make_model, make_pictures, tmp_path):
    file = tmp_path / "lonely.h5"
    with_bar(scan(make_model(seed=9), make_pictures(12, folder="scanned"), file, device="cpu"), quiet=True)
    before = window.controller.session
    drop(qtbot, window, file)
    assert "lonely.h5: was made for the net 'small' with the weights" in window.error_bar.sentence.text()
    assert window.controller.session is before
    (tmp_path / "broken.h5").write_bytes(b"no HDF5")
    drop(qtbot, window, tmp_path / "broken.h5")
    assert "is not a whole HDF5 file" in window.error_bar.sentence.text()


def test_a_plan_without_a_scan(qtbot, window, tmp_path):
    (tmp_path / "plan.json").write_text("{}")
    drop(qtbot, window, tmp_path / "plan.json")
    assert "open that too" in window.error_bar.sentence.text()


def test_files_are_chosen_in_the_menu(qtbot, window, write_model, monkeypatch):
    folder = write_model("second", seed=5)
    monkeypatch.setattr(QFileDialog, "getOpenFileNames", lambda *a, **k: ([str(folder / "small.prototxt")], ""))
    window.actions_by_name["open_model"].trigger()
    qtbot.waitUntil(lambda: window.idle, timeout=10_000)
    assert opened(window).path == folder / "small.prototxt"


def test_presets_and_recent_models(qtbot, window, write_model):
    first, second = opened(window).hash, open_model(write_model("second", seed=5)).hash
    assert list(entries(window, "presets")) == ["second", "flowers96", "indoor39"]
    assert [entry.isEnabled() for entry in entries(window, "recent_models").values()] == [False]
    entries(window, "presets")["second"].trigger()
    qtbot.waitUntil(lambda: window.idle, timeout=10_000)
    assert opened(window).hash == second
    drop(qtbot, window, window.controller.session.settings.model.with_name("first"))
    assert opened(window).hash == first
    names = [text.split()[0] for text in entries(window, "recent_models")]
    assert names == ["first", "second"]
    list(entries(window, "recent_models").values())[1].trigger()
    qtbot.waitUntil(lambda: window.idle, timeout=10_000)
    assert opened(window).hash == second
    assert RecentModels(window.user_folder).all()[0].startswith("deepvis://")
