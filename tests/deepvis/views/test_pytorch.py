"""Opening PyTorch models in a running window: by name, and as weights of which the user says what they are."""

from pathlib import Path

import pytest
import torch
from PySide6.QtCore import Qt

from converters.architectures import AlexNet64
from deepvis.views.actions.pytorch import convert
from tests.deepvis.views.dropping import drop, opened


def test_pytorch_weights_ask_for_their_architecture(qtbot, window, tmp_path):
    torch.save(AlexNet64(num_classes=3, width=8).state_dict(), tmp_path / "rooms.pth")
    drop(qtbot, window, tmp_path / "rooms.pth")
    bar = window.question_bar
    assert bar.isVisible()
    assert "alexnet64 fits by names and shapes" in bar.sentence.text()
    assert bar.answers()["arch"] == "alexnet64"
    qtbot.keyClick(bar.inputs["arch"].lineEdit(), Qt.Key.Key_Return)
    assert bar.isHidden()
    assert window.task_bar.isVisible()
    qtbot.waitUntil(lambda: window.idle, timeout=60_000)
    assert window.error_bar.isHidden(), window.error_bar.sentence.text()
    assert opened(window).name == "rooms"
    assert window.model.panes == ("parity",)
    report = window.docks.widget("parity")
    assert report.summary.text().startswith("alexnet64 with rooms.pth\ntorchcaffe")
    assert [report.table.item(row, 0).text() for row in range(2)] == ["conv1", "relu1"]
    assert float(report.table.item(0, 3).text().split()[0]) < 1e-5
    report.table.cellClicked.emit(report.table.rowCount() - 1, 0)
    assert window.model.layer == "fc8"


def test_the_wrong_architecture_and_what_cannot_be_converted_are_said(qtbot, window, tmp_path):
    torch.save(AlexNet64(num_classes=3, width=8).state_dict(), tmp_path / "rooms.pth")
    conv = torch.nn.Conv2d(3, 2, 1)
    torch.save({"conv.weight": conv.weight, "conv.bias": conv.bias}, tmp_path / "own.pth")
    (tmp_path / "own_net_of_test.py").write_text(
        "import torch\n"
        "class Sorted(torch.nn.Module):\n"
        "    def __init__(self):\n"
        "        super().__init__()\n"
        "        self.conv = torch.nn.Conv2d(3, 2, 1)\n"
        "    def forward(self, images):\n"
        "        return self.conv(images).sort(1)[0]\n"
    )
    before = opened(window)
    for file, arch, shape, words in (
        ("rooms.pth", "alexnet", "", "choose the architecture that the weights were trained with"),
        ("rooms.pth", "", "", "no network was named"),
        ("rooms.pth", "alexnet65", "", "did you mean 'alexnet64'"),
        ("rooms.pth", "alexnet64", "1,three", "must be whole numbers"),
        ("own.pth", "own_net_of_test:Sorted", "", "say what it takes"),
        ("own.pth", "own_net_of_test:Sorted", "1,3,8,8", "sort"),
    ):
        with pytest.MonkeyPatch.context() as patch:
            patch.syspath_prepend(str(tmp_path))
            convert(window, {"arch": arch, "weights": str(tmp_path / file), "input_shape": shape})
            qtbot.waitUntil(lambda: window.idle, timeout=60_000)
        assert words in window.error_bar.sentence.text()
        assert window.error_bar.details_button.isHidden()
        assert opened(window) is before
    assert not list((tmp_path / "cache").glob("*/*"))


def test_the_question_is_left_by_escape_and_typing_is_no_command(qtbot, window, tmp_path):
    torch.save({"a": torch.zeros(3, 3)}, tmp_path / "a.pt")
    drop(qtbot, window, tmp_path / "a.pt")
    bar = window.question_bar
    assert "None was found by names and shapes" in bar.sentence.text()
    edit = bar.inputs["arch"].lineEdit()
    qtbot.keyClicks(edit, "q:b")
    assert edit.text() == "q:b"
    assert (window.isVisible(), window.model.back_mode) == (True, "off")
    qtbot.keyClick(edit, Qt.Key.Key_Escape)
    assert bar.isHidden()
    (tmp_path / "b.pt").write_bytes(b"PK\x03\x04 nothing")
    drop(qtbot, window, tmp_path / "b.pt")
    assert "b.pt: is truncated or damaged" in window.error_bar.sentence.text()


def test_a_network_of_torchvision_by_its_name(qtbot, window, tmp_path, monkeypatch):
    import deepvis.model.pytorch

    monkeypatch.setattr(deepvis.model.pytorch, "published", lambda name, cache: iter_refusing(name))
    window.actions_by_name["open_pytorch"].trigger()
    qtbot.waitUntil(lambda: window.idle, timeout=60_000)
    bar = window.question_bar
    assert {"alexnet", "resnet18", "alexnet64"} <= {
        bar.inputs["arch"].itemText(place) for place in range(bar.inputs["arch"].count())
    }
    bar.inputs["arch"].setCurrentText("alexnet64")
    bar.accept_button.click()
    qtbot.waitUntil(lambda: window.idle, timeout=60_000)
    assert "alexnet64: no weights are published for it" in window.error_bar.sentence.text()


def iter_refusing(name):
    raise AssertionError(f"{name} must not be downloaded by a test")


def test_a_conversion_is_cancelled_and_leaves_nothing(qtbot, window, tmp_path):
    torch.save(AlexNet64(num_classes=3, width=8).state_dict(), tmp_path / "rooms.pth")
    drop(qtbot, window, tmp_path / "rooms.pth")
    before = opened(window)
    window.question_bar.accept_button.click()
    qtbot.waitUntil(lambda: "verify" in window.task_bar.title.text(), timeout=60_000)
    window.task_bar.cancel.click()
    qtbot.waitUntil(lambda: window.idle, timeout=60_000)
    assert opened(window) is before
    assert not list(Path(tmp_path / "cache").glob("*"))
    assert window.error_bar.isHidden()
