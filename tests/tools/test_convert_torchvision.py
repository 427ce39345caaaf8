"""The table of torchvision's classifiers: its page is made of its results, and it goes on where it was stopped."""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    path = REPOSITORY / "tools/convert_torchvision.py"
    spec = importlib.util.spec_from_file_location("convert_torchvision", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where dataclasses look for the types of their fields
    spec.loader.exec_module(module)
    return module


def test_the_page_is_made_of_the_results(tool: ModuleType) -> None:
    assert tool.PAGE.read_text(encoding="utf-8") == tool.page(tool.read()), "run the tool with --none"
    assert all(each.passes for each in tool.read())


def test_there_are_68_networks(tool: ModuleType) -> None:
    names = tool.by_size()
    assert len(names) == 68
    assert names[0].startswith("squeezenet")
    assert names[-1] == "regnet_y_128gf"


def test_what_is_done_is_not_done_again(tool: ModuleType, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(tool, "RESULTS", tmp_path / "results.jsonl")
    monkeypatch.setattr(tool, "PAGE", tmp_path / "page.md")
    monkeypatch.setattr(sys, "argv", ["tool", "resnet18", "--ways", "pytorch,onnx17", "--engines", "torchcaffe,caffe"])
    asked = []

    def convert_one(name, ways, engines):
        for way in ways:
            asked.append((name, way))
            yield tool.Outcome(name, way, 11.7, 224, 90, dict.fromkeys(engines, 1e-6), passes=True)

    monkeypatch.setattr(tool, "convert_one", convert_one)
    half = tool.Outcome("resnet18", "pytorch", 11.7, 224, 90, {"torchcaffe": 1e-6}, passes=True)
    tool.keep(half)
    tool.keep(replace(half, way="onnx17", differences={"torchcaffe": 1e-6, "caffe": 2e-6}))
    tool.main()
    tool.main()
    assert asked == [("resnet18", "pytorch")]
    assert "| resnet18 | 11.7 M | 224 | 90 | 1.0e-06, 1.0e-06 | 1.0e-06, 2.0e-06 | not run yet |" in (
        tool.PAGE.read_text()
    )
