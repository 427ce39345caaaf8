"""Both tasks at once: what is possible when the old images are still there."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional as F

from finetune.methods.parts.grids import BASE_LR
from finetune.methods.parts.images import OldBatches
from finetune.methods.parts.start import HeadName, start
from finetune.methods.registry import method
from finetune.training.net import image_input
from finetune.training.prepared import Batch, Kept, NoTerm, Prepared, Setting
from prototxt.net.graph import Value
from torchcaffe.network import Network


@method("joint", "joint training", "Li & Hoiem (TPAMI 2018), section 3", BASE_LR, plain=False, weight=1.0, head="fc7")
def prepare_joint(setting: Setting, weight: float, head: HeadName) -> Prepared:
    """Train all layers and both heads on images of both tasks: the upper bound.

    ``loss = new + weight · old``, old being the cross-entropy of the old head on as many old images as new ones. The
    training starts with the source net. It needs the old images, and takes twice the time.

    Parameters
    ----------
    weight : of the old task's loss.
    """
    begun = start(setting, head)
    term = OldTask(OldBatches(setting), begun.extended.old_output, weight)
    return begun.prepared(dict.fromkeys([*begun.trunk.shared, begun.trunk.classifier], 1.0), terms=[term])


class OldTask(NoTerm):
    """Adds ``weight`` times the old head's cross-entropy on a batch of old images.

    Parameters
    ----------
    batches : of the old task.
    output : blob of the old head's scores.
    weight : of the loss.
    """

    def __init__(self, batches: OldBatches, output: str, weight: float) -> None:
        self.batches, self.output, self.weight = batches, output, weight
        self._iteration = 0
        self._image: Value | None = None

    def start(self, network: Network) -> None:
        """Find where images go in."""
        self._image = image_input(network.net)

    def loss(self, network: Network, batch: Batch, values: Mapping[Kept, Tensor]) -> Tensor | None:
        """Show the net the next batch of old images."""
        old = self.batches.at(self._iteration)
        self._iteration += 1
        assert self._image is not None  # start comes first
        (scores,) = network.run({self._image: old.blob}, keep=[self.output]).values()
        return self.weight * F.cross_entropy(scores, old.labels.to(scores.device))

    def state(self) -> Mapping[str, Tensor]:
        """Give how many batches were shown."""
        return {"iteration": torch.tensor(self._iteration)}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Go on behind these."""
        self._iteration = int(state["iteration"])
