"""The window is there before torch is: what is opened is prepared beside it, can be cancelled, and can fail."""

import os
import signal
import subprocess
import sys
import threading

import pytest
from PySide6.QtCore import QSettings, QTimer
from PySide6.QtWidgets import QApplication, QWidget

from deepvis.errors import ModelError
from deepvis.views import start
from deepvis.views.application import resize_to_fit
from prototxt.common.errors import InputError
from prototxt.common.progress import Progress


@pytest.fixture(autouse=True)
def _own_memory(monkeypatch, tmp_path):
    memory = QSettings(str(tmp_path / "window.ini"), QSettings.Format.IniFormat)
    monkeypatch.setattr(start, "window_memory", lambda: memory)


def start_window():
    return next((w for w in QApplication.topLevelWidgets() if isinstance(w, start.StartWindow) and w.isVisible()), None)


def closing_soon():
    window = QWidget()
    window.show()
    QTimer.singleShot(0, window.close)
    return window


def test_the_window_says_what_is_opened_and_makes_room(qapp):
    seen = []

    def prepare():
        seen.append(threading.current_thread() is threading.main_thread())
        yield Progress(1, 2, "converting")
        return closing_soon

    handler = signal.getsignal(signal.SIGINT)
    assert start.run(prepare, "indoor39") == 0
    assert seen == [False]
    assert start_window() is None
    assert signal.getsignal(signal.SIGINT) is handler


def test_progress_is_shown(qtbot):
    window = start.StartWindow("indoor39", start.window_memory())
    qtbot.addWidget(window)
    assert window.windowTitle() == "Opening indoor39 - DeepVis"
    window.show_progress(Progress(1, 2, "convert indoor39 to Caffe"))
    assert (window.words.text(), window.bar.value(), window.bar.maximum()) == ("convert indoor39 to Caffe", 1, 2)


def test_a_window_is_no_larger_than_its_screen(qtbot):
    window = QWidget()
    qtbot.addWidget(window)
    room = window.screen().availableSize()
    resize_to_fit(window, (room.width() + 300, 400))
    assert (window.width(), window.height()) == (room.width(), 400)
    resize_to_fit(window, (640, 480))
    assert (window.width(), window.height()) == (640, 480)


def test_what_cannot_be_opened_is_raised_whole(qapp):
    def prepare():
        yield Progress(0, 0, "reading")
        raise ModelError("net.prototxt: broken")

    with pytest.raises(ModelError, match="broken"):
        start.run(prepare, "net")

    def failing():
        raise ModelError("no such layer")

    def prepare_another():
        yield Progress(0, 0, "reading")
        return failing

    with pytest.raises(ModelError, match="no such layer"):
        start.run(prepare_another, "net")
    assert start_window() is None


def test_closing_it_ends_the_work_at_its_next_step(qapp):
    ended, going = [], threading.Event()

    def prepare():
        try:
            while True:
                going.set()
                yield Progress(0, 0, "converting")
        finally:
            ended.append("closed")

    def close():
        if going.is_set():
            start_window().close()
        else:
            QTimer.singleShot(5, close)

    QTimer.singleShot(0, close)
    assert start.run(prepare, "net") == 0
    assert ended == ["closed"]


def test_no_display_is_a_sentence(monkeypatch):
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(InputError, match="deepvis snapshot"):
        start.run(lambda: iter(()), "net")


def test_nothing_of_it_needs_torch():
    """Torch takes seconds to import; the window is to be there before."""
    code = "import sys, deepvis.__main__, deepvis.commands.window, deepvis.views.start; print('torch' in sys.modules)"
    environment = os.environ | {"QT_QPA_PLATFORM": "offscreen"}
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    assert found.stdout.strip() == "False"
