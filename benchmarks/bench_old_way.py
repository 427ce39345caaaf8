"""The old way to find maximal activations, in real Caffe, beside a scan: ``python benchmarks/bench_old_way.py``.

The promise: a scan of AlexNet does at least four times as many images a second as the older toolboxes do with real
Caffe on the same machine. Their way is made again from what is known of it: one image a forward pass, read with
scikit-image and prepared by ``caffe.Classifier`` in floating point, and a Python loop over the channels of every layer
that sorts the maximum into the nine best. Both read the same JPEG files, and that both find the same best values is
checked. The runs alternate, without the start of the programs and the loading of the net. Needs ``make caffe``.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median

import h5py
import numpy as np
import torch
import tyro
from bench_scan import PLAIN, Time, middle, random_model, timed
from bench_scan_input import write_pictures

from deepvis.model.model import Model
from deepvis.scan.run import scan
from deepvis.sources import open_images
from entropy.measuring import scan_layout as layout
from prototxt.common.progress import with_bar
from prototxt.common.real_caffe import caffe_path
from prototxt.formats.text import write_message
from prototxt.formats.weights import write_weights

PROMISE = 4.0
CAFFE_PYTHON = caffe_path("caffe-python")

# Runs in Debian's Python with real pycaffe. Prints seconds of reading, of the net and of the lists, for all images, and
# seconds of the processor's cores.
OLD_WAY = """
import json, os, sys, time
os.environ["GLOG_minloglevel"] = "2"
import numpy as np
import caffe
import skimage.io

prototxt, weights, folder, layers = sys.argv[1], sys.argv[2], sys.argv[3], json.loads(sys.argv[4])
caffe.set_mode_cpu()
net = caffe.Classifier(prototxt, weights, mean=np.array([104.0, 117.0, 123.0]), raw_scale=255,
                       channel_swap=(2, 1, 0), image_dims=(256, 256))
best = {}
for layer, blob in layers:
    channels = net.blobs[blob].data.shape[1]
    best[layer] = (np.full((channels, 9), -1e99, np.float32), -np.ones((channels, 9, 4), int))
spent = [0.0, 0.0, 0.0]
begun = time.process_time()
for number, name in enumerate(sorted(os.listdir(folder))):
    start = time.time()
    # caffe.io.load_image without an argument that the newer scikit-image no longer has
    picture = skimage.img_as_float(skimage.io.imread(os.path.join(folder, name))).astype(np.float32)
    read = time.time()
    net.predict([picture], oversample=False)
    computed = time.time()
    for layer, blob in layers:
        values, places = best[layer]
        maps = net.blobs[blob].data[0]
        rows = maps.reshape(len(maps), -1)
        maxima = rows.argmax(1)
        for channel in range(len(maps)):
            value = rows[channel, maxima[channel]]
            rank = np.searchsorted(values[channel], value)
            if rank == 0:
                continue
            values[channel, : rank - 1] = values[channel, 1:rank]
            values[channel, rank - 1] = value
            places[channel, : rank - 1] = places[channel, 1:rank]
            if maps.ndim == 1:
                places[channel, rank - 1] = (number, -1, 0, 0)
            else:
                y, x = np.unravel_index(maxima[channel], maps.shape[1:])
                places[channel, rank - 1] = (number, -1, y, x)
    spent = [a + b for a, b in zip(spent, (read - start, computed - read, time.time() - computed))]
cores = time.process_time() - begun
found = {layer: values[:, ::-1].tolist() for layer, (values, _) in best.items()}
print(json.dumps({"spent": spent, "cores": cores, "best": found}))
"""


@dataclass(frozen=True)
class Old:
    """Seconds for reading, the net and the lists by the clock, and of the processor's cores."""

    spent: list[float]
    cores: float


def old_way(folder: Path, pictures: Path, layers: list[tuple[str, str]]) -> tuple[Old, dict[str, np.ndarray]]:
    """Times, and the nine best values of every unit of every layer."""
    command = [CAFFE_PYTHON, "-c", OLD_WAY, folder / "net.prototxt", folder / "net.caffemodel", pictures]
    threads = {"OPENBLAS_NUM_THREADS": str(torch.get_num_threads())}
    done = subprocess.run(
        [*map(str, command), json.dumps(layers)],
        env={**os.environ, **threads},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    told = json.loads(done.stdout.splitlines()[-1])
    return Old(told["spent"], told["cores"]), {layer: np.array(values) for layer, values in told["best"].items()}


def new_way(model: Model, pictures: Path, out: Path) -> Time:
    """A scan that keeps the best images, means and statistics, from JPEG files to the written file."""
    work = scan(model, open_images(pictures), out, device="cpu", workers=torch.get_num_threads(), **PLAIN)
    next(work)  # loads the weights
    return timed(partial(with_bar, work, quiet=True), torch.device("cpu"))


def check(best: dict[str, np.ndarray], file: Path) -> None:
    """Raise an AssertionError if the scan has other best values than the old way."""
    with h5py.File(file) as scanned:
        for layer, values in best.items():
            found = layout.group_of(scanned, layer)[layout.GREATEST.value][()]
            np.testing.assert_allclose(found, values, rtol=0.02, atol=0.02 * np.abs(values).max(), err_msg=layer)


def main(net: str = "alexnet", images: int = 96, repeats: int = 7) -> None:
    """Compare the old way with a scan of a template with random weights.

    Parameters
    ----------
    net : a template of `prototxt.templates`.
    images : JPEG files, made for this.
    repeats : how often each way is timed.
    """
    if not CAFFE_PYTHON.exists():
        print(f"no real Caffe: {CAFFE_PYTHON} is not there (make caffe)")
        return
    model = random_model(net)
    model = model.with_preprocessing(resize="stretch", resize_to=(256, 256))
    model = model.with_preprocessing(crop=model.input_shape[1:])
    layers = [(layer.name, layer.value.blob) for layer in model.unit_layers.values()]
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        write_message(folder / "net.prototxt", model.test_net)
        write_weights(folder / "net.caffemodel", model.net, model.weights)
        write_pictures(folder / "pictures", images, 256, 256)
        old: list[Old] = []
        new: list[Time] = []
        for _ in range(repeats):
            spent, best = old_way(folder, folder / "pictures", layers)
            old.append(spent)
            new.append(new_way(model, folder / "pictures", folder / "scan.h5"))
        check(best, folder / "scan.h5")
    parts = [1000 * median(run.spent[part] for run in old) / images for part in range(3)]
    pairs = list(zip(old, new, strict=True))
    clock, cores = median(sum(a.spent) / b.clock for a, b in pairs), median(a.cores / b.cores for a, b in pairs)
    threads, load = torch.get_num_threads(), os.getloadavg()[0]
    print(f"{net}, {images} images, {threads} threads, load {load:.1f}; medians of {repeats}")
    print(
        f"  the old way {sum(parts):8.1f} ms an image by the clock ({parts[0]:.1f} reading, {parts[1]:.1f} net,"
        f" {parts[2]:.1f} lists), {1000 * median(run.cores for run in old) / images:.1f} by the cores"
    )
    print(f"  a scan      {middle(new).per_image(images)}")
    print(f"  {clock:.1f} times as many images per second by the clock, {cores:.1f} by the cores (promise {PROMISE:g})")


if __name__ == "__main__":
    tyro.cli(main)
