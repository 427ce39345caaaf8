"""Any blob in its pane: every value and parameter of the net, its axes, and its numbers."""

import time

import numpy as np
import pytest
import torch
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication

from deepvis.compute.colour import colourise, scale_for


@pytest.fixture
def pane_of(open_window):
    def make(**wishes):
        window = open_window(panes=("blob",), **{"layer": "conv1"} | wishes)
        return window, window.docks.widget("blob")

    return make


def settle(qtbot, window, **wishes):
    for name, wish in wishes.items():
        setattr(window._model, name, wish)
    qtbot.waitUntil(lambda: window.idle, timeout=5000)


def computed(window):
    """All values of the net for the picture that is shown, by name."""
    session = window.controller.session
    network = session.engine.model.network()
    blob = torch.from_numpy(window.controller.activations.blob)
    found = network.run(session.engine.model.feed.inputs(blob), keep=network.graph.values)
    return {str(value): tensor.numpy() for value, tensor in found.items()}


def test_every_value_and_parameter_is_there_and_right(qtbot, pane_of):
    window, pane = pane_of()
    values = computed(window)
    assert (values["conv1"] < 0).any(), "before the ReLU that works in place"
    assert "conv1@1" in values
    weights = window.controller.session.engine.model.weights
    blobs = values | {
        f"{name}.blobs[{place}]": part for name, parts in weights.items() for place, part in enumerate(parts)
    }
    assert set(pane.content.names) == set(blobs)
    for name, array in blobs.items():
        settle(qtbot, window, blob=name)
        content = pane.content
        assert content.name == name
        assert content.shape == array.shape
        expected = array[(0,) * (array.ndim - 2)] if array.ndim > 1 else array[None]
        np.testing.assert_array_equal(content.plane, expected)
        assert content.statistics.zeros == (array == 0).sum()
        assert (content.statistics.low, content.statistics.high) == (array.min(), array.max())
        assert pane.names.currentText() == name
    assert window.error_bar.isHidden()


def test_without_a_name_it_is_the_map_of_the_selected_unit(qtbot, pane_of):
    window, pane = pane_of(unit=3)
    values = computed(window)
    np.testing.assert_array_equal(pane.content.plane, values["conv1@1"][0, 3])
    array = values["conv1@1"]
    scale = scale_for(float(array.min()), float(array.max()), "inferno")
    np.testing.assert_array_equal(pane.content.picture.pixels, colourise(array[0, 3], scale))
    assert pane.content.picture.read_out(2, 1) == (0, f"(1, 2): {array[0, 3, 1, 2]:.6g}")
    settle(qtbot, window, unit=4)
    np.testing.assert_array_equal(pane.content.plane, array[0, 4])
    settle(qtbot, window, before_activation=True)
    np.testing.assert_array_equal(pane.content.plane, values["conv1"][0, 4])
    settle(qtbot, window, layer="fc")
    np.testing.assert_array_equal(pane.content.plane, values["fc"])
    settle(qtbot, window, picture=1)
    np.testing.assert_array_equal(pane.content.plane, computed(window)["fc"])


def test_blob_view_and_axes_are_chosen(qtbot, pane_of):
    window, pane = pane_of()
    pane.names.activated.emit(pane.names.findText("branch/left.blobs[0]"))
    qtbot.waitUntil(lambda: window.idle, timeout=5000)
    weights = window.controller.session.engine.model.weights["branch/left"][0]
    pane.axes.indices[0].setValue(2)
    qtbot.waitUntil(lambda: window.idle, timeout=5000)
    pane.axes.indices[1].setValue(4)
    qtbot.waitUntil(lambda: window.idle, timeout=5000)
    np.testing.assert_array_equal(pane.content.plane, weights[2, 4])
    pane.axes.axes.activated.emit(pane.axes.axes.findText("1 × 0"))
    qtbot.waitUntil(lambda: window.idle, timeout=5000)
    np.testing.assert_array_equal(pane.content.plane, weights[:, :, 0, 0].T)
    assert set(pane.axes.indices) == {2, 3}
    pane.views.activated.emit(1)
    qtbot.waitUntil(lambda: window.idle, timeout=5000)
    assert pane.shown.currentWidget() is pane.plot
    np.testing.assert_array_equal(pane.content.bars.counts, np.histogram(weights, 50)[0])
    pane.names.activated.emit(0)
    qtbot.waitUntil(lambda: window.idle, timeout=5000)
    assert window._model.blob_at == window._model.blob_axes == ()
    assert pane.names.currentIndex() == 0


def test_numbers_are_read_and_copied(qtbot, pane_of):
    window, pane = pane_of(blob_view="numbers", unit=1)
    plane = computed(window)["conv1@1"][0, 1]
    assert pane.shown.currentWidget() is pane.table
    assert (pane.numbers.rowCount(), pane.numbers.columnCount()) == plane.shape
    pane.table.setFocus()
    pane.table.selectAll()
    QGuiApplication.clipboard().clear()
    qtbot.keyClick(pane.table, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    rows = [line.split("\t") for line in QGuiApplication.clipboard().text().split("\n")]
    np.testing.assert_array_equal(np.array(rows, np.float32), plane)


def test_a_vector_is_folded_and_says_its_index(qtbot, pane_of):
    window, pane = pane_of(blob="conv1.blobs[1]")
    bias = window.controller.session.engine.model.weights["conv1"][1]
    content = pane.content.picture
    left, top, *_ = content.layout.box(3)
    assert content.read_out(left + 1, top + 1) == (3, f"(3): {bias[3]:.6g}")
    np.testing.assert_array_equal(
        content.pixels[top, left], colourise(bias[3:4], scale_for(float(bias.min()), float(bias.max()), "inferno"))[0]
    )


def test_parameters_are_there_without_a_picture(qtbot, open_window):
    window = open_window(images=None, panes=("blob",), layer="conv1")
    pane = window.docks.widget("blob")
    assert pane.shown.currentWidget() is pane.missing
    assert "No picture" in pane.missing.text()
    settle(qtbot, window, blob="conv1.blobs[0]")
    assert pane.shown.currentWidget() is pane.picture


def test_the_numbers_of_a_large_blob_are_shown_at_once(qtbot, pane_of):
    _, pane = pane_of(blob_view="numbers")
    plane = np.zeros((4096, 9216), np.float32)
    started = time.process_time()
    pane.numbers.show_plane(plane)
    pane.table.scrollTo(pane.numbers.index(4095, 9215))
    pane.table.viewport().repaint()
    assert time.process_time() - started < 0.05
    assert pane.numbers.index(4095, 9215).data() == "0"


@pytest.mark.parametrize("axes", [(0, 2), (2, 0), (2, 3)])
def test_the_whole_plane_is_seen(qtbot, pane_of, axes):
    _, pane = pane_of(blob="conv1.blobs[0]", blob_axes=axes)
    (left, right), (top, bottom) = pane.picture._box.viewRange()
    height, width = pane.content.plane.shape
    assert left <= 0 < width <= right
    assert top <= 0 < height <= bottom
