"""Neuron-level plasticity control: the more a unit matters, the slower its incoming weights learn."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from finetune.methods.parts.grids import BASE_LRS
from finetune.methods.parts.images import some_old_images
from finetune.methods.parts.start import HeadName, start
from finetune.methods.registry import method
from finetune.training.averaging import over_processes
from finetune.training.prepared import Batch, Kept, NoTerm, Prepared, Setting
from torchcaffe.network import Network
from torchcaffe.unit_rates import blob_rate


@method(
    "npc",
    "NPC",
    "Paik et al. (AAAI 2020)",
    {"ceiling": (0.5, 0.75, 1.0, 1.5), "base_lr": BASE_LRS},
    plain=False,
    ceiling=1.0,
    slope=0.5,
    forget=0.001,
    images=500,
    head="fc7",
)
def prepare_npc(setting: Setting, ceiling: float, slope: float, forget: float, images: int, head: HeadName) -> Prepared:
    """Train every unit at a rate that falls with its Taylor importance, which is followed while training.

    ``rate = min(1, slope · sqrt(max(ceiling / C - 1, 0)))``: a unit whose importance C reaches the ceiling is frozen.
    C is ``|Σ activation · gradient|`` of a unit over its map, mean over images, divided by the root mean square of its
    layer; it starts with the old task's loss on old images (where the paper has its moving average from the old
    training) and then moves with the new task's batches: ``C ← (1 - forget) C + forget · C(batch)``.

    The form of the rate and the moving average are the paper's; its constants belong to other nets, so ``ceiling`` is
    chosen by validation.

    Parameters
    ----------
    ceiling : importance from which on a unit is frozen; the root mean square of a layer is 1.
    slope : how fast the rate rises below it, above 0.
    forget : weight of a batch in the moving average, in [0, 1]; 0 keeps the old task's importance.
    images : training images of the old task that C starts with.
    """
    begun = start(setting, head)
    units = (*begun.trunk.convolutions, *begun.trunk.hidden)
    blobs = {name: setting.model.graph.unit_value(name).blob for name in units}
    output = begun.extended.old_output

    def importance(network: Network) -> dict[str, Tensor]:
        old = setting.model.network(network.device).requires_grad_(True)
        return taylor_importance(old, output, blobs, some_old_images(setting, images))

    term = Plasticity(importance, blobs, begun.trunk.companions, ceiling, slope, forget)
    return begun.prepared(dict.fromkeys(begun.trunk.shared, 1.0), terms=[term])


def rate_of(importance: Tensor, ceiling: float, slope: float) -> Tensor:
    """Balance stability and plasticity of units.

    Parameters
    ----------
    importance : (units,) at least 0.
    ceiling, slope : as in `prepare_npc`.

    Returns
    -------
    (units,) in [0, 1]; 1 for a unit without importance.
    """
    return (slope * (ceiling / importance - 1).clamp_min(0).sqrt()).clamp_max(1)


def unit_importance(activation: Tensor, gradient: Tensor) -> Tensor:
    """Taylor importance of a layer's units for a batch, relative to the layer.

    Parameters
    ----------
    activation, gradient : (N, units, …) of the units, and of the sum of the images' losses for them.

    Returns
    -------
    (units,): ``|Σ activation · gradient|`` over the map, mean over images, divided by the root mean square over the
    units; 0 everywhere where no unit matters.
    """
    change = (activation * gradient).flatten(2).sum(2) if activation.dim() > 2 else activation * gradient
    matters = change.abs().mean(0)
    scale = matters.square().mean().sqrt()
    return matters / scale if scale > 0 else matters


def taylor_importance(
    network: Network, output: str, blobs: Mapping[str, str], images: Iterable[Batch]
) -> dict[str, Tensor]:
    """Measure `unit_importance` of a net's units for the task that it was trained for, mean over batches.

    Parameters
    ----------
    network : in the TEST phase.
    output : blob of the class scores.
    blobs : layer to the blob of its units.
    images : of the task.
    """
    sums: dict[str, Tensor] = {}
    count, (source,) = 0, network.graph.inputs
    for batch in images:
        values = network.run({source: batch.blob}, keep=[output, *blobs.values()])
        scores = values[network.graph.value(output)]
        units = [values[network.graph.value(blob)] for blob in blobs.values()]
        loss = F.cross_entropy(scores, batch.labels.to(scores.device), reduction="sum")
        for name, activation, gradient in zip(blobs, units, torch.autograd.grad(loss, units), strict=True):
            found = unit_importance(activation.detach(), gradient)
            sums[name] = sums.get(name, torch.zeros_like(found)) + len(batch.labels) * found
        count += len(batch.labels)
    return {name: total / count for name, total in sums.items()}


class Plasticity(NoTerm):
    """Scales every unit's update by its rate.

    The update is scaled, not the gradient, so that neither decay nor momentum moves a frozen unit: its weights keep
    their bits.

    Parameters
    ----------
    importance : gives the importance of every layer's units when training starts.
    blobs : layer to the blob of its units.
    companions : layer to the layers that learn something for each of its units.
    ceiling, slope, forget : as in `prepare_npc`.
    """

    def __init__(
        self,
        importance: Callable[[Network], dict[str, Tensor]],
        blobs: Mapping[str, str],
        companions: Mapping[str, Sequence[str]],
        ceiling: float,
        slope: float,
        forget: float,
    ) -> None:
        self.keeps = tuple(blobs.values())
        self.blobs, self.companions = dict(blobs), companions
        self.ceiling, self.slope, self.forget = ceiling, slope, forget
        self.importance: dict[str, Tensor] = {}
        self._measure = importance
        self._units: dict[str, Tensor] = {}
        self._before: list[tuple[Tensor, Tensor, Tensor]] = []

    def start(self, network: Network) -> None:
        """Measure the importance for the old task."""
        self.importance = self._measure(network)

    def loss(self, network: Network, batch: Batch, values: Mapping[Kept, Tensor]) -> Tensor | None:
        """Ask for the gradient of the units; nothing is added."""
        self._units = {name: values[blob] for name, blob in self.blobs.items() if values[blob].requires_grad}
        for value in self._units.values():
            value.retain_grad()
        return None

    @torch.no_grad()
    def before_update(self, network: Network) -> None:
        """Follow the importance, and remember the weights."""
        for name, value in self._units.items():
            if value.grad is not None:
                self.importance[name].lerp_(over_processes(unit_importance(value, value.grad)), self.forget)
        self._units = {}
        self._before = []
        for name, importance in self.importance.items():
            rate = rate_of(importance, self.ceiling, self.slope).cpu().numpy()
            for layer in (name, *self.companions.get(name, ())):
                for index, parameter in enumerate(network.params[layer]):
                    spread = blob_rate(network.layer(layer), index, rate).to(parameter)
                    self._before.append((parameter, parameter.clone(), spread))

    @torch.no_grad()
    def after_update(self, network: Network) -> None:
        """Take back what is more than the rates allow."""
        for parameter, before, rate in self._before:
            scaled = before + rate * (parameter - before)
            parameter.copy_(torch.where(rate == 0, before, torch.where(rate == 1, parameter, scaled)))
        self._before = []

    def state(self) -> Mapping[str, Tensor]:
        """Give the importance so far."""
        return self.importance

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Take back the importance."""
        self.importance = {name: state[name].to(value) for name, value in self.importance.items()}
