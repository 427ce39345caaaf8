"""Programs that obey a solver.prototxt: real Caffe's ``caffe train`` and torchcaffe's."""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator, Mapping
from contextlib import closing
from pathlib import Path

from finetune.errors import ExperimentError
from finetune.training.program_log import TrainingLog
from prototxt.common.errors import CaffeError
from prototxt.common.names import unknown_name
from prototxt.common.progress import Progress
from prototxt.common.real_caffe import CaffeExitError, find_caffe, lines_of, need_caffe
from prototxt.formats.text import read_solver

OTHERWISE = "train with --trainer torchcaffe"
TRAINERS: dict[str, Callable[[], list[str]]] = {
    "caffe": lambda: [str(need_caffe("caffe", OTHERWISE))],
    "torchcaffe": lambda: [sys.executable, "-m", "torchcaffe"],
}


def default_trainer() -> str:
    """Real Caffe when it is installed, else torchcaffe."""
    return "caffe" if find_caffe() else "torchcaffe"


def refuse_missing(trainer: str) -> None:
    """Refuse a trainer that is unknown or not installed.

    Raises
    ------
    ExperimentError : naming those that there are, or how to install real Caffe.
    """
    if trainer not in TRAINERS:
        raise ExperimentError(unknown_name("trainer", trainer, TRAINERS))
    try:
        TRAINERS[trainer]()
    except CaffeError as error:
        raise ExperimentError(str(error)) from error


def train_command(trainer: str, solver: Path, start: Path) -> list[str]:
    """The command line that trains from weights, or goes on from a ``.solverstate``; paths as they stand in it."""
    flag = "-snapshot" if start.suffix == ".solverstate" else "-weights"
    return [*TRAINERS[trainer](), "train", "-solver", str(solver), flag, str(start)]


def train(
    trainer: str,
    folder: Path,
    solver: str,
    start: str,
    log: Path,
    what: str,
    environment: Mapping[str, str] | None = None,
) -> Generator[Progress, None, TrainingLog]:
    """Train in ``folder`` and keep all that the trainer says in the file ``log``.

    Parameters
    ----------
    trainer : a name in `TRAINERS`.
    folder : working directory; paths in the solver are relative to it.
    solver, start : file names in ``folder``; ``start`` is a caffemodel, or a ``.solverstate`` to go on from.
    log : where the trainer's output goes.
    what : title of the progress bar.
    environment : variables of the trainer's environment, beside those of this process.

    Raises
    ------
    ExperimentError : if the trainer ends with an error; the last line that it said is in the message.
    """
    iterations = read_solver(folder / solver).max_iter
    record = TrainingLog()
    command = train_command(trainer, Path(solver), Path(start))
    with log.open("w") as file, closing(lines_of(command, folder, environment)) as lines:
        yield Progress(0, iterations, what)
        try:
            for line in lines:
                file.write(line)
                iteration = record.add(line)
                if iteration is not None:
                    yield Progress(min(iteration, iterations), iterations, what)
        except CaffeExitError as error:
            ended = f"{trainer} train stopped with exit code {error.code} ({error})"
            raise ExperimentError(f"{ended}; the whole log is {log}") from error
        except CaffeError as error:
            raise ExperimentError(f"{trainer}: {error}") from error
    yield Progress(iterations, iterations, what)
    return record
