"""The outputs of a net as Caffe's log shows them: one line for every number."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from torch import Tensor

from prototxt.net.graph import Value
from torchcaffe.network import Network


class Score(NamedTuple):
    """One number of an output blob, and the weight with which the blob counts for the loss (0: not at all)."""

    name: str
    number: float
    loss_weight: float

    def __str__(self) -> str:
        weighted = f" (* {self.loss_weight:g} = {self.loss_weight * self.number:g} loss)" if self.loss_weight else ""
        return f"{self.name} = {self.number:g}{weighted}"


def output_values(network: Network) -> list[Value]:
    """Outputs in the order of their names, as ``Net::output_blobs`` has them."""
    return sorted(network.graph.outputs, key=lambda value: value.blob)


def scores(network: Network, values: dict[Value, Tensor]) -> list[Score]:
    """All numbers of all outputs of a pass (`Network.run` with ``keep=None``)."""
    return [
        Score(value.blob, number, network.loss_weights.get(value, 0.0))
        for value in output_values(network)
        for number in values[value].detach().flatten().tolist()
    ]


@dataclass
class MeanScores:
    """Means of scores over batches.

    Attributes
    ----------
    batches : how many were added.
    loss : mean of the batches' losses.
    """

    batches: int = 0
    loss: float = 0.0
    _sums: list[Score] = field(default_factory=list)

    def add(self, loss: float, batch: list[Score]) -> None:
        """Add the loss and the scores of one batch."""
        self.loss += (loss - self.loss) / (self.batches + 1)
        self.batches += 1
        if not self._sums:
            self._sums = batch
            return
        self._sums = [
            total._replace(number=total.number + score.number) for total, score in zip(self._sums, batch, strict=True)
        ]

    def means(self) -> list[Score]:
        """The scores, each the mean over the batches."""
        return [total._replace(number=total.number / self.batches) for total in self._sums]
