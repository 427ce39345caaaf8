"""Our own engine: Caffe's layers on PyTorch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch

from converters.engines.engine import Engine, Job, Top, by_name
from converters.engines.registry import engine
from prototxt.formats.text import read_net
from prototxt.formats.weights import read_weights
from torchcaffe.network import Network


@engine("torchcaffe")
class TorchCaffe(Engine):
    """`torchcaffe.network.Network`."""

    bar = 1e-5

    def version(self) -> str:
        """Name and version of torch, which it runs on."""
        return f"torchcaffe on torch {torch.__version__}"

    @torch.inference_mode()
    def run(self, jobs: Sequence[Job]) -> Iterator[dict[Top, np.ndarray]]:
        """See `Engine.run`."""
        for job in jobs:
            net = read_net(job.prototxt)
            network = Network(net, weights=read_weights(job.caffemodel, net), seed=0)
            values = {top: network.graph.node(top[0]).tops[top[1]] for top in job.wanted}
            for feed in job.inputs:
                results = network.run(by_name(feed, network.graph.inputs), keep=values.values())
                yield {top: results[value].numpy() for top, value in values.items()}
