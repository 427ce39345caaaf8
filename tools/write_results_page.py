"""Write the verdicts into ``docs/results/README.md``, from the runs that are kept beside it.

python tools/write_results_page.py
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

from finetune.results.comparing import claims_of, judge
from finetune.results.document import Heading, Paragraph, to_markdown
from finetune.results.packing import unpack
from finetune.results.reading import read_results
from finetune.results.tables import claims_table
from prototxt.common.atomic import write_text

PAGE = Path(__file__).resolve().parents[1] / "docs/results/README.md"
RUNS = "runs.jsonl"
COMMANDS = """```
python -m finetune unpack docs/results/{name}/{runs} build/studies/{name}
python -m finetune run {name}
python -m finetune report build/studies/{name} --into docs/results/{name}
```"""
BEGIN, END = "<!-- written by tools/write_results_page.py -->", "<!-- end of what is written -->"


def verdicts(folder: Path) -> str:
    """A chapter for every folder with ``runs.jsonl``: how it is made again, and what its runs say to its claims."""
    return to_markdown(block for file in sorted(folder.glob(f"*/{RUNS}")) for block in _chapter(file)).strip()


def _chapter(file: Path) -> Iterator[Heading | Paragraph]:
    name = file.parent.name
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch)
        unpack(file.read_text(encoding="utf-8"), out, str(file))
        results = read_results(out)
        judged = [judge(results, claim, direction) for claim, direction in claims_of(results)]
    done = sum(map(len, results.runs.values()))
    runs = (
        f"{done} of {done + len(results.missing)} runs; the rest is not made yet" if results.missing else f"{done} runs"
    )
    yield Heading(results.study.title or name)
    yield Paragraph(
        f"[Report]({name}/report.md) of {runs}. To go on with it, or, without the first line, to make it again:"
    )
    yield Paragraph(COMMANDS.format(name=name, runs=RUNS))
    yield claims_table([each for each in judged if each.compared is not None])


def page(text: str, folder: Path) -> str:
    """Give the page with its verdicts written anew."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{verdicts(folder)}\n\n{END}{after}"


if __name__ == "__main__":
    write_text(PAGE, page(PAGE.read_text(encoding="utf-8"), PAGE.parent))
