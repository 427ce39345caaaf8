"""Counts of parameter blobs, against the blobs that real Caffe had when it made the goldens of all layers."""

import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from prototxt.formats.parameter_blobs import learns, parameter_count
from prototxt.formats.schema import LayerParameter
from prototxt.formats.text import parse_net
from prototxt.net.layer_types import LAYER_TYPES
from prototxt.net.shapes import infer_shapes

GOLDEN = Path(__file__).parents[2] / "golden"


def _load_cases() -> ModuleType:
    spec = importlib.util.spec_from_file_location("layer_cases", GOLDEN / "layer_cases.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


CASES = _load_cases().CASES
SHOWN = {name: case for name, case in CASES.items() if case.backward or case.phase == "TRAIN"}


@pytest.mark.parametrize("name", SHOWN)
def test_as_many_as_in_real_caffe(name):
    case = CASES[name]
    with np.load(GOLDEN / f"layers/{case.type}.npz") as arrays:
        keys = [key.removeprefix(f"{name}/") for key in arrays if key.startswith(f"{name}/param")]
    layer = parse_net(case.prototxt()).layer[-1]
    assert parameter_count(layer) == len({key.removesuffix(".diff") for key in keys})


@pytest.mark.parametrize("name", CASES)
def test_as_many_as_there_are_shapes(name):
    net = parse_net(CASES[name].prototxt())
    assert parameter_count(net.layer[-1]) == len(infer_shapes(net).params.get("layer", []))


def test_types():
    counts = {name: parameter_count(LayerParameter(type=name, bottom=["data"])) for name in (*LAYER_TYPES, "Mine")}
    assert {name for name, count in counts.items() if count} == {
        "BatchNorm", "Bias", "Convolution", "Deconvolution", "Embed", "InnerProduct", "LSTM", "PReLU", "Parameter",
        "RNN", "Scale",
    }  # fmt: skip
    assert counts["Python"] is None
    assert counts["Mine"] == 0
    assert not learns(LayerParameter(type="BatchNorm", bottom=["data"]))
    assert not learns(LayerParameter(type="ReLU", bottom=["data"]))
    assert not learns(LayerParameter(type="Scale", bottom=["data", "factor"]))
    assert learns(LayerParameter(type="Python", bottom=["data"]))  # it may
    assert learns(LayerParameter(type="RNN", bottom=["data", "cont"]))
