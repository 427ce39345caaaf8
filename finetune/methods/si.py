"""Synaptic intelligence: weights are held by how much their way lowered the old task's loss."""

from __future__ import annotations

import torch
from torch import Tensor

from finetune.methods.parts.anchor import Anchor
from finetune.methods.parts.grids import BASE_LRS
from finetune.methods.parts.importance import Importance
from finetune.methods.parts.retraining import training_on_old_task
from finetune.methods.parts.start import HeadName, old_net, start
from finetune.methods.registry import Preparing, method
from finetune.training.prepared import NoTerm, Setting
from torchcaffe.network import Network


@method(
    "si",
    "SI",
    "Zenke, Poole & Ganguli (ICML 2017), Eq. 3–5; path from a continuation",
    {"strength": (0.1, 1.0, 5.0, 20.0), "base_lr": BASE_LRS},
    plain=False,
    strength=1.0,
    damping=0.001,
    iterations=100,
    old_lr=0.002,
    head="fc7",
)
def prepare_si(
    setting: Setting, strength: float, damping: float, iterations: int, old_lr: float, head: HeadName
) -> Preparing:
    """Train all layers, with a penalty on moving weights whose way lowered the old task's loss.

    ``loss = new + strength · Σ Ω (θ - θ*)²`` with ``Ω = max(ω, 0) / (Δ² + damping)``, ω being the path integral
    ``-Σ gradient · step`` of the old task's loss and Δ the whole way of a weight.

    The paper follows the training of the old task. Of a net that is given trained there is no such path, so the source
    net goes on learning the old task for some iterations, which gives ω and Δ; then its weights are put back, and θ*
    are those that were given. So near an optimum the way is short and the loss hardly falls: Ω is mostly
    ``rate · Σ gradient² / damping``, close to a Fisher information of batches (Benzing 2022 shows how much of SI is
    that anyway). Compare it with EWC, not with the paper's numbers.

    Parameters
    ----------
    strength : c of the paper.
    damping : ξ of the paper.
    iterations, old_lr : of the continuation on the old task.
    """
    begun = start(setting, head)
    old = old_net(setting)
    shared, output = begun.trunk.shared, begun.extended.old_output
    path = PathIntegral(shared)
    rates = dict.fromkeys([*shared, begun.trunk.classifier], 1.0)
    yield from training_on_old_task(setting, old.net, old.weights, output, rates, iterations, old_lr, [path])
    found = path.importance(damping)

    def importance(network: Network) -> Importance:
        return {name: [blob.to(network.device) for blob in blobs] for name, blobs in found.items()}

    return begun.prepared(dict.fromkeys(shared, 1.0), terms=[Anchor(strength, shared, importance)])


class PathIntegral(NoTerm):
    """Follows how much each weight's steps lower the loss (Eq. 3): ``ω ← ω - gradient · step``.

    The gradient is the loss's alone; the step is what momentum, decay and rate made of it.

    Parameters
    ----------
    layers : whose weights are followed.
    """

    def __init__(self, layers: tuple[str, ...]) -> None:
        self.layers = layers
        self._integral: Importance = {}
        self._first: Importance = {}
        self._last: Importance = {}
        self._before: list[tuple[Tensor, Tensor, Tensor, Tensor]] = []

    @torch.no_grad()
    def start(self, network: Network) -> None:
        """Remember where the path begins."""
        self._first = self._weights(network)
        self._last = self._weights(network)
        self._integral = {name: [torch.zeros_like(blob) for blob in blobs] for name, blobs in self._first.items()}

    @torch.no_grad()
    def before_update(self, network: Network) -> None:
        """Remember weights and gradients."""
        self._before = [
            (integral, parameter, parameter.clone(), parameter.grad.clone())
            for name in self.layers
            for integral, parameter in zip(self._integral[name], network.params[name], strict=True)
            if parameter.grad is not None
        ]

    @torch.no_grad()
    def after_update(self, network: Network) -> None:
        """Add what the step changed."""
        for integral, parameter, before, gradient in self._before:
            integral -= gradient * (parameter - before)
        self._before = []
        self._last = self._weights(network)

    def importance(self, damping: float) -> Importance:
        """Give Ω (Eq. 5) of the path so far; negative integrals count as 0."""
        return {
            name: [
                integral.clamp_min(0) / ((last - first).square() + damping)
                for integral, first, last in zip(integrals, self._first[name], self._last[name], strict=True)
            ]
            for name, integrals in self._integral.items()
        }

    def _weights(self, network: Network) -> Importance:
        return {name: [blob.detach().clone() for blob in network.params[name]] for name in self.layers}
