"""Passes of the window through nets whose input is no single picture, against autograd on the net itself."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from deepvis.engines.engine import Engine, Frame
from deepvis.engines.pycaffe_engine import PycaffeEngine
from deepvis.model.model import Model
from deepvis.state.options import Origin, PairView
from prototxt.formats.text import parse_net
from prototxt.net.shapes import infer_shapes
from prototxt.pixels.preprocess import Preprocessing
from prototxt.pixels.samples import Clip, Pair, Planes, Sample

RANDOM = np.random.default_rng(2)
INPUT = 'layer {{ name: "{0}" type: "Input" top: "{0}" input_param {{ shape {{ {1} }} }} }}\n'
CONV = """layer { name: "conv" type: "Convolution" bottom: "data" top: "conv"
  convolution_param { num_output: 4 kernel_size: 3 } }
layer { name: "fc" type: "InnerProduct" bottom: "conv" top: "fc" inner_product_param { num_output: 3 } }
"""
BOTH = """layer { name: "conv" type: "Convolution" bottom: "data" top: "conv"
  convolution_param { num_output: 4 kernel_size: 3 } }
layer { name: "other" type: "Convolution" bottom: "second" top: "other"
  convolution_param { num_output: 4 kernel_size: 3 } }
layer { name: "both" type: "Concat" bottom: "conv" bottom: "other" top: "both" }
layer { name: "fc" type: "InnerProduct" bottom: "both" top: "fc" inner_product_param { num_output: 3 } }
"""
MEMORY = """layer { name: "memory" type: "LSTM" bottom: "data" bottom: "cont" top: "memory"
  recurrent_param { num_output: 4 } }
layer { name: "fc" type: "InnerProduct" bottom: "memory" top: "fc" inner_product_param { num_output: 3 axis: 2 } }
"""


def shaped(name: str, *shape: int) -> str:
    return INPUT.format(name, " ".join(f"dim: {length}" for length in shape))


def picture(height: int = 6, width: int = 8) -> np.ndarray:
    return RANDOM.integers(0, 256, (height, width, 3), dtype=np.uint8)


def make_model(text: str, preprocessing: Preprocessing) -> Model:
    net = parse_net(text, "x.prototxt")
    weights = {
        layer: [RANDOM.normal(size=shape).astype(np.float32) for shape in shapes]
        for layer, shapes in infer_shapes(net).params.items()
        if shapes
    }
    return Model("x", Path("x.prototxt"), net, weights, preprocessing)


# By name: the net, its preprocessing, what is shown, and for layer "conv" (or "memory") the shape of its maps.
CASES: dict[str, tuple[str, Preprocessing, Sample, tuple[int, ...]]] = {
    "pair in the channels": (
        shaped("data", 1, 6, 6, 8) + CONV,
        Preprocessing("BGR", crop=(6, 8), pair="channels"),
        Pair(picture(7), picture(6, 9)),
        (4, 4, 6),
    ),
    "pair side by side": (
        shaped("data", 1, 3, 6, 16) + CONV,
        Preprocessing("RGB", crop=(6, 8), pair="width"),
        Pair(picture(), picture()),
        (4, 4, 14),
    ),
    "pair in two inputs": (
        shaped("data", 1, 3, 6, 8) + shaped("second", 1, 3, 6, 8) + BOTH,
        Preprocessing("BGR", crop=(6, 8), pair="inputs"),
        Pair(picture(), picture()),
        (4, 4, 6),
    ),
    "signal": (
        shaped("data", 1, 2, 9) + CONV,
        Preprocessing("STORED"),
        Planes(RANDOM.normal(size=(2, 9))),
        (4, 1, 7),
    ),
    "clip": (
        shaped("data", 1, 3, 4, 6, 8) + CONV,
        Preprocessing("BGR"),
        Clip(np.stack([picture() for _ in range(4)])),
        (4, 2 * 4, 6),
    ),
    "sequence": (
        shaped("data", 5, 1, 3) + shaped("cont", 5, 1) + MEMORY,
        Preprocessing("STORED"),
        Planes(RANDOM.normal(size=(5, 3))),
        (4, 1, 5),
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_forward_and_backward(case: str) -> None:
    text, preprocessing, sample, shape = CASES[case]
    model = make_model(text, preprocessing)
    engine = Engine(model)
    found = engine.forward(Frame("x", sample))
    assert [layer.name for layer in engine.net.layers if layer.type == "Input"] == [str(v) for v in model.feed.values]
    name = "memory" if case == "sequence" else "conv"
    info, unit = engine.net.layer(name), model.layer(name)
    assert (info.units, info.height, info.width) == shape
    inputs = torch.from_numpy(model.to_blob(sample)[None]).requires_grad_()
    values = model.network().run(model.feed.inputs(inputs), keep=[unit.value])
    maps = unit.layout.maps(values[unit.value])
    np.testing.assert_allclose(found.maps[unit.value], maps[0].detach().reshape(shape), rtol=1e-6)
    back = engine.backward(found, Origin(layer=name, unit=2), "gradient", [unit.value])
    (gradient,) = torch.autograd.grad(maps[:, 2].square().sum() / 2, inputs)  # the seed is the unit's own map
    assert back.gradient.ndim == 3
    np.testing.assert_allclose(np.sort(back.gradient.ravel()), np.sort(gradient.numpy().ravel()), rtol=1e-5, atol=1e-6)
    assert found.seen.ndim == 3
    if isinstance(sample, Pair):
        seen = [preprocessing.member(0).cut(one) for one in (sample.first, sample.second)]
        np.testing.assert_array_equal(found.seen, np.concatenate(seen, 1))
        assert back.gradient.shape == (3, *found.seen.shape[:2])
        views: tuple[PairView, ...] = ("first", "second")
        for view, own in zip(views, seen, strict=True):
            np.testing.assert_array_equal(found.seen_of(view), own)
        halves = [back.gradient_of(view) for view in views]
        np.testing.assert_array_equal(np.concatenate(halves, -1), back.gradient_of("both"))
        assert halves[0].shape == (3, *seen[0].shape[:2])
    else:
        assert found.seen_of("second") is found.seen
        assert back.gradient_of("second") is back.gradient
    if isinstance(sample, Clip):
        np.testing.assert_array_equal(found.seen, sample.frames[2])


def test_sizes_in_words() -> None:
    assert Frame("x", Pair(picture(7, 9), picture())).size_text == "9×7 | 8×6"
    assert Frame("x", picture(5, 4)).size_text == "4×5"


@pytest.mark.caffe
@pytest.mark.parametrize("case", CASES)
def test_real_caffe_gives_the_same(case: str) -> None:
    text, preprocessing, sample, _ = CASES[case]
    model = make_model(text, preprocessing)
    ours, theirs = Engine(model), PycaffeEngine(model)
    expected, found = ours.forward(Frame("x", sample)), theirs.forward(Frame("x", sample))
    for layer in ours.net.layers[1:]:
        np.testing.assert_allclose(found.maps[layer.value], expected.maps[layer.value], rtol=1e-4, atol=1e-4)
        if layer.type == "Input":
            continue
        origin = Origin(layer=layer.name, unit=1)
        wanted = ours.backward(expected, origin, "gradient", [layer.value])
        back = theirs.backward(found, origin, "gradient", [layer.value])
        np.testing.assert_allclose(back.gradient, wanted.gradient, rtol=1e-4, atol=1e-4 * np.abs(wanted.gradient).max())
    theirs.close()
