"""``python -m finetune run STUDY`` for a study of silenced filters."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import torch
import tyro

from finetune.ablation.report import write_report
from finetune.ablation.run import running_ablation
from finetune.ablation.settings import read_ablation
from finetune.commands import run_demo
from finetune.errors import ExperimentError
from finetune.study.shipped import find_study
from prototxt.common.heap import keep_freed_memory
from prototxt.common.names import unknown_name
from prototxt.common.progress import with_bar


def run_ablation_command(
    study: Annotated[str, tyro.conf.Positional],
    out: Path | None = None,
    nets: tuple[str, ...] = (),
    threads: int | None = None,
) -> None:
    """Run a study of silenced filters, or go on with it, and write its report.

    Parameters
    ----------
    study
        the path of the study file, or the name of a study that `list` shows.
    out
        folder for scans, curves and the report; by default build/studies/NAME.
    nets
        nets of the study to ask; by default all.
    threads
        threads of the forward passes.
    """
    path = find_study(study, [run_demo.NAME])
    chosen = read_ablation(path)
    for name in nets:
        if name not in chosen.nets:
            raise ExperimentError(f"--nets: {unknown_name('net', name, chosen.nets)}")
    if nets:
        chosen = chosen.model_copy(update={"nets": {name: chosen.nets[name] for name in nets}})
    out = out or Path("build/studies") / path.stem
    keep_freed_memory()
    if threads is not None:
        torch.set_num_threads(threads)
    again = f"python -m finetune run {study} --out {out}"
    try:
        done = with_bar(running_ablation(chosen, out))
    except KeyboardInterrupt:
        print(f"\nstopped; the curves that were done are kept, and this goes on with them: {again}")
        raise
    for file in write_report(chosen, done, out):
        print(f"wrote {file}")
