"""Every layer of Caffe, in the forms that goldens of real Caffe exist of, as PyTorch and as ONNX."""

from __future__ import annotations

from pathlib import Path

import pytest

from converters.back.source_net import SourceNet, source_net
from prototxt.formats.text import parse_net
from tests.converters.back.nets import assert_equal, in_onnx, in_pytorch
from tests.golden.layer_cases import CASES
from tests.golden.one_layer import Case, spread
from torchcaffe.network import Network

WRITTEN = {"pytorch": in_pytorch, "onnx": in_onnx}


def of_case(case: Case) -> tuple[SourceNet, dict]:
    """The net of a case with its parameters, and its bottoms."""
    net = parse_net(case.prototxt())
    network = Network(net, "TEST", seed=0)
    weights = network.weights()
    for seed, array in enumerate(weights.get("layer", [])):
        array[...] = spread(array.shape, 100 + seed, *case.params)
    source = source_net(net, weights)
    inputs = {
        value: array for value in source.inputs for array in [case.arrays()[int(value.blob.removeprefix("bottom"))]]
    }
    return source, inputs


FORWARD = {name: case for name, case in CASES.items() if case.bottoms and case.phase == "TEST"}


@pytest.mark.parametrize("name", FORWARD)
@pytest.mark.parametrize("program", WRITTEN)
def test_layer(name: str, program: str, tmp_path: Path) -> None:
    source, inputs = of_case(FORWARD[name])
    if not source.layers:
        pytest.skip("only measures")
    assert_equal(WRITTEN[program](source, tmp_path, [inputs]))
