"""``python -m finetune pack`` and ``unpack``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import tyro

from finetune.errors import ExperimentError
from finetune.results.packing import packed, unpack
from prototxt.common.atomic import write_text

RUNS = "runs.jsonl"


def pack_command(folder: Annotated[Path, tyro.conf.Positional], file: Annotated[Path, tyro.conf.Positional]) -> None:
    """Keep all finished runs of a study in one small text file, a line of JSON each.

    Parameters
    ----------
    folder
        where the study was run.
    file
        to write, e.g. runs.jsonl; `unpack` makes the folder again, and `run` goes on from there.
    """
    text = packed(folder)
    write_text(file, text)
    print(f"wrote {file}: {len(text.splitlines()) - 1} runs and choices, {len(text.encode()) / 1e6:.2f} MB")


def unpack_command(file: Annotated[Path, tyro.conf.Positional], folder: Annotated[Path, tyro.conf.Positional]) -> None:
    """Write the runs of a packed study into a folder, for `report`, `compare`, or a `run` that goes on.

    Parameters
    ----------
    file
        what `pack` wrote.
    folder
        of the study; what lies there already stays as it is.
    """
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise ExperimentError(f"{file}: cannot be read ({error}); give a file of 'finetune pack'") from error
    print(f"{unpack(text, folder, str(file))} folders were written in {folder}; what lay there already was kept")
