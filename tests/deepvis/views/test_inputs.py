"""What the net looks at: chosen in dialogues, pasted, played, stepped through; with labels."""

import threading

import cv2
import numpy as np
import pytest
from PySide6.QtCore import QMimeData, QUrl
from PySide6.QtGui import QGuiApplication, QImage
from PySide6.QtWidgets import QFileDialog

from deepvis.controllers.tasks import Task
from deepvis.sources import pasted
from deepvis.views.actions import inputs
from prototxt.common.progress import Progress
from prototxt.pixels.decode import read_image
from prototxt.pixels.samples import Pair


def idle(qtbot, window):
    qtbot.waitUntil(lambda: window.idle, timeout=10_000)


def choose(monkeypatch, kind, answer):
    """Answer the next dialogues."""
    result = str(answer) if kind == "getExistingDirectory" else ([str(path) for path in answer], "")
    monkeypatch.setattr(QFileDialog, kind, lambda *_: result)


@pytest.fixture
def video(tmp_path):
    """Twelve frames at fifty a second, the n-th of one grey."""
    file = tmp_path / "clip.avi"
    writer = cv2.VideoWriter(str(file), cv2.VideoWriter.fourcc(*"MJPG"), 50, (32, 24))
    for number in range(12):
        writer.write(np.full((24, 32, 3), 20 * number, np.uint8))
    writer.release()
    return file


@pytest.fixture
def _clipboard():
    yield
    QGuiApplication.clipboard().clear()


def test_a_folder_of_pictures(qtbot, open_window, make_pictures, monkeypatch):
    window = open_window()
    choose(monkeypatch, "getExistingDirectory", make_pictures(5, folder="five").root)
    window.actions_by_name["open_pictures"].trigger()
    idle(qtbot, window)
    assert window.input_pane.content.detail.startswith("1/5")
    assert "five" in window.windowTitle()
    assert window.task_bar.isHidden()


def test_long_work_goes_on_when_pictures_are_opened(qtbot, open_window, make_pictures, monkeypatch, tmp_path):
    window = open_window()
    go_on, results = threading.Event(), []

    def work():
        while not go_on.wait(0.01):
            yield Progress(1, 2, "scan: images")
        return "scanned"

    window.controller.tasks.start(Task("Scan", work(), results.append))
    choose(monkeypatch, "getExistingDirectory", make_pictures(5, folder="five").root)
    window.actions_by_name["open_pictures"].trigger()
    qtbot.waitUntil(lambda: window.input_pane.content.detail.startswith("1/5"), timeout=5000)
    (tmp_path / "empty").mkdir()
    choose(monkeypatch, "getExistingDirectory", tmp_path / "empty")
    window.actions_by_name["open_pictures"].trigger()
    qtbot.waitUntil(lambda: "no picture in this folder" in window.error_bar.sentence.text(), timeout=5000)
    assert window.task_bar.isVisible()
    go_on.set()
    qtbot.waitUntil(lambda: results == ["scanned"], timeout=5000)


def test_files_of_several_kinds_together(qtbot, open_window, make_pictures, video, monkeypatch):
    window = open_window()
    pictures = make_pictures(3, folder="three")
    list_file = pictures.root / "list.txt"
    list_file.write_text("1.png 2\n0.png 1\n")
    choose(monkeypatch, "getOpenFileNames", [pictures.path(2), list_file, video])
    window.actions_by_name["open_input_files"].trigger()
    idle(qtbot, window)
    images = window.controller.session.images
    assert len(images) == 1 + 2 + 12
    assert images.labels[:4].tolist() == [-1, 2, 1, -1]
    window.controller.do("next_picture")
    idle(qtbot, window)
    assert window.input_pane.content.title == "1.png"
    assert f"is {window.controller.net.class_name(2)}" in window.status.text()
    assert window.error_bar.isHidden()


def test_an_lmdb_is_a_folder(qtbot, open_window, monkeypatch, tmp_path):
    lmdb = pytest.importorskip("lmdb")
    from prototxt.formats.schema import Datum

    window = open_window()
    with lmdb.open(str(tmp_path / "data_lmdb")) as environment, environment.begin(write=True) as transaction:
        for number in range(4):
            pixels = np.full((3, 9, 11), number, np.uint8)
            datum = Datum(channels=3, height=9, width=11, data=pixels.tobytes(), label=number % 3)
            transaction.put(f"{number:08d}".encode(), datum.SerializeToString())
    choose(monkeypatch, "getExistingDirectory", tmp_path / "data_lmdb")
    window.actions_by_name["open_pictures"].trigger()
    idle(qtbot, window)
    window.controller.do("next_picture")
    idle(qtbot, window)
    assert window.input_pane.content.title == "data_lmdb#key=00000001"
    assert window.controller.activations.frame.label == 1
    assert (window.controller.activations.seen == 1).all()
    assert window.error_bar.isHidden()


def test_folders_as_classes_have_their_names(qtbot, open_window, make_pictures, monkeypatch, tmp_path):
    window = open_window()
    for name in ("cat", "dog"):
        (tmp_path / "animals").mkdir(exist_ok=True)
        make_pictures(1, folder=f"animals/{name}")
    choose(monkeypatch, "getExistingDirectory", tmp_path / "animals")
    window.actions_by_name["open_class_folders"].trigger()
    idle(qtbot, window)
    assert "is cat" in window.input_pane.content.detail
    window.controller.do("next_picture")
    idle(qtbot, window)
    assert "is dog" in window.status.text()


def test_folders_called_as_the_nets_classes_are_them(make_model, make_pictures, tmp_path):
    from dataclasses import replace

    model = replace(make_model(), classes=("dog", "cat", "bird"))
    (tmp_path / "animals").mkdir()
    for name in ("cat", "dog"):
        make_pictures(2, folder=f"animals/{name}")
    assert inputs.inputs_of([tmp_path / "animals"], model).labels.tolist() == [1, 1, 0, 0]
    make_pictures(1, folder="animals/horse")
    assert inputs.inputs_of([tmp_path / "animals"], model).labels.tolist() == [-1] * 5


def test_what_cannot_be_opened_is_a_sentence(qtbot, open_window, monkeypatch, tmp_path):
    window = open_window()
    before = window.controller.session.images
    (tmp_path / "empty").mkdir()
    choose(monkeypatch, "getExistingDirectory", tmp_path / "empty")
    window.actions_by_name["open_pictures"].trigger()
    idle(qtbot, window)
    assert "no picture in this folder" in window.error_bar.sentence.text()
    assert window.controller.session.images is before
    assert window.input_pane.content.pixels is not None


@pytest.mark.usefixtures("_clipboard")
def test_a_picture_is_pasted(qtbot, open_window, monkeypatch, tmp_path):
    monkeypatch.setattr(pasted, "FOLDER", tmp_path / "pasted")
    window = open_window()
    picture = QImage(12, 10, QImage.Format.Format_RGB32)
    picture.fill(0xFF102030)
    QGuiApplication.clipboard().setImage(picture)
    for _ in range(2):  # the same picture is one file
        window.actions_by_name["paste_input"].trigger()
        idle(qtbot, window)
    (file,) = (tmp_path / "pasted").iterdir()
    np.testing.assert_array_equal(read_image(file), np.full((10, 12, 3), (0x10, 0x20, 0x30)))
    assert window.input_pane.content.title == file.name
    assert window.error_bar.isHidden()


@pytest.mark.usefixtures("_clipboard")
def test_files_and_paths_are_pasted(qtbot, open_window, make_pictures):
    window = open_window()
    pictures = make_pictures(3, folder="three")
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(pictures.path(index))) for index in (2, 0)])
    QGuiApplication.clipboard().setMimeData(mime)
    window.actions_by_name["paste_input"].trigger()
    idle(qtbot, window)
    assert window.input_pane.content.title == "2.png"
    assert [path.split("/")[-1] for path in window.controller.session.images.paths] == ["2.png", "0.png"]
    QGuiApplication.clipboard().setText(f"'{pictures.root}'\n")
    window.actions_by_name["paste_input"].trigger()
    idle(qtbot, window)
    assert len(window.controller.session.images) == 3
    for text in ("", "no path at all", "x" * 10_000, "/no/such/file.png"):
        QGuiApplication.clipboard().setText(text)
        window.actions_by_name["paste_input"].trigger()
        idle(qtbot, window)
        assert "the clipboard holds no picture" in window.error_bar.sentence.text()
        window.clear_problem()


def test_pairs_are_taken_for_pairs(qtbot, open_window, make_model, make_pictures, monkeypatch):
    from dataclasses import replace

    model = replace(make_model(), assumed=True)
    window = open_window(model=model)
    pictures = make_pictures(4, folder="four")
    file = pictures.root / "pairs.txt"
    file.write_text("0.png 1.png 1\n2.png 3.png 0\n")
    choose(monkeypatch, "getOpenFileNames", [file])
    window.actions_by_name["open_input_files"].trigger()
    qtbot.waitUntil(lambda: window.controller.session.images.are_pairs, timeout=5000)
    assert window.controller.session.engine.model.preprocessing.pair == "width"
    assert window.controller.session.opened.assumed
    assert isinstance(window.controller.session.images.read(0), Pair)


def test_a_video_is_played_halted_and_stepped_through(qtbot, open_window, monkeypatch, video):
    window = open_window(layer="conv1")
    choose(monkeypatch, "getOpenFileNames", [video])
    window.actions_by_name["open_input_files"].trigger()
    idle(qtbot, window)
    assert window.input_pane.content.title == "clip.avi#frame=0"
    window.controller.do("next_picture")
    idle(qtbot, window)
    assert window.input_pane.content.title == "clip.avi#frame=1"

    seen = set()

    def played():
        seen.add(window.input_pane.content.title)
        return len(seen) >= 4

    qtbot.keyClick(window, " ")
    qtbot.waitUntil(played, timeout=10_000)
    assert "fps" in window.status.text()
    window.controller.do("toggle_frozen")
    idle(qtbot, window)
    assert "frozen" in window.input_pane.content.detail
    held = window.controller.activations.frame
    assert abs(float(held.pixels.mean()) - 20 * held.picture) < 3
    qtbot.keyClick(window, " ")
    idle(qtbot, window)
    assert window.controller.state.source == "files"
    assert window.controller.state.picture == window._model.picture == held.picture
    assert window.input_pane.content.title == f"clip.avi#frame={held.picture}"
    window._model.frozen = False
    window.controller.do("toggle_play")
    qtbot.waitUntil(lambda: window.controller.activations.frame.picture not in (-1, held.picture), timeout=10_000)
    window.controller.do("next_picture")
    at = window.controller.state.picture
    idle(qtbot, window)
    assert window.input_pane.content.title == f"clip.avi#frame={at}"
    assert window.error_bar.isHidden()


def test_closing_does_not_wait_for_what_plays(qtbot, open_window):
    window = open_window(layer="conv1")
    window.controller.do("toggle_play")
    qtbot.waitUntil(lambda: window.controller.activations.frame.picture >= 0, timeout=5000)
    window.close()


def test_playing_without_pictures_is_a_sentence(qtbot, open_window):
    window = open_window(images=None)
    window.controller.do("toggle_play")
    idle(qtbot, window)
    assert "no pictures to play" in window.error_bar.sentence.text()
    assert window.controller.state.source == "files"
