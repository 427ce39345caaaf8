"""``docs/results/README.md``: verdicts from the runs that are kept beside it."""

from __future__ import annotations

import importlib.util
from types import ModuleType

import pytest

from finetune.__main__ import main
from tests.conftest import REPOSITORY


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("write_results_page", REPOSITORY / "tools/write_results_page.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_chapter_for_every_study_that_is_kept(tool, study_folder, tmp_path):
    kept = tmp_path / "results"
    main(["report", str(study_folder), "--into", str(kept / "made-up")])
    assert (kept / "made-up/report.md").is_file()
    assert not (study_folder / "report.md").exists()
    text = tool.page(f"By hand.\n{tool.BEGIN}\nold\n{tool.END}\nThe end.\n", kept)
    assert text.startswith(f"By hand.\n{tool.BEGIN}\n\n## made-up\n\n[Report](made-up/report.md) of 18 runs. ")
    assert "python -m finetune unpack docs/results/made-up/runs.jsonl build/studies/made-up\n" in text
    assert "| gentle better than fine-tuning on source by 10 points | a-b | +25.00 | " in text
    assert "| gentle forgets less (gentle better than alike on joint) | a-b | " in text
    assert "nobody" not in text  # there is nothing to compare
    assert text.endswith(f"{tool.END}\nThe end.\n")


@pytest.mark.long
def test_the_page_is_up_to_date(tool):
    text = tool.PAGE.read_text(encoding="utf-8")
    assert text == tool.page(text, tool.PAGE.parent), "run: python tools/write_results_page.py"
