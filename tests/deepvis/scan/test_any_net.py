"""Scans of nets whose input is no single picture: against plain loops, one image after the other."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import lmdb
import numpy as np
import pytest

from deepvis.assumed import for_pairs
from deepvis.errors import ModelError
from deepvis.export.backward import HitTracer
from deepvis.export.hits import find_hits
from deepvis.export.visit import Seen, visit
from deepvis.feed import find_feed
from deepvis.model import Model
from deepvis.progress import with_bar
from deepvis.scan.joining import merge_scans
from deepvis.scan.reader import Scan
from deepvis.scan.run import scan
from deepvis.sources import Images, open_images
from deepvis.sources.opening import Cutting
from prototxt.graph import NetGraph
from prototxt.preprocess import Preprocessing
from prototxt.schema import Datum
from prototxt.shapes import infer_shapes
from prototxt.text import parse_net, write_message
from prototxt.weights import write_weights

Array = np.ndarray
RANDOM = np.random.default_rng(11)
IMAGES = 7
TOP = 3


def make_model(text: str, preprocessing: Preprocessing, whole: bool = True) -> Model:
    """A net with random weights, small integers if ``whole``."""
    net = parse_net(f'name: "any" {text}', "any.prototxt")
    random = np.random.default_rng(5)

    def draw(shape: tuple[int, ...]) -> Array:
        return (random.integers(-2, 3, shape) if whole else random.normal(size=shape)).astype(np.float32)

    shapes = infer_shapes(net).params
    weights = {layer: [draw(shape) for shape in blobs] for layer, blobs in shapes.items() if blobs}
    return Model("any", Path("any.prototxt"), net, weights, preprocessing)


def conv(blob: Array, weights: list[Array]) -> Array:
    """Convolution without padding over any number of axes, output by output."""
    kernel, bias = weights[0].astype(np.float64), weights[1].astype(np.float64)
    sizes = kernel.shape[2:]
    out = np.zeros((len(kernel), *(length - size + 1 for length, size in zip(blob.shape[1:], sizes, strict=True))))
    for place in np.ndindex(out.shape):
        window = tuple(slice(at, at + size) for at, size in zip(place[1:], sizes, strict=True))
        out[place] = (blob[(slice(None), *window)] * kernel[place[0]]).sum() + bias[place[0]]
    return out


def dense(vector: Array, weights: list[Array]) -> Array:
    return weights[0].astype(np.float64) @ vector.reshape(-1) + weights[1]


def check(path: Path, layer: str, maps: Array, before: Array | None = None, atol: float = 0.0) -> None:
    """Compare a layer of a scan with its maps on every image: (N, C, …)."""
    with Scan(path) as opened:
        assert opened.layers[layer].map_shape == maps.shape[2:]
        flat = maps.reshape(*maps.shape[:2], -1)
        np.testing.assert_allclose(opened.means(layer), flat.mean(2), rtol=1e-6, atol=atol)
        np.testing.assert_allclose(opened.maxima(layer), flat.max(2), rtol=1e-6, atol=atol)
        statistics = opened.statistics(layer)
        np.testing.assert_allclose(statistics.mean, flat.mean((0, 2)), rtol=1e-6, atol=atol)
        np.testing.assert_allclose(statistics.std, flat.std((0, 2)), rtol=1e-5, atol=atol)
        np.testing.assert_allclose(statistics.max, flat.max((0, 2)), rtol=1e-6, atol=atol)
        for unit in range(maps.shape[1]):
            for found, values, sign in (
                (opened.top(layer, unit), maps[:, unit], 1),
                (opened.bottom(layer, unit), (maps if before is None else before)[:, unit], -1),
            ):
                best = sorted((-(sign * own).max(), image) for image, own in enumerate(values))[: len(found)]
                np.testing.assert_allclose(found.values, [-sign * value for value, _ in best], rtol=1e-6, atol=atol)
                for image, place, value in zip(found.images, found.positions, found.values, strict=True):
                    own = tuple(place[len(place) - values.ndim + 1 :]) if values.ndim > 1 else ()
                    np.testing.assert_allclose(values[image][own], value, rtol=1e-6, atol=atol)
                    assert place.shape == (max(2, maps.ndim - 2),)


def run(model: Model, images: Images, out: Path, **wishes: object) -> None:
    """Scan with a batch that does not divide the images, read by several threads."""
    with_bar(scan(model, images, out, top=TOP, batch=3, device="cpu", workers=3, **wishes))


def same(a: Path, b: Path) -> None:
    with Scan(a) as one, Scan(b) as other:
        names: list[str] = []
        one.file.visit(names.append)
        assert sorted(names) == sorted(_names(other))
        for name in names:
            if hasattr(one.file[name], "dtype"):
                np.testing.assert_array_equal(one.file[name][()], other.file[name][()], err_msg=name)


def _names(opened: Scan) -> list[str]:
    names: list[str] = []
    opened.file.visit(names.append)
    return names


def save_arrays(folder: Path, shape: tuple[int, ...], kind: type = np.float32) -> list[Array]:
    folder.mkdir()
    arrays = [RANDOM.integers(-3, 4, shape).astype(kind) for _ in range(IMAGES)]
    for number, array in enumerate(arrays):
        np.save(folder / f"{number}.npy", array)
    return arrays


def save_pictures(folder: Path, count: int, size: tuple[int, int] = (6, 8)) -> list[Array]:
    """PNG pictures of small values, RGB; no two are equally large."""
    folder.mkdir(exist_ok=True)
    pictures = [
        RANDOM.integers(0, 6, (size[0] + number % 3, size[1] + number % 2, 3), dtype=np.uint8)
        for number in range(count)
    ]
    for number, picture in enumerate(pictures):
        cv2.imwrite(str(folder / f"{number}.png"), picture[:, :, ::-1])
    return pictures


def center(picture: Array, height: int = 6, width: int = 8) -> Array:
    top, left = (picture.shape[0] - height) // 2, (picture.shape[1] - width) // 2
    return picture[top : top + height, left : left + width]


def planes(picture: Array) -> Array:
    """(C, H, W) of a centred picture in BGR."""
    return center(picture)[:, :, ::-1].transpose(2, 0, 1).astype(np.float64)


CONV_FC = """
layer {{ name: "data" type: "Input" top: "data" input_param {{ shape {{ {dims} }} }} }}
layer {{ name: "conv" type: "Convolution" bottom: "data" top: "conv"
  convolution_param {{ num_output: 4 kernel_size: 3 }} }}
layer {{ name: "relu" type: "ReLU" bottom: "conv" top: "conv" }}
layer {{ name: "fc" type: "InnerProduct" bottom: "conv" top: "fc" inner_product_param {{ num_output: 3 }} }}
"""


def conv_fc(shape: tuple[int, ...]) -> str:
    return CONV_FC.format(dims=" ".join(f"dim: {length}" for length in (2, *shape)))


def check_conv_fc(model: Model, out: Path, blobs: list[Array]) -> None:
    before = np.stack([conv(blob, model.weights["conv"]) for blob in blobs])
    check(out, "conv", before.clip(0), before)
    check(out, "fc", np.stack([dense(maps.clip(0), model.weights["fc"]) for maps in before]))


@pytest.mark.parametrize("shape", [(2, 9), (6, 5, 7), (2, 4, 5, 6)], ids=["1-D", "6 channels", "3-D"])
def test_arrays_of_any_number_of_channels_and_axes(shape: tuple[int, ...], tmp_path: Path) -> None:
    arrays = save_arrays(tmp_path / "arrays", shape)
    preprocessing = Preprocessing("STORED", 2.0, mean=tuple(range(shape[0])))
    model = make_model(conv_fc(shape), preprocessing)
    run(model, open_images(tmp_path / "arrays"), tmp_path / "scan.h5", before=True, importance=True, correlation=True)
    means = np.arange(shape[0]).reshape(-1, *[1] * (len(shape) - 1))
    check_conv_fc(model, tmp_path / "scan.h5", [2.0 * array - means for array in arrays])
    with Scan(tmp_path / "scan.h5") as opened:
        best = opened.top("conv", 1)
        box = opened.place("conv", int(best.images[0]), best.positions[0].tolist())
        starts = best.positions[0][-len(shape[1:]) :].tolist()
        starts, ends = ([0] * (2 - len(starts)) + starts), [1] * (2 - len(starts)) + [start + 3 for start in starts]
        assert box == (*starts, *ends)
        patch = opened.patch("conv", 1, 0, constant_size=False)
        assert patch.shape[:2] == ((shape[0], 3) if len(shape) == 2 else (3, 3))


def test_patches_of_arrays_are_drawn_from_their_numbers(tmp_path: Path) -> None:
    arrays = save_arrays(tmp_path / "arrays", (2, 4, 5, 6))
    model = make_model(conv_fc((2, 4, 5, 6)), Preprocessing("STORED"))
    run(model, open_images(tmp_path / "arrays"), tmp_path / "scan.h5")
    with Scan(tmp_path / "scan.h5") as opened:
        top = opened.top("conv", 0)
        for rank in range(len(top)):
            values, (depth, row, column) = arrays[top.images[rank]], top.positions[rank]
            seen = values[:, depth + 1, row : row + 3, column : column + 3].mean(0)  # the middle slice of three
            grey = np.rint((seen - values.min()) * 255 / (values.max() - values.min()))
            np.testing.assert_array_equal(opened.patch("conv", 0, rank)[:, :, 0], grey)
            picture, (box,) = opened.whole("conv", 0, rank)
            assert box == (row, column, row + 3, column + 3)
            np.testing.assert_array_equal(picture[row : row + 3, column : column + 3, 1], grey)


@pytest.mark.parametrize("channels", [1, 3, 5])
def test_an_lmdb(channels: int, tmp_path: Path) -> None:
    values = RANDOM.integers(0, 6, (IMAGES, channels, 6, 8), dtype=np.uint8)
    with lmdb.open(str(tmp_path / "x_lmdb"), map_size=1 << 20) as environment, environment.begin(write=True) as writing:
        for number, image in enumerate(values):
            datum = Datum(channels=channels, height=6, width=8, data=image.tobytes(), label=number % 3)
            writing.put(f"{number:08}".encode(), datum.SerializeToString())
        writing.put(b"00000003x", b"broken")
    order = {1: "GRAY", 3: "BGR", 5: "STORED"}[channels]
    model = make_model(conv_fc((channels, 6, 8)), Preprocessing(order, mean=(1.0,) * channels))
    images, out = open_images(tmp_path / "x_lmdb"), tmp_path / "scan.h5"
    run(model, images, out)
    with Scan(out) as opened:
        assert opened.errors.keys() == {4}
        assert opened.labels.tolist() == [0, 1, 2, 0, -1, 1, 2, 0]
        usable = opened.was_read
        means = opened.means("conv")[usable]
        before = np.stack([conv(image - 1.0, model.weights["conv"]) for image in values])
        np.testing.assert_allclose(means, before.clip(0).mean((2, 3)), rtol=1e-6)
        top = opened.top("conv", 2)
        row, column = top.positions[0]
        number = int(top.images[0]) - (top.images[0] > 4)
        seen = values[number, :, row : row + 3, column : column + 3]
        if channels == 5:
            seen = np.rint((seen.mean(0) - values[number].min()) * 255 / np.ptp(values[number]))[None]
        patch = opened.patch("conv", 2, 0)
        np.testing.assert_array_equal(patch, np.broadcast_to(seen[::-1].transpose(1, 2, 0), patch.shape))


def write_video(path: Path, frames: int) -> list[Array]:
    """A video; gives the frames as OpenCV decodes them, RGB."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 25, (8, 6))
    for _ in range(frames):
        writer.write(RANDOM.integers(0, 256, (6, 8, 3), dtype=np.uint8))
    writer.release()
    capture = cv2.VideoCapture(str(path))
    return [capture.read()[1][:, :, ::-1] for _ in range(frames)]


def test_a_video_frame_by_frame(tmp_path: Path) -> None:
    frames = write_video(tmp_path / "x.avi", IMAGES)
    model = make_model(conv_fc((3, 6, 8)), Preprocessing("BGR"))
    run(model, open_images(tmp_path / "x.avi"), tmp_path / "scan.h5")
    check_conv_fc(model, tmp_path / "scan.h5", [planes(frame) for frame in frames])
    with Scan(tmp_path / "scan.h5") as opened:
        assert opened.paths[2] == "x.avi#frame=2"
        top = opened.top("conv", 3)
        for rank in reversed(range(TOP)):
            row, column = top.positions[rank]
            seen = frames[top.images[rank]][row : row + 3, column : column + 3]
            np.testing.assert_array_equal(opened.patch("conv", 3, rank), seen)


def test_clips_of_a_video_in_a_net_with_a_time_axis(tmp_path: Path) -> None:
    frames = write_video(tmp_path / "x.avi", 14)
    model = make_model(conv_fc((3, 4, 6, 8)), Preprocessing("BGR"))
    assert model.frames == 4
    images = open_images(tmp_path / "x.avi", cutting=Cutting(model.frames, every=3))
    assert images.paths == ("x.avi#frame=0-3", "x.avi#frame=3-6", "x.avi#frame=6-9", "x.avi#frame=9-12")
    run(model, images, tmp_path / "scan.h5")
    clips = [np.stack([planes(frame) for frame in frames[start : start + 4]], 1) for start in (0, 3, 6, 9)]
    check_conv_fc(model, tmp_path / "scan.h5", clips)
    with Scan(tmp_path / "scan.h5") as opened:
        top = opened.top("conv", 0)
        depth, row, column = top.positions[0]
        seen = frames[3 * top.images[0] + depth + 1][row : row + 3, column : column + 3]
        np.testing.assert_array_equal(opened.patch("conv", 0, 0), seen)


# -- siamese nets -----------------------------------------------------------------------------------------------------


def pairs(tmp_path: Path) -> tuple[Images, list[Array], list[tuple[int, int]]]:
    pictures = save_pictures(tmp_path / "pictures", IMAGES)
    numbers = [(number, (3 * number + 1) % IMAGES) for number in range(IMAGES)]
    lines = [f"pictures/{one}.png pictures/{other}.png {one % 2}\n" for one, other in numbers]
    (tmp_path / "pairs.txt").write_text("".join(lines))
    return open_images(tmp_path / "pairs.txt"), pictures, numbers


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


TWO_INPUTS = """
layer { name: "a" type: "Input" top: "a" input_param { shape { dim: 1 dim: 3 dim: 6 dim: 8 } } }
layer { name: "b" type: "Input" top: "b" input_param { shape { dim: 1 dim: 3 dim: 6 dim: 8 } } }
layer { name: "conv" type: "Convolution" bottom: "a" top: "conv" param { name: "w" } param { name: "v" }
  convolution_param { num_output: 4 kernel_size: 3 } }
layer { name: "conv_p" type: "Convolution" bottom: "b" top: "conv_p" param { name: "w" } param { name: "v" }
  convolution_param { num_output: 4 kernel_size: 3 } }
layer { name: "both" type: "Eltwise" bottom: "conv" bottom: "conv_p" top: "both" eltwise_param { coeff: 1 coeff: -1 } }
layer { name: "mix" type: "Convolution" bottom: "both" top: "mix" convolution_param { num_output: 2 kernel_size: 2 } }
"""


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


def check_gradients(model: Model, path: Path, layers: list[str], kernels: Array) -> None:
    """Patches and gradients of all hits are equally large; the gradient of a first convolution is its unit's kernel."""
    got: list[Seen] = []
    with Scan(path) as opened:
        hits = with_bar(find_hits(opened, layers))
        every = [hit for layer in hits.values() for hit in layer if hit.value != 0 or hit.layer != layers[0]]
        tracer = HitTracer(model, ("gradient",), "cpu")
        assert not with_bar(visit(opened, every, got.append, tracer=tracer, workers=0))
    assert len(got) == len(every)
    for seen in got:
        assert seen.back["gradient"].shape[1:] == seen.pixels.shape[:2]
        if seen.hit.layer == layers[0]:
            np.testing.assert_allclose(seen.back["gradient"], kernels[seen.hit.unit], atol=1e-6)


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


# -- recurrent nets ---------------------------------------------------------------------------------------------------

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


# -- growing scans ----------------------------------------------------------------------------------------------------


def test_scans_of_pairs_and_records_grow_and_merge_with_the_same_bits(tmp_path: Path) -> None:
    images, _, _ = pairs(tmp_path)
    model = make_model(conv_fc((6, 6, 8)), Preprocessing("BGR", crop=(6, 8), pair="channels"))
    lines = (tmp_path / "pairs.txt").read_text().splitlines(keepends=True)
    (tmp_path / "first.txt").write_text("".join(lines[:3]))
    (tmp_path / "rest.txt").write_text("".join(lines[3:]))
    run(model, images, tmp_path / "whole.h5")
    run(model, open_images(tmp_path / "first.txt"), tmp_path / "first.h5")
    run(model, open_images(tmp_path / "rest.txt"), tmp_path / "rest.h5")
    with_bar(merge_scans([tmp_path / "first.h5", tmp_path / "rest.h5"], tmp_path / "merged.h5"))
    same(tmp_path / "merged.h5", tmp_path / "whole.h5")
    run(model, images, tmp_path / "first.h5", extend=True)
    same(tmp_path / "first.h5", tmp_path / "whole.h5")


def test_a_stopped_scan_of_a_video_goes_on(tmp_path: Path) -> None:
    write_video(tmp_path / "x.avi", IMAGES)
    model = make_model(conv_fc((3, 6, 8)), Preprocessing("BGR"))
    images = open_images(tmp_path / "x.avi")
    run(model, images, tmp_path / "whole.h5")
    work = scan(model, images, tmp_path / "scan.h5", top=TOP, batch=3, device="cpu", workers=0)
    next(work)
    next(work)
    work.close()
    assert not (tmp_path / "scan.h5").exists()
    run(model, open_images(tmp_path / "x.avi"), tmp_path / "scan.h5")
    same(tmp_path / "scan.h5", tmp_path / "whole.h5")


@pytest.mark.long
@pytest.mark.parametrize("kind", ["pairs", "video"])
def test_two_processes_make_the_same_file(kind: str, tmp_path: Path) -> None:
    if kind == "pairs":
        pairs(tmp_path)
        shape, preprocessing = (6, 6, 8), Preprocessing("BGR", crop=(6, 8), pair="channels")
    else:
        write_video(tmp_path / "x.avi", IMAGES)
        shape, preprocessing = (3, 6, 8), Preprocessing("BGR")
    model = make_model(conv_fc(shape), preprocessing)
    write_message(tmp_path / "any.prototxt", model.net)
    write_weights(tmp_path / "any.caffemodel", model.net, model.weights)
    (tmp_path / "pixels.json").write_text(preprocessing.to_json())
    images = "pairs.txt" if kind == "pairs" else "x.avi"
    options = ["--images", images, "--preprocessing", "pixels.json", "--batch", "3", "--device", "cpu"]
    scans = ["-m", "deepvis", "scan", "any.prototxt", *options]
    for program, out in (([], "alone.h5"), (["-m", "torch.distributed.run", "--nproc_per_node", "2"], "two.h5")):
        arguments = [sys.executable, *program, *scans, "--out", out]
        done = subprocess.run(arguments, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    same(tmp_path / "two.h5", tmp_path / "alone.h5")


# -- what cannot be ---------------------------------------------------------------------------------------------------


def test_inputs_that_take_no_images() -> None:
    text = TWO_INPUTS.replace("dim: 8", "dim: 9", 1)
    with pytest.raises(ModelError, match=r"found a \(1 x 3 x 6 x 9\), b \(1 x 3 x 6 x 8\)"):
        find_feed(NetGraph(parse_net(text, "x.prototxt")), Path("x.prototxt"))


def test_what_does_not_fit_the_net_is_an_error_of_the_image(tmp_path: Path) -> None:
    save_pictures(tmp_path / "pictures", 1)
    images = open_images(tmp_path / "pictures")
    for preprocessing, message in (
        (Preprocessing("STORED"), "is a picture, but the channel order STORED is that of arrays"),
        (Preprocessing("BGR", crop=(6, 8), pair="channels"), "takes pairs of pictures; give a list with two paths"),
    ):
        model = make_model(conv_fc((6, 6, 8)), preprocessing)
        with pytest.raises(Exception, match=message):
            run(model, images, tmp_path / "scan.h5")
    pair, _, _ = pairs(tmp_path)
    with pytest.raises(Exception, match="is a pair, but the preprocessing does not say how pairs enter the net"):
        run(make_model(conv_fc((3, 6, 8)), Preprocessing("BGR", crop=(6, 8))), pair, tmp_path / "scan.h5")
