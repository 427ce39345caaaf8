"""The scan against a net computed by plain loops in float64, one picture after the other."""

from __future__ import annotations

from math import sqrt
from pathlib import Path

import numpy as np
import pytest

from deepvis.errors import ImageError, ModelError
from deepvis.model.model import Model
from deepvis.scan.reader import Scan
from deepvis.scan.run import scan
from deepvis.sources import Images
from entropy.errors import ScanError
from prototxt.common.errors import FormatError
from prototxt.common.progress import with_bar

TOP = 4


def convolve(blob: np.ndarray, weights: list[np.ndarray], pad: int) -> np.ndarray:
    kernel = weights[0]
    size = kernel.shape[2]
    padded = np.pad(blob, ((0, 0), (pad, pad), (pad, pad)))
    height, width = padded.shape[1] - size + 1, padded.shape[2] - size + 1
    out = np.zeros((len(kernel), height, width))
    for unit in range(len(kernel)):
        for y in range(height):
            for x in range(width):
                out[unit, y, x] = (padded[:, y : y + size, x : x + size] * kernel[unit]).sum()
        if len(weights) > 1:
            out[unit] += weights[1][unit]
    return out


def deconvolve(blob: np.ndarray, kernel: np.ndarray, stride: int) -> np.ndarray:
    out = np.zeros((kernel.shape[1], blob.shape[1] * stride, blob.shape[2] * stride))
    for channel, y, x in np.ndindex(blob.shape):
        out[:, y * stride : y * stride + 2, x * stride : x * stride + 2] += blob[channel, y, x] * kernel[channel]
    return out


def pool(blob: np.ndarray) -> np.ndarray:
    out = np.zeros((len(blob), -(-blob.shape[1] // 2), -(-blob.shape[2] // 2)))
    for unit, y, x in np.ndindex(out.shape):
        out[unit, y, x] = blob[unit, 2 * y : 2 * y + 2, 2 * x : 2 * x + 2].max()
    return out


def forward(model: Model, blob: np.ndarray) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """By layer the values before and after the activation, float64."""
    weights = {name: [array.astype(np.float64) for array in arrays] for name, arrays in model.weights.items()}
    conv1 = convolve(blob.astype(np.float64), weights["conv1"], 1)
    pool1 = pool(conv1.clip(0))
    left = convolve(pool1, weights["branch/left"], 1)
    right = convolve(pool1, weights["100% right"], 0)
    total = (left.clip(0) + right).clip(0)
    up = deconvolve(total, weights["up"][0], 2)
    fc = weights["fc"][0] @ total.reshape(-1) + weights["fc"][1]
    fc8 = weights["fc8"][0] @ fc.clip(0) + weights["fc8"][1]
    return {
        "conv1": (conv1, conv1.clip(0)),
        "branch/left": (left, left.clip(0)),
        "100% right": (right, right),
        "up": (up, up),
        "fc": (fc, fc.clip(0)),
        "fc8": (fc8, fc8),
    }


def center(pixels: np.ndarray) -> np.ndarray:
    top, left = (pixels.shape[0] - 9) // 2, (pixels.shape[1] - 11) // 2
    return pixels[top : top + 9, left : left + 11]


def input_blob(model: Model, pixels: np.ndarray) -> np.ndarray:
    planes = {"BGR": [2, 1, 0], "GRAY": [0]}[model.preprocessing.channel_order]
    return np.stack([center(pixels)[:, :, plane].astype(np.float64) - 3 for plane in planes])


def check_layer(opened: Scan, layer: str, values: dict[int, tuple[np.ndarray, np.ndarray]]) -> None:
    """Compare a layer of a scan with the values of every image that was read, one unit after the other."""
    statistics, post, pre = opened.statistics(layer), opened.means(layer), opened.means(layer, before=True)
    maxima = opened.maxima(layer)
    for unit in range(opened.layers[layer].units):
        entries, everything = [], []
        for image, (before, after) in values.items():
            positions = list(np.ndindex(after[unit].shape)) or [()]
            best = max(positions, key=lambda p, m=after[unit]: (m[p], [-i for i in p]))
            entries.append((-after[unit][best], image, best or (0, 0)))
            everything += [float(after[unit][p]) for p in positions]
            assert post[image, unit] == np.float32(sum(float(after[unit][p]) for p in positions) / len(positions))
            assert maxima[image, unit] == after[unit][best]
            assert pre[image, unit] == np.float32(sum(float(before[unit][p]) for p in positions) / len(positions))
        wanted = sorted(entries)[:TOP]
        top = opened.top(layer, unit)
        assert top.values.tolist() == [-value for value, _, _ in wanted]
        assert top.images.tolist() == [image for _, image, _ in wanted]
        assert [tuple(p) for p in top.positions.tolist()] == [position for _, _, position in wanted]
        check_bottom(opened, layer, unit, {image: before[unit] for image, (before, _) in values.items()})
        mean = sum(everything) / len(everything)
        std = sqrt(sum((value - mean) ** 2 for value in everything) / len(everything))
        assert statistics.mean[unit] == pytest.approx(mean, rel=1e-12, abs=1e-12)
        assert statistics.std[unit] == pytest.approx(std, rel=1e-9, abs=1e-9)
        assert statistics.min[unit] == min(everything)
        assert statistics.max[unit] == max(everything)
        assert statistics.zeros[unit] == everything.count(0.0) / len(everything)


def check_bottom(opened: Scan, layer: str, unit: int, maps: dict[int, np.ndarray]) -> None:
    """Compare the images with the least values before the activation."""
    entries = []
    for image, values in maps.items():
        positions = list(np.ndindex(values.shape)) or [()]
        least = min(positions, key=lambda p, m=values: (m[p], p))
        entries.append((values[least], image, least or (0, 0)))
    bottom = opened.bottom(layer, unit)
    found = zip(bottom.values.tolist(), bottom.images.tolist(), map(tuple, bottom.positions.tolist()), strict=True)
    assert list(found) == sorted(entries)[:TOP]


@pytest.mark.parametrize("order", ["BGR", "GRAY"])
def test_scan_equals_plain_loops(order: str, make_model, make_pictures, tmp_path: Path) -> None:
    model, images = make_model(order), make_pictures(7, grey=order == "GRAY")
    images.path(3).write_bytes(images.path(3).read_bytes()[:40])
    out = tmp_path / "scan.h5"
    summary = with_bar(scan(model, images, out, top=TOP, batch=3, device="cpu", workers=2, before=True), quiet=True)
    assert summary.read == 6
    assert [str(images.path(3)) in str(error) for error in summary.errors] == [True]
    readable = [index for index in range(7) if index != 3]
    values = {index: forward(model, input_blob(model, images.read(index))) for index in readable}
    with Scan(out) as opened:
        assert list(opened.layers) == ["conv1", "branch/left", "100% right", "up", "fc", "fc8"]
        for layer in opened.layers:
            check_layer(opened, layer, {index: both[layer] for index, both in values.items()})
            assert np.isnan(opened.means(layer)[3]).all()
        assert opened.was_read.tolist() == [index != 3 for index in range(7)]
        assert opened.sizes[readable].tolist() == [list(images.read(index).shape[:2]) for index in readable]
        assert opened.sizes[3].tolist() == [0, 0]


def datasets(path: Path, layer: str = "conv1") -> dict[str, np.ndarray]:
    import h5py

    found: dict[str, np.ndarray] = {}
    with h5py.File(path) as file:
        file.visititems(lambda name, node: found.update({name: node[()]}) if isinstance(node, h5py.Dataset) else None)
    return found


@pytest.mark.parametrize(("batch", "workers"), [(1, 0), (4, 1), (100, 3)])
def test_batches_and_workers_do_not_matter(batch: int, workers: int, make_model, make_pictures, tmp_path: Path) -> None:
    model, images = make_model(), make_pictures(13)
    with_bar(scan(model, images, tmp_path / "a.h5", top=5, batch=5, device="cpu"), quiet=True)
    with_bar(scan(model, images, tmp_path / "b.h5", top=5, batch=batch, device="cpu", workers=workers), quiet=True)
    one, other = datasets(tmp_path / "a.h5"), datasets(tmp_path / "b.h5")
    assert list(one) == list(other)
    for name, array in one.items():
        np.testing.assert_array_equal(array, other[name], err_msg=name)


def test_fewer_images_than_places(make_model, make_pictures, tmp_path: Path) -> None:
    with_bar(scan(make_model(), make_pictures(2), tmp_path / "scan.h5", top=9, device="cpu"), quiet=True)
    stored = datasets(tmp_path / "scan.h5")
    assert stored["layers/conv1/top_value"].shape == (5, 9)
    assert np.isnan(stored["layers/conv1/top_value"][:, 2:]).all()
    assert (stored["layers/conv1/top_image"][:, 2:] == -1).all()
    assert (stored["layers/conv1/top_position"][:, 2:] == -1).all()
    with Scan(tmp_path / "scan.h5") as opened:
        assert len(opened.top("conv1", 0)) == 2


def test_the_pass_stops_at_the_last_wanted_layer(make_model, make_pictures, tmp_path: Path, monkeypatch) -> None:
    from torchcaffe.layers.inner_product import InnerProduct

    def never(self: InnerProduct, *bottoms: object) -> None:
        raise AssertionError("computed a layer that nobody wanted")

    monkeypatch.setattr(InnerProduct, "forward", never)
    names = ["branch/left", "conv1"]
    with_bar(scan(make_model(), make_pictures(2), tmp_path / "scan.h5", names, device="cpu"), quiet=True)
    with Scan(tmp_path / "scan.h5") as opened:
        assert list(opened.layers) == ["conv1", "branch/left"]


def test_progress_counts_images(make_model, make_pictures, tmp_path: Path) -> None:
    steps = list(scan(make_model(), make_pictures(7), tmp_path / "scan.h5", batch=3, device="cpu"))
    assert [step.done for step in steps if step.what == "scan"] == [0, 3, 6, 7]
    assert [(step.done, step.total) for step in steps if step.what == "scan: writing"] == [(7, 7)]


def leftovers(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if path.name != "pictures"]


def test_ctrl_c_keeps_the_older_scan(make_model, make_pictures, tmp_path: Path, monkeypatch) -> None:
    images = make_pictures(7)
    (tmp_path / "scan.h5").write_text("older")

    def interrupted(self: Images, index: int) -> np.ndarray:
        raise KeyboardInterrupt

    monkeypatch.setattr(Images, "read", interrupted)
    with pytest.raises(KeyboardInterrupt):
        with_bar(scan(make_model(), images, tmp_path / "scan.h5", device="cpu", workers=0), quiet=True)
    assert leftovers(tmp_path) == ["scan.h5"]  # no batch was done: there is nothing to go on from
    assert (tmp_path / "scan.h5").read_text() == "older"


def test_strict_stops_at_the_first_broken_picture(make_model, make_pictures, tmp_path: Path) -> None:
    images = make_pictures(4)
    images.path(2).write_text("no picture")
    with pytest.raises(ImageError, match=r"2\.png"):
        with_bar(scan(make_model(), images, tmp_path / "scan.h5", device="cpu", strict=True), quiet=True)
    assert leftovers(tmp_path) == []


def test_nothing_but_broken_pictures(make_model, make_pictures, tmp_path: Path) -> None:
    images = make_pictures(2)
    for index in range(2):
        images.path(index).write_bytes(b"")
    with pytest.raises(ScanError, match=r"none of the 2 images could be used; the first: .*0\.png"):
        with_bar(scan(make_model(), images, tmp_path / "scan.h5", device="cpu"), quiet=True)
    assert leftovers(tmp_path) == []


def test_pictures_that_do_not_become_the_input_are_named(make_model, make_pictures, tmp_path: Path) -> None:
    model = make_model().with_preprocessing(crop=(4, 4))
    with pytest.raises(ScanError, match=r"0\.png: .* input of 3 x 4 x 4, but the net 'small' takes 3 x 9 x 11"):
        with_bar(scan(model, make_pictures(2), tmp_path / "scan.h5", device="cpu"), quiet=True)


def test_broken_weights_are_named(make_model, make_pictures, tmp_path: Path) -> None:
    model = make_model()
    model.weights["branch/left"][0][2, 0, 0, 0] = np.nan
    with pytest.raises(ScanError, match=r"layer 'branch/left' gives NaN for 0\.png"):
        with_bar(scan(model, make_pictures(2), tmp_path / "scan.h5", device="cpu"), quiet=True)
    assert leftovers(tmp_path) == []


def test_unknown_layer_and_device(make_model, make_pictures, tmp_path: Path) -> None:
    images = make_pictures(1)
    with pytest.raises(ModelError, match="no layer 'conv_1' with units; did you mean 'conv1'"):
        with_bar(scan(make_model(), images, tmp_path / "scan.h5", ["conv_1"]), quiet=True)
    with pytest.raises(ModelError, match="device 'tpu' is not there"):
        with_bar(scan(make_model(), images, tmp_path / "scan.h5", device="tpu"), quiet=True)


def test_a_place_that_cannot_be_written(make_model, make_pictures, tmp_path: Path) -> None:
    images = make_pictures(1)
    (tmp_path / "file").write_text("")
    with pytest.raises(FormatError, match="cannot be written"):
        with_bar(scan(make_model(), images, tmp_path / "file" / "scan.h5", device="cpu"), quiet=True)


@pytest.mark.gpu
def test_the_gpu_gives_the_same(make_model, make_pictures, tmp_path: Path) -> None:
    model, images = make_model(), make_pictures(13)
    with_bar(scan(model, images, tmp_path / "a.h5", batch=4, device="cpu", before=True), quiet=True)
    with_bar(scan(model, images, tmp_path / "b.h5", batch=4, device="cuda", before=True), quiet=True)
    one, other = datasets(tmp_path / "a.h5"), datasets(tmp_path / "b.h5")
    for name, array in one.items():
        np.testing.assert_array_equal(array, other[name], err_msg=name)
