"""``docs/converter-operations.md`` lists the operations as they are registered."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from converters.registry import CONVERTERS

REPOSITORY = Path(__file__).resolve().parents[2]


def test_the_page_is_up_to_date():
    path = REPOSITORY / "tools/write_operations_page.py"
    spec = importlib.util.spec_from_file_location("write_operations_page", path)
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    text = tool.PAGE.read_text(encoding="utf-8")
    assert text == tool.page(), "run: python tools/write_operations_page.py"
    assert text.count("`") // 2 >= len(CONVERTERS)
