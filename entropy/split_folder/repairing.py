"""The repair before `write --free`: the old task is trained in torchcaffe to do without the filters it will lose."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Generator, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from entropy.errors import PlanError
from entropy.planning.frozen import with_global_statistics
from entropy.split_folder import folder as names
from entropy.split_folder.data_paths import absolute
from entropy.split_folder.extension import Extension, OldModel, chosen_filters
from entropy.split_folder.freed_file import FreedFile
from entropy.split_folder.parts import Source, leading_to
from entropy.split_folder.solver_file import SolverSettings, make_solver, solver_named
from entropy.split_folder.task import Task
from entropy.split_folder.task_data import TaskData, read_task
from entropy.split_folder.training_net import input_blob, training_net
from entropy.split_folder.writing import writing_pixels
from entropy.surgery.extended import open_old
from entropy.surgery.rates import with_rates
from entropy.surgery.repairing import Repair, prepare_repair
from prototxt.common import atomic
from prototxt.common.progress import Progress, at_once
from prototxt.formats.schema import NetParameter, SolverParameter
from prototxt.formats.text import read_net, write_message
from prototxt.formats.weights import Weights, read_weights, weights_hash, write_weights
from prototxt.pixels.preprocess import Preprocessing

if TYPE_CHECKING:  # torch takes seconds to import
    from torchcaffe.solver import Solver

SNAPSHOTS = "repair_iter_*"


@dataclass(frozen=True, eq=False)
class Repaired:
    """What `repair` made.

    Parameters
    ----------
    folder : where ``repaired.caffemodel`` and ``freed.json`` are.
    filters : layer to the filters that the old task does without now.
    cut : layer that reads them to the number of its weights that were cut to zero.
    accuracies : on all old test pictures, of the net as it was, with the filters cut off, and repaired; empty without
        test pictures.
    test_pictures : their number.
    iterations : of the training.
    notes : what the user should know.
    """

    folder: Path
    filters: Mapping[str, tuple[int, ...]]
    cut: Mapping[str, int]
    accuracies: Mapping[str, float]
    test_pictures: int
    iterations: int
    notes: list[str] = field(default_factory=list)


def repairing(
    net: Path | str,
    weights: Path | str,
    extension: Extension,
    task: Task,
    settings: SolverSettings | None = None,
    *,
    out: Path | str = "repaired",
) -> Generator[Progress, None, Repaired]:
    """Train an old net on its own task once more, without the filters that will be freed.

    The filters are silent meanwhile and what reads them is cut, so that the gradient of what is cut is exactly 0 and it
    stays cut. In the end the filters get their weights back: `write` with ``free`` then cuts nothing any more. Ctrl-C
    or closing the generator keeps a snapshot, from which the same call goes on.

    Parameters
    ----------
    net, weights : the old deploy net and its caffemodel.
    extension : its ``free``, and by what filters are chosen.
    task : the *old* task: its training pictures, perhaps its test pictures, the net's preprocessing. Its head is the
        net's own.
    settings : how to train; max_iter iterations in all.
    out : the folder; made when missing, files in it are replaced.

    Raises
    ------
    PlanError : nothing is to be freed, a picture is missing, or a label is none of the net's classes.
    SurgeryError, NetError, FormatError : the net cannot do without the filters, or a file cannot be read.
    """
    if not extension.free:
        raise PlanError("say which filters the old task is to do without: free, such as conv5=0.4")
    settings, out = settings or SolverSettings(), Path(out)
    source = Source(read_net(net), read_weights(weights), Path(net), weights)
    filters = chosen_filters(OldModel(source.net, source.weights, weights, settings.seed), extension)
    work = _Work(source, prepare_repair(source.net, source.weights, filters), task, settings, out)
    yield from work.writing(filters)
    trained = yield from work.training()
    finished = work.repair.finish(trained)
    for left in out.glob(SNAPSHOTS):
        left.unlink()
    accuracies = {}
    for name, each in {"as it was": source.weights, "cut": work.repair.weights, "repaired": trained}.items():
        if task.test_images is not None:
            accuracies[name] = yield from work.testing(each, f"test: the net {name}")
    write_weights(out / names.REPAIRED, work.repair.net, finished)
    FreedFile(
        filters=filters, weights_hash=weights_hash(read_weights(out / names.REPAIRED)), iterations=settings.max_iter
    ).write(out / names.FREED)
    return Repaired(
        folder=out,
        filters=filters,
        cut=_cut(source.weights, work.repair.weights, filters),
        accuracies=accuracies,
        test_pictures=work.data.test_pictures or 0,
        iterations=settings.max_iter,
        notes=list(work.data.notes),
    )


repair = at_once(repairing)
"""`repairing` at once: ``repair(net, weights, extension, task)`` gives what was made."""


class _Work:
    """The training of a repair in its folder."""

    def __init__(self, source: Source, repair: Repair, task: Task, settings: SolverSettings, out: Path) -> None:
        old = open_old(source.net, source.weights)
        self.source, self.repair, self.task, self.settings, self.out = source, repair, task, settings, out
        self.scores = old.outputs[0]
        self.data: TaskData = read_task(task, source.net_path, out, input_blob(source.net))
        classes = old.shapes.blob(self.scores)[1]
        if self.data.classes > classes:
            raise PlanError(
                f"{task.images}: has labels up to {self.data.classes - 1}, but the net has {classes} class scores; the "
                "repair is on the net's own task: give the list of the pictures that it was trained on"
            )
        trained = training_net(leading_to(repair.net, self.scores), self.data.pixels.layers, scores=self.scores)
        still, _ = with_global_statistics(trained)
        self.net = with_rates(still, repair.rates)
        self.solver: SolverParameter = make_solver(settings, self.net, None)

    def writing(self, filters: Mapping[str, tuple[int, ...]]) -> Generator[Progress, None, None]:
        """Write net, solver and lists; what a training of other filters, weights or settings left goes."""
        key = {
            "filters": filters,
            "weights": weights_hash(self.source.weights),
            "settings": asdict(self.settings),
            "lists": [hashlib.sha256(text.encode()).hexdigest() for text in self.data.texts.values()],
        }
        plain = json.loads(json.dumps(key))
        file = self.out / names.REPAIR
        if not file.is_file() or json.loads(file.read_text()) != plain:
            for left in (*self.out.glob(SNAPSHOTS), self.out / names.REPAIRED, self.out / names.FREED):
                left.unlink(missing_ok=True)
        yield from writing_pixels(self.out, self.data)
        for name, text in self.data.texts.items():
            atomic.write_text(self.out / name, text)
        write_message(self.out / names.REPAIR_NET, self.net)
        write_message(self.out / names.REPAIR_SOLVER, solver_named(self.solver, names.REPAIR_NET, names.REPAIR_PREFIX))
        atomic.write_text(file, json.dumps(plain) + "\n")

    def training(self) -> Generator[Progress, None, Weights]:
        """Train, from a snapshot where there is one; gives the weights of the old net's layers."""
        from torchcaffe.commands.signals import signal_requests
        from torchcaffe.solver import Action

        solver, total = self._solver(), self.settings.max_iter
        yield Progress(solver.iter, total, "repair: iterations")
        with signal_requests(Action.STOP, Action.STOP) as requested:
            solver.request = requested
            try:
                for _ in solver.steps(total - solver.iter):
                    yield Progress(solver.iter, total, "repair: iterations")
            except GeneratorExit:
                solver.snapshot()
                raise
            if solver.iter < total:
                solver.snapshot()
                raise KeyboardInterrupt
        found = solver.network.weights()
        return {name: found.get(name, blobs) for name, blobs in self.repair.weights.items()}

    def _solver(self) -> Solver:
        from torchcaffe.solver import Solver

        param = solver_named(self.solver, "", str((self.out / names.REPAIR_PREFIX).resolve()))
        param.ClearField("net")
        param.net_param.CopyFrom(absolute(self.net, self.out))
        solver = Solver(param)
        solver.network.load(self.data.pixels.weights | self.repair.weights)
        for entry in solver.updater.learnable:
            rate = self.repair.rates.get(entry.layer)
            if isinstance(rate, np.ndarray):
                solver.set_unit_lr_mults(entry.layer, entry.index, rate * entry.spec.lr_mult)
        states = {int(path.stem.rpartition("_")[2]): path for path in self.out.glob(f"{SNAPSHOTS}.solverstate")}
        if states:
            solver.restore(states[max(states)])
        return solver

    def testing(self, weights: Weights, what: str) -> Generator[Progress, None, float]:
        """Accuracy on the old test pictures, each once."""
        from entropy.split_folder.pictures import read_pictures

        assert self.task.test_images is not None  # asked by the caller
        pictures = read_pictures(self.task.test_images, self.task.root, self.out, None)
        labels = np.array([entry.label for entry in pictures.entries])
        batches = _batches(pictures.entries, self.data.preprocessing, self.task.test_batch)
        return (yield from _testing(self.repair.net, weights, self.scores, batches, labels, what))


def _batches(entries: list[Any], preprocessing: Preprocessing, batch: int) -> Iterable[np.ndarray]:
    from entropy.measuring.listed_pictures import read_listed

    for start in range(0, len(entries), batch):
        yield np.stack([preprocessing.apply(read_listed(entry)) for entry in entries[start : start + batch]])


def _testing(
    net: NetParameter, weights: Weights, scores: str, batches: Iterable[np.ndarray], labels: np.ndarray, what: str
) -> Generator[Progress, None, float]:
    import torch

    from torchcaffe.network import Network

    network = Network(net, "TEST", weights=weights, seed=0)
    (image,) = network.graph.inputs
    guessed: list[np.ndarray] = []
    done = 0
    yield Progress(0, len(labels), what)
    for batch in batches:
        with torch.inference_mode():
            (found,) = network.run({image: batch}, keep=[scores]).values()
        guessed.append(found.flatten(1).argmax(1).cpu().numpy())
        done += len(batch)
        yield Progress(done, len(labels), what)
    return float((np.concatenate(guessed) == labels).mean())


def _cut(before: Weights, silent: Weights, filters: Mapping[str, tuple[int, ...]]) -> dict[str, int]:
    """How many weights of layers that read the filters were cut to zero; the filters' own rows do not count."""
    cut = {}
    for name, blobs in before.items():
        changed = (blobs[0] != 0) & (np.reshape(silent[name][0], blobs[0].shape) == 0) if blobs else np.zeros(0, bool)
        if name in filters:
            changed = np.delete(changed, list(filters[name]), axis=0)
        if changed.any():
            cut[name] = int(changed.sum())
    return cut
