"""Pictures made to drive a unit: the ascent against plain loops, colours, the activation that is reached."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from deepvis.commands.synthesise import Preset
from deepvis.errors import ModelError
from deepvis.model.model import into_activation, open_model
from deepvis.settings.settings import BUNDLED_MODEL
from deepvis.synthesis.ascent import POSITIONS, Aim, Push, synthesise
from deepvis.synthesis.canvas import Canvas
from deepvis.synthesis.fourier import FourierPrior
from deepvis.synthesis.pixels import Constant, LengthRate, PixelPrior, Progress01Rate, ProgressRate
from deepvis.synthesis.presets import DEFAULT, PRESETS, PRIORS
from prototxt.common.progress import with_bar
from prototxt.pixels.preprocess import Preprocessing

FEW = {"fourier": FourierPrior(steps=12), "pixels": PixelPrior(12, LengthRate(2.0), decay=0.01, blur=1, blur_every=4)}


def make(model, layer, aims, push):
    return with_bar(synthesise(model, model.network(), layer, aims, push), quiet=True)


def value_of(model, layer, unit, pixels):
    """The unit's map on a picture, before its activation function."""
    value = into_activation(model, model.layer(layer))
    return model.network().run({"data": torch.from_numpy(model.to_blob(pixels))[None]}, keep=[value])[value][0, unit]


def naive_rate(rule, value, squared, size):
    match rule:
        case Constant(rate):
            return rate
        case ProgressRate(limit, progress):
            return min(limit, progress / squared)
        case Progress01Rate(limit, early, late):
            return min(limit, min(early, late * (1 - value)) / squared)
        case LengthRate(change):
            return change * np.sqrt(size / squared)


def naive_ascent(weights, bias, offsets, factor, mean, prior):
    """The ascent of a unit at the centre of conv1's map, which is linear, by the steps of ``gradient_optimizer.py``."""
    best = -np.inf, offsets
    channels, height, width = offsets.shape
    gradient = np.zeros_like(offsets)
    for c in range(channels):
        for y in range(3):
            for x in range(3):
                gradient[c, height // 2 + y - 1, width // 2 + x - 1] = weights[c, y, x] * factor
    for step in range(prior.steps + 1):
        value = (gradient * offsets).sum() + bias
        if value > best[0]:
            best = value, offsets.copy()
        squared = (gradient**2).sum()
        rate = naive_rate(prior.rate, value, squared, offsets.size)
        offsets = (offsets + rate * gradient) * (1 - prior.decay)
        if prior.blur and step % prior.blur_every == 0:
            offsets = np.stack([gaussian_filter(plane, prior.blur) for plane in offsets])
        for percentile, measure in (
            (prior.small_value, np.abs),
            (prior.small_norm, lambda x: np.linalg.norm(x, axis=0)),
            (prior.small_benefit, lambda x: (gradient * -x).sum(0)),
            (prior.small_contribution, lambda x: np.abs((gradient * -x).sum(0))),
        ):
            if percentile:
                found = measure(offsets)
                offsets = offsets - offsets * (found < np.percentile(found, percentile))
        offsets = np.clip(offsets + mean, 0, 255) - mean
    return best[1]


@pytest.mark.parametrize(
    "prior",
    [
        PixelPrior(6, Constant(0.7), decay=0.1),
        PixelPrior(6, ProgressRate(100, 9), blur=0.8, blur_every=2),
        PixelPrior(6, Progress01Rate(3, 5, 0.1), decay=0.05, small_norm=30),
        PixelPrior(6, LengthRate(2.0), blur=1.3, blur_every=3, small_value=20),
        PixelPrior(6, ProgressRate(1e8, 30), small_benefit=40),
        PixelPrior(6, Constant(2), decay=0.01, blur=0.5, blur_every=4, small_contribution=60),
    ],
    ids=lambda prior: type(prior.rate).__name__,
)
def test_the_ascent_is_that_of_plain_loops_in_float64(make_model, prior) -> None:
    model = replace(make_model(), preprocessing=Preprocessing("BGR", 0.5, (60.0, 61.0, 62.0), std=(2.0, 2.0, 2.0)))
    weights, bias = (array.astype(np.float64) for array in model.weights["conv1"])
    mean = 2.0 * np.array([60.0, 61.0, 62.0])[:, None, None]
    start = np.random.default_rng(4).integers(0, 256, (9, 11, 3), np.uint8)
    offsets = start[:, :, ::-1].transpose(2, 0, 1).astype(np.float64) - mean
    for unit in range(3):
        expected = naive_ascent(weights[unit], bias[unit], offsets, 0.25, mean, prior)
        (made,) = make(model, "conv1", [Aim(unit)], Push(prior, start=start, whole=True))
        pixels = (expected + mean).transpose(1, 2, 0)[:, :, ::-1]
        np.testing.assert_allclose(made.pixels, pixels, atol=0.51)
        assert made.activation == pytest.approx(float(value_of(model, "conv1", unit, made.pixels)[4, 5]), abs=1e-3)


@pytest.mark.parametrize("prior", FEW.values(), ids=FEW)
@pytest.mark.parametrize(
    ("order", "scale", "std"), [("BGR", 1.0, ()), ("RGB", 1 / 255, (0.25, 0.3, 0.2)), ("GRAY", 1.0, ())]
)
def test_colours_come_back_as_they_went_in(make_model, prior, order, scale, std) -> None:
    """A start of one colour, and no step (arikpoz's saves red for blue, and clips scaled nets to 0-255)."""
    colour = (90, 90, 90) if order == "GRAY" else (255, 90, 0)
    means = (100.0 * scale,) if order == "GRAY" else (100 * scale, 110 * scale, 120 * scale)
    model = replace(make_model(order), preprocessing=Preprocessing(order, scale, means, std=std))
    start = np.full((9, 11, 3), colour, np.uint8)
    for layer in ("conv1", "fc8"):
        (made,) = make(model, layer, [Aim(1)], Push(replace(prior, steps=0), start=start, whole=True))
        np.testing.assert_array_equal(made.pixels, start)


@pytest.mark.parametrize("prior", FEW.values(), ids=FEW)
def test_the_same_seed_gives_the_same_picture_whatever_is_made_beside_it(make_model, prior) -> None:
    model = make_model()
    push = Push(prior, whole=True)
    first, again, other = make(model, "branch/left", [Aim(1, 5), Aim(1, 5), Aim(1, 6)], push)
    (alone,) = make(model, "branch/left", [Aim(1, 5)], push)
    np.testing.assert_array_equal(first.pixels, again.pixels)
    assert np.abs(first.pixels.astype(int) - alone.pixels).max() <= 1
    assert (first.pixels != other.pixels).any()
    twice = make(model, "branch/left", [Aim(1, 5), Aim(1, 5), Aim(1, 6)], push)
    for one, two in zip((first, again, other), twice, strict=True):
        np.testing.assert_array_equal(one.pixels, two.pixels)
        assert one.activation == two.activation


@pytest.mark.parametrize("order", ["GRAY", "RGB"])
@pytest.mark.parametrize("prior", FEW.values(), ids=FEW)
@pytest.mark.parametrize("layer", ["conv1", "up", "fc", "fc8"])
def test_every_kind_of_unit_is_driven(make_model, order, prior, layer) -> None:
    model = make_model(order)
    units = [Aim(unit) for unit in range(2)]
    network = model.network()
    before = {name: [blob.clone() for blob in blobs] for name, blobs in network.params.items()}
    for position in POSITIONS:
        made = with_bar(synthesise(model, network, layer, units, Push(prior, position, whole=True)), quiet=True)
        for one in made:
            assert one.activation > one.start
            expected = POSITIONS[position](
                value_of(model, layer, one.aim.unit, one.pixels).reshape(1, *_map(model, layer))
            )
            assert one.activation == pytest.approx(float(expected), rel=1e-4, abs=1e-3)
    for name, blobs in network.params.items():
        assert all(torch.equal(one, two) and one.grad is None for one, two in zip(blobs, before[name], strict=True))


def _map(model, layer):
    return model.layer(layer).map_shape or (1, 1)


def test_a_position_sees_its_field_and_nothing_else_changes(make_model) -> None:
    """The centre is the map's, not the kernel's (as in arikpoz's), and the cut is around what was pushed."""
    model, plain = make_model(), PixelPrior(3, LengthRate(5))
    field = model.layer("conv1").field
    for position, (y, x) in (("centre", (4, 5)), ((2, 7), (2, 7))):
        (cut,) = make(model, "conv1", [Aim(1)], Push(plain, position, "mean"))
        assert cut.box == field.box((y, x), clip=True)
        (whole,) = make(model, "conv1", [Aim(1)], Push(plain, position, "mean", whole=True))
        y0, x0, y1, x1 = cut.box
        np.testing.assert_array_equal(whole.pixels[y0:y1, x0:x1], cut.pixels)
        changed = np.argwhere((whole.pixels != 3).any(2))
        assert len(changed)
        assert (changed >= (y0, x0)).all()
        assert (changed < (y1, x1)).all()


def test_the_net_stops_at_the_layer(make_model, monkeypatch) -> None:
    model, seen = make_model(), set()
    network = model.network()
    original = network.call_layer
    monkeypatch.setattr(network, "call_layer", lambda node, *rest: seen.add(node.name) or original(node, *rest))
    with_bar(synthesise(model, network, "branch/left", [Aim(0)], Push(FEW["pixels"])), quiet=True)
    assert seen == {"conv1", "relu1", "pool1", "branch/left"}


def test_it_tells_where_it_is_and_can_be_closed(make_model) -> None:
    model = make_model()
    work = synthesise(model, model.network(), "conv1", [Aim(0)], Push(FEW["fourier"]))
    steps = [next(work) for _ in range(3)]
    assert [(step.done, step.total) for step in steps] == [(0, 12), (1, 12), (2, 12)]
    work.close()


@pytest.mark.parametrize(
    ("layer", "unit", "push", "words"),
    [
        ("conv1", 5, {}, "units 0 to 4, not 5"),
        ("conv9", 0, {}, "no layer 'conv9'"),
        ("conv1", 0, {"position": (9, 0)}, "9x11; there is no position"),
        ("conv1", 0, {"position": "edge"}, "allowed are centre, max, mean"),
        ("conv1", 0, {"start": "black"}, "allowed are mean, noise, uniform"),
    ],
)
def test_what_cannot_be_made_is_said(make_model, layer, unit, push, words) -> None:
    with pytest.raises(ModelError, match=words):
        make(make_model(), layer, [Aim(unit)], Push(FEW["pixels"], **push))


def test_nets_that_take_no_pictures_are_named(make_model) -> None:
    model = replace(make_model(), preprocessing=Preprocessing("STORED"))
    with pytest.raises(ModelError, match="takes no single pictures"):
        Canvas.of(model, "conv1", "cpu")


def test_the_command_offers_all_presets() -> None:
    assert get_args(Preset) == tuple(PRESETS)
    assert DEFAULT in PRESETS
    assert {type(prior) for prior in PRESETS.values()} == set(PRIORS.values())


@pytest.mark.parametrize(("layer", "unit"), [("conv2", 1), ("conv4", 2), ("fc8", 3)])
@pytest.mark.parametrize("preset", ["fourier", "yosinski"])
def test_a_trained_unit_is_driven_further_than_by_random_pictures(preset, layer, unit) -> None:
    """Of the bundled net: white noise, and noise with the spectrum of natural pictures in full contrast."""
    model = open_model(BUNDLED_MODEL)
    random = np.random.default_rng(0)
    height, width = model.input_shape[1:]
    noise = FourierPrior().noise
    pictures = [random.integers(0, 256, (height, width, 3), np.uint8) for _ in range(50)]
    soft = (127 + 12 * noise(random, (3, height, width)) for _ in range(50))
    pictures += [np.rint(one.clip(0, 255)).astype(np.uint8).transpose(1, 2, 0).copy() for one in soft]
    value = into_activation(model, model.layer(layer))
    network = model.network()
    blobs = torch.from_numpy(np.stack([model.preprocessing.cut(one) for one in pictures])).permute(0, 3, 1, 2).float()
    blobs = torch.from_numpy(np.stack([model.preprocessing.normalise(one.numpy().copy()) for one in blobs]))
    with torch.no_grad():
        found = network.run({model.input.blob: blobs}, keep=[value])[value][:, unit].reshape(100, -1)
    prior = replace(PRESETS[preset], steps=40)
    (made,) = with_bar(synthesise(model, network, layer, [Aim(unit)], Push(prior)), quiet=True)
    assert made.activation > 1.5 * float(found.max()) > 0
