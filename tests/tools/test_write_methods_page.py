"""``docs/methods.md`` lists the methods as they are registered."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from finetune.methods import METHODS

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("write_methods_page", REPOSITORY / "tools/write_methods_page.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_up_to_date(tool):
    text = tool.PAGE.read_text()
    assert text == tool.page(text), "run: python tools/write_methods_page.py"
    assert all(f"| `{name}` |" in text for name in METHODS)


def test_what_is_written_by_hand_stays(tool):
    text = f"before\n{tool.BEGIN}\nold\n{tool.END}\nafter\n"
    written = tool.page(text)
    assert written.startswith(f"before\n{tool.BEGIN}\n\n### ")
    assert written.endswith(f"{tool.END}\nafter\n")
    assert tool.page(written) == written


def test_values_are_spelled_as_in_a_study_file(tool):
    assert [tool._value(each) for each in (True, "fc7", 0.0005, None, 3)] == ["true", '"fc7"', "0.0005", "none", "3"]
