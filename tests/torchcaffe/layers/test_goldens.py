"""Every layer against what real Caffe computed: tops, and gradients of bottoms and parameters."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

import torchcaffe
from prototxt.formats.text import parse_net
from torchcaffe.network import Network
from torchcaffe.registry import LAYERS

GOLDEN = Path(__file__).resolve().parents[2] / "golden"


def _load_cases() -> ModuleType:
    spec = importlib.util.spec_from_file_location("layer_cases", GOLDEN / "layer_cases.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


layer_cases = _load_cases()
goldens = {path.stem: np.load(path) for path in sorted((GOLDEN / "layers").glob("*.npz"))}


def _golden(name: str) -> dict[str, np.ndarray]:
    arrays = goldens[layer_cases.CASES[name].type]
    return {key.split("/")[1]: arrays[key] for key in arrays if key.startswith(f"{name}/")}


@pytest.mark.parametrize("name", layer_cases.CASES)
def test_layer_is_as_in_real_caffe(name):
    found = layer_cases.run(torchcaffe, layer_cases.CASES[name])
    expected = _golden(name)
    assert found.keys() == expected.keys(), "cases have changed: run generate_layers.py"
    assert expected
    for key, array in expected.items():
        assert found[key].shape == array.shape, key
        largest = np.abs(array).max(initial=0)
        np.testing.assert_allclose(found[key], array, rtol=1e-5, atol=1e-5 * largest, err_msg=key)


def test_every_layer_has_a_golden_or_a_reason():
    with_golden = {case.type for case in layer_cases.CASES.values()}
    assert with_golden | layer_cases.EXEMPT.keys() == LAYERS.keys()
    assert not with_golden & layer_cases.EXEMPT.keys()


def test_goldens_are_of_real_caffe_and_of_layers_that_are_there():
    assert goldens.keys() <= LAYERS.keys()
    assert {str(arrays["made by"]).split(",")[0] for arrays in goldens.values()} == {"BVLC Caffe 1.0.0"}


@pytest.mark.parametrize("name", layer_cases.CASES)
def test_shapes_are_known_beforehand(name):
    case = layer_cases.CASES[name]
    shapes = Network(parse_net(case.prototxt()), case.phase).shapes
    expected = _golden(name)
    for place in range(case.tops):
        known = shapes.blob(f"top{place}")[case.selects :]
        assert known == expected[f"top{place}"].shape[case.selects :]


@pytest.mark.parametrize("name", [name for name, case in layer_cases.CASES.items() if case.bottoms])
def test_engine_gives_the_same_and_leaves_its_inputs_alone(name):
    case = layer_cases.CASES[name]
    net = Network(parse_net(case.prototxt()), case.phase)
    with torch.no_grad():
        for seed, blob in enumerate(net.params.get("layer", [])):
            blob.copy_(torch.from_numpy(layer_cases.spread(tuple(blob.shape), 100 + seed, *case.params)))
    bottoms = {f"bottom{place}": torch.from_numpy(array) for place, array in enumerate(case.arrays())}
    before = {blob: tensor.clone() for blob, tensor in bottoms.items()}
    with torch.inference_mode():
        for _ in range(case.passes):
            found = net.run(bottoms, keep=[*bottoms, *(f"top{place}" for place in range(case.tops))])
    for blob, tensor in bottoms.items():
        assert torch.equal(tensor, before[blob]), f"{blob} was written into"
    expected = _golden(name)
    for place in range(case.tops):
        top = found[net.graph.value(f"top{place}")].numpy()
        np.testing.assert_allclose(top, expected[f"top{place}"], rtol=1e-5, atol=1e-5 * np.abs(top).max())
