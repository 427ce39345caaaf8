"""Scans of siamese nets, against plain loops."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from deepvis.scan.reader import Scan
from deepvis.session.model_of_settings import for_pairs
from prototxt.pixels.preprocess import Preprocessing
from tests.deepvis.scan.plain_loops import (
    IMAGES,
    TOP,
    TWO_INPUTS,
    center,
    check,
    check_conv_fc,
    check_gradients,
    conv,
    conv_fc,
    make_model,
    pairs,
    planes,
    run,
)


@pytest.mark.parametrize(("pair", "shape", "axis"), [("channels", (6, 6, 8), 0), ("width", (3, 6, 16), 2)])
def test_pairs_in_one_blob(pair: str, shape: tuple[int, ...], axis: int, tmp_path: Path) -> None:
    images, pictures, numbers = pairs(tmp_path)
    model = make_model(conv_fc(shape), Preprocessing("BGR", mean=(1.0, 2.0, 3.0), crop=(6, 8), pair=pair))
    run(model, images, tmp_path / "scan.h5")
    blobs = [planes(picture) - np.array([1.0, 2.0, 3.0])[:, None, None] for picture in pictures]
    check_conv_fc(
        model, tmp_path / "scan.h5", [np.concatenate([blobs[one], blobs[other]], axis) for one, other in numbers]
    )
    with Scan(tmp_path / "scan.h5") as opened:
        assert opened.labels.tolist() == [one % 2 for one, _ in numbers]
        top = opened.top("conv", 0)
        for rank in range(TOP):
            (row, column), both = top.positions[rank], numbers[top.images[rank]]
            assert opened.size(top.images[rank]) == (*pictures[both[0]].shape[:2], *pictures[both[1]].shape[:2])
            seen = [center(pictures[number]) for number in both]
            if pair == "channels":
                expected = np.concatenate([own[row : row + 3, column : column + 3] for own in seen], 1)
            else:
                together = np.concatenate(seen, 1)
                expected = together[row : row + 3, column : column + 3]
                pixels = opened.patch("conv", 0, rank, constant_size=False)
                if column + 3 <= 8 or column >= 8:  # what lies in one of the two only
                    np.testing.assert_array_equal(pixels, expected)
                continue
            np.testing.assert_array_equal(opened.patch("conv", 0, rank), expected)


def test_a_pair_of_which_a_picture_is_broken_is_one_unusable_image(tmp_path: Path) -> None:
    images, _, numbers = pairs(tmp_path)
    (tmp_path / "pictures/2.png").write_bytes(b"broken")
    model = make_model(conv_fc((6, 6, 8)), Preprocessing("BGR", crop=(6, 8), pair="channels"))
    run(model, images, tmp_path / "scan.h5")
    with Scan(tmp_path / "scan.h5") as opened:
        assert set(opened.errors) == {image for image, both in enumerate(numbers) if 2 in both}
        assert opened.was_read.sum() == IMAGES - 2


def test_a_siamese_net_with_two_inputs_and_shared_weights(tmp_path: Path) -> None:
    images, pictures, numbers = pairs(tmp_path)
    model = make_model(TWO_INPUTS, Preprocessing("BGR", crop=(6, 8), pair="inputs"))
    model.weights["conv_p"] = model.weights["conv"]
    assert model.input_shape == (2, 3, 6, 8)
    run(model, images, tmp_path / "scan.h5", importance=True)
    blobs = [planes(picture) for picture in pictures]
    first = np.stack([conv(blobs[one], model.weights["conv"]) for one, _ in numbers])
    second = np.stack([conv(blobs[other], model.weights["conv"]) for _, other in numbers])
    check(tmp_path / "scan.h5", "conv", first)
    check(tmp_path / "scan.h5", "conv_p", second)
    mixed = np.stack([conv(maps, model.weights["mix"]) for maps in first - second])
    check(tmp_path / "scan.h5", "mix", mixed)
    with Scan(tmp_path / "scan.h5") as opened:
        assert [opened.layers[name].seen for name in ("conv", "conv_p", "mix")] == [(0,), (1,), (0, 1)]
        for layer, size, members in (("conv", 3, (0,)), ("conv_p", 3, (1,)), ("mix", 4, (0, 1))):
            top = opened.top(layer, 1)
            row, column = top.positions[0]
            seen = [center(pictures[numbers[top.images[0]][member]]) for member in members]
            expected = np.concatenate([own[row : row + size, column : column + size] for own in seen], 1)
            np.testing.assert_array_equal(opened.patch(layer, 1, 0), expected)
            picture, boxes = opened.whole(layer, 1, 0)
            shown = [picture[y0:y1, x0:x1] for y0, x0, y1, x1 in boxes if x1 > x0]
            np.testing.assert_array_equal(np.concatenate(shown, 1), expected)
    check_gradients(model, tmp_path / "scan.h5", ["conv_p", "mix"], model.weights["conv"][0])


def test_two_inputs_that_are_seen_differently(tmp_path: Path) -> None:
    """Where the fields in both inputs differ, none is stored, and a patch shows all that the net saw."""
    text = TWO_INPUTS.replace('param { name: "w" } param { name: "v" }', "")
    text = text.replace("kernel_size: 3", "kernel_size: 3 pad: 1", 1)  # of the first input only
    text = text.replace('bottom: "conv_p" top: "both"', 'bottom: "big" top: "both"').replace(
        'layer { name: "both"',
        'layer { name: "up" type: "Deconvolution" bottom: "conv_p" top: "big"'
        ' convolution_param { num_output: 4 kernel_size: 3 } }\nlayer { name: "both"',
    )
    model = make_model(text, Preprocessing("BGR", crop=(6, 8), pair="inputs"))
    assert [model.layer(name).field is None for name in ("conv", "conv_p", "mix")] == [False, False, True]
    images, pictures, numbers = pairs(tmp_path)
    run(model, images, tmp_path / "scan.h5")
    with Scan(tmp_path / "scan.h5") as opened:
        assert opened.layers["mix"].rows is None
        both = numbers[opened.top("mix", 0).images[0]]
        expected = np.concatenate([center(pictures[number]) for number in both], 1)
        np.testing.assert_array_equal(opened.patch("mix", 0, 0), expected)


BATCH_PAIR = """
layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 2 dim: 6 dim: 6 dim: 8 } } }
layer { name: "cut" type: "Slice" bottom: "data" top: "a" top: "b" slice_param { slice_point: 3 } }
layer { name: "pile" type: "Concat" bottom: "a" bottom: "b" top: "ab" concat_param { axis: 0 } }
layer { name: "conv" type: "Convolution" bottom: "ab" top: "conv" convolution_param { num_output: 4 kernel_size: 3 } }
"""
RESHAPED_PAIR = BATCH_PAIR.replace(
    BATCH_PAIR[BATCH_PAIR.index('layer { name: "cut"') : BATCH_PAIR.index('layer { name: "conv"')],
    'layer { name: "re" type: "Reshape" bottom: "data" top: "ab"'
    " reshape_param { shape { dim: -1 dim: 3 dim: 6 dim: 8 } } }\n",
)


@pytest.mark.parametrize("text", [BATCH_PAIR, RESHAPED_PAIR], ids=["Concat", "Reshape"])
def test_a_net_that_puts_both_of_a_pair_into_one_batch(text: str, tmp_path: Path) -> None:
    images, pictures, numbers = pairs(tmp_path)
    model = make_model(text, Preprocessing("BGR", crop=(6, 8), pair="channels"))
    run(model, images, tmp_path / "scan.h5")
    blobs = [planes(picture) for picture in pictures]
    maps = [[conv(blobs[number], model.weights["conv"]) for number in both] for both in numbers]
    check(tmp_path / "scan.h5", "conv", np.array(maps).swapaxes(1, 2))


def test_what_is_assumed_for_pairs(tmp_path: Path) -> None:
    images, _, _ = pairs(tmp_path)
    for shape, pair, crop in (
        ((6, 6, 8), "channels", (6, 8)),
        ((3, 6, 16), "width", (6, 8)),
        ((2, 4, 4), "channels", (4, 4)),
    ):
        model = make_model(conv_fc(shape), Preprocessing("STORED"))
        object.__setattr__(model, "assumed", True)
        assumed = for_pairs(model, images)
        assert (assumed.preprocessing.pair, assumed.preprocessing.crop) == (pair, crop)
        assert assumed.to_blob(images.read(0)).shape == shape
