"""Gradients of a Caffe net, computed by torchcaffe and by real Caffe."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from converters.engines.real_caffe import run_python
from converters.gradients.reference import Key
from prototxt.formats.schema import NetParameter
from prototxt.formats.text import write_message
from prototxt.formats.weights import Weights, write_weights
from torchcaffe.network import Network

DRIVER = Path(__file__).with_name("caffe_driver.py")


@dataclass(frozen=True, eq=False)
class GradientJob:
    """A net whose gradients are wanted.

    Parameters
    ----------
    net : that ends with ``blob``.
    weights : of it.
    feed : arrays by input.
    blob : whose sum, weighted with ``loss_weights``, is the loss.
    wanted : what the gradients are of.
    """

    net: NetParameter
    weights: Weights
    feed: Mapping[str, np.ndarray]
    blob: str
    loss_weights: np.ndarray
    wanted: tuple[Key, ...]


def torchcaffe_gradients(job: GradientJob) -> dict[Key, np.ndarray]:
    """Those of torchcaffe, flattened."""
    network = Network(job.net, weights=job.weights, seed=0)
    for parameters in network.params.values():
        for parameter in parameters:
            parameter.requires_grad_(True)
    given: dict[Any, torch.Tensor] = {
        name: torch.from_numpy(array).requires_grad_(True) for name, array in job.feed.items()
    }
    value = network.graph.value(job.blob)
    result = network.run(given, keep=[value])[value]
    (result * torch.from_numpy(job.loss_weights).reshape(result.shape)).sum().backward()
    found = {key: given[key[0]].grad if key[1] < 0 else network.params[key[0]][key[1]].grad for key in job.wanted}
    return {key: gradient.numpy().ravel() for key, gradient in found.items() if gradient is not None}


def caffe_gradients(job: GradientJob) -> dict[Key, np.ndarray]:
    """Those of real Caffe, flattened."""
    with tempfile.TemporaryDirectory(prefix="gradients-") as name:
        folder = Path(name)
        net = NetParameter()
        net.CopyFrom(job.net)
        net.force_backward = True
        for layer in net.layer:  # Caffe computes no gradient of what does not learn
            for spec in layer.param:
                if layer.type != "BatchNorm":
                    spec.ClearField("lr_mult")
        write_message(folder / "net.prototxt", net)
        write_weights(folder / "net.caffemodel", net, job.weights)
        np.savez(folder / "inputs.npz", **job.feed)  # type: ignore[arg-type]
        np.save(folder / "loss_weights.npy", job.loss_weights)
        request = {"blob": job.blob, "wanted": [list(key) for key in job.wanted]}
        (folder / "job.json").write_text(json.dumps(request))
        run_python([DRIVER, folder])
        with np.load(folder / "gradients.npz") as gradients:
            return {key: gradients[str(number)].ravel() for number, key in enumerate(job.wanted)}


GRADIENTS: dict[str, Callable[[GradientJob], dict[Key, np.ndarray]]] = {
    "torchcaffe": torchcaffe_gradients,
    "caffe": caffe_gradients,
}
"""What computes gradients, by name in `converters.engines.ENGINES`."""
