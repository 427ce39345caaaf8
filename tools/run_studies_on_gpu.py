"""Run studies on a CUDA machine, in a given time, and put the small results together.

    python tools/run_studies_on_gpu.py                     the thesis's study (thesis-b), ten minutes at most
    python tools/run_studies_on_gpu.py thesis-b thesis-s --minutes 30 --processes 12

Runs are spread over all cards, some processes on each: a single run of a small net leaves a card idle most of the time.
What is not done when the time is up stops at a checkpoint, and the same command goes on with it. Settings are chosen
first, then runs come seed by seed, so that an early end leaves something to compare. Reports, results and logs are
copied into a folder of their own, without weights and class scores.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
import time
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import torch
import tyro

from deepvis.scan.signals import stopping_at_signals
from finetune.errors import ExperimentError
from finetune.results.report import write_report
from finetune.study.cards import known_cards
from finetune.study.choosing import points_of
from finetune.study.file import Study, read_study
from finetune.study.machine import this_machine
from finetune.study.rows import rows_of
from finetune.study.running import Outcome, running, write_study
from finetune.study.shipped import find_study
from finetune.tasks.cache import CACHE
from prototxt.common.atomic import write_text
from prototxt.common.errors import errors_as_sentences
from prototxt.common.heap import keep_freed_memory
from prototxt.common.progress import Progress, with_bar

REPORTING = 0.15  # of the time, for the report
GB = 1e9
CONTEXT = 1.5  # GB of a card that a process takes for itself, about
LARGE = ("*.npz", "*.caffemodel", "*.pt", "*.h5", "net.prototxt", "*.svg", "caffe", "events.*")
FACTS = "machine.json"


@dataclass(frozen=True)
class Plan:
    """What a study comes to.

    Parameters
    ----------
    runs, points : trainings that are tested, and those that settings are chosen by.
    iterations : of all of them together.
    cards : names of the cards; none on a CPU.
    processes : side by side, of all cards together.
    minutes : that there are.
    """

    runs: int
    points: int
    iterations: int
    cards: tuple[str, ...]
    processes: int
    minutes: float

    @property
    def rate(self) -> float:
        """Iterations per second that would do all of it in the time."""
        return self.iterations / (60 * self.minutes)

    def __str__(self) -> str:
        where = f"{len(self.cards)} cards ({', '.join(self.cards)})" if self.cards else "the CPU"
        return (
            f"{self.points} trainings to choose settings and {self.runs} to test, {self.iterations:,} iterations in "
            f"all, by {self.processes} processes on {where}. To be done in {self.minutes:g} minutes it takes "
            f"{self.rate:.0f} iterations per second."
        )


def plan_of(study: Study, cards: Sequence[str], minutes: float) -> Plan:
    """Count what a study will do, without opening anything."""
    rows, directions = rows_of(study), len(study.directions)
    runs = [row for row in rows for _ in row.seeds]
    points = [row for row in rows for _ in points_of(row)]
    shorter = study.selection.iterations
    tried = sum(min(shorter or row.training.iterations, row.training.iterations) for row in points)
    iterations = directions * (tried + sum(row.training.iterations for row in runs))
    return Plan(directions * len(runs), directions * len(points), iterations, tuple(cards), study.jobs, minutes)


def names_of_cards(device: str) -> tuple[str, ...]:
    """Names of the cards that a device means.

    Raises
    ------
    ExperimentError : there is no such card.
    """
    if device == "cpu":
        return ()
    if not re.fullmatch(r"cuda(:\d+)?", device):
        raise ExperimentError(f"--device {device}: give cuda, cuda:0 and the like, or cpu to try the command out")
    cards = known_cards()
    number = int(device.partition(":")[2] or 0)
    if number >= len(cards):
        raise ExperimentError(
            f"--device {device}: PyTorch {torch.__version__} sees {len(cards)} CUDA cards; look at the driver "
            "(nvidia-smi) and at CUDA_VISIBLE_DEVICES, or try the command out with --device cpu --iterations 2"
        )
    chosen = range(len(cards)) if device == "cuda" else [number]
    return tuple(torch.cuda.get_device_name(each) for each in chosen)


def check_memory(study: Study, device: str, processes: int) -> None:
    """Refuse more processes on a card than its memory holds.

    Raises
    ------
    ExperimentError : says how many there may be.
    """
    if device == "cpu":
        return
    each = CONTEXT + max(row.training.cache_gb for row in rows_of(study))
    number = int(device.partition(":")[2] or 0)
    there = torch.cuda.get_device_properties(number).total_memory / GB
    if processes * each > there:
        raise ExperimentError(
            f"--processes {processes}: each takes up to {each:.1f} GB (cache_gb of the study among them), and the "
            f"card has {there:.0f} GB; give at most {max(1, int(there / each))}, or a smaller cache_gb"
        )


def for_device(study: Study, device: str, processes: int, iterations: int | None) -> Study:
    """The study as it is run here: by our own trainer on a device, by so many processes, without a bound of its own."""
    changes: dict[str, Any] = {
        "device": device,
        "jobs": processes,
        "threads": 1,
        "engine": "torchcaffe",
        "budget": None,
    }
    rows = tuple(row.model_copy(update={"engine": None}) for row in study.methods)
    if iterations is not None:
        training = {**study.training, "iterations": iterations}
        rows = tuple(
            row.model_copy(update={"training": {k: v for k, v in row.training.items() if k != "iterations"}})
            for row in rows
        )
        changes["training"] = training
    return study.model_copy(update={**changes, "methods": rows})


def until(work: Generator[Progress, None, Outcome], deadline: float) -> Generator[Progress, None, Outcome | None]:
    """Go on with work until a moment of `time.monotonic`, then close it, so that it stops at its checkpoints.

    Returns
    -------
    What the work gives; None where the time was up before.
    """
    with closing(work):
        while time.monotonic() < deadline:
            try:
                step = next(work)
            except StopIteration as stop:
                done: Outcome = stop.value
                return done
            yield step
    return None


def collect(out: Path, into: Path) -> list[Path]:
    """Copy what is small of a study's folder; gives the files.

    What was collected before is replaced.
    """
    shutil.rmtree(into, ignore_errors=True)
    shutil.copytree(out, into, ignore=shutil.ignore_patterns(*LARGE, ".*"))
    for folder in sorted((path for path in into.rglob("*") if path.is_dir()), reverse=True):
        if not any(folder.iterdir()):
            folder.rmdir()
    return sorted(path for path in into.rglob("*") if path.is_file())


def put_together(name: str, out: Path, into: Path) -> str:
    """Write the report of a study, collect what is small, and say where it is."""
    try:
        write_report(out)
    except ExperimentError as error:  # the time was up before anything was finished
        return f"{name}: no report ({error})"
    files = collect(out, into)
    size = sum(file.stat().st_size for file in files)
    return f"{name}: {len(files)} files, {size / 1e6:.1f} MB, in {into}"


def run_one(name: str, plan: Plan, study: Study, out: Path, text: str, cache: Path, deadline: float) -> str:
    """Run a study until a moment, report, and say in a sentence what came of it."""
    write_study(out, text)
    started = time.monotonic()
    outcome = with_bar(stopping_at_signals(until(running(study, out, cache), deadline)))
    seconds = time.monotonic() - started
    facts = {
        "study": name,
        "command": [Path(sys.argv[0]).name, *sys.argv[1:]],
        "machine": this_machine(),
        "cuda": torch.version.cuda,
        "seconds": round(seconds, 1),
        "plan": asdict(plan),
        "outcome": None if outcome is None else asdict(outcome),
    }
    write_text(out / FACTS, json.dumps(facts, indent=1) + "\n")
    if outcome is None:
        return f"{name}: the time is up after {seconds:.0f} s; the same command goes on with what is left"
    if outcome.refused:
        folder, words = outcome.refused[0]
        return f"{name}: {len(outcome.refused)} runs could not be made; the first, {folder}: {words}"
    return f"{name}: all {outcome.finished} runs are done, {outcome.made} of them now, in {seconds:.0f} s"


def main(
    studies: Annotated[tuple[str, ...], tyro.conf.Positional] = ("thesis-b",),
    minutes: float = 10.0,
    device: str = "cuda",
    processes: int = 8,
    iterations: int | None = None,
    out: Path = Path("build/studies"),
    collected: Path = Path("build/collected"),
    cache: Path = CACHE,
    plan_only: bool = False,
) -> None:
    """Run studies on a CUDA machine.

    Parameters
    ----------
    studies
        names of studies that ship with the program, or study files.
    minutes
        after which everything stops at a checkpoint.
    device
        cuda (all cards), cuda:1 (one of them), or cpu to try the command out.
    processes
        side by side on each card.
    iterations
        of every training, in place of what the studies say.
    out
        folder for the runs, one for every study.
    collected
        folder for what is small of them.
    cache
        folder of decoded images and unpacked archives.
    plan_only
        only say what there would be to do.
    """
    if minutes <= 0:
        raise ExperimentError(f"--minutes must be above 0; got {minutes:g}")
    keep_freed_memory()
    deadline = time.monotonic() + 60 * minutes * (1 - REPORTING)
    cards = names_of_cards(device)
    paths = {name: find_study(name, []) for name in studies}
    for name, path in paths.items():
        study = for_device(read_study(path), device, processes * max(1, len(cards)), iterations)
        plan = plan_of(study, cards, minutes)
        print(f"{name}: {plan}", flush=True)
        check_memory(study, device, processes)
        if plan_only:
            continue
        text, folder = path.read_text(encoding="utf-8"), out / path.stem
        print(run_one(name, plan, study, folder, text, cache, deadline))
        print(put_together(name, folder, collected / path.stem))


if __name__ == "__main__":
    with errors_as_sentences("run_studies_on_gpu"):
        tyro.cli(main)
