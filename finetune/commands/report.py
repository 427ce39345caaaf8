"""``python -m finetune report``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import tyro

from finetune.commands.packing import RUNS, pack_command
from finetune.demo import comparing
from finetune.results import report
from finetune.study.running import STUDY


def report_command(
    folder: Annotated[Path, tyro.conf.Positional] = Path("build/demo"), into: Path | None = None
) -> None:
    """Write the report of an experiment from what lies in its folder.

    Parameters
    ----------
    folder
        where the demo or a study was run; a study need not be finished.
    into
        folder for the report of a study, by default its own; with it, the runs are kept there too, as `pack` does.
    """
    if not (folder / STUDY).is_file():
        comparing.write_report(folder)
        return
    for path in report.write_report(folder, into):
        print(f"wrote {path}")
    if into is not None:
        pack_command(folder, into / RUNS)
