"""The net as graph and table: searched, clicked, copied, and drawn without holding the window."""

import time

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QGuiApplication, QWheelEvent
from PySide6.QtWidgets import QApplication

from deepvis.controllers.panes.network import COLUMNS, NetworkContent
from deepvis.engines.describe import describe
from deepvis.netgraph.analyser import analyse
from deepvis.netgraph.chart import draw_chart
from tests.deepvis.netgraph.nets import model_of, resnet


@pytest.fixture
def pane_of(open_window):
    def make(**wishes):
        window = open_window(panes=("network",), **{"layer": "conv1"} | wishes)
        return window, window.docks.widget("network")

    return make


def column(pane, name):
    return [pane.rows.index(row, COLUMNS.index(name)).data() for row in range(pane.rows.rowCount())]


def test_the_table_has_every_layer_and_the_sums(pane_of, make_model):
    _, pane = pane_of()
    model = make_model()
    assert column(pane, "Layer") == [*(node.name for node in model.graph.layers), "Total"]
    assert column(pane, "Activations")[:2] == ["9×11×3", "9×11×5"]
    assert column(pane, "Learnables")[1] == "Weights 3×3×3×5, Bias 5"
    learned = sum(array.size for arrays in model.weights.values() for array in arrays)
    assert column(pane, "Count")[-1] == f"{learned:,}"


def test_the_selected_layer_is_marked_and_a_click_selects(qtbot, pane_of):
    window, pane = pane_of()
    assert pane.content.chart.nodes[pane.graph.selected].layers == ("conv1", "relu1")
    node = pane.content.chart.node_of("100% right")
    pane.graph.show_all()
    middle = pane.graph.mapFromScene(pane.graph.nodes[node].box.center())
    qtbot.mouseClick(pane.graph.viewport(), Qt.MouseButton.LeftButton, pos=middle)
    assert window.controller.state.layer.name == "100% right"
    assert pane.graph.selected == node
    assert pane.table.selectionModel().selectedRows()[0].data() == "100% right"
    row = pane.rows.row_of("relu_fc")
    place = pane.table.visualRect(pane.rows.index(row, 0)).center()
    pane.table.scrollTo(pane.rows.index(row, 0))
    place = pane.table.visualRect(pane.rows.index(row, 0)).center()
    qtbot.mouseClick(pane.table.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert window.controller.state.layer.name == "fc", "relu_fc stands in the node of fc"
    assert pane.table.selectionModel().selectedRows()[0].data() == "relu_fc"
    window._model.layer = "pool1"
    assert pane.graph.selected == pane.content.chart.node_of("pool1")


def test_search_leaves_rows_tints_nodes_and_goes_on_with_enter(qtbot, pane_of):
    window, pane = pane_of()
    pane.search.setFocus()
    qtbot.keyClicks(pane.search, "convolution")
    assert column(pane, "Layer") == ["conv1", "branch/left", "100% right", "up", "Total"]
    assert pane.hits.text() == "4 of 13"
    chart = pane.content.chart
    assert pane.graph.found == {chart.node_of(name) for name in ("conv1", "branch/left", "100% right", "up")}
    visited = []
    for _ in range(4):
        qtbot.keyClick(pane.search, Qt.Key.Key_Return)
        visited.append(window.controller.state.layer.name)
    assert visited == ["branch/left", "100% right", "up", "conv1"]
    assert window.controller.state.unit == 0, "typing is no command"
    pane.search.clear()
    assert pane.hits.text() == ""
    assert not pane.graph.found
    assert pane.rows.rowCount() == 14


def test_what_the_list_of_the_window_leaves_out_is_marked_only(pane_of, make_model):
    window, pane = pane_of()
    content = pane.content
    index = pane.rows.index(pane.rows.rowCount() - 1, 0)
    pane._row_clicked(index)
    assert window.controller.state.layer.name == "conv1", "the sums are no layer"
    assert pane.content is content


def test_cells_are_copied(qtbot, pane_of):
    _, pane = pane_of()
    pane.table.setFocus()
    pane.table.selectRow(1)
    QGuiApplication.clipboard().clear()
    qtbot.keyClick(pane.table, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert QGuiApplication.clipboard().text() == "\t".join(pane.content.cells(1))


def test_the_graph_turns_with_the_shape_of_its_pane(qtbot, pane_of):
    _, pane = pane_of()
    graph, chart = pane.graph, pane.content.chart
    assert graph.width() > graph.height()
    assert graph.nodes[1].box.left() == pytest.approx(chart.right.boxes[1, 0])
    graph.resize(100, 300)
    QApplication.processEvents()
    assert graph.nodes[1].box.top() == pytest.approx(chart.down.boxes[1, 1])
    assert chart.nodes[graph.selected].layers[0] == "conv1"


def test_the_wheel_zooms_about_the_mouse(pane_of):
    _, pane = pane_of()
    before = pane.graph.transform().m11()
    place = QPointF(50, 40)
    turn = QWheelEvent(
        place,
        place,
        QPoint(),
        QPoint(0, 120),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    pane.graph.wheelEvent(turn)
    assert pane.graph.transform().m11() == pytest.approx(1.2 * before)


def test_another_model_brings_its_own_net(qtbot, pane_of, make_model, make_pictures):
    from deepvis.engines.engine import Engine
    from deepvis.session.session import Session

    window, pane = pane_of()
    window.controller.set_session(Session(Engine(make_model("GRAY")), make_pictures(1, grey=True, folder="grey")))
    qtbot.waitUntil(lambda: window.idle, timeout=5000)
    assert column(pane, "Activations")[0] == "9×11×1"


def test_resnet_152_is_drawn_and_walked_without_holding_the_window(qtbot, pane_of):
    _, pane = pane_of()
    model = model_of(resnet(), 224)
    analysis = analyse(model)
    chart = draw_chart(model.graph, analysis, describe(model))

    def milliseconds(work):
        seconds = []
        for _ in range(7):
            started = time.process_time()
            work()
            pane.graph.viewport().repaint()
            pane.table.viewport().repaint()
            seconds.append(time.process_time() - started)
        return 1000 * np.median(seconds)

    assert milliseconds(lambda: pane.show_content(NetworkContent(analysis, chart))) < 50
    names = iter([f"res4.{block}.b" for block in range(3, 10)])

    def step():
        pane._layer = next(names)
        pane._follow()

    assert milliseconds(step) < 25
    pane.graph.show_all()
    assert milliseconds(lambda: None) < 50
    words = iter(("r", "re", "res", "res4", "res4.1", "res4", "res"))
    assert milliseconds(lambda: pane.search.setText(next(words))) < 50
