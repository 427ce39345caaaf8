"""Synthesise this unit: it runs beside the window, shows its progress, and its picture appears."""

from __future__ import annotations

import numpy as np
import pytest

from deepvis.synthesis.folder import kept_pictures
from deepvis.views.actions.registry import WINDOW_ACTIONS


@pytest.fixture(autouse=True)
def _own_home(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))


def test_the_picture_appears_with_the_others_of_the_unit(qtbot, open_window) -> None:
    window = open_window(layer="branch/left", unit=2, layer_mode="synthesised images")
    assert "Synthesise this unit" in window.grid_pane.content.missing
    for count in (1, 2):
        window.actions_by_name["synthesise_unit"].trigger()
        assert not window.task_bar.isHidden()
        qtbot.waitUntil(lambda: window.idle, timeout=20_000)
        pictures = kept_pictures(window.controller.session.engine.model).pictures("branch/left", 2, "opt")
        assert len(pictures) == count
        (block,) = window.docks.widget("unit_images").content.blocks
        assert block.title == "synthesised (made here)"
        for shown, picture in zip(block.pictures, pictures, strict=True):
            np.testing.assert_array_equal(shown, picture.read())
        assert block.captions == tuple(f"{picture.value:.2f}" for picture in pictures)
    assert window.task_bar.isHidden()
    assert window.grid_pane.content.pixels is not None
    assert window.grid_pane.content.note == "synthesised images made here"
    assert window.error_bar.isHidden()


def test_it_can_be_cancelled(qtbot, open_window) -> None:
    window = open_window(layer="fc8", unit=1)
    window.actions_by_name["synthesise_unit"].trigger()
    window.task_bar.cancelled.emit()
    qtbot.waitUntil(lambda: window.idle, timeout=20_000)
    assert window.task_bar.isHidden()
    assert kept_pictures(window.controller.session.engine.model) is None
    assert "unit_images" not in window._model.panes
    assert window.error_bar.isHidden()


def test_a_layer_without_units_is_told_of(open_window) -> None:
    window = open_window(layer="pool1")
    WINDOW_ACTIONS["synthesise_unit"](window)
    assert not window.error_bar.isHidden()
    assert window.task_bar.isHidden()
