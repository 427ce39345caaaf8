"""A real window on the small net, on a virtual screen; a test that leaves a thread or a widget behind fails."""

import threading

import numpy as np
import pytest
from PySide6.QtWidgets import QApplication

from deepvis.compute.facts import Facts
from deepvis.engines.engine import Engine
from deepvis.errors import ImageError
from deepvis.scan.reader import Scan
from deepvis.scan.run import scan
from deepvis.session.opening import open_session
from deepvis.session.session import Session
from deepvis.settings.settings import Settings
from deepvis.sources.camera import Camera
from deepvis.state.viewer import ViewerModel
from deepvis.views.app import make_application, make_window
from prototxt.common.progress import with_bar
from prototxt.formats.text import write_message
from prototxt.formats.weights import write_weights


class NoCamera(Camera):
    """A camera that is not there."""

    def read(self):
        raise ImageError("camera 0: cannot be opened; connect one")


@pytest.fixture(autouse=True)
def _no_leaks(qapp):
    before = set(threading.enumerate()), set(QApplication.topLevelWidgets())
    yield
    qapp.processEvents()
    left = [thread.name for thread in set(threading.enumerate()) - before[0] if thread.name.startswith("deepvis")]
    assert not left, f"threads still run: {left}"
    shown = [widget for widget in set(QApplication.topLevelWidgets()) - before[1] if widget.isVisible()]
    assert not shown, f"windows are still open: {shown}"


@pytest.fixture
def open_window(qtbot, make_model, make_pictures, tmp_path):
    """Open a window; with ``scanned`` it has a scan of twelve pictures. ``session``: one that is open already."""
    windows = []
    make_application(10)

    def make(
        scanned=False,
        model=None,
        images=...,
        camera=None,
        size=(1280, 720),
        keymap="deepvis",
        naming=None,
        engine=None,
        session=None,
        user_folder=None,
        **wishes,
    ):
        if session is not None:
            return show(session, size, keymap, user_folder, wishes)
        net = model or make_model()
        facts = None
        if scanned:
            file = tmp_path / "scan.h5"
            with_bar(scan(net, make_pictures(12, folder="scanned"), file, device="cpu"), quiet=True)
            facts = Facts(Scan(file), net, {"conv1": np.array([0, 0.25, 0.5, 0.75, 1])})
        pictures = make_pictures(3, folder=f"shown{len(windows)}") if images is ... else images
        session = Session(engine or Engine(net, naming=naming), pictures, facts, camera=camera or NoCamera())
        return show(session, size, keymap, user_folder, wishes)

    def show(session, size, keymap, user_folder, wishes):
        window = make_window(session, ViewerModel(**wishes), None, keymap, user_folder)
        windows.append(window)
        qtbot.addWidget(window)
        window.resize(*size)
        window.show()
        qtbot.waitExposed(window)
        window.start()
        qtbot.waitUntil(lambda: window.idle, timeout=30_000)
        return window

    yield make
    for window in windows:
        window.close()


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
