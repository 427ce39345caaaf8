"""The demo: the whole idea on real photographs, from a PyTorch model to a merged caffemodel and a report."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from converters.describe import describe_folder
from entropy.split_folder import folder as names
from finetune.demo.comparing import DESCRIPTION, LOGS, TITLES, describe, write_report
from finetune.demo.crop_task import refuse_small, write_task
from finetune.demo.photographs import photographs_in, task_photographs
from finetune.demo.steps import DemoSettings, Step, after_training, before_training
from finetune.errors import ExperimentError
from finetune.training.programs import default_trainer, refuse_missing, train, train_command
from prototxt.common.progress import with_bar

RUNS = {
    "plain": (names.PLAIN_SOLVER, names.PLAIN_WEIGHTS),
    "split": (names.SOLVER, names.SPLIT_WEIGHTS),
}
PATIENCE = 10  # seconds that a command has to end by itself after Ctrl-C


def run_demo(settings: DemoSettings) -> None:
    """Run every step into ``settings.out``, then write the report.

    Raises
    ------
    InputError : the settings or photographs cannot be used; then nothing was touched.
    ExperimentError : a step failed, or a claim of the demo does not hold.
    """
    trainer = settings.trainer or default_trainer()
    refuse_missing(trainer)
    if settings.iterations < 1:
        raise ExperimentError(f"--iterations {settings.iterations}: must be at least 1")
    photographs = photographs_in(settings.images) if settings.images else task_photographs()
    refuse_small(photographs)
    describe_folder(settings.model)
    _start_afresh(settings.out)
    describe(settings.out, trainer=trainer, model=str(settings.model))
    _say("Cutting crops of photographs: the new task is to tell which photograph a crop comes from")
    with_bar(write_task(photographs, settings.crops))
    for step in before_training(settings):
        _run(step)
    for kind, (solver, weights) in RUNS.items():
        _say(f"Training with {trainer}: {TITLES[kind]}")
        _show(train_command(trainer, Path(solver), Path(weights)), f"cd {shlex.quote(str(settings.out))} && ")
        log = settings.out / LOGS[kind]
        with_bar(train(trainer, settings.out, solver, weights, log, f"train {kind}: iterations"))
    for step in after_training(settings):
        _run(step)
    _say("Comparing the two")
    write_report(settings.out)


def _start_afresh(out: Path) -> None:
    """Empty the folder of an earlier demo; its description stays to the last, so that a stop leaves a demo's folder."""
    if out.exists() and not (out / DESCRIPTION).is_file() and any(out.iterdir()):
        raise ExperimentError(f"{out}: holds files that are not the demo's; give an empty or a new folder as --out")
    out.mkdir(parents=True, exist_ok=True)
    for path in out.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        elif path.name != DESCRIPTION:
            path.unlink()


def _run(step: Step) -> None:
    """Announce a step and run its command with the programs of this Python's environment."""
    _say(step.title)
    _show(step.command)
    binaries = Path(sys.executable).parent
    environment = os.environ | {"PATH": f"{binaries}{os.pathsep}{os.environ.get('PATH', '')}"}
    process = subprocess.Popen(step.command, env=environment, stdin=subprocess.DEVNULL)
    try:
        code = process.wait()
    except KeyboardInterrupt:  # the terminal has sent it to the command too, which now clears up
        _let_end(process)
        raise
    if code != 0:
        raise ExperimentError(f"this step stopped with exit code {code}: {shlex.join(step.command)}")


def _let_end(process: subprocess.Popen) -> None:
    try:
        process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _say(title: str) -> None:
    print(f"\n== {title}", flush=True)


def _show(command: Sequence[str], before: str = "") -> None:
    print(f"$ {before}{shlex.join(command)}", flush=True)
