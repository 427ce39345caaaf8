"""Opening things in a running window: dropped, chosen, named, by links and bookmarks."""

import json
import warnings
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QGuiApplication
from PySide6.QtWidgets import QFileDialog

import entropy
from converters.architectures import AlexNet64
from deepvis.model.model import open_model
from deepvis.scan import scan
from deepvis.session.bookmarks import Bookmarks, RecentModels
from deepvis.session.links import read_link
from deepvis.session.opening import open_session
from deepvis.settings.settings import Settings
from deepvis.views.actions.opening import convert
from prototxt.common.progress import with_bar
from prototxt.formats.text import write_message
from prototxt.formats.weights import write_weights


@pytest.fixture
def write_model(make_model, tmp_path):
    """Write the small net into a folder."""

    def write(folder, seed=0):
        model = make_model(seed=seed)
        (tmp_path / folder).mkdir(exist_ok=True)
        write_message(tmp_path / folder / "small.prototxt", model.net)
        write_weights(tmp_path / folder / "small.caffemodel", model.net, model.weights)
        (tmp_path / folder / "classes.txt").write_text("cat\ndog\nowl\n")
        return tmp_path / folder

    return write


@pytest.fixture
def window(open_window, write_model, make_pictures, tmp_path):
    """A window on the small net of the folder ``first``."""
    settings = Settings(
        model=write_model("first"),
        images=make_pictures(3).root,
        device="cpu",
        cache=tmp_path / "cache",
        presets={"second": {"model": tmp_path / "second", "unit": 1}},
    )
    return open_window(session=open_session(settings).session, user_folder=tmp_path / "config", layer="conv1")


def drop(qtbot, window, *paths, text=""):
    """Drop files, or a text, on the middle of a window."""
    mime = QMimeData()
    if paths:
        mime.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    mime.setText(text)
    keys, button = Qt.KeyboardModifier.NoModifier, Qt.MouseButton.LeftButton
    with warnings.catch_warnings():  # Qt has no other way to make one
        warnings.simplefilter("ignore", DeprecationWarning)
        enter = QDragEnterEvent(QPoint(500, 300), Qt.DropAction.CopyAction, mime, button, keys)
    window.dragEnterEvent(enter)
    assert enter.isAccepted()
    window.dropEvent(QDropEvent(QPointF(500, 300), Qt.DropAction.CopyAction, mime, button, keys))
    qtbot.waitUntil(lambda: window.idle, timeout=60_000)


def opened(window):
    return window.controller.session.engine.model


def entries(window, name):
    menu = window.actions_by_name[name].menu()
    menu.aboutToShow.emit()
    return {entry.text(): entry for entry in menu.actions()}


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


def test_pytorch_weights_ask_for_their_architecture(qtbot, window, tmp_path):
    torch.save(AlexNet64(num_classes=3, width=8).state_dict(), tmp_path / "rooms.pth")
    drop(qtbot, window, tmp_path / "rooms.pth")
    bar = window.question_bar
    assert bar.isVisible()
    assert "alexnet64 fits by names and shapes" in bar.sentence.text()
    assert bar.answers()["arch"] == "alexnet64"
    qtbot.keyClick(bar.inputs["arch"].lineEdit(), Qt.Key.Key_Return)
    assert bar.isHidden()
    assert window.task_bar.isVisible()
    qtbot.waitUntil(lambda: window.idle, timeout=60_000)
    assert window.error_bar.isHidden(), window.error_bar.sentence.text()
    assert opened(window).name == "rooms"
    assert window.model.panes == ("parity",)
    report = window.docks.widget("parity")
    assert report.summary.text().startswith("alexnet64 with rooms.pth\ntorchcaffe")
    assert [report.table.item(row, 0).text() for row in range(2)] == ["conv1", "relu1"]
    assert float(report.table.item(0, 3).text().split()[0]) < 1e-5
    report.table.cellClicked.emit(report.table.rowCount() - 1, 0)
    assert window.model.layer == "fc8"


def test_the_wrong_architecture_and_what_cannot_be_converted_are_said(qtbot, window, tmp_path):
    torch.save(AlexNet64(num_classes=3, width=8).state_dict(), tmp_path / "rooms.pth")
    torch.save(torch.nn.Sequential(torch.nn.GELU(), torch.nn.Conv2d(3, 2, 1)).state_dict(), tmp_path / "own.pth")
    (tmp_path / "own_net_of_test.py").write_text(
        "import torch\ndef make():\n    return torch.nn.Sequential(torch.nn.GELU(), torch.nn.Conv2d(3, 2, 1))\n"
    )
    before = opened(window)
    for file, arch, shape, words in (
        ("rooms.pth", "alexnet", "", "choose the architecture that the weights were trained with"),
        ("rooms.pth", "", "", "no network was named"),
        ("rooms.pth", "alexnet65", "", "did you mean 'alexnet64'"),
        ("rooms.pth", "alexnet64", "1,three", "must be whole numbers"),
        ("own.pth", "own_net_of_test:make", "", "say what it takes"),
        ("own.pth", "own_net_of_test:make", "1,3,8,8", "gelu"),
    ):
        with pytest.MonkeyPatch.context() as patch:
            patch.syspath_prepend(str(tmp_path))
            convert(window, {"arch": arch, "weights": str(tmp_path / file), "input_shape": shape})
            qtbot.waitUntil(lambda: window.idle, timeout=60_000)
        assert words in window.error_bar.sentence.text()
        assert window.error_bar.details_button.isHidden()
        assert opened(window) is before
    assert not list((tmp_path / "cache").glob("*/*"))


def test_the_question_is_left_by_escape_and_typing_is_no_command(qtbot, window, tmp_path):
    torch.save({"a": torch.zeros(3, 3)}, tmp_path / "a.pt")
    drop(qtbot, window, tmp_path / "a.pt")
    bar = window.question_bar
    assert "None was found by names and shapes" in bar.sentence.text()
    edit = bar.inputs["arch"].lineEdit()
    qtbot.keyClicks(edit, "q:b")
    assert edit.text() == "q:b"
    assert (window.isVisible(), window.model.back_mode) == (True, "off")
    qtbot.keyClick(edit, Qt.Key.Key_Escape)
    assert bar.isHidden()
    (tmp_path / "b.pt").write_bytes(b"PK\x03\x04 nothing")
    drop(qtbot, window, tmp_path / "b.pt")
    assert "b.pt: is truncated or damaged" in window.error_bar.sentence.text()


def test_a_network_of_torchvision_by_its_name(qtbot, window, tmp_path, monkeypatch):
    import deepvis.model.pytorch

    monkeypatch.setattr(deepvis.model.pytorch, "published", lambda name, cache: iter_refusing(name))
    window.actions_by_name["open_pytorch"].trigger()
    qtbot.waitUntil(lambda: window.idle, timeout=60_000)
    bar = window.question_bar
    assert {"alexnet", "resnet18", "alexnet64"} <= {
        bar.inputs["arch"].itemText(place) for place in range(bar.inputs["arch"].count())
    }
    bar.inputs["arch"].setCurrentText("alexnet64")
    bar.accept_button.click()
    qtbot.waitUntil(lambda: window.idle, timeout=60_000)
    assert "alexnet64: no weights are published for it" in window.error_bar.sentence.text()


def iter_refusing(name):
    raise AssertionError(f"{name} must not be downloaded by a test")


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


def test_a_conversion_is_cancelled_and_leaves_nothing(qtbot, window, tmp_path):
    torch.save(AlexNet64(num_classes=3, width=8).state_dict(), tmp_path / "rooms.pth")
    drop(qtbot, window, tmp_path / "rooms.pth")
    before = opened(window)
    window.question_bar.accept_button.click()
    qtbot.waitUntil(lambda: "verify" in window.task_bar.title.text(), timeout=60_000)
    window.task_bar.cancel.click()
    qtbot.waitUntil(lambda: window.idle, timeout=60_000)
    assert opened(window) is before
    assert not list(Path(tmp_path / "cache").glob("*"))
    assert window.error_bar.isHidden()
