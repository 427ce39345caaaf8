"""The errors that approximations are said to have, measured on many values in both engines."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from converters import convert
from converters.engines import ENGINES, Job
from converters.registry import EXACTNESS
from converters.verification import write_files
from tests.converters.models import Function

APPROXIMATED = {
    "aten.gelu.default": [F.gelu, lambda x: F.gelu(x, approximate="tanh")],
    "aten.erf.default": [torch.erf],
    "aten.log1p.default": [lambda x: (x.abs() - 0.5).log1p()],
    "aten.expm1.default": [lambda x: (x / 4).expm1()],
}

MEASURED_ELSEWHERE = {"aten.rnn_tanh.input"}


def test_every_approximation_is_measured() -> None:
    approximations = {op for op, known in EXACTNESS.items() if known.status == "approximation"}
    assert approximations - MEASURED_ELSEWHERE == APPROXIMATED.keys()


@pytest.mark.long
@pytest.mark.caffe
@pytest.mark.parametrize("op", APPROXIMATED)
def test_an_approximation_is_as_near_as_it_says(op: str, tmp_path) -> None:
    shape = (1, 16, 128, 128)
    steps = np.linspace(-12, 12, 2**18).astype(np.float32)
    near = np.concatenate([steps[: 2**17] * 2.0**-k for k in (6, 12)])[: 2**18]
    for images in (steps.reshape(shape), near.astype(np.float32).reshape(shape)):
        for function in APPROXIMATED[op]:
            conversion = convert(Function(lambda x, _, function=function: function(x)), shape, softmax=False)
            files = write_files(conversion, tmp_path)
            expected = function(torch.from_numpy(images).double()).numpy()
            top = (conversion.references[-1].layer, 0)
            for engine in ("torchcaffe", "caffe"):
                (result,) = ENGINES[engine].run([Job(files.prototxt, files.caffemodel, (images,), (top,))])
                error = np.abs(result[top] - expected) / np.maximum(1, np.abs(expected))
                assert error.max() <= float(EXACTNESS[op].error.removeprefix("absolute ")), (engine, error.max())
