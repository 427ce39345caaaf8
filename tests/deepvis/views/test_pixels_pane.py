"""The pane of the preprocessing: every edit reaches the net at once, what is wrong is said at the field."""

import json
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog

from deepvis.pixels.fields import FIELDS
from deepvis.sources.opening import images_in_list
from deepvis.views.actions.saving import shown_values
from prototxt.pixels.preprocess import Preprocessing


@pytest.fixture
def opened(open_window, qtbot):
    """Open a window with the pane; gives both."""

    def make(**options):
        window = open_window(layer="conv1", panes=("pixels",), **options)
        return window, window.docks.widget("pixels")

    return make


def idle(qtbot, window):
    qtbot.waitUntil(lambda: window.idle, timeout=10_000)


def retype(qtbot, edit, text):
    """Put a text in the place of another as a person does."""
    line = edit if not hasattr(edit, "lineEdit") else edit.lineEdit()
    line.setFocus()
    line.selectAll()
    qtbot.keyClicks(line, text)


def test_the_pane_shows_the_preprocessing_and_what_it_makes(opened):
    window, pane = opened()
    assert pane.edits["channel_order"].currentText() == "BGR"
    assert pane.edits["raw_scale"].currentText() == "1"
    assert pane.edits["mean"].text() == "3, 3, 3"
    assert pane.edits["crop"].text() == "9, 11"
    assert set(pane.edits) == set(FIELDS)
    blob = window.controller.activations.blob[0]
    cells = [[pane.given.item(row, column).text() for column in range(5)] for row in range(pane.given.rowCount())]
    assert [cell[0] for cell in cells] == ["blue", "green", "red"]
    assert cells[1][1:] == [f"{value:.3g}" for value in (blob[1].min(), blob[1].max(), blob[1].mean(), blob[1].std())]
    assert pane.note.text() == "as the model says"
    values = {value.name: value.array for value in shown_values(window, "pixels")}
    assert values["pixels_preprocessing_mean"].tolist() == [3, 3, 3]
    assert values["pixels_channels_high"].tolist() == [channel.max() for channel in blob]
    assert max(array.size for array in values.values()) <= 11


def test_an_edit_reaches_the_net_at_once_and_is_taken_back(qtbot, opened):
    window, pane = opened(scanned=True)
    picture = window.controller.session.images.read(0)
    before = window.controller.activations.blob
    retype(qtbot, pane.edits["mean"], "1,2,3")
    idle(qtbot, window)
    wanted = Preprocessing("BGR", mean=(1, 2, 3), crop=(9, 11))
    assert window.controller.session.engine.model.preprocessing == wanted
    np.testing.assert_array_equal(window.controller.activations.blob[0], wanted.apply(picture))
    assert pane.edits["mean"].text() == "1,2,3"  # as it was typed
    assert "another preprocessing" in window.facts_pane.stale.text()
    assert "stale" in window.status.text()
    assert pane.note.text().startswith("changed")
    pane.reset()
    idle(qtbot, window)
    np.testing.assert_array_equal(window.controller.activations.blob, before)
    assert pane.edits["mean"].text() == "3, 3, 3"
    assert window.facts_pane.stale.isHidden()
    assert "current" in window.status.text()
    assert window.error_bar.isHidden()


def test_the_range_of_colours_is_that_of_the_new_numbers(qtbot, opened):
    window, pane = opened()
    retype(qtbot, pane.edits["mean"], "none")
    retype(qtbot, pane.edits["raw_scale"], "1/255")
    idle(qtbot, window)
    high = window.grid_pane.content.scale.high
    assert high == window.grid_pane.content.values.max()


def test_what_is_wrong_stands_at_its_field_and_changes_nothing(qtbot, opened):
    window, pane = opened()
    own = window.controller.session.engine.model.preprocessing
    retype(qtbot, pane.edits["crop"], "8, 11")
    idle(qtbot, window)
    assert pane.errors["crop"].text() == "pictures become 8 x 11, the net takes 9 x 11 (height x width)"
    assert pane.errors["crop"].isVisible()
    assert window.controller.session.engine.model.preprocessing == own
    retype(qtbot, pane.edits["crop"], "9, 11")
    assert pane.errors["crop"].isHidden()
    assert window.error_bar.isHidden()


def test_choosing_another_order_of_channels(qtbot, opened):
    window, pane = opened(back_mode="gradient")
    orders = pane.edits["channel_order"]
    assert [orders.itemText(place) for place in range(orders.count())] == ["RGB", "BGR", "STORED"]
    before = window.controller.activations.blob[0]
    orders.setCurrentText("RGB")
    orders.textActivated.emit("RGB")
    idle(qtbot, window)
    np.testing.assert_array_equal(window.controller.activations.blob[0], before[::-1])
    assert window.controller.session.engine.red_channel == 0


def test_mean_and_std_of_the_pictures(qtbot, opened):
    window, pane = opened()
    pane.measure()
    idle(qtbot, window)
    images = window.controller.session.images
    own = Preprocessing("BGR", crop=(9, 11))
    pixels = np.stack([own.apply(images.read(index)) for index in range(len(images))]).astype(np.float64)
    found = window.controller.session.engine.model.preprocessing
    np.testing.assert_allclose(found.mean, pixels.mean((0, 2, 3)))
    np.testing.assert_allclose(found.std, pixels.std((0, 2, 3)))
    assert pane.edits["mean"].text() == ", ".join(f"{value:.7g}" for value in found.mean)
    assert window.task_bar.isHidden()


def test_what_was_computed_for_other_fields_is_not_taken(qtbot, opened):
    window, pane = opened()
    pane.measure()
    retype(qtbot, pane.edits["raw_scale"], "2")
    idle(qtbot, window)
    assert "compute them again" in window.error_bar.sentence.text()
    assert window.controller.session.engine.model.preprocessing == Preprocessing("BGR", 2, mean=(3, 3, 3), crop=(9, 11))


def test_work_on_the_pictures_is_cancelled(qtbot, opened, make_pictures, monkeypatch):
    window, pane = opened()
    window.controller.set_images(make_pictures(3, folder="others"))
    pane.measure()
    assert window.task_bar.isVisible()
    window.task_bar.cancel.click()
    idle(qtbot, window)
    assert window.task_bar.isHidden()
    assert window.controller.session.engine.model is window.controller.session.opened
    assert window.error_bar.isHidden()


def test_without_pictures_there_is_a_sentence(qtbot, opened):
    window, pane = opened(images=None)
    pane.measure()
    assert "open a folder" in window.error_bar.sentence.text()
    pane.diagnose()
    assert "open pictures with classes" in window.error_bar.sentence.text()


def test_the_doctors_table_and_a_click_that_takes_a_variant(qtbot, opened, make_pictures):
    window, pane = opened()
    pane.diagnose()
    idle(qtbot, window)
    assert "needs images with classes" in window.error_bar.sentence.text()
    labelled = make_pictures(20, folder="labelled")
    file = Path(labelled.root, "list.txt")
    file.write_text("".join(f"{name} {number % 3}\n" for number, name in enumerate(labelled.paths)))
    window.controller.set_images(images_in_list(file))
    pane.diagnose()
    idle(qtbot, window)
    assert pane.doctor.table.rowCount() > 10
    assert (
        sum(pane.doctor.table.item(row, 0).text().startswith(">") for row in range(pane.doctor.table.rowCount())) == 1
    )
    assert pane.edits["mean"].text() == "3, 3, 3"
    row = next(
        row
        for row in range(pane.doctor.table.rowCount())
        if (pane.doctor.table.item(row, 0).text()[-3:], pane.doctor.table.item(row, 2).text()) == ("RGB", "127.5")
    )
    cell = pane.doctor.table.visualItemRect(pane.doctor.table.item(row, 0))
    pane.doctor.table.scrollToItem(pane.doctor.table.item(row, 0))
    cell = pane.doctor.table.visualItemRect(pane.doctor.table.item(row, 0))
    qtbot.mouseClick(pane.doctor.table.viewport(), Qt.MouseButton.LeftButton, pos=cell.center())
    idle(qtbot, window)
    used = window.controller.session.engine.model.preprocessing
    assert used.channel_order == "RGB"
    assert used.crop == (9, 11)
    assert pane.edits["channel_order"].currentText() == "RGB"


def test_saved_and_opened_again(qtbot, opened, tmp_path, monkeypatch):
    window, pane = opened()
    retype(qtbot, pane.edits["std"], "2")
    file = tmp_path / "pixels.json"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(file), ""))
    pane.save()
    wanted = Preprocessing("BGR", mean=(3, 3, 3), std=(2, 2, 2), crop=(9, 11))
    assert Preprocessing.from_json(file.read_text()) == wanted
    pane.reset()
    idle(qtbot, window)
    conversion = tmp_path / "conversion.json"
    conversion.write_text(json.dumps({"preprocessing": wanted.to_dict()}))
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(conversion), ""))
    pane.open()
    idle(qtbot, window)
    assert window.controller.session.engine.model.preprocessing == wanted
    assert pane.edits["std"].text() == "2, 2, 2"
    conversion.write_text("{}")
    pane.open()
    assert str(conversion) in window.error_bar.sentence.text()


def test_a_mean_image_from_a_file(qtbot, opened, tmp_path, monkeypatch):
    window, pane = opened()
    image = np.full((3, 9, 11), 2, np.float32)
    np.save(tmp_path / "mean.npy", image)
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(tmp_path / "mean.npy"), ""))
    pane._choose_mean()
    idle(qtbot, window)
    np.testing.assert_array_equal(window.controller.session.engine.model.preprocessing.mean_image, image)
    assert pane.edits["mean"].text() == str(tmp_path / "mean.npy")
    retype(qtbot, pane.edits["raw_scale"], "1/255")  # the file is for the pixels before it
    idle(qtbot, window)
    used = window.controller.session.engine.model.preprocessing
    assert used.raw_scale == 1 / 255
    np.testing.assert_array_equal(used.mean_image, image * np.float32(1 / 255))
    pane.take(used)  # as when another pane gives it: the file is forgotten, the image stays
    assert pane.edits["mean"].text() == "image 3 x 9 x 11"
    retype(qtbot, pane.edits["raw_scale"], "1")
    idle(qtbot, window)
    used = window.controller.session.engine.model.preprocessing
    np.testing.assert_array_equal(used.mean_image, image * np.float32(1 / 255))


def test_a_mean_file_that_is_none_does_not_stand_in_the_way_of_the_raw_scale(qtbot, opened):
    window, pane = opened()
    retype(qtbot, pane.edits["mean"], "/no/such/mean.npy")
    assert "cannot be read" in pane.errors["mean"].text()
    retype(qtbot, pane.edits["raw_scale"], "0.5")
    idle(qtbot, window)
    assert window.controller.session.engine.model.preprocessing == Preprocessing(
        "BGR", 0.5, mean=(3, 3, 3), crop=(9, 11)
    )
    assert pane.errors["raw_scale"].isHidden()


def test_what_an_order_of_more_channels_leaves_out_is_seen(qtbot, opened):
    window, pane = opened()
    orders = pane.edits["channel_order"]
    orders.setCurrentText("STORED")
    orders.textActivated.emit("STORED")
    assert window.controller.session.engine.model.preprocessing.mean == ()
    assert pane.edits["mean"].text() == "none"
