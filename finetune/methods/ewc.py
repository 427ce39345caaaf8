"""Elastic weight consolidation: weights are held by how much the old task's likelihood depends on them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, get_args

import torch
from torch import Tensor
from torch.nn import functional as F

from finetune.errors import ExperimentError
from finetune.methods.parts.anchor import Anchor
from finetune.methods.parts.grids import BASE_LRS
from finetune.methods.parts.images import some_old_images
from finetune.methods.parts.importance import Importance, average_gradients
from finetune.methods.parts.start import HeadName, start
from finetune.methods.registry import method
from finetune.training.prepared import Batch, Prepared, Setting
from torchcaffe.network import Network

LabelsName = Literal["sampled", "true"]


@method(
    "ewc",
    "EWC",
    "Kirkpatrick et al. (PNAS 2017), Eq. 3",
    {"strength": (1.0, 10.0, 100.0, 300.0), "base_lr": BASE_LRS},
    plain=False,
    strength=100.0,
    images=500,
    labels="sampled",
    head="fc7",
)
def prepare_ewc(setting: Setting, strength: float, images: int, labels: LabelsName, head: HeadName) -> Prepared:
    """Train all layers, with a penalty on moving weights that the old task's likelihood depends on.

    ``loss = new + strength / 2 · Σ F (θ - θ*)²``, F being the diagonal of the Fisher information at the source net's
    weights θ*: the mean over images of the squared gradient of ``log p(y | image)``.

    Parameters
    ----------
    strength : λ of the paper; what it means depends on the scale of F.
    images : training images of the old task that F is measured on.
    labels : ``sampled``: y is drawn from the source net's own probabilities, as the Fisher information is defined;
        ``true``: y is the image's label (the "empirical Fisher").
    """
    if labels not in get_args(LabelsName):
        raise ExperimentError(f"ewc: labels cannot be {labels!r}; use one of {', '.join(get_args(LabelsName))}")
    begun = start(setting, head)
    shared, output = begun.trunk.shared, begun.extended.old_output

    def importance(network: Network) -> Importance:
        old = setting.model.network(network.device).requires_grad_(True)
        return fisher_diagonal(old, output, some_old_images(setting, images), labels, setting.seed)

    return begun.prepared(dict.fromkeys(shared, 1.0), terms=[Anchor(strength / 2, shared, importance)])


def fisher_diagonal(
    network: Network, output: str, images: Iterable[Batch], labels: LabelsName = "sampled", seed: int = 0
) -> Importance:
    """Measure the diagonal of the Fisher information of a net's weights.

    Parameters
    ----------
    network : in the TEST phase; its parameters take gradients.
    output : blob of the class scores.
    images : of the task that the net was trained for.
    labels : as in `prepare_ewc`.
    seed : of drawn labels.

    Returns
    -------
    The mean over images of the squared gradient of the log-likelihood of one label.
    """
    generator = torch.Generator().manual_seed(seed)

    def log_likelihood(scores: Tensor, label: Tensor) -> Tensor:
        if labels == "sampled":
            drawn = torch.multinomial(scores.detach().softmax(1).cpu(), 1, generator=generator)
            label = drawn.flatten().to(scores.device)
        return -F.cross_entropy(scores, label)

    return average_gradients(network, output, images, log_likelihood, torch.square)
