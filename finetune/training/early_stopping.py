"""Early stopping: training ends when the loss on validation images no longer falls, and the best weights are taken."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from finetune.errors import ExperimentError
from finetune.evaluation.scores import Scorer
from finetune.tasks.task import Part
from finetune.training.prepared import Prepared
from finetune.training.settings import TrainingSettings
from prototxt.common.progress import with_bar
from prototxt.formats.weights import Weights
from prototxt.pixels.preprocess import Preprocessing


class EarlyStopping:
    """Looks at the validation images now and then, and remembers the weights with the lowest loss.

    Several processes that train together hold the same weights, so each comes to the same answer.

    Parameters
    ----------
    prepared : the net; its new head is looked at.
    images : the validation images of the new task.
    preprocessing : of the net.
    settings : ``patience`` and ``check_every``.
    begin : iteration at which the last stage of the training begins; nothing is looked at before.
    device : where the net computes.

    Attributes
    ----------
    best : weights of all layers at the check with the lowest loss; None before the first check.
    best_iteration, best_loss : of that check.
    """

    def __init__(
        self,
        prepared: Prepared,
        images: Part,
        preprocessing: Preprocessing,
        settings: TrainingSettings,
        begin: int,
        device: str,
    ) -> None:
        self._begin = begin
        self._prepared, self._images, self._preprocessing = prepared, images, preprocessing
        self._patience, self._every, self._device = settings.patience, settings.check_every, device
        self.best: Weights | None = None
        self.best_iteration, self.best_loss = 0, float("inf")
        self._waited = 0

    @property
    def stopped(self) -> bool:
        """Whether the training is to end."""
        return self._waited >= self._patience

    def is_due(self, iteration: int, last: bool) -> bool:
        """Whether to look after an iteration; always after the last one."""
        return last or (iteration > self._begin and iteration % self._every == 0)

    def look(self, iteration: int, weights: Weights) -> dict[str, float]:
        """Look at the validation images; gives what the log says: ``validation`` (accuracy) and its loss."""
        scorer = Scorer(self._prepared.net, weights, self._preprocessing, device=self._device)
        scores = with_bar(scorer.scoring(self._images, self._prepared.new_output), quiet=True)
        if scores.loss < self.best_loss:
            self.best, self.best_iteration, self.best_loss, self._waited = weights, iteration, scores.loss, 0
        else:
            self._waited += 1
        return {"validation": scores.accuracy, "validation_loss": scores.loss}

    def state(self) -> dict[str, Any]:
        """What it knows, for a checkpoint."""
        best = {name: [torch.from_numpy(np.array(blob)) for blob in blobs] for name, blobs in (self.best or {}).items()}
        return {"best": best, "iteration": self.best_iteration, "loss": self.best_loss, "waited": self._waited}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take back what `state` gave."""
        if state:
            best = {name: [blob.numpy() for blob in blobs] for name, blobs in state["best"].items()}
            self.best, self.best_iteration = best or None, state["iteration"]
            self.best_loss, self._waited = state["loss"], state["waited"]


def early_stopping(
    prepared: Prepared,
    images: Part | None,
    preprocessing: Preprocessing,
    settings: TrainingSettings,
    begin: int,
    device: str,
) -> EarlyStopping | None:
    """Make what stops a training, as `EarlyStopping` takes it; None where the settings do not ask for it.

    Raises
    ------
    ExperimentError : there are no validation images.
    """
    if not settings.patience:
        return None
    if images is None or not len(images):
        raise ExperimentError(
            "early stopping (patience) needs validation images, and the new task has none; give the task "
            "split = [0.7, 0.2, 0.1], or take patience away"
        )
    return EarlyStopping(prepared, images, preprocessing, settings, begin, device)
