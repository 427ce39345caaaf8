"""Bounds: exact to the last bit, however far apart."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from converters import convert
from converters.engines import ENGINES, Job
from converters.verification import write_files
from tests.converters.models import Function, functions
from tests.converters.ops.any_form import any_form, form_of, shapes
from tests.converters.ops.contract import Contract

IMAGE = (1, 4, 5, 6)

CASES = functions(
    IMAGE,
    {
        "relu6": lambda x, _: F.relu6(4 * x + 3),
        "relu6, whole": lambda x, _: torch.ops.aten.relu6(4 * x + 3),
        "hardtanh": lambda x, _: F.hardtanh(x, -0.3, 0.6),
        "clamp": lambda x, _: x.clamp(-0.5, 0.25),
        "clamp below": lambda x, _: x.clamp(min=0.1),
        "clamp above": lambda x, _: x.clamp(max=0.1),
        "clamp_min": lambda x, _: torch.clamp_min(x, 0.1),
        "clamp_max": lambda x, _: torch.clamp_max(x, 0.1),
        "clamp by values": lambda x, net: torch.clamp(x, x * 0.5 - 0.2, net.constant),
        "clamp_min by values": lambda x, net: torch.clamp_min(x, net.plane),
        "clamp_max by values": lambda x, net: torch.clamp_max(x, -x),
    },
)

contract = Contract("clamp", CASES)
test_values, test_gradients = contract.test_values(), contract.test_gradients()
test_real_caffe, test_coverage = contract.test_real_caffe(), contract.test_coverage()


@pytest.mark.caffe
@pytest.mark.parametrize(("low", "high"), [(-1e6, 1e6), (0.0, 6.0), (-0.1, 0.3), (None, 0.7), (1e-6, None)])
def test_bit_for_bit(low: float | None, high: float | None, tmp_path) -> None:
    model = Function(lambda x, _: x.clamp(low, high))
    conversion = convert(model, (1, 8, 9, 9), softmax=False)
    files = write_files(conversion, tmp_path)
    rng = np.random.default_rng(0)
    images = (rng.normal(size=(1, 8, 9, 9)) * 10.0 ** rng.integers(-8, 8, (1, 8, 9, 9))).astype(np.float32)
    expected = torch.from_numpy(images).clamp(low, high).numpy()
    top = (conversion.references[-1].layer, 0)
    for engine in ("torchcaffe", "caffe"):
        (result,) = ENGINES[engine].run([Job(files.prototxt, files.caffemodel, (images,), (top,))])
        assert np.array_equal(result[top], expected), engine


ANY = {
    "both": lambda x, a, b: x.clamp(-a, b),
    "crossed": lambda x, a, b: (x * 1.5).clamp(-3, a - b),
    "below": lambda x, a, b: x.clamp(min=-a),
    "above": lambda x, a, b: x.clamp(max=b - 1),
    "hardtanh": lambda x, a, b: F.hardtanh(x, -a, b),
    "relu6": lambda x, a, b: F.relu6(x * 5 * a),
}

test_any_form = any_form(form_of(shapes(), ANY), 1e-6)
