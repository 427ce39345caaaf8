"""Scans of recurrent nets, against plain loops over the steps."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from deepvis.scan.reader import Scan
from deepvis.sources import open_images
from deepvis.sources.opening import Cutting
from prototxt.pixels.preprocess import Preprocessing
from tests.deepvis.scan.plain_loops import (
    IMAGES,
    Array,
    center,
    check,
    check_gradients,
    conv,
    make_model,
    planes,
    run,
    save_arrays,
    save_pictures,
    write_video,
)

STEPS = 5
RECURRENT = """
layer {{ name: "data" type: "Input" top: "data" input_param {{ shape {{ {data} }} }} }}
layer {{ name: "cont" type: "Input" top: "cont" input_param {{ shape {{ dim: 5 dim: 2 }} }} }}
{between}
layer {{ name: "memory" type: "{type}" bottom: "{bottom}" bottom: "cont" top: "memory"
  recurrent_param {{ num_output: 4 }} }}
layer {{ name: "score" type: "InnerProduct" bottom: "memory" top: "score"
  inner_product_param {{ num_output: 3 axis: 2 }} }}
"""


def sigmoid(values: Array) -> Array:
    return 1 / (1 + np.exp(-values))


def lstm(sequence: Array, weights: list[Array]) -> Array:
    """(T, C) → (T, units); gates i, f, o, g (lstm_unit_layer.cpp)."""
    own, bias, back = (array.astype(np.float64) for array in weights)
    hidden = cell = np.zeros(back.shape[1])
    out = []
    for step in sequence:
        i, f, o, g = np.split(own @ step.reshape(-1) + bias + back @ hidden, 4)
        cell = sigmoid(f) * cell + sigmoid(i) * np.tanh(g)
        hidden = sigmoid(o) * np.tanh(cell)
        out.append(hidden)
    return np.stack(out)


def rnn(sequence: Array, weights: list[Array]) -> Array:
    """(T, C) → (T, units): what is learned of the output too (rnn_layer.cpp)."""
    own, bias, back, out_weights, out_bias = (array.astype(np.float64) for array in weights)
    hidden = np.zeros(len(back))
    out = []
    for step in sequence:
        hidden = np.tanh(own @ step.reshape(-1) + bias + back @ hidden)
        out.append(np.tanh(out_weights @ hidden + out_bias))
    return np.stack(out)


@pytest.mark.parametrize(("kind", "twin"), [("LSTM", lstm), ("RNN", rnn)])
def test_sequences(kind: str, twin: Callable[[Array, list[Array]], Array], tmp_path: Path) -> None:
    sequences = save_arrays(tmp_path / "arrays", (STEPS, 3))
    text = RECURRENT.format(data="dim: 5 dim: 2 dim: 3", between="", type=kind, bottom="data")
    model = make_model(text, Preprocessing("STORED", 0.25), whole=False)
    assert model.input_shape == (STEPS, 3)
    out = tmp_path / "scan.h5"
    run(model, open_images(tmp_path / "arrays"), out, importance=True)
    hidden = np.stack([twin(0.25 * sequence, model.weights["memory"]) for sequence in sequences])
    check(out, "memory", hidden.swapaxes(1, 2), atol=1e-6)
    scores = hidden @ model.weights["score"][0].T.astype(np.float64) + model.weights["score"][1]
    check(out, "score", scores.swapaxes(1, 2), atol=1e-5)


def test_rows_of_grey_pictures_as_steps(tmp_path: Path) -> None:
    pictures = save_pictures(tmp_path / "pictures", IMAGES, (5, 6))
    text = RECURRENT.format(data="dim: 5 dim: 2 dim: 6", between="", type="LSTM", bottom="data")
    model = make_model(text, Preprocessing("GRAY", 1 / 8, crop=(5, 6)), whole=False)
    run(model, open_images(tmp_path / "pictures"), tmp_path / "scan.h5")
    rows = [cv2.cvtColor(center(picture, 5, 6), cv2.COLOR_RGB2GRAY) / 8 for picture in pictures]
    hidden = np.stack([lstm(own, model.weights["memory"]) for own in rows])
    check(tmp_path / "scan.h5", "memory", hidden.swapaxes(1, 2), atol=1e-6)


FRAMES = """
layer { name: "conv" type: "Convolution" bottom: "data" top: "conv" convolution_param { num_output: 2 kernel_size: 3 } }
layer { name: "relu" type: "ReLU" bottom: "conv" top: "conv" }
layer { name: "steps" type: "Reshape" bottom: "conv" top: "steps" reshape_param { shape { dim: 5 dim: -1 dim: 48 } } }
"""


def test_frames_of_a_video_before_a_recurrent_layer(tmp_path: Path) -> None:
    frames = write_video(tmp_path / "x.avi", 3 * STEPS + 2)
    text = RECURRENT.format(data="dim: 10 dim: 3 dim: 6 dim: 8", between=FRAMES, type="LSTM", bottom="steps")
    model = make_model(text, Preprocessing("BGR", 1 / 256), whole=False)
    assert (model.frames, model.feed.frames_first, model.input_shape) == (STEPS, True, (STEPS, 3, 6, 8))
    images = open_images(tmp_path / "x.avi", cutting=Cutting(model.frames))
    run(model, images, tmp_path / "scan.h5")
    clips = [frames[start : start + STEPS] for start in (0, STEPS, 2 * STEPS)]
    before = np.stack([[conv(planes(frame) / 256, model.weights["conv"]) for frame in clip] for clip in clips])
    check(tmp_path / "scan.h5", "conv", before.clip(0).swapaxes(1, 2), before.swapaxes(1, 2), atol=1e-5)
    hidden = np.stack([lstm(maps.clip(0).reshape(STEPS, -1), model.weights["memory"]) for maps in before])
    check(tmp_path / "scan.h5", "memory", hidden.swapaxes(1, 2), atol=1e-5)
    with Scan(tmp_path / "scan.h5") as opened:
        top = opened.top("conv", 1)
        step, row, column = top.positions[0]
        seen = clips[top.images[0]][step][row : row + 3, column : column + 3]
        np.testing.assert_array_equal(opened.patch("conv", 1, 0), seen)
        top = opened.top("memory", 2)
        np.testing.assert_array_equal(opened.patch("memory", 2, 0), clips[top.images[0]][top.positions[0][1]])
    check_gradients(model, tmp_path / "scan.h5", ["conv", "memory"], model.weights["conv"][0])
