"""The same script in real Caffe's Python and here."""

from __future__ import annotations

import contextlib
import io
import logging
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

from tests.live_caffe import LiveCaffe
from torchcaffe.serving import install


@pytest.fixture
def served(monkeypatch) -> Iterator[ModuleType]:
    """``import caffe`` gives torchcaffe, and afterwards what it gave before."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    logger = logging.getLogger("torchcaffe")
    handlers, level = logger.handlers, logger.level
    logger.handlers = []
    before = {name: module for name, module in sys.modules.items() if name.split(".")[0] == "caffe"}
    yield install(replace=True)
    for name in [name for name in sys.modules if name.split(".")[0] == "caffe"]:
        del sys.modules[name]
    sys.modules.update(before)
    logger.handlers = handlers
    logger.setLevel(level)


@pytest.fixture(scope="session")
def live_caffe(real_caffe) -> Iterator[LiveCaffe]:
    live = LiveCaffe(real_caffe.python)
    yield live
    live.close()


@pytest.fixture
def in_both(served, live_caffe, tmp_path, monkeypatch) -> Callable[[str], tuple[str, str]]:
    """What a script prints in real Caffe and in torchcaffe; both run in ``tmp_path``, one after the other."""
    monkeypatch.chdir(tmp_path)

    def run(script: str) -> tuple[str, str]:
        theirs = live_caffe.run(script, tmp_path)
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(script, "script.py", "exec"), {"__name__": "__main__"})
        return theirs, printed.getvalue()

    return run


@pytest.fixture
def picture(tmp_path) -> Path:
    """A colour picture of 60 × 48 pixels with structure at all scales."""
    import cv2
    import numpy as np

    rows, columns = np.mgrid[:60, :48]
    planes = [127 + 90 * np.sin(rows / 7 + channel) * np.cos(columns / (3 + channel)) for channel in range(3)]
    path = tmp_path / "picture.png"
    cv2.imwrite(str(path), np.stack(planes, -1).astype(np.uint8))
    return path
