"""Batch normalisation, in use and in training."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from converters import convert
from converters.verification import write_files
from prototxt.formats.weights import read_weights
from tests.converters.models import functions, layers
from tests.converters.ops.any_form import Form, any_form, taught
from tests.converters.ops.contract import Contract
from torchcaffe.network import Network

IMAGE = (2, 4, 7, 9)

CASES = {
    **layers(
        {
            "batch norm 2d": (nn.BatchNorm2d(4), IMAGE),
            "batch norm 1d": (nn.BatchNorm1d(6, eps=1e-3, momentum=0.3), (2, 6)),
            "batch norm 3d": (nn.BatchNorm3d(3), (1, 3, 2, 4, 5)),
            "batch norm, not affine": (nn.BatchNorm2d(4, affine=False), IMAGE),
            "batch norm, cumulative": (nn.BatchNorm2d(4, momentum=None), IMAGE),
            "batch norm, without statistics": (nn.BatchNorm2d(4, track_running_stats=False), IMAGE),
        }
    ),
    **functions(IMAGE, {"batch norm by the batch": lambda x, _: F.batch_norm(x, None, None, training=True)}),
}

contract = Contract("batch_norm", CASES)
test_values, test_gradients = contract.test_values(), contract.test_gradients()
test_real_caffe, test_coverage = contract.test_real_caffe(), contract.test_coverage()

TRAIN = """
import json, sys
import caffe, numpy as np
job = json.load(open(sys.argv[1]))
net = caffe.Net(job["prototxt"], job["caffemodel"], caffe.TRAIN)
for images in np.load(job["images"]):
    net.blobs["data"].data[...] = images
    net.forward()
net.save(job["out"])
"""


@pytest.mark.caffe
@pytest.mark.parametrize("momentum", [0.1, 0.3, 1.0, None])
def test_running_statistics_in_training_follow_pytorch(momentum: float | None, real_caffe, tmp_path) -> None:
    """Ten forward passes in training: the statistics that are left must be those of PyTorch, in both engines."""
    model = nn.Sequential(nn.BatchNorm2d(3, momentum=momentum))
    generator = torch.Generator().manual_seed(0)
    steps = torch.randn((10, 4, 3, 5, 5), generator=generator) * 2 + 1
    model.train()
    for images in steps[:2]:  # statistics that are not those of a new layer
        model(images)
    conversion = convert(model, (4, 3, 5, 5))
    files = write_files(conversion, tmp_path)
    for images in steps:
        model(images)
    net = Network(conversion.net, weights=conversion.weights, phase="TRAIN")
    for images in steps:
        net.run({net.graph.inputs[0]: images})
    np.save(tmp_path / "images.npy", steps.numpy())
    job = {"prototxt": files.prototxt, "caffemodel": files.caffemodel, "images": tmp_path / "images.npy"}
    paths = {name: str(path) for name, path in {**job, "out": tmp_path / "trained.caffemodel"}.items()}
    (tmp_path / "job.json").write_text(json.dumps(paths))
    result = real_caffe.run_python(TRAIN, tmp_path / "job.json")
    assert result.returncode == 0, result.stdout
    for weights in (net.weights(), read_weights(tmp_path / "trained.caffemodel")):
        mean, variance, factor = weights["0"]
        np.testing.assert_allclose(mean / factor, model[0].running_mean, rtol=2e-6, atol=1e-6)
        np.testing.assert_allclose(variance / factor, model[0].running_var, rtol=2e-6)


def test_a_new_layer_with_cumulative_statistics_counts_as_one_batch() -> None:
    conversion = convert(nn.BatchNorm2d(3, momentum=None), (1, 3, 4, 4))
    (name,) = conversion.weights.keys() - {f"{layer.name}" for layer in conversion.net.layer if layer.type == "Scale"}
    assert conversion.weights[name][2] == 1


@st.composite
def norms(draw: st.DrawFn) -> Form:
    maps = draw(st.lists(st.integers(1, 4), max_size=3))
    kind = {0: nn.BatchNorm1d, 1: nn.BatchNorm1d, 2: nn.BatchNorm2d, 3: nn.BatchNorm3d}[len(maps)]
    channels, affine = draw(st.integers(1, 5)), draw(st.booleans())
    layer = kind(channels, draw(st.sampled_from([1e-5, 1e-2])), draw(st.sampled_from([0.1, 0.5, None])), affine)
    return Form(str(layer), taught(layer), (2, channels, *maps))


test_any_form = any_form(norms())
