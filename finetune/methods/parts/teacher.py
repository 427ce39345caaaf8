"""The source net as a teacher: what it says of the batches that the net in training sees."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from deepvis.model.model import Model
from finetune.training.prepared import Batch
from torchcaffe.network import Network


class Teacher:
    """The source net in the TEST phase, run once for every batch, whoever asks.

    Parameters
    ----------
    model : the source net.
    keeps : blobs that are asked for.
    """

    def __init__(self, model: Model, keeps: Sequence[str]) -> None:
        self._model, self._keeps = model, tuple(keeps)
        self._network: Network | None = None
        self._batch: Batch | None = None
        self._values: dict[str, Tensor] = {}

    def start(self, network: Network) -> None:
        """Be on the device of the net in training."""
        if self._network is None or self._network.device != network.device:
            self._network = self._model.network(network.device)

    @torch.no_grad()
    def values(self, batch: Batch) -> dict[str, Tensor]:
        """Give the blobs for a batch; `start` comes first."""
        assert self._network is not None
        if batch is not self._batch:
            graph = self._network.graph
            found = self._network.run({graph.inputs[0]: batch.blob}, keep=self._keeps)
            self._batch, self._values = batch, {blob: found[graph.value(blob)] for blob in self._keeps}
        return self._values
