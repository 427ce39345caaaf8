"""How the tests hold a conversion against its model: in torchcaffe each by itself, in real Caffe all in one process."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import nn

from converters import Conversion, verify
from converters.engines import ENGINES, Job
from converters.example_inputs import example_feeds, in_batches
from converters.reference import captured_graph, reference_values
from converters.signature import tensors
from converters.verdict import difference
from converters.verification import write_files
from prototxt.common.real_caffe import need_caffe, run_caffe
from prototxt.formats.text import write_message
from torchcaffe.network import Network
from torchcaffe.pycaffe.net import Net

GRADIENT_BAR = 1e-4
"""Largest relative difference of gradients; the reference is float64."""


def assert_parity(model: nn.Module, conversion: Conversion) -> None:
    """Every layer must be within torchcaffe's bar; the allowance for ill-conditioned nets is not used."""
    (verification,) = verify(conversion, model, ["torchcaffe"], example_feeds(captured_graph(conversion))[:2])
    assert verification.layers
    assert not verification.note
    for check in verification.layers:
        assert check.difference.relative <= 1e-5, check


def assert_parity_in(engine: str, conversions: Mapping[str, Conversion], folder: Path) -> None:
    """Run many conversions in one go; every layer must be within the engine's bar of PyTorch."""
    jobs, expected = [], []
    for number, conversion in enumerate(conversions.values()):
        files = write_files(conversion, folder, f"net{number}")
        feed = first_feed(conversion)
        tops = tuple((reference.layer, reference.top) for reference in conversion.references)
        jobs.append(Job(files.prototxt, files.caffemodel, (feed,), tops))
        expected.append(reference_values(conversion, feed))
    results = list(ENGINES[engine].run(jobs))
    assert len(results) == len(conversions)
    for name, result, reference in zip(conversions, results, expected, strict=True):
        assert result, name
        for top, array in result.items():
            found = difference(np.reshape(array, reference[top].shape), reference[top])
            assert found.relative <= ENGINES[engine].bar, (name, top, found)


def first_feed(conversion: Conversion) -> dict[str, np.ndarray]:
    """One run's input, of the shapes that the graph was captured with."""
    captured = captured_graph(conversion)
    return in_batches(captured, example_feeds(captured)[:2])[0]


def true_gradient(model: nn.Module, conversion: Conversion) -> np.ndarray:
    """Gradient of the model's first output, weighted by `weights_like`, for the first input, by autograd in float64."""
    given = [torch.from_numpy(array).double() for array in first_feed(conversion).values()]
    given[0].requires_grad_()
    result = tensors(copy.deepcopy(model).double().eval()(*given))[0]
    weights = torch.from_numpy(weights_like(tuple(result.shape))).double()
    (gradient,) = torch.autograd.grad(result, given[0], weights)
    return gradient.numpy()


def weights_like(shape: Sequence[int]) -> np.ndarray:
    """Weights of an output's values, between 0.5 and 1.5."""
    return np.random.default_rng(0).uniform(0.5, 1.5, shape).astype(np.float32)


def gradients_in_torchcaffe(conversion: Conversion, outputs: Sequence[str]) -> list[np.ndarray]:
    """Gradients of outputs for the first input, each by itself."""
    message = copy.deepcopy(conversion.net)
    message.force_backward = True
    net = Net(Network(message, weights=conversion.weights))
    feed = first_feed(conversion)
    for name, array in feed.items():
        net.blobs[name].reshape(*array.shape)
        net.blobs[name].data[...] = array
    net.forward()
    gradients = []
    for output in outputs:
        for blob in net.outputs:
            net.blobs[blob].diff[...] = 0
        net.blobs[output].diff[...] = weights_like(net.blobs[output].data.shape)
        net.backward()
        gradients.append(np.array(net.blobs[next(iter(feed))].diff))
    return gradients


def gradients_in_caffe(jobs: Sequence[tuple[Conversion, Sequence[str]]], folder: Path) -> list[list[np.ndarray]]:
    """The same for many conversions, each with its outputs, in one process of real Caffe."""
    requests = []
    for number, (conversion, outputs) in enumerate(jobs):
        stem = folder / f"gradient{number}"
        files = write_files(conversion, folder, stem.name)
        message = copy.deepcopy(conversion.net)
        message.force_backward = True
        write_message(files.prototxt, message)
        feed = first_feed(conversion)
        shapes = {name: value.shape for name, value in _values_of_outputs(conversion, outputs).items()}
        arrays = {f"in_{name}": array for name, array in feed.items()}
        weights = {f"weights_{output}": weights_like(shapes[output]) for output in outputs}
        np.savez(f"{stem}.npz", **arrays, **weights)
        requests.append([str(files.prototxt), str(files.caffemodel), list(outputs), f"{stem}.npz", f"{stem}.out.npz"])
    (folder / "gradients.json").write_text(json.dumps(requests))
    script = Path(__file__).with_name("caffe_gradients.py")
    run_caffe([need_caffe("caffe-python", ""), script, folder / "gradients.json"])
    results = []
    for request in requests:
        with np.load(request[4]) as arrays:
            results.append([arrays[output] for output in request[2]])
    return results


def assert_close(found: np.ndarray, expected: np.ndarray, name: str = "") -> None:
    """Within `GRADIENT_BAR` of the largest value."""
    assert np.abs(expected).max() > 0, name
    distance = difference(np.reshape(found, expected.shape), expected)
    assert distance.relative <= GRADIENT_BAR, (name, distance)


def _values_of_outputs(conversion: Conversion, outputs: Sequence[str]) -> dict[str, np.ndarray]:
    """What PyTorch gives for each of the blobs."""
    captured = captured_graph(conversion)
    nodes = {blob: output.node for output in captured.outputs if (blob := conversion.outputs[output.path])}
    feed = {name: torch.from_numpy(array) for name, array in first_feed(conversion).items()}
    values = captured.run(feed, set(nodes.values()))
    return {blob: values[nodes[blob]].numpy() for blob in outputs}
