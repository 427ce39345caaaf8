"""Every layer against what real Caffe computed: tops, and gradients of bottoms and parameters."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import torchcaffe
from prototxt.formats.text import parse_net
from prototxt.net.extension_types import EXTENSION_TYPES
from tests.golden.layer_cases import CASES, EXEMPT
from tests.golden.one_layer import run, spread
from torchcaffe.network import Network
from torchcaffe.registry import LAYERS

GOLDEN = Path(__file__).resolve().parents[2] / "golden"


goldens = {path.stem: np.load(path) for path in sorted((GOLDEN / "layers").glob("*.npz"))}


def _golden(name: str) -> dict[str, np.ndarray]:
    arrays = goldens[CASES[name].type]
    return {key.split("/")[1]: arrays[key] for key in arrays if key.startswith(f"{name}/")}


@pytest.mark.parametrize("name", CASES)
def test_layer_is_as_in_real_caffe(name):
    found = run(torchcaffe, CASES[name])
    expected = _golden(name)
    assert found.keys() == expected.keys(), "cases have changed: run generate_layers.py"
    assert expected
    for key, array in expected.items():
        assert found[key].shape == array.shape, key
        largest = np.abs(array).max(initial=0)
        np.testing.assert_allclose(found[key], array, rtol=1e-5, atol=1e-5 * largest, err_msg=key)


def test_every_layer_has_a_golden_or_a_reason():
    with_golden = {case.type for case in CASES.values()}
    of_forks = EXTENSION_TYPES.keys()  # which real Caffe has not; test_extensions.py
    assert with_golden | EXEMPT.keys() | of_forks == LAYERS.keys()
    assert not with_golden & EXEMPT.keys()


def test_goldens_are_of_real_caffe_and_of_layers_that_are_there():
    assert goldens.keys() <= LAYERS.keys()
    assert {str(arrays["made by"]).split(",")[0] for arrays in goldens.values()} == {"BVLC Caffe 1.0.0"}


@pytest.mark.parametrize("name", CASES)
def test_shapes_are_known_beforehand(name):
    case = CASES[name]
    shapes = Network(parse_net(case.prototxt()), case.phase).shapes
    expected = _golden(name)
    for place in range(case.tops):
        known = shapes.blob(f"top{place}")[case.selects :]
        assert known == expected[f"top{place}"].shape[case.selects :]


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.bottoms])
def test_engine_gives_the_same_and_leaves_its_inputs_alone(name):
    case = CASES[name]
    net = Network(parse_net(case.prototxt()), case.phase)
    with torch.no_grad():
        for seed, blob in enumerate(net.params.get("layer", [])):
            blob.copy_(torch.from_numpy(spread(tuple(blob.shape), 100 + seed, *case.params)))
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
