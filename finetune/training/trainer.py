"""The trainer: torchcaffe's update of a prepared net, with rates per unit, terms and stages; frozen layers run once."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from deepvis.scan.processes import ALONE, Processes
from finetune.errors import DivergedError, ExperimentError
from finetune.tasks.pixels import blobs
from finetune.tasks.task import Part
from finetune.training.averaging import average, average_gradients, check_shares
from finetune.training.batches import Batches, Choice
from finetune.training.checkpoint import Place, put_state, read_state, take_state, write_state
from finetune.training.early_stopping import early_stopping
from finetune.training.feature_cache import FeatureCache
from finetune.training.frontier import find_frontier, parameter_versions, reads, static_nodes
from finetune.training.net import LABEL, LOSS, image_input, training_net
from finetune.training.prepared import Batch, Kept, Prepared
from finetune.training.rates import check_stages, set_rates, stage_starts
from finetune.training.settings import TrainingSettings
from prototxt.common.progress import Progress
from prototxt.formats.weights import Weights
from prototxt.net.graph import Value
from prototxt.pixels.preprocess import Preprocessing
from torchcaffe import policies
from torchcaffe.network import Network
from torchcaffe.solvers import RULES
from torchcaffe.update import Updater

GB = 1e9


@dataclass(frozen=True, eq=False)
class Job:
    """What is trained, on what, and how.

    Parameters
    ----------
    prepared : the net, from a method.
    images : the training images of the new task.
    preprocessing : of the net.
    settings : how.
    seed : of batches, mirrors, crops and dropout.
    device : where the net computes.
    processes : those that train it together.
    validation : images of the new task that early stopping looks at; None for none.
    """

    prepared: Prepared
    images: Part
    preprocessing: Preprocessing
    settings: TrainingSettings
    seed: int = 0
    device: str = "cpu"
    processes: Processes = ALONE
    validation: Part | None = None


@dataclass(frozen=True, eq=False)
class Watch:
    """What happens beside a training.

    Parameters
    ----------
    checkpoint : file of the run's state, read when it is there, written now and then; None for none.
    log : takes what is to be logged: iteration, loss (mean since the last line), lr, and what ``evaluate`` gives.
    evaluate : asked every ``settings.evaluate`` iterations, and after the last, with the weights of all layers.
    """

    checkpoint: Path | None = None
    log: Callable[[dict[str, Any]], None] = lambda record: None
    evaluate: Callable[[Weights], Mapping[str, float]] | None = None


@dataclass(frozen=True, eq=False)
class Trained:
    """What a training gave.

    Parameters
    ----------
    weights : of all layers.
    seconds : CPU seconds that it took in all.
    facts : of early stopping: the iteration that the weights are from, and the last one that was made.
    """

    weights: Weights
    seconds: float
    facts: Mapping[str, int] = field(default_factory=dict)


def training(job: Job, watch: Watch = Watch()) -> Generator[Progress, None, Trained]:
    """Train a prepared net, from its checkpoint where there is one.

    Closing the generator, or Ctrl-C, writes a checkpoint; so do ``settings.checkpoint_seconds``. A run that goes on
    from one gives the same bits as a run in one go, on the same machine with as many threads.

    Raises
    ------
    ExperimentError : the prepared net, its stages or the checkpoint cannot be used.
    DivergedError : the loss is no number.
    NetError : the net or its weights do not fit.
    """
    trainer = Trainer(job)
    if watch.checkpoint is not None:
        trainer.restore(watch.checkpoint)
    total = job.settings.iterations
    saved, whole = time.monotonic(), True
    yield Progress(trainer.iteration, total, "train: iterations")
    try:
        while trainer.iteration < total and not trainer.stopped:
            whole = False
            trainer.losses.append(trainer.step())
            whole = True
            _watch(trainer, watch)
            if watch.checkpoint and time.monotonic() - saved > job.settings.checkpoint_seconds:
                trainer.save(watch.checkpoint)
                saved = time.monotonic()
            yield Progress(trainer.iteration, total, "train: iterations")
    except (KeyboardInterrupt, GeneratorExit):
        if whole and watch.checkpoint and trainer.iteration:
            trainer.save(watch.checkpoint)
        raise
    stopping = trainer.stopping
    if stopping is None or stopping.best is None:
        return Trained(trainer.network_weights(), trainer.seconds)
    facts = {"best_iteration": stopping.best_iteration, "last_iteration": trainer.iteration}
    return Trained(stopping.best, trainer.seconds, facts)


def _watch(trainer: Trainer, watch: Watch) -> None:
    """Log what is due after an iteration."""
    settings, at = trainer.job.settings, trainer.iteration
    last = at == settings.iterations
    record: dict[str, Any] = {}
    if trainer.stopping is not None and trainer.stopping.is_due(at, last):
        record = trainer.stopping.look(at, trainer.network_weights())
        last |= trainer.stopped
    if at % settings.display == 0 or last:
        record |= {"loss": float(np.mean(trainer.losses)), "lr": trainer.rate}
        trainer.losses.clear()
    first = trainer.job.processes.rank == 0
    if first and watch.evaluate and settings.evaluate and (last or at % settings.evaluate == 0):
        record |= watch.evaluate(trainer.network_weights())
    if record and first:
        watch.log({"iteration": at, **record})


class Trainer:
    """A net in training.

    Parameters
    ----------
    job : see `Job`.

    Attributes
    ----------
    network : the net of `finetune.training.net.training_net` in the phase TRAIN.
    iteration : updates made so far.
    rate : learning rate of the last update, before ``lr_mult``.
    losses : of the updates since the last line of the log.
    stopping : looks at validation images; None where nothing stops the training early.
    """

    def __init__(self, job: Job) -> None:
        check_stages(job.prepared)
        check_shares(job.settings.batch, job.processes)
        if not len(job.images):
            raise ExperimentError("there are no training images")
        self.job = job
        self.terms = job.prepared.terms
        of_terms = (kept for term in self.terms for kept in term.keeps)
        self._keeps: tuple[Kept, ...] = tuple(dict.fromkeys([job.prepared.new_output, *of_terms]))
        self._solver = job.settings.solver()
        net = training_net(job.prepared)
        self.network = Network(net, "TRAIN", job.device, job.prepared.weights, seed=job.seed + job.processes.rank)
        self._image = image_input(net)
        self.updater = Updater(self._solver, RULES.find(self._solver.type, "training settings"), self.network.learnable)
        self._batches = Batches(job.images, job.preprocessing, job.settings, job.seed)
        self._starts = stage_starts(job.prepared, job.settings.iterations)
        self.stopping = early_stopping(
            job.prepared, job.validation, job.preprocessing, job.settings, self._starts[-1], job.device
        )
        self.iteration, self._lr_step, self.rate = 0, 0, 0.0
        self.losses: list[float] = []
        self._earlier_seconds, self._started = 0.0, time.process_time()
        self._stage = -1
        self._frontier: tuple[Value, ...] = ()
        self._cache: FeatureCache | None = None
        self._image_is_read = True
        self._enter_stage(0)
        for term in self.terms:
            term.start(self.network)

    @property
    def seconds(self) -> float:
        """CPU seconds so far, those before a checkpoint among them."""
        return self._earlier_seconds + time.process_time() - self._started

    @property
    def stopped(self) -> bool:
        """Whether early stopping has ended the training."""
        return self.stopping is not None and self.stopping.stopped

    # -- one update ---------------------------------------------------------------------------------------------------

    def step(self) -> float:
        """Make an update; gives the loss, terms included."""
        stage = int(np.searchsorted(self._starts, self.iteration, side="right")) - 1
        if stage != self._stage:
            self._enter_stage(stage)
            for history in self.updater.history:  # as a solver that starts from weights
                history.zero_()
        processes = self.job.processes
        choice = self._choice(self.iteration)
        weight = len(choice.rows) / self.job.settings.batch
        self.updater.clear()
        loss = self._loss(choice)
        if loss.requires_grad:
            loss.backward()
        average_gradients(self.network.learnable, weight, processes)
        value = average(loss.item(), weight, processes)
        if not np.isfinite(value):
            raise DivergedError(
                f"the loss is {value} in iteration {self.iteration}: the training diverged; take a smaller base_lr or "
                "weight of the penalty"
            )
        self._update()
        return value

    def _update(self) -> None:
        for term in self.terms:
            term.before_update(self.network)
        self._lr_step = policies.current_step(self._solver, self.iteration, self._lr_step)
        self.rate = policies.learning_rate(self._solver, self.iteration, self._lr_step)
        self.updater.apply(self.rate, self.iteration)
        for term in self.terms:
            term.after_update(self.network)
        self.iteration += 1

    def _choice(self, iteration: int) -> Choice:
        """The share of a batch that this process sees."""
        return self._batches.at(iteration).share(self.job.processes.rank, self.job.processes.count)

    def _loss(self, choice: Choice) -> Tensor:
        """The loss of a batch, with what the terms add."""
        network = self.network
        labels = torch.from_numpy(self.job.images.labels[choice.rows]).to(network.device)
        use_cache = self._cache is not None and self._cache.is_good(self._versions())
        known = self._cache.take(self._rows_of(choice)) if self._cache is not None and use_cache else {}
        inputs: dict[str | Value, Tensor] = dict(known.items())
        inputs[LABEL] = labels.float()
        if self.terms or self._image_is_read or not use_cache:
            inputs[self._image] = self._pixels(choice)
        values = network.run(inputs, [LOSS, *self._keeps])
        loss = network.loss_weights[network.graph.value(LOSS)] * values[network.graph.value(LOSS)].sum()
        if not self.terms:
            return loss
        batch = Batch(inputs[self._image], labels)
        named = {kept: values[self._value(kept)] for kept in self._keeps}
        for term in self.terms:
            added = term.loss(network, batch, named)
            loss = loss if added is None else loss + added
        return loss

    def _value(self, kept: Kept) -> Value:
        return self.network.graph.value(kept) if isinstance(kept, str) else kept

    def _pixels(self, choice: Choice) -> Tensor:
        images = self.job.images.images[choice.rows]
        return torch.from_numpy(blobs(images, self.job.preprocessing, choice.offsets, choice.mirror)).to(
            self.network.device
        )

    # -- stages and frozen layers -------------------------------------------------------------------------------------

    def _enter_stage(self, stage: int) -> None:
        set_rates(self.network, self.updater, self.job.prepared.stages[stage])
        self._stage = stage
        self._frontier, self._cache, self._image_is_read = (), None, True
        if self.job.settings.crop != "centre" or self.job.settings.cache_gb == 0:
            return
        wanted = [self._value(kept) for kept in [LOSS, *self._keeps]]
        self._frontier = find_frontier(self.network, self._image, wanted)
        if self._frontier:
            self._image_is_read = reads(self.network, self._image, wanted, self._frontier)
            self._cache = self._make_cache()

    def _make_cache(self) -> FeatureCache:
        shapes = {value: tuple(found.shape[1:]) for value, found in self._frozen_values(np.array([0])).items()}
        rows = len(self.job.images) * (2 if self.job.settings.mirror else 1)
        bound = self.job.settings.cache_gb * GB
        cache = FeatureCache(shapes, rows, bound, self._frozen_values, self._versions(), self.network.device)
        for iteration in range(self._starts[self._stage], self.iteration):
            cache.note(self._rows_of(self._choice(iteration)))
        return cache

    def _rows_of(self, choice: Choice) -> np.ndarray:
        """Rows of the cache: images as they are, then images mirrored."""
        return choice.rows + len(self.job.images) * choice.mirror

    def _frozen_values(self, rows: np.ndarray) -> dict[Value, Tensor]:
        mirrored, images = np.divmod(rows, len(self.job.images))
        with torch.no_grad():
            return self.network.run({self._image: self._pixels(Choice(images, mirrored > 0, None))}, self._frontier)

    def _versions(self) -> object:
        return parameter_versions(self.network, static_nodes(self.network, self._image))

    # -- state --------------------------------------------------------------------------------------------------------

    def network_weights(self) -> Weights:
        """Copies of the weights of all layers."""
        return self.network.weights()

    def save(self, path: Path) -> None:
        """Write a checkpoint; of several processes the first one does."""
        if self.job.processes.rank == 0:
            place = Place(self.iteration, self._lr_step, tuple(self.losses), self.seconds)
            state = take_state(self.network, self.updater, self.terms, place)
            write_state(path, replace(state, stopping=self.stopping.state()) if self.stopping else state)

    def restore(self, path: Path) -> None:
        """Go on from a checkpoint, where there is one."""
        state = read_state(path)
        if state is None:
            return
        self.iteration, self._lr_step = state.place.iteration, state.place.step
        self.losses, self._earlier_seconds = list(state.place.losses), state.place.seconds
        stage = int(np.searchsorted(self._starts, max(self.iteration - 1, 0), side="right")) - 1
        put_state(state, self.network, self.updater, self.terms)
        if self.stopping is not None:
            self.stopping.restore(state.stopping)
        self._enter_stage(stage)
