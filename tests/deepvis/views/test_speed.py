"""The window answers at once: a layer of 4096 units, and a net that takes its time."""

import time
from functools import partial

import numpy as np
import pytest
from PySide6.QtCore import Qt, QTimer

from deepvis.model.model import Model
from deepvis.views.watchdog import LIMIT, Watchdog
from prototxt.formats.text import parse_net
from prototxt.net.shapes import infer_shapes

WIDE = """
name: "wide"
layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 1 dim: 3 dim: 9 dim: 11 } } }
layer { name: "fc6" type: "InnerProduct" bottom: "data" top: "fc6" inner_product_param { num_output: 4096 } }
layer { name: "relu6" type: "ReLU" bottom: "fc6" top: "fc6" }
"""


def wide_model(make_model):
    small = make_model()
    net = parse_net(WIDE, "wide.prototxt")
    random = np.random.default_rng(0)
    weights = {
        layer: [random.normal(size=shape).astype(np.float32) for shape in shapes]
        for layer, shapes in infer_shapes(net).params.items()
        if shapes
    }
    return Model("wide", small.path, net, weights, small.preprocessing)


def test_4096_units_are_walked_without_waiting(qtbot, open_window, make_model):
    window = open_window(model=wide_model(make_model))
    assert window.grid_pane.content.layout.grid.units == 4096
    seconds = []
    for _ in range(20):
        started = time.thread_time()  # all of it happens on this thread, which others may keep from running
        qtbot.keyClick(window, Qt.Key.Key_Right)
        window.repaint()
        seconds.append(time.thread_time() - started)
    assert window.controller.state.unit == 20
    assert window.idle, "moving asked for a computation"
    assert np.median(seconds) < 0.05, f"{1000 * np.median(seconds):.0f} ms"


def test_a_slow_net_does_not_hold_the_keys(qtbot, open_window):
    window = open_window(layer="conv1")
    engine = window.controller.session.engine
    forward = engine.forward

    def slow(frame):
        time.sleep(0.5)
        return forward(frame)

    engine.forward = slow
    started = time.perf_counter()
    qtbot.keyClick(window, Qt.Key.Key_E)
    qtbot.keyClick(window, Qt.Key.Key_Right)
    assert time.perf_counter() - started < 0.4
    assert window.unit_pane.content.title == "conv1:1"
    qtbot.waitUntil(lambda: window.idle, timeout=5000)
    assert window.input_pane.content.title == "1.png"


KEYS = "lkjiLKJIoooubBbbdannNzzzyyYtTxmMp89r5sS1"
"""A session: units, layers, back-propagation and its views, colours, panes and views of the layer."""


def watched(qtbot, window, letters):
    """Press keys from within the event loop, wait for what each of them asks for, and watch Qt's thread meanwhile."""
    with Watchdog() as watchdog:
        for letter in letters:
            held = Qt.KeyboardModifier.ShiftModifier if letter.isupper() else Qt.KeyboardModifier.NoModifier
            key = Qt.Key(ord(letter.upper()))
            QTimer.singleShot(0, partial(qtbot.keyClick, window, key, held))
            qtbot.wait(5)
            qtbot.waitUntil(lambda: window.idle, timeout=10_000)
    return watchdog


@pytest.mark.parametrize("wide", [False, True], ids=["small net", "4096 units"])
def test_a_session_never_holds_the_windows_thread(qtbot, open_window, make_model, wide):
    window = open_window(model=wide_model(make_model) if wide else None, scanned=not wide)
    watched(qtbot, window, KEYS)  # once, so that nothing is counted that is only made the first time
    window.controller.do("reset")
    watchdog = watched(qtbot, window, KEYS)
    assert len(watchdog.stretches) > len(KEYS), "the watchdog did not tick"
    assert not window.controller.failed
    longest = watchdog.longest
    assert longest.processor < LIMIT, f"{1000 * longest.processor:.0f} ms\n{longest.stack}"


def test_the_watchdog_tells_who_held_the_thread(qtbot):
    def hold():
        end = time.thread_time() + 2 * LIMIT
        while time.thread_time() < end:
            pass

    with Watchdog() as watchdog:
        QTimer.singleShot(0, hold)
        qtbot.wait(20)
        qtbot.wait(20)
    assert watchdog.longest.processor > LIMIT
    assert "in hold" in watchdog.longest.stack
