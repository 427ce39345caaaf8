"""What a net says of images in the middle."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from finetune.training.prepared import Batch
from torchcaffe.network import Network


@torch.no_grad()
def features_of(network: Network, blob: str, images: Iterable[Batch]) -> tuple[Tensor, Tensor]:
    """Give a blob, (N, …), and the label of every image, (N,)."""
    value, (source,) = network.graph.value(blob), network.graph.inputs
    found, labels = [], []
    for batch in images:
        found.append(network.run({source: batch.blob}, keep=[value])[value])
        labels.append(batch.labels.to(network.device))
    return torch.cat(found), torch.cat(labels)
