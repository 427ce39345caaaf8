"""``python -m finetune report``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import tyro

from finetune.demo.comparing import write_report


def report_command(folder: Annotated[Path, tyro.conf.Positional] = Path("build/demo")) -> None:
    """Write the report of an experiment again from what lies in its folder.

    Parameters
    ----------
    folder
        where the experiment was run.
    """
    write_report(folder)
