"""The menu Compute: another engine under the running window, and a worker that dies under it."""

import os
import signal

import numpy as np
import pytest

from deepvis.engines.engine import Engine
from deepvis.engines.pycaffe_engine import PycaffeEngine
from deepvis.settings.settings import Settings


def wait(qtbot, window, engine):
    qtbot.waitUntil(lambda: window.controller.session.engine.name == engine, timeout=30_000)
    qtbot.waitUntil(lambda: window.idle and window.controller.activations is not None, timeout=30_000)


def gone(process):
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return True
    return False


@pytest.fixture
def without_caffe(monkeypatch, tmp_path):
    monkeypatch.setenv("CAFFE_ROOT", str(tmp_path / "nowhere"))


def test_what_cannot_run_is_grey_and_says_why(open_window, without_caffe, monkeypatch):
    monkeypatch.setattr("torch.cuda.device_count", lambda: 0)
    window = open_window()
    entries = window.engine_menu.entries
    assert {name: entry.isEnabled() for name, entry in entries.items()} == {"cpu": True, "cuda": False, "caffe": False}
    assert entries["cpu"].isChecked()
    assert "PyTorch finds no CUDA device" in entries["cuda"].text()
    assert "run make caffe, or set caffe_python" in entries["caffe"].text()
    assert entries["caffe"].toolTip() in entries["caffe"].text()
    assert window.status.text().endswith("torchcaffe CPU")


def test_every_gpu_has_a_line(open_window, monkeypatch):
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    entries = open_window().engine_menu.entries
    assert [entries[name].text() for name in ("cuda:0", "cuda:1")] == ["torchcaffe on CUDA:0", "torchcaffe on CUDA:1"]


def test_an_engine_that_does_not_start_leaves_the_one_that_runs(qtbot, open_window, monkeypatch):
    monkeypatch.setattr("torch.cuda.device_count", lambda: 77)
    window = open_window()
    before = window.controller.session.engine
    window.engine_menu.entries["cuda:76"].trigger()
    qtbot.waitUntil(lambda: window.error_bar.isVisible() and window.idle, timeout=10_000)
    assert "device 'cuda:76' is not there" in window.error_bar.sentence.text()
    assert window.controller.session.engine is before
    assert window.engine_menu.entries["cpu"].isChecked()
    assert not window.engine_menu.entries["cuda:76"].isChecked()


def test_without_caffe_the_window_opens_and_says_what_to_do(qtbot, open_window, without_caffe, make_model):
    window = open_window(engine=PycaffeEngine(make_model()))
    assert "real Caffe is not there" in window.error_bar.sentence.text()
    assert "run make caffe, or set caffe_python" in window.error_bar.sentence.text()
    window.engine_menu.entries["cpu"].trigger()
    wait(qtbot, window, "cpu")
    assert window.error_bar.isHidden()


@pytest.mark.caffe
def test_to_real_caffe_and_back(qtbot, open_window):
    window = open_window(layer="conv1", unit=2, back_mode="guided")
    ours, gradient = window.controller.activations, window.controller.back.gradient
    window.engine_menu.entries["caffe"].trigger()
    wait(qtbot, window, "caffe")
    assert window.status.text().endswith("real Caffe 1.0.0")
    assert window.engine_menu.entries["caffe"].isChecked()
    theirs, process = window.controller.activations, window.controller.session.engine.network.pid
    assert theirs is not ours
    for value in ours.maps:
        np.testing.assert_allclose(theirs.maps[value], ours.maps[value], rtol=1e-5)
    np.testing.assert_allclose(window.controller.back.gradient, gradient, rtol=1e-5)
    assert window.controller.state.unit_text == "conv1:2"
    assert window.controller.session.settings.engine == "caffe"
    window.actions_by_name["next_engine"].trigger()
    wait(qtbot, window, "cpu")
    assert gone(process)
    assert isinstance(window.controller.session.engine, Engine)
    assert window.error_bar.isHidden()


@pytest.mark.caffe
def test_a_worker_that_is_killed_is_started_again_and_the_bar_says_so(qtbot, open_window, make_model):
    window = open_window(layer="conv1", engine=PycaffeEngine(make_model()))
    assert window.error_bar.isHidden()
    engine, shown = window.controller.session.engine, window.controller.activations
    os.kill(killed := engine.network.pid, signal.SIGKILL)
    window.controller.do("next_picture")
    qtbot.waitUntil(lambda: window.idle and window.controller.activations is not shown, timeout=30_000)
    assert engine.network.pid not in (None, killed)
    assert "had died (it was ended by SIGKILL) and was started again" in window.error_bar.sentence.text()
    window.controller.do("next_layer")
    qtbot.waitUntil(lambda: window.idle, timeout=10_000)
    assert window.error_bar.isVisible()


@pytest.mark.caffe
def test_closing_the_window_ends_the_worker_even_one_that_hangs(qtbot, open_window, make_model):
    window = open_window(layer="conv1", engine=PycaffeEngine(make_model()))
    process = window.controller.session.engine.network.pid
    os.kill(process, signal.SIGSTOP)
    window.controller.do("next_picture")
    qtbot.wait(50)
    assert not window.idle
    window.close()
    assert gone(process)


@pytest.mark.caffe
def test_an_engine_whose_start_is_cancelled_leaves_nothing(qtbot, open_window, monkeypatch):
    made = []
    monkeypatch.setattr(
        "deepvis.controllers.engines.make_engine", lambda name, model, *_: made.append(_spy(model)) or made[0]
    )
    window = open_window(layer="conv1")
    window.engine_menu.entries["caffe"].trigger()
    qtbot.waitUntil(lambda: bool(made) and made[0].network.pid is not None, timeout=10_000)
    window.controller.tasks.cancel()
    qtbot.waitUntil(lambda: window.idle, timeout=30_000)
    assert window.controller.session.engine.name == "cpu"
    assert made[0].network.pid is None


def _spy(model):
    return PycaffeEngine(model, Settings().caffe_python)
