"""PackNet: weights that the old task can do without are freed for the new one; the others keep their bits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from entropy.surgery.own_layers import add_own_layers
from finetune.errors import ExperimentError
from finetune.methods.parts.grids import BASE_LRS
from finetune.methods.parts.retraining import training_on_old_task
from finetune.methods.parts.start import HeadName, blobs_of_head, old_net, prepare, task_head, trunk_of
from finetune.methods.registry import Preparing, method
from finetune.training.prepared import NoTerm, Setting
from prototxt.formats.weights import Weights
from torchcaffe.network import Network

Kept = Mapping[str, np.ndarray]
"""Layer to a mask of its weights: which the old task keeps."""


@method(
    "packnet",
    "PackNet",
    "Mallya & Lazebnik (CVPR 2018), section 3",
    {"share": (0.5, 0.6, 0.75, 0.9), "base_lr": BASE_LRS},
    plain=False,
    share=0.75,
    iterations=200,
    old_lr=0.002,
    head="fc7",
)
def prepare_packnet(setting: Setting, share: float, iterations: int, old_lr: float, head: HeadName) -> Preparing:
    """Free the smallest weights of every layer, mend the old task without them, and let the new task use them.

    The old task then runs on the weights that it kept, the new one on those and on the freed ones, which start at 0 and
    alone learn; biases stay. The two are two copies of the layers in one net, where PackNet itself stores one copy and
    a mask of a bit per weight. What the old task loses it loses by pruning; while the new one is learnt, none of its
    weights changes a bit.

    Parameters
    ----------
    share : of the weights of every layer (not of the classifier) that is freed, in (0, 1); 0.5 and 0.75 in the paper.
    iterations, old_lr : of mending on old images, at a fixed rate.

    Raises
    ------
    ExperimentError : another share.
    """
    if not 0 < share < 1:
        raise ExperimentError(f"packnet: the share of freed weights must lie between 0 and 1; got {share:g}")
    old = old_net(setting)
    trunk, output = trunk_of(old), old.outputs[0]
    units = (*trunk.convolutions, *trunk.hidden)
    kept = {name: largest(old.weights[name][0], 1 - share) for name in units}
    pruned = with_zeros(old.weights, kept)
    rates = dict.fromkeys([*trunk.shared, trunk.classifier], 1.0)
    terms = [StillZero(kept)]
    mended = yield from training_on_old_task(setting, old.net, pruned, output, rates, iterations, old_lr, terms)
    new = task_head(setting, blobs_of_head(old, head))
    made = add_own_layers(old.net, mended, units, new, suffix=setting.suffix, seed=setting.seed)
    copies = {copy: kept[name] for copy, name in made.copied_from.items() if name in kept}
    freed = sum(int((~mask).sum()) for mask in kept.values())
    notes = [f"{freed} weights, {share:.0%} of every layer, freed; old task mended for {iterations} iterations"]
    return prepare(made, notes=notes, terms=[KeptWeights(copies)])


def largest(weights: np.ndarray, share: float) -> np.ndarray:
    """Mark the share of a layer's weights with the largest magnitude; of equal ones the first."""
    order = np.argsort(-np.abs(weights).ravel(), kind="stable")
    kept = np.zeros(weights.size, bool)
    kept[order[: round(share * weights.size)]] = True
    return kept.reshape(weights.shape)


def with_zeros(weights: Weights, kept: Kept) -> Weights:
    """Set the weights of layers that are not kept to 0."""
    return {
        name: [np.where(kept[name], blobs[0], 0).astype(np.float32), *blobs[1:]] if name in kept else blobs
        for name, blobs in weights.items()
    }


class _Held(NoTerm):
    """Puts some numbers of parameters back after every update."""

    def __init__(self) -> None:
        self._held: list[tuple[torch.nn.Parameter, Tensor, Tensor]] = []

    def hold(self, held: Sequence[tuple[torch.nn.Parameter, np.ndarray]]) -> None:
        """Hold the marked numbers of parameters where they are now."""
        masks = [(parameter, torch.from_numpy(mask).to(parameter.device)) for parameter, mask in held]
        self._held = [(parameter, mask, parameter.detach()[mask].clone()) for parameter, mask in masks]

    @torch.no_grad()
    def before_update(self, network: Network) -> None:
        """Take their gradients away."""
        for parameter, mask, _ in self._held:
            if parameter.grad is not None:
                parameter.grad[mask] = 0

    @torch.no_grad()
    def after_update(self, network: Network) -> None:
        """Put them back: decay moves what has no gradient."""
        for parameter, mask, values in self._held:
            parameter[mask] = values


class StillZero(_Held):
    """Keeps freed weights at 0 while the old task is mended."""

    def __init__(self, kept: Kept) -> None:
        super().__init__()
        self.kept = kept

    def start(self, network: Network) -> None:
        """Hold what is not kept."""
        self.hold([(network.params[name][0], ~mask) for name, mask in self.kept.items()])


class KeptWeights(_Held):
    """Keeps the old task's weights in the new task's copies of the layers, and all their biases.

    Parameters
    ----------
    kept : copied layer to the mask of its weights that are the old task's.
    """

    def __init__(self, kept: Kept) -> None:
        super().__init__()
        self.kept = kept

    def start(self, network: Network) -> None:
        """Hold what is kept."""
        held = [(network.params[name][0], mask) for name, mask in self.kept.items()]
        biases = [blob for name in self.kept for blob in network.params[name][1:]]
        self.hold([*held, *((blob, np.ones(tuple(blob.shape), bool)) for blob in biases)])
