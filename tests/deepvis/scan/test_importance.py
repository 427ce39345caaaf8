"""Importance against gates on single units and the gradients of biases, one image at a time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from deepvis.scan.importance import score
from deepvis.scan.reader import Scan
from deepvis.scan.run import scan
from entropy.errors import ScanError
from prototxt.common.progress import with_bar
from prototxt.net.graph import Value


@pytest.fixture
def setup(make_model, make_pictures, tmp_path: Path):
    model, images = make_model(), make_pictures(5)
    images.path(3).write_text("no picture")
    with_bar(scan(model, images, tmp_path / "scan.h5", batch=2, device="cpu", importance=True), quiet=True)
    with Scan(tmp_path / "scan.h5") as opened:
        yield model, images, opened


def squared_output(values) -> torch.Tensor:
    return values[Value("fc8")].square().sum()


@pytest.mark.parametrize("layer", ["conv1", "branch/left", "100% right", "fc", "fc8"])
def test_taylor_is_the_gradient_of_a_gate(layer: str, setup) -> None:
    model, images, opened = setup
    network, wanted = model.network(), model.layer(layer)
    for image in (0, 4):
        blob = torch.from_numpy(model.to_blob(images.read(image)))[None]
        activation = network.run({"data": blob}, keep=[wanted.value])[wanted.value]
        gate = torch.ones(1, wanted.units, *(1 for _ in wanted.map_shape), requires_grad=True)
        given = {wanted.value: activation * gate}
        values = given if layer == "fc8" else network.run({"data": blob, **given}, keep=["fc8"])
        (gradient,) = torch.autograd.grad(squared_output(values), gate)
        positions = max(1, int(np.prod(wanted.map_shape)))
        found = opened.importances(layer)[image]
        np.testing.assert_allclose(found, gradient.flatten().abs() / positions, rtol=1e-5, atol=1e-3)
        assert found.max() > 0


@pytest.mark.parametrize("layer", ["conv1", "branch/left", "fc", "fc8"])
def test_mas_is_the_gradient_of_the_bias(layer: str, setup) -> None:
    model, images, opened = setup
    network = model.network()
    bias = network.params[layer][1].requires_grad_()
    for image in (1, 2):
        blob = torch.from_numpy(model.to_blob(images.read(image)))[None]
        (gradient,) = torch.autograd.grad(squared_output(network.run({"data": blob}, keep=["fc8"])), bias)
        found = opened.importances(layer, "mas")[image]
        np.testing.assert_allclose(found, gradient.abs(), rtol=1e-5, atol=1e-3)
        assert found.max() > 0


def test_means_and_what_the_output_does_not_need(setup) -> None:
    _, _, opened = setup
    for measure in ("taylor", "mas"):
        table = opened.importances("conv1", measure)
        assert np.isnan(table[3]).all()
        np.testing.assert_allclose(opened.importance("conv1", measure), table[[0, 1, 2, 4]].mean(0, dtype=np.float64))
        assert (opened.importance("up", measure) == 0).all()
    with pytest.raises(ScanError, match="by mas or taylor, not by 'fisher'"):
        opened.importance("conv1", "fisher")


def test_everything_else_is_as_without(setup, tmp_path: Path) -> None:
    model, images, opened = setup
    with_bar(scan(model, images, tmp_path / "plain.h5", batch=2, device="cpu"), quiet=True)
    with Scan(tmp_path / "plain.h5") as plain:
        for layer in plain.layers:
            np.testing.assert_array_equal(plain.means(layer), opened.means(layer))
            np.testing.assert_array_equal(plain.top(layer, 1).images, opened.top(layer, 1).images)
            np.testing.assert_array_equal(plain.bottom(layer, 1).positions, opened.bottom(layer, 1).positions)
        with pytest.raises(ScanError, match="scan again with --importance"):
            plain.importance("conv1")


def test_a_softmax_at_the_end_is_left_out(make_model) -> None:
    from dataclasses import replace

    from prototxt.net.build import layer

    model = make_model()
    assert score(model) == Value("fc8")
    net = type(model.net)()
    net.CopyFrom(model.net)
    net.layer.append(layer("Softmax", "prob", ["fc8"], ["prob"]))
    assert score(replace(model, net=net)) == Value("fc8")
