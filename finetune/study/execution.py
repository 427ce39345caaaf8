"""One run: a method prepares, an engine trains, both tasks are evaluated, and the folder says what came of it."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from deepvis.scan.processes import ALONE, Processes
from finetune.errors import DivergedError
from finetune.evaluation.confusion import Confusion, write_confusions
from finetune.evaluation.filter_changes import Net, measuring_changes
from finetune.evaluation.gate import without_being_told
from finetune.evaluation.heads import trunk_value
from finetune.evaluation.intact import Intact
from finetune.evaluation.probe import probe_accuracy
from finetune.evaluation.right_answers import write_right
from finetune.evaluation.scores import Scorer, Scores, write_scores
from finetune.methods import METHODS
from finetune.study import runs as names
from finetune.study.engines import engine_of
from finetune.study.log import RunLog
from finetune.study.machine import this_machine
from finetune.study.material import Material
from finetune.study.measuring import NotMeasured
from finetune.study.runs import Run, write_json
from finetune.tasks.task import Part, Task
from finetune.training.prepared import Prepared, Setting
from finetune.training.trainer import Job, Trained, Watch
from prototxt.common.atomic import write_text
from prototxt.common.progress import Progress
from prototxt.formats.text import write_message
from prototxt.formats.weights import Weights, write_weights

MADE = (
    names.RESULT, names.LOG, names.LOGITS, names.RIGHT, names.WEIGHTS, names.NET, names.CHECKPOINT, names.FILTERS,
    names.CONFUSION,
)  # fmt: skip

Work = Generator[Progress, None, dict[str, Any]]


@dataclass(frozen=True, eq=False)
class Tested:
    """The tasks as a run sees them, and the parts that it is judged by."""

    source: Task
    target: Task
    parts: Mapping[str, Part]


def executing(run: Run, material: Material, out: Path, processes: Processes = ALONE) -> Work:
    """Do a run, or go on with it, and write its folder.

    Parameters
    ----------
    run : what is to be done.
    material : of its direction.
    out : the study's folder.
    processes : those that train together; the first one writes.

    Yields
    ------
    Progress in images that were trained on.

    Returns
    -------
    What ``result.json`` says.

    Raises
    ------
    InputError : the method or the engine refuses.
    """
    folder = out / run.folder
    if processes.rank == 0:
        _begin(run, folder, out)
    processes.wait()
    started = time.process_time()
    tested = _tested(run, material)
    setting = Setting(
        material.model,
        tested.source,
        tested.target,
        material.measured.kept,
        head_rates=run.head_rates,
        seed=run.seed,
        folder=folder,
        training=run.row.training,
        device=run.device,
    )
    yield Progress(0, run.images, str(run.folder))
    prepared = yield from _prepare(run, setting, material)
    prepared_in = time.process_time() - started
    job = Job(
        prepared,
        tested.target.train,
        material.model.preprocessing,
        run.row.training,
        run.seed,
        run.device,
        processes,
        tested.target.validation,
    )
    result: dict[str, Any] = {"hash": run.hash, "machine": this_machine(), "notes": list(prepared.notes)}
    result |= _sizes(prepared, material)
    try:
        trained = yield from _train(run, job, folder, _evaluation_in_training(run, prepared, material, tested))
    except DivergedError as error:
        result |= {"diverged": str(error), "cpu_seconds": time.process_time() - started}
    else:
        if processes.rank == 0:
            result |= yield from _judge(run, prepared, trained, material, tested, folder)
        result["cpu_seconds"] = round(prepared_in + trained.seconds + result.get("evaluation_seconds", 0.0), 2)
    if processes.rank == 0:
        write_json(folder / names.RESULT, result)
        (folder / names.CHECKPOINT).unlink(missing_ok=True)
    processes.wait()
    return result


def _prepare(run: Run, setting: Setting, material: Material) -> Generator[Progress, None, Prepared]:
    """Let the method prepare; where it asks for measures, these are made with progress, and it begins anew."""
    while True:
        try:
            made = METHODS[run.row.method].preparing(replace(setting), **run.row.options)
            return (yield from _replacing(made, Progress(0, run.images, "prepare")))
        except NotMeasured as wanted:
            work = material.measured.measuring(wanted.profile)
        yield from _replacing(work, Progress(0, run.images, "measure"))


def _begin(run: Run, folder: Path, out: Path) -> None:
    """Make the folder; what another configuration left in it goes."""
    if run.state(out) == "changed":
        for name in MADE:
            (folder / name).unlink(missing_ok=True)
        shutil.rmtree(folder / "caffe", ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / names.CONFIG, {"hash": run.hash, **run.config})


def _tested(run: Run, material: Material) -> Tested:
    """Which images a run trains on and which it is judged by."""
    source, target = material.source, material.target.for_run(run.seed)
    if run.held_out is None:
        return Tested(source, target, {"source": source.test, "target": target.test})
    source, target = source.held_out(*run.held_out), target.held_out(*run.held_out)
    assert source.validation is not None  # held_out made them
    assert target.validation is not None
    return Tested(source, target, {"source": source.validation, "target": target.validation})


def _train(
    run: Run, job: Job, folder: Path, evaluate: Callable[[Weights], Mapping[str, float]]
) -> Generator[Progress, None, Trained]:
    log = RunLog(folder / names.LOG)
    work = engine_of(run.row.engine, run.row.method, job)(job, Watch(folder / names.CHECKPOINT, log.append, evaluate))
    batch = run.row.training.batch
    try:
        step = next(work)
        if job.processes.rank == 0:
            log.cut(step.done)
        while True:
            yield Progress(step.done * batch, run.images, str(run.folder))
            step = next(work)
    except StopIteration as stop:
        return stop.value
    finally:
        work.close()


def _evaluation_in_training(
    run: Run, prepared: Prepared, material: Material, tested: Tested
) -> Callable[[Weights], Mapping[str, float]]:
    """Accuracies of both heads on some of the images that the run will be judged by; for the log alone."""
    count = run.evaluation.in_training
    parts = {
        name: part.some(np.random.default_rng(run.seed).permutation(len(part))[: count or None])
        for name, part in tested.parts.items()
    }

    def evaluate(weights: Weights) -> Mapping[str, float]:
        scorer = Scorer(prepared.net, weights, material.model.preprocessing, device=run.device)
        outputs = {"source": prepared.old_output, "target": prepared.new_output}
        return {name: _finish(scorer.scoring(part, outputs[name])).accuracy for name, part in parts.items()}

    return evaluate


def _finish(work: Generator[Progress, None, Scores]) -> Scores:
    while True:
        try:
            next(work)
        except StopIteration as stop:
            found: Scores = stop.value
            return found


def _judge(run: Run, prepared: Prepared, trained: Trained, material: Material, tested: Tested, folder: Path) -> Work:
    """Evaluate both heads, each on the images of its task, and keep what was asked for."""
    started = time.process_time()
    done = Progress(run.images, run.images, str(run.folder))
    scorer = Scorer(prepared.net, trained.weights, material.model.preprocessing, run.evaluation.crops, run.device)
    kept = material.intact if material.intact.is_in(Net(prepared.net, trained.weights), prepared.old_output) else None
    scores = {}
    for name, output in (("source", prepared.old_output), ("target", prepared.new_output)):
        work = scorer.scoring(tested.parts[name], output)
        if name == "source" and kept is not None:
            work = kept.scoring((run.held_out, scorer.crops), tested.parts[name], scorer.crops, run.device)
        scores[name] = yield from _replacing(work, done)
    result: dict[str, Any] = {}
    for name, each in scores.items():
        result |= {f"{name}_accuracy": each.accuracy, f"{name}_loss": each.loss, f"{name}_images": len(each.labels)}
    if prepared.gate is not None:
        value, gate = scorer.network.graph.value(prepared.gate), {}
        for name, part in tested.parts.items():
            gate[name] = yield from _replacing(scorer.features(part, value), done)
        result |= without_being_told(gate, {name: each.correct for name, each in scores.items()})
    if run.evaluation.probe != "none":
        result["source_probe"] = yield from _replacing(_probing(run, prepared, scorer, tested, kept), done)
    write_scores(folder / names.LOGITS, **scores)
    write_right(folder / names.RIGHT, scores)
    if run.evaluation.confusion:
        classes = {"source": tested.source.classes, "target": tested.target.classes}
        matrices = {name: Confusion(classes[name], each.confusion) for name, each in scores.items()}
        write_confusions(folder / names.CONFUSION, **matrices)
    if run.evaluation.weights:
        write_message(folder / names.NET, prepared.net)
        write_weights(folder / names.WEIGHTS, prepared.net, trained.weights)
    if run.evaluation.filters:
        before = Net(material.model.test_net, material.model.weights)
        changes = measuring_changes(
            before,
            Net(prepared.net, trained.weights),
            _largest_rates(prepared),
            material.model.preprocessing,
            tested.parts["source"],
        )
        write_text(folder / names.FILTERS, (yield from _replacing(changes, done)))
    result |= {"train_seconds": round(trained.seconds, 2), **trained.facts}
    result |= {"evaluation_seconds": round(time.process_time() - started, 2)}
    return result


def _probing(
    run: Run, prepared: Prepared, scorer: Scorer, tested: Tested, kept: Intact | None
) -> Generator[Progress, None, float]:
    """Train a new linear classifier for the old task on the trunk, and test it."""
    kind, train, test = run.evaluation.probe, tested.source.train, tested.parts["source"]
    assert kind != "none"
    if kept is not None:
        return (yield from kept.probing((run.held_out, kind), train, test, kind, run.device))
    value = trunk_value(prepared.net, prepared.old_output)
    learnt = yield from scorer.features(train, value)
    asked = yield from scorer.features(test, value)
    return probe_accuracy(learnt, train.labels, asked, test.labels, kind)


def _replacing(work: Generator[Progress, None, Any], step: Progress) -> Generator[Progress, None, Any]:
    """Do work that is part of a run: its own progress goes into the words."""
    try:
        while True:
            own = next(work)
            yield replace(step, what=f"{own.what} {own.done} of {own.total}" if own.total else own.what)
    except StopIteration as stop:
        return stop.value
    finally:
        work.close()


def _sizes(prepared: Prepared, material: Material) -> dict[str, int]:
    """How many weights were added, and how many may learn in some stage."""
    total = sum(blob.size for blobs in prepared.weights.values() for blob in blobs)
    before = sum(blob.size for blobs in material.model.weights.values() for blob in blobs)
    learning = 0.0
    rates = _largest_rates(prepared)
    for name, blobs in prepared.weights.items():
        learning += float(np.mean(np.asarray(rates.get(name, 0.0)) > 0)) * sum(blob.size for blob in blobs)
    return {"added_weights": total - before, "learning_weights": round(learning)}


def _largest_rates(prepared: Prepared) -> dict[str, np.ndarray]:
    """The largest rate of every layer, or of its units, in any stage."""
    rates: dict[str, np.ndarray] = {}
    for stage in prepared.stages:
        for name, rate in stage.rates.items():
            rates[name] = np.maximum(rates.get(name, np.zeros(())), rate)
    return rates
