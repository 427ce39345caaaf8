"""Layers of forks of Caffe against plain loops over NumPy arrays, and against OpenCV 4, which reads some of them."""

from __future__ import annotations

import math
from itertools import product
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from prototxt.common.errors import NetError
from prototxt.formats.text import parse_net
from prototxt.formats.weights import write_weights
from prototxt.net.extension_types import EXTENSION_TYPES
from prototxt.net.graph import NetGraph
from prototxt.net.shapes import infer_shapes
from torchcaffe.layers.detection import prior_boxes
from torchcaffe.network import Network

MAP = (2, 8, 4, 6)


def one(type: str, settings: str = "", shape: tuple[int, ...] = MAP) -> str:
    dims = " ".join(f"dim: {size}" for size in shape)
    return (
        f'layer {{ name: "data" type: "Input" top: "data" input_param {{ shape {{ {dims} }} }} }}\n'
        f'layer {{ name: "it" type: "{type}" bottom: "data" top: "it" {settings} }}\n'
    )


def run(text: str, *inputs: np.ndarray) -> np.ndarray:
    net = Network(parse_net(text), seed=0)
    with torch.no_grad():
        results = net.run(dict(zip(net.graph.inputs, inputs, strict=True)))
    (result,) = results.values()
    static = net.shapes.values[net.graph.outputs[0]]
    assert result.shape == static or net.graph.layers[-1].type == "DetectionOutput"
    return result.numpy()


def noise(shape: tuple[int, ...] = MAP, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def test_relu6() -> None:
    x = noise() * 8
    np.testing.assert_array_equal(run(one("ReLU6"), x), np.minimum(np.maximum(x, 0), 6))


@pytest.mark.parametrize("order", [(0, 2, 3, 1), (0, 3, 1, 2), (1, 0), ()])
def test_permute(order: tuple[int, ...]) -> None:
    whole = [*order, *(axis for axis in range(4) if axis not in order)]
    settings = "".join(f"order: {axis} " for axis in order)
    np.testing.assert_array_equal(
        run(one("Permute", f"permute_param {{ {settings} }}"), noise()), noise().transpose(whole)
    )


@pytest.mark.parametrize("across", [False, True])
@pytest.mark.parametrize("shared", [False, True])
def test_normalize(across: bool, shared: bool) -> None:
    settings = (
        f"norm_param {{ across_spatial: {str(across).lower()} channel_shared: {str(shared).lower()} eps: 0.01"
        ' scale_filler { type: "constant" value: 20 } }'
    )
    x, expected = noise(), np.empty(MAP)
    for n, h, w in product(range(2), range(4), range(6)):
        total = (x[n].astype(np.float64) ** 2).sum() if across else (x[n, :, h, w].astype(np.float64) ** 2).sum()
        for c in range(8):
            expected[n, c, h, w] = 20 * x[n, c, h, w] / math.sqrt(total + 0.01)
    np.testing.assert_allclose(run(one("Normalize", settings), x), expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("settings", "size"),
    [
        ("height: 7 width: 9", (7, 9)),
        ("zoom_factor: 2", (7, 11)),
        ("shrink_factor: 2", (2, 3)),
        ("shrink_factor: 2 zoom_factor: 3", (4, 7)),
        ("pad_beg: -1 pad_end: -1 zoom_factor: 2", (3, 7)),
        ("height: 1 width: 1", (1, 1)),
    ],
)
def test_interp(settings: str, size: tuple[int, int]) -> None:
    """DeepLab's interp.cpp: corner pixels lie on corner pixels."""
    x = noise()
    cut = 1 if "pad" in settings else 0
    inner = x[:, :, cut : 4 - cut, cut : 6 - cut].astype(np.float64)
    expected = np.empty((2, 8, *size))
    for i, j in product(range(size[0]), range(size[1])):
        y = i * (inner.shape[2] - 1) / max(size[0] - 1, 1)
        z = j * (inner.shape[3] - 1) / max(size[1] - 1, 1)
        top, left = int(y), int(z)
        below, right = min(top + 1, inner.shape[2] - 1), min(left + 1, inner.shape[3] - 1)
        expected[:, :, i, j] = (1 - y + top) * (
            (1 - z + left) * inner[:, :, top, left] + (z - left) * inner[:, :, top, right]
        ) + (y - top) * ((1 - z + left) * inner[:, :, below, left] + (z - left) * inner[:, :, below, right])
    np.testing.assert_allclose(run(one("Interp", f"interp_param {{ {settings} }}"), x), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("settings", "factors", "scale"),
    [
        ("", (2, 2), 1),
        ("stride: 3 scale: 0.5", (3, 3), 0.5),
        ("stride_h: 1 stride_w: 2", (1, 2), 1),
        ("height: 8 width: 18", (2, 3), 1),
        ("height_scale: 2 width_scale: 1", (2, 1), 1),
    ],
)
def test_upsample(settings: str, factors: tuple[int, int], scale: float) -> None:
    x = noise()
    expected = np.empty((2, 8, 4 * factors[0], 6 * factors[1]), np.float32)
    for i, j in product(range(expected.shape[2]), range(expected.shape[3])):
        expected[:, :, i, j] = x[:, :, i // factors[0], j // factors[1]] * scale
    np.testing.assert_array_equal(run(one("Upsample", f"upsample_param {{ {settings} }}"), x), expected)


@pytest.mark.parametrize("reverse", [False, True])
def test_reorg(reverse: bool) -> None:
    """Darknet's reorg_cpu, with its flat indices."""
    x, s = noise(), 2
    batch, channels, height, width = MAP
    out = np.empty(x.size, np.float32)
    flat, inner = x.ravel(), channels // (s * s)
    for b, k, j, i in product(range(batch), range(channels), range(height), range(width)):
        here = i + width * (j + height * (k + channels * b))
        offset = k // inner
        there = (i * s + offset % s) + width * s * ((j * s + offset // s) + height * s * (k % inner + inner * b))
        if reverse:
            out[there] = flat[here]
        else:
            out[here] = flat[there]
    shape = (2, 2, 8, 12) if reverse else (2, 32, 2, 3)
    found = run(one("Reorg", f"reorg_param {{ reverse: {str(reverse).lower()} }}"), x)
    np.testing.assert_array_equal(found, out.reshape(shape))


def test_shuffle_channel() -> None:
    x = noise()
    expected = np.empty_like(x)
    for group, place in product(range(4), range(2)):
        expected[:, place * 4 + group] = x[:, group * 2 + place]
    np.testing.assert_array_equal(run(one("ShuffleChannel", "shuffle_channel_param { group: 4 }"), x), expected)


PRIORS = [
    "min_size: 30",
    "min_size: 30 max_size: 60 aspect_ratio: 2",
    "min_size: 10 min_size: 20 max_size: 15 max_size: 25 aspect_ratio: 2 aspect_ratio: 3 aspect_ratio: 2 clip: true",
    "min_size: 30 aspect_ratio: 0.5 flip: false step: 8 offset: 0.25 variance: 1 variance: 2 variance: 3 variance: 4",
    "min_size: 12.5 step_h: 10 step_w: 7 img_h: 50 img_w: 40 variance: 0.3",
]


def prior_box_net(settings: str) -> str:
    return (
        'layer { name: "data" type: "Input" top: "data" top: "picture" input_param {'
        " shape { dim: 1 dim: 2 dim: 3 dim: 5 } shape { dim: 1 dim: 3 dim: 48 dim: 64 } } }\n"
        'layer { name: "it" type: "PriorBox" bottom: "data" bottom: "picture" top: "it"'
        f" prior_box_param {{ {settings} }} }}"
    )


@pytest.mark.parametrize("settings", PRIORS)
def test_prior_box(settings: str) -> None:
    """SSD's prior_box_layer.cpp, with the floating-point sizes of OpenCV 4."""
    graph = NetGraph(parse_net(prior_box_net(settings)))
    param = graph.layers[-1].layer.prior_box_param
    ratios = [1.0]
    for ratio in param.aspect_ratio:
        if not any(abs(ratio - known) < 1e-6 for known in ratios):
            ratios.append(ratio)
            if param.flip:
                ratios.append(1 / ratio)
    picture_h, picture_w = param.img_h or 48, param.img_w or 64
    step_h = param.step or param.step_h or picture_h / 3
    step_w = param.step or param.step_w or picture_w / 5
    corners: list[float] = []
    for h, w in product(range(3), range(5)):
        x, y = (w + param.offset) * step_w, (h + param.offset) * step_h
        for place, small in enumerate(param.min_size):
            sizes = [(small, small)]
            if param.max_size:
                sizes.append((math.sqrt(small * param.max_size[place]),) * 2)
            sizes += [(small * math.sqrt(ratio), small / math.sqrt(ratio)) for ratio in ratios if ratio != 1]
            for width, height in sizes:
                box = ((x - width / 2) / picture_w, (y - height / 2) / picture_h)
                box += ((x + width / 2) / picture_w, (y + height / 2) / picture_h)
                corners += [min(max(side, 0), 1) for side in box] if param.clip else box
    variance = list(param.variance) or [0.1]
    variances = (variance * 4 if len(variance) == 1 else variance) * (len(corners) // 4)
    found = prior_boxes(graph.layers[-1], (3, 5), (48, 64))
    np.testing.assert_allclose(found[0], [corners, variances], rtol=1e-6, atol=1e-7)
    maps, picture = np.zeros((1, 2, 3, 5), np.float32), np.zeros((1, 3, 48, 64), np.float32)
    np.testing.assert_array_equal(run(prior_box_net(settings), maps, picture), found)


def detection_net(settings: str, boxes: int, classes: int, locations: int = 1, batch: int = 2) -> str:
    return (
        'layer { name: "data" type: "Input" top: "positions" top: "scores" top: "priors" input_param {'
        f" shape {{ dim: {batch} dim: {boxes * locations * 4} }} shape {{ dim: {batch} dim: {boxes * classes} }}"
        f" shape {{ dim: 1 dim: 2 dim: {boxes * 4} }} }} }}\n"
        'layer { name: "it" type: "DetectionOutput" bottom: "positions" bottom: "scores" bottom: "priors" top: "it"'
        f" detection_output_param {{ num_classes: {classes} {settings} }} }}"
    )


def detection_inputs(boxes: int, classes: int, locations: int = 1, batch: int = 2) -> list[np.ndarray]:
    rng = np.random.default_rng(1)
    low = rng.uniform(0, 0.6, (boxes, 2))
    corners = np.concatenate([low, low + rng.uniform(0.2, 0.4, (boxes, 2))], 1)
    priors = np.stack([corners.ravel(), np.tile([0.1, 0.1, 0.2, 0.2], boxes)])[None]
    positions = rng.normal(size=(batch, boxes * locations * 4)) * 0.5
    scores = np.exp(rng.normal(size=(batch, boxes, classes)) * 2)
    scores /= scores.sum(2, keepdims=True)
    return [array.astype(np.float32) for array in (positions, scores.reshape(batch, -1), priors)]


def overlap(a: np.ndarray, b: np.ndarray) -> float:
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    return width * height / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - width * height)


def decoded(code: str, prior: np.ndarray, variance: np.ndarray, shift: np.ndarray) -> np.ndarray:
    width, height = prior[2] - prior[0], prior[3] - prior[1]
    if code == "CORNER":
        return prior + variance * shift
    if code == "CORNER_SIZE":
        return prior + variance * shift * np.array([width, height, width, height])
    x = variance[0] * shift[0] * width + (prior[0] + prior[2]) / 2
    y = variance[1] * shift[1] * height + (prior[1] + prior[3]) / 2
    w, h = math.exp(variance[2] * shift[2]) * width, math.exp(variance[3] * shift[3]) * height
    return np.array([x - w / 2, y - h / 2, x + w / 2, y + h / 2])


def suppressed(order: list[int], boxes: list[np.ndarray], limit: float, eta: float) -> list[int]:
    kept: list[int] = []
    for i in order:
        if all(overlap(boxes[i], boxes[j]) <= limit for j in kept):
            kept.append(i)
            limit *= eta if limit > 0.5 else 1
    return kept


def detections(text: str, positions: np.ndarray, scores: np.ndarray, priors: np.ndarray) -> np.ndarray:
    """SSD's detection_output_layer.cpp and bbox_util.cpp as loops."""
    param = parse_net(text).layer[-1].detection_output_param
    code = {1: "CORNER", 2: "CENTER_SIZE", 3: "CORNER_SIZE"}[param.code_type]
    classes, boxes = param.num_classes, priors.shape[2] // 4
    corners, variances = priors[0].reshape(2, boxes, 4).astype(np.float64)
    if param.variance_encoded_in_target:
        variances = np.ones_like(variances)
    rows: list[list[float]] = []
    for image, by_box in enumerate(scores.reshape(-1, boxes, classes)):
        shifts = positions[image].reshape(boxes, -1, 4).astype(np.float64)
        found = []
        for label in range(classes):
            if label == param.background_label_id:
                continue
            place = 0 if param.share_location else label
            all_boxes = [decoded(code, corners[i], variances[i], shifts[i, place]) for i in range(boxes)]
            order = sorted(range(boxes), key=lambda i: -by_box[i, label])
            if param.HasField("confidence_threshold"):
                order = [i for i in order if by_box[i, label] > param.confidence_threshold]
            if param.nms_param.HasField("top_k"):
                order = order[: param.nms_param.top_k]
            kept = suppressed(order, all_boxes, param.nms_param.nms_threshold, param.nms_param.eta)
            found += [[image, label, by_box[i, label], *all_boxes[i]] for i in kept]
        if -1 < param.keep_top_k < len(found):
            best = sorted(found, key=lambda row: -row[2])[: param.keep_top_k]
            found = sorted(best, key=lambda row: (row[1], -row[2]))
        rows += found
    return np.array(rows).reshape(1, 1, -1, 7)


DETECTIONS = [
    "code_type: CENTER_SIZE nms_param { nms_threshold: 0.45 top_k: 20 } keep_top_k: 15 confidence_threshold: 0.05",
    "code_type: CORNER nms_param { nms_threshold: 0.3 } confidence_threshold: 0.2",
    "code_type: CORNER_SIZE nms_param { nms_threshold: 0.6 top_k: 7 } keep_top_k: 4 background_label_id: 2",
    "code_type: CENTER_SIZE variance_encoded_in_target: true nms_param { nms_threshold: 0.45 } background_label_id: -1",
    "code_type: CENTER_SIZE nms_param { nms_threshold: 0.9 eta: 0.8 } confidence_threshold: 0.1",
    "code_type: CENTER_SIZE share_location: false nms_param { nms_threshold: 0.45 top_k: 9 } keep_top_k: 8",
    "code_type: CENTER_SIZE nms_param { nms_threshold: 0.45 } confidence_threshold: 0.9999",
]


@pytest.mark.parametrize("settings", DETECTIONS)
def test_detection_output(settings: str) -> None:
    locations = 4 if "share_location" in settings else 1
    text, inputs = detection_net(settings, 40, 4, locations), detection_inputs(40, 4, locations)
    expected = detections(text, *inputs)
    found = run(text, *inputs)
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def test_every_extension_has_a_test() -> None:
    tests = {name.removeprefix("test_").replace("_", "") for name in globals() if name.startswith("test_")}
    assert {type.lower() for type in EXTENSION_TYPES} <= tests


SSD = """
name: "ssd"
layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 1 dim: 3 dim: 24 dim: 32 } } }
layer { name: "conv" type: "Convolution" bottom: "data" top: "conv"
        convolution_param { num_output: 8 kernel_size: 3 stride: 4 pad: 1
                            weight_filler { type: "gaussian" std: 0.3 } } }
layer { name: "relu" type: "ReLU" bottom: "conv" top: "conv" }
layer { name: "norm" type: "Normalize" bottom: "conv" top: "norm"
        norm_param { across_spatial: false channel_shared: false scale_filler { type: "constant" value: 5 } } }
layer { name: "loc" type: "Convolution" bottom: "norm" top: "loc"
        convolution_param { num_output: 16 kernel_size: 1 weight_filler { type: "gaussian" std: 0.1 } } }
layer { name: "loc_perm" type: "Permute" bottom: "loc" top: "loc_perm"
        permute_param { order: 0 order: 2 order: 3 order: 1 } }
layer { name: "loc_flat" type: "Flatten" bottom: "loc_perm" top: "loc_flat" flatten_param { axis: 1 } }
layer { name: "conf" type: "Convolution" bottom: "norm" top: "conf"
        convolution_param { num_output: 12 kernel_size: 1 weight_filler { type: "gaussian" std: 0.3 } } }
layer { name: "conf_perm" type: "Permute" bottom: "conf" top: "conf_perm"
        permute_param { order: 0 order: 2 order: 3 order: 1 } }
layer { name: "conf_rows" type: "Reshape" bottom: "conf_perm" top: "conf_rows"
        reshape_param { shape { dim: 0 dim: -1 dim: 3 } } }
layer { name: "conf_prob" type: "Softmax" bottom: "conf_rows" top: "conf_prob" softmax_param { axis: 2 } }
layer { name: "conf_flat" type: "Flatten" bottom: "conf_prob" top: "conf_flat" flatten_param { axis: 1 } }
layer { name: "boxes" type: "PriorBox" bottom: "norm" bottom: "data" top: "boxes"
        prior_box_param { min_size: 8 max_size: 14 aspect_ratio: 2 flip: true clip: false
                          variance: 0.1 variance: 0.1 variance: 0.2 variance: 0.2 } }
layer { name: "found" type: "DetectionOutput" bottom: "loc_flat" bottom: "conf_flat" bottom: "boxes" top: "found"
        detection_output_param { num_classes: 3 share_location: true background_label_id: 0 code_type: CENTER_SIZE
          nms_param { nms_threshold: 0.45 top_k: 60 } keep_top_k: 25 confidence_threshold: 0.2 } }
"""


@pytest.mark.skipif(not hasattr(cv2.dnn, "readNetFromCaffe"), reason="this OpenCV reads no Caffe nets any more")
def test_an_ssd_in_opencv(tmp_path: Path) -> None:
    """Every blob of a small SSD."""
    (tmp_path / "ssd.prototxt").write_text(SSD)
    net = Network(parse_net(SSD), seed=1)
    write_weights(tmp_path / "ssd.caffemodel", net.net, net.weights())
    theirs = cv2.dnn.readNetFromCaffe(str(tmp_path / "ssd.prototxt"), str(tmp_path / "ssd.caffemodel"))
    x = noise((1, 3, 24, 32))
    theirs.setInput(x)
    layers = ["norm", "loc_flat", "conf_flat", "boxes", "found"]
    with torch.no_grad():
        ours = net.run({"data": x}, keep=layers)
    for value, array in zip(ours, theirs.forward(layers), strict=True):
        array = np.asarray(array).reshape(ours[value].shape)
        if value.blob == "found":  # OpenCV gives the rows of an image by score, SSD's Caffe by label first
            ours[value] = ours[value][:, :, ours[value][0, 0, :, 2].argsort(descending=True)]
        np.testing.assert_allclose(ours[value].numpy(), array, rtol=1e-4, atol=1e-5, err_msg=str(value))
    assert ours[net.graph.outputs[0]].shape[2] > 5


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (one("Permute", "permute_param { order: 0 order: 0 }"), "order must name each axis"),
        (one("Upsample", "upsample_param { scale: 2 }"), "scale alone is a factor on the numbers in one fork"),
        (one("Upsample", "upsample_param { height: 9 width: 12 }"), "must be multiples"),
        (one("Reorg", "reorg_param { stride: 3 }"), "stride must be above 0"),
        (one("ShuffleChannel", "shuffle_channel_param { group: 3 }"), "group must divide the 8 channels"),
        (one("Interp", "interp_param { pad_beg: 1 }"), "must be at most 0"),
        (prior_box_net("min_size: 4 min_size: 5 max_size: 6"), "max_size must be given once for each of 2"),
        (prior_box_net("aspect_ratio: 2"), "needs min_size"),
        (detection_net("", 3, 0), "needs num_classes"),
    ],
)
def test_wrong_settings(text: str, sentence: str) -> None:
    with pytest.raises(NetError, match=sentence):
        infer_shapes(parse_net(text))
