"""Nets as plain loops, samples for them, and the comparison of a scan with the maps that the loops give."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from deepvis.engines.hits import find_hits
from deepvis.engines.trace import HitTracer
from deepvis.export.visit import Seen, visit
from deepvis.model.model import Model
from deepvis.scan.reader import Scan
from deepvis.scan.run import scan
from deepvis.sources import Images, open_images
from prototxt.common.progress import with_bar
from prototxt.formats.text import parse_net
from prototxt.net.shapes import infer_shapes
from prototxt.pixels.preprocess import Preprocessing

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


def write_video(path: Path, frames: int) -> list[Array]:
    """A video; gives the frames as OpenCV decodes them, RGB."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 25, (8, 6))
    for _ in range(frames):
        writer.write(RANDOM.integers(0, 256, (6, 8, 3), dtype=np.uint8))
    writer.release()
    capture = cv2.VideoCapture(str(path))
    return [capture.read()[1][:, :, ::-1] for _ in range(frames)]


def pairs(tmp_path: Path) -> tuple[Images, list[Array], list[tuple[int, int]]]:
    pictures = save_pictures(tmp_path / "pictures", IMAGES)
    numbers = [(number, (3 * number + 1) % IMAGES) for number in range(IMAGES)]
    lines = [f"pictures/{one}.png pictures/{other}.png {one % 2}\n" for one, other in numbers]
    (tmp_path / "pairs.txt").write_text("".join(lines))
    return open_images(tmp_path / "pairs.txt"), pictures, numbers


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
