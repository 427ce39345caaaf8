"""The demo: the whole idea on real photographs, each step a command that the user could have typed."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from deepvis.progress import with_bar
from deepvis.scan.reader import Scan
from entropy import folder as names
from finetune.crop_task import write_task
from finetune.errors import ExperimentError
from finetune.photographs import photographs_in, task_photographs
from finetune.study import DESCRIPTION, LOGS, describe, write_report
from finetune.trainers import TRAINERS, caffe_program, default_trainer, train, train_command

MODEL = Path("models/indoor39")
HEAD = "fc8_photographs"
SHOWN = ("conv2", 7)  # the unit in the picture of the window


@dataclass(frozen=True, kw_only=True)
class DemoSettings:
    """What of the demo can be changed.

    Parameters
    ----------
    out
        folder for everything that the demo makes; what an earlier demo left there is replaced.
    images
        folder of your own photographs for the small task, at least two; by default those that ship with scikit-image
        and scikit-learn.
    model
        folder of the bundled model that is converted and taught.
    method
        transfer function from H to rates, 1-6.
    iterations
        training iterations of each of the two runs.
    base_lr
        learning rate that every multiplier is applied to.
    trainer
        caffe or torchcaffe; by default real Caffe where `make caffe` has installed it.
    """

    out: Path = Path("build/demo")
    images: Path | None = None
    model: Path = MODEL
    method: int = 2
    iterations: int = 60
    base_lr: float = 0.002
    trainer: str | None = None


@dataclass(frozen=True)
class Step:
    """A command of the demo and the sentence that announces it."""

    title: str
    command: tuple[str, ...]


def run_demo(settings: DemoSettings) -> None:
    """Run every step into ``settings.out``, then write the report.

    Raises
    ------
    ExperimentError : a step failed, or a claim of the demo does not hold.
    """
    trainer = settings.trainer or default_trainer()
    if trainer not in TRAINERS:
        raise ExperimentError(f"there is no trainer {trainer!r}; use one of {', '.join(TRAINERS)}")
    photographs = photographs_in(settings.images) if settings.images else task_photographs()
    _start_afresh(settings.out)
    describe(settings.out, trainer=trainer, model=str(settings.model))
    crops = settings.out / "crops"
    _say("Cutting crops of photographs: the new task is to tell which photograph a crop comes from")
    with_bar(write_task(photographs, crops))
    for step in _before_training(settings, crops):
        _run(step)
    for kind, weights, solver in (
        ("plain", names.PLAIN_WEIGHTS, names.PLAIN_SOLVER),
        ("split", names.SPLIT_WEIGHTS, names.SOLVER),
    ):
        _say(f"Training with {trainer}: {'plain fine-tuning' if kind == 'plain' else 'a rate for every filter'}")
        shown = train_command(trainer, Path(solver), Path(weights))
        _show((f"cd {settings.out} &&", *shown))
        log = settings.out / LOGS[kind]
        with_bar(train(trainer, settings.out, solver, weights, log, f"train {kind}: iterations"))
    for step in _after_training(settings, crops):
        _run(step)
    _say("Comparing the two")
    write_report(settings.out)


def _before_training(settings: DemoSettings, crops: Path) -> Iterator[Step]:
    out = settings.out
    engines = ["torchcaffe", *(["caffe"] if caffe_program() else []), "opencv"]
    net, weights = str(out / "alexnet.prototxt"), str(out / "alexnet.caffemodel")
    yield Step(
        "Converting the PyTorch network to Caffe and comparing every layer",
        (
            "convert_pytorch_to_caffe",
            "--model",
            str(settings.model),
            "--out",
            str(out),
            "--name",
            "alexnet",
            "--verify",
            ",".join(engines),
        ),
    )
    yield Step(
        "Scanning: the strongest pictures of every unit, and its mean activation on every picture",
        ("deepvis", "scan", net, "--images", str(crops / "train.txt"), "--out", str(out / "scan.h5")),
    )
    yield Step(
        "Measuring H, the entropy of every filter's mean activation",
        (
            "python",
            "-m",
            "entropy",
            "measure",
            str(out / "scan.h5"),
            "--out",
            str(out / "entropy.csv"),
            "--bins",
            str(bins_for(_count_lines(crops / "train.txt"))),
        ),
    )
    yield Step(
        f"Planning a learning rate for every filter (method {settings.method})",
        (
            "python",
            "-m",
            "entropy",
            "plan",
            str(out / "entropy.csv"),
            "--method",
            str(settings.method),
            "--out",
            str(out / "plan.json"),
        ),
    )
    yield Step(
        "Writing the net in which every filter has its own rate, and its plain twin",
        (
            "python",
            "-m",
            "entropy",
            "write",
            str(out / "plan.json"),
            "--net",
            net,
            "--weights",
            weights,
            "--images",
            str(crops / "train.txt"),
            "--test-images",
            str(crops / "test.txt"),
            "--head",
            HEAD,
            "--out",
            str(out),
            "--copy-pictures",
            *_solver_options(settings),
        ),
    )
    yield Step(
        "Checking that the split net starts from the very weights of the plain one",
        ("python", "-m", "entropy", "check", str(out)),
    )


def _solver_options(settings: DemoSettings) -> tuple[str, ...]:
    every = max(1, settings.iterations // 4)
    options = {
        "--base-lr": settings.base_lr,
        "--max-iter": settings.iterations,
        "--display": 2,
        "--test-interval": every,
    }
    return tuple(str(word) for pair in options.items() for word in pair)


def _after_training(settings: DemoSettings, crops: Path) -> Iterator[Step]:
    out = settings.out
    net, weights = str(out / "alexnet.prototxt"), str(out / "alexnet.caffemodel")
    yield Step(
        "Merging the trained split net into an ordinary caffemodel",
        (
            "python",
            "-m",
            "entropy",
            "merge",
            str(out / f"{names.SPLIT_PREFIX}_iter_{settings.iterations}.caffemodel"),
            "--where",
            str(out),
            "--net",
            net,
            "--weights",
            weights,
            "--out",
            str(out / "merged.caffemodel"),
        ),
    )
    with Scan(out / "scan.h5") as scan:
        strongest = int(scan.top(*SHOWN).images[0])
    yield Step(
        "Taking a picture of the window",
        (
            "deepvis",
            "snapshot",
            net,
            str(crops / "train.txt"),
            "--scan",
            str(out / "scan.h5"),
            "--plan",
            str(out / "plan.json"),
            "--layer",
            SHOWN[0],
            "--unit",
            str(SHOWN[1]),
            "--picture",
            str(strongest),
            "--back",
            "guided",
            "--size",
            "1600",
            "1000",
            "--out",
            str(out / "deepvis.png"),
        ),
    )


def bins_for(images: int) -> int:
    """The largest power of two with ten images per bin, between 2 and the usual 256."""
    return 1 << max(1, min(8, (images // 10).bit_length() - 1))


def _count_lines(path: Path) -> int:
    return len(path.read_text().splitlines())


def _start_afresh(out: Path) -> None:
    if out.exists():
        if not (out / DESCRIPTION).is_file() and any(out.iterdir()):
            raise ExperimentError(f"{out}: holds files that are not the demo's; give an empty or a new folder as --out")
        shutil.rmtree(out)
    out.mkdir(parents=True)


def _run(step: Step) -> None:
    """Announce a step and run its command with the programs of this Python's environment."""
    _say(step.title)
    _show(step.command)
    binaries = Path(sys.executable).parent
    environment = os.environ | {"PATH": f"{binaries}{os.pathsep}{os.environ.get('PATH', '')}"}
    done = subprocess.run(step.command, env=environment, stdin=subprocess.DEVNULL, check=False)
    if done.returncode != 0:
        raise ExperimentError(f"this step stopped with exit code {done.returncode}: {shlex.join(step.command)}")


def _say(title: str) -> None:
    print(f"\n== {title}", flush=True)


def _show(command: tuple[str, ...]) -> None:
    print(f"$ {' '.join(command)}", flush=True)
