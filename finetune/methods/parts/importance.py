"""How much each weight matters to the old task: gradients of single images, averaged."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch import Tensor

from finetune.errors import ExperimentError
from finetune.training.prepared import Batch
from torchcaffe.network import Network

Importance = dict[str, list[Tensor]]
"""Layer to a tensor, at least 0, of the shape of each of its blobs."""

Objective = Callable[[Tensor, Tensor], Tensor]
"""(1, classes) scores and (1,) label of one image to a scalar."""


def average_gradients(
    network: Network,
    output: str,
    images: Iterable[Batch],
    objective: Objective,
    size: Callable[[Tensor], Tensor],
) -> Importance:
    """Average the size of an objective's gradient over images, each image by itself.

    The size (a square, an absolute value) is taken before the mean, so the gradient of a batch's mean will not do.

    Parameters
    ----------
    network : in the TEST phase, so that no Dropout makes the gradient random; its parameters take gradients.
    output : blob of the class scores, (N, classes).
    images : of the old task.
    objective : what is differentiated.
    size : of a gradient, elementwise: ``torch.square`` or ``torch.abs``.

    Returns
    -------
    Every layer that ``output`` depends on, on the network's device; all at least 0.

    Raises
    ------
    ExperimentError : there is no image.
    """
    learnable = _learnable(network, output)
    parameters = [parameter for blobs in learnable.values() for parameter in blobs]
    sums = [torch.zeros_like(parameter) for parameter in parameters]
    count, (source,) = 0, network.graph.inputs
    for batch in images:
        for blob, label in zip(batch.blob.split(1), batch.labels.split(1), strict=True):
            (scores,) = network.run({source: blob}, keep=[output]).values()
            value = objective(scores, label.to(network.device))
            gradients = torch.autograd.grad(value, parameters, allow_unused=True)
            for total, gradient in zip(sums, gradients, strict=True):
                if gradient is not None:
                    total += size(gradient)
            count += 1
    if not count:
        raise ExperimentError("the source task has no training image, so nothing tells which weights matter to it")
    means = iter([total / count for total in sums])
    return {name: [next(means) for _ in blobs] for name, blobs in learnable.items()}


def _learnable(network: Network, output: str) -> dict[str, list[torch.nn.Parameter]]:
    """The parameters of the layers that a blob depends on."""
    needed = {node.name for node in network.graph.ancestors([network.graph.value(output)])}
    return {name: blobs for name, blobs in network.params.items() if name in needed}
