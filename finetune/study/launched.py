"""A run that several processes train together, started by ``torchrun``; each sees its share of every batch."""

from __future__ import annotations

import pickle
import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import torch

from deepvis.scan.processes import started_processes
from deepvis.scan.signals import stopping_at_signals
from finetune.errors import ExperimentError
from finetune.study import runs as names
from finetune.study.execution import Work, executing
from finetune.study.material import Opened
from finetune.study.runs import Run, read_json
from prototxt.common.atomic import write_bytes
from prototxt.common.errors import errors_as_sentences
from prototxt.common.progress import Progress

ORDER, WORDS = "launch.pickle", "launch.log"
STEP = "images trained on:"
PATIENCE = 60.0  # seconds to write a checkpoint


def launching(run: Run, opened: Opened) -> Work:
    """Do a run in ``run.processes`` processes; as `finetune.study.execution.executing`.

    Raises
    ------
    ExperimentError : the processes end with an error; what they said is in ``launch.log``.
    """
    folder = opened.out / run.folder
    write_bytes(folder / ORDER, pickle.dumps((opened.study, opened.out.absolute(), opened.cache, run)))
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command += ["--nproc_per_node", str(run.processes), "-m", "finetune.study.launched", str(folder / ORDER)]
    yield Progress(0, run.images, str(run.folder))
    with (folder / WORDS).open("w") as words:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=words, text=True)
        try:
            for line in process.stdout or ():
                if line.startswith(STEP):
                    yield Progress(int(line.removeprefix(STEP)), run.images, str(run.folder))
            code = process.wait()
        finally:
            _end(process)
    if code != 0:
        raise ExperimentError(f"{run.folder}: its {run.processes} processes stopped ({_last_line(folder / WORDS)})")
    for name in (ORDER, WORDS):
        (folder / name).unlink()
    return read_json(folder / names.RESULT)


def _end(process: subprocess.Popen[str]) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
    process.communicate()


def _last_line(words: Path) -> str:
    """What our own program said of an error, else the last line of all."""
    lines = words.read_text(errors="replace").strip().splitlines()
    own = [line for line in lines if "finetune: error:" in line]
    return (own or lines or ["they said nothing"])[-1].strip() + f"; all is in {words}"


def main(order: Path) -> None:
    """Be one of the processes."""
    study, out, cache, run = pickle.loads(order.read_bytes())
    torch.set_num_threads(study.threads)
    with errors_as_sentences("finetune"), started_processes() as processes:
        material = Opened(study, out, cache).material(run.direction)
        with closing(stopping_at_signals(executing(run, material, out, processes))) as work:
            for step in work:
                if processes.rank == 0:
                    print(STEP, step.done, flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
