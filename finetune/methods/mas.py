"""Memory aware synapses: weights are held by how much the old scores depend on them; no labels are needed."""

from __future__ import annotations

from collections.abc import Iterable

import torch

from finetune.methods.parts.anchor import Anchor
from finetune.methods.parts.grids import BASE_LRS
from finetune.methods.parts.images import some_old_images
from finetune.methods.parts.importance import Importance, average_gradients
from finetune.methods.parts.start import HeadName, start
from finetune.methods.registry import method
from finetune.training.prepared import Batch, Prepared, Setting
from torchcaffe.network import Network


@method(
    "mas",
    "MAS",
    "Aljundi et al. (ECCV 2018), Eq. 2–4",
    {"strength": (0.01, 0.1, 1.0, 5.0), "base_lr": BASE_LRS},
    plain=False,
    strength=1.0,
    images=500,
    head="fc7",
)
def prepare_mas(setting: Setting, strength: float, images: int, head: HeadName) -> Prepared:
    """Train all layers, with a penalty on moving weights that the old class scores depend on.

    ``loss = new + strength · Σ Ω (θ - θ*)²``, Ω being the mean over images of the absolute gradient of the squared
    length of the old head's scores (before softmax), at the source net's weights θ*. This is the global variant.

    Parameters
    ----------
    strength : λ of the paper; what it means depends on the scale of Ω.
    images : that Ω is measured on, training images of the old task; their labels are not used.
    """
    begun = start(setting, head)
    shared, output = begun.trunk.shared, begun.extended.old_output

    def importance(network: Network) -> Importance:
        old = setting.model.network(network.device).requires_grad_(True)
        return output_sensitivity(old, output, some_old_images(setting, images))

    return begun.prepared(dict.fromkeys(shared, 1.0), terms=[Anchor(strength, shared, importance)])


def output_sensitivity(network: Network, output: str, images: Iterable[Batch]) -> Importance:
    """Measure how much each weight changes the scores.

    Parameters
    ----------
    network : in the TEST phase; its parameters take gradients.
    output : blob of the class scores.
    images : of the task that the net was trained for.

    Returns
    -------
    The mean over images of the absolute gradient of the sum of squared scores.
    """
    return average_gradients(network, output, images, lambda scores, label: scores.square().sum(), torch.abs)
