"""The window answers at once: a layer of 4096 units, and a net that takes its time."""

import time

import numpy as np
from PySide6.QtCore import Qt

from deepvis.model import Model
from prototxt.shapes import infer_shapes
from prototxt.text import parse_net

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
        started = time.perf_counter()
        qtbot.keyClick(window, Qt.Key.Key_Right)
        window.repaint()
        seconds.append(time.perf_counter() - started)
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
